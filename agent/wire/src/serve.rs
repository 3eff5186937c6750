//! HTTP requests that others make, taken by windlass-net and answered by the agent.
//!
//! The agent sends a [`Routes`] as its request, reads one [`FromNet::Ready`], and sends the descriptor of a socket that
//! listens. From then on windlass-net sends what came in, and the agent its answers, or other routes. Either side ends
//! it by closing.

use std::io::{Read, Write};

use crate::download::REQUEST;
use crate::frame::{Decoder, Encoder, read_bytes, read_length, write_length};
use crate::{WireError, limits};

/// What may be asked for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// Paths that are handed on, as they stand in the request.
    pub paths: Vec<String>,
    /// What every other one is answered with.
    pub otherwise: u16,
}

/// What windlass-net says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromNet {
    /// It waits for the socket.
    Ready,
    /// A request came in.
    Taken(Taken),
}

/// A request that came in, whole and within bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct Taken {
    /// By which its answer is known.
    pub id: u64,
    /// GET, POST and so on.
    pub method: String,
    /// One of the paths of the routes.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What came with it.
    pub body: Vec<u8>,
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNet {
    /// Other routes count from now on.
    Routes(Routes),
    /// What a request is answered with.
    Reply(Reply),
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Of the request.
    pub id: u64,
    /// Status of HTTP.
    pub status: u16,
    /// Its header of that name.
    pub content_type: String,
    /// What goes with it.
    pub body: Vec<u8>,
}

pub(crate) const TAG_SERVE: u8 = 6;

const ROUTES: u8 = 1;
const REPLY: u8 = 2;
const READY: u8 = 3;
const TAKEN: u8 = 4;
const SERVED: &str = "what is served";

impl std::fmt::Debug for Routes {
    /// How many: of most services a path is all that proves who asks.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Routes")
            .field("paths", &self.paths.len())
            .field("otherwise", &self.otherwise)
            .finish()
    }
}

impl std::fmt::Debug for Taken {
    /// Sizes and names: a header or body may hold a token, and so does the path.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Taken")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("headers", &names)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Taken {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.headers.iter();
        all.find(|(other, _)| other == name)
            .map(|(_, value)| value.as_slice())
    }
}

/// Asks for requests on a socket to be taken.
///
/// # Errors
/// More routes than are allowed, or the writer fails.
pub fn write_serve(writer: &mut impl Write, routes: &Routes) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_SERVE);
    encode_routes(&mut encoder, routes)?;
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

/// Writes one frame of the agent.
///
/// # Errors
/// A field is over its bound, or the writer fails.
pub fn write_to_net(writer: &mut impl Write, frame: &ToNet) -> Result<(), WireError> {
    match frame {
        ToNet::Routes(routes) => {
            let mut encoder = Encoder::new(ROUTES);
            encode_routes(&mut encoder, routes)?;
            encoder.write(writer, SERVED, limits::REQUEST_BYTES)?;
        }
        ToNet::Reply(reply) => {
            let mut encoder = Encoder::new(REPLY);
            encoder.number(reply.id);
            encoder.number(reply.status.into());
            encoder.text("content type", &reply.content_type, limits::HEADER_BYTES)?;
            encoder.bytes("reply", &reply.body, limits::REPLY_BYTES)?;
            encoder.write(writer, SERVED, limits::SERVED_BYTES)?;
        }
    }
    writer.flush().map_err(WireError::Io)
}

/// Reads one frame of the agent.
///
/// # Errors
/// Anything [`write_to_net`] would not have written, or the reader fails.
pub fn read_to_net(reader: &mut impl Read) -> Result<ToNet, WireError> {
    let length = read_length(reader, SERVED, limits::SERVED_BYTES)?;
    let body = read_bytes(reader, length)?;
    let mut decoder = Decoder::new(&body);
    let frame = match decoder.byte(SERVED)? {
        ROUTES => ToNet::Routes(decode_routes(&mut decoder)?),
        REPLY => ToNet::Reply(Reply {
            id: decoder.number("id")?,
            status: decode_status(&mut decoder)?,
            content_type: decoder.text("content type", limits::HEADER_BYTES)?,
            body: decoder.bytes("reply", limits::REPLY_BYTES)?.to_vec(),
        }),
        tag => return Err(WireError::UnknownTag { what: SERVED, tag }),
    };
    decoder.finish()?;
    Ok(frame)
}

/// Writes one frame of windlass-net. A body is written from where it lies.
///
/// # Errors
/// A field is over its bound, or the writer fails.
pub fn write_from_net(writer: &mut impl Write, frame: &FromNet) -> Result<(), WireError> {
    let taken = match frame {
        FromNet::Ready => {
            Encoder::new(READY).write(writer, SERVED, limits::SERVED_BYTES)?;
            return writer.flush().map_err(WireError::Io);
        }
        FromNet::Taken(taken) => taken,
    };
    let mut encoder = Encoder::new(TAKEN);
    encoder.number(taken.id);
    encoder.text("method", &taken.method, limits::NAME_BYTES)?;
    encoder.text("path", &taken.path, limits::URL_BYTES)?;
    encoder.count("headers", taken.headers.len(), limits::TAKEN_HEADERS)?;
    for (name, value) in &taken.headers {
        encoder.text("header name", name, limits::TAKEN_HEAD_BYTES)?;
        encoder.bytes("header value", value, limits::TAKEN_HEAD_BYTES)?;
    }
    encoder.count("body", taken.body.len(), limits::TAKEN_BYTES)?;
    let length = encoder.len() + taken.body.len();
    write_length(writer, SERVED, length, limits::SERVED_BYTES)?;
    encoder.write_bare(writer)?;
    writer.write_all(&taken.body).map_err(WireError::Io)?;
    writer.flush().map_err(WireError::Io)
}

/// Reads one frame of windlass-net.
///
/// # Errors
/// Anything [`write_from_net`] would not have written, or the reader fails.
pub fn read_from_net(reader: &mut impl Read) -> Result<FromNet, WireError> {
    let length = read_length(reader, SERVED, limits::SERVED_BYTES)?;
    let body = read_bytes(reader, length)?;
    let mut decoder = Decoder::new(&body);
    let frame = match decoder.byte(SERVED)? {
        READY => FromNet::Ready,
        TAKEN => FromNet::Taken(decode_taken(&mut decoder)?),
        tag => return Err(WireError::UnknownTag { what: SERVED, tag }),
    };
    decoder.finish()?;
    Ok(frame)
}

fn decode_taken(decoder: &mut Decoder<'_>) -> Result<Taken, WireError> {
    let id = decoder.number("id")?;
    let method = decoder.text("method", limits::NAME_BYTES)?;
    let path = decoder.text("path", limits::URL_BYTES)?;
    let count = decoder.count("headers", limits::TAKEN_HEADERS)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = decoder.text("header name", limits::TAKEN_HEAD_BYTES)?;
        let value = decoder.bytes("header value", limits::TAKEN_HEAD_BYTES)?;
        headers.push((name, value.to_vec()));
    }
    Ok(Taken {
        id,
        method,
        path,
        headers,
        body: decoder.bytes("body", limits::TAKEN_BYTES)?.to_vec(),
    })
}

fn encode_routes(encoder: &mut Encoder, routes: &Routes) -> Result<(), WireError> {
    encoder.number(routes.otherwise.into());
    encoder.count("routes", routes.paths.len(), limits::ROUTES)?;
    for path in &routes.paths {
        encoder.text("path", path, limits::ROUTE_BYTES)?;
    }
    Ok(())
}

pub(crate) fn decode_routes(decoder: &mut Decoder<'_>) -> Result<Routes, WireError> {
    let otherwise = decode_status(decoder)?;
    let count = decoder.count("routes", limits::ROUTES)?;
    let paths = (0..count).map(|_| decoder.text("path", limits::ROUTE_BYTES));
    Ok(Routes {
        paths: paths.collect::<Result<_, _>>()?,
        otherwise,
    })
}

fn decode_status(decoder: &mut Decoder<'_>) -> Result<u16, WireError> {
    u16::try_from(decoder.number("status")?).map_err(|_| WireError::Malformed { what: "status" })
}
