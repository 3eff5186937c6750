//! What the agent asks to be sent to somebody, such as a notification.

use std::fmt;
use std::io::Write;

use crate::download::{REQUEST, decode_identity, decode_proxy, encode_identity, encode_proxy};
use crate::frame::{Decoder, Encoder};
use crate::{ClientIdentity, Proxy, Secret, WireError, limits};

/// Asks for one HTTP request to be sent. The answer is one [`crate::Piece`]: `Done`, or `Failed`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostRequest {
    /// How it is sent.
    pub method: PostMethod,
    /// `https://` or `http://` URL; of most webhooks it is all that proves who asks.
    pub url: Secret,
    /// Names and values of headers.
    pub headers: Vec<(String, Secret)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// What the answer has to be.
    pub expected: PostExpected,
    /// PEM certificates trusted in addition to those of the node.
    pub ca_bundle: Option<String>,
    /// How to prove who asks in TLS.
    pub identity: Option<ClientIdentity>,
    /// The proxy through which it goes.
    pub proxy: Option<Proxy>,
    /// It all ends after this long.
    pub timeout_seconds: u64,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostMethod {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// GET, with no body.
    Get,
}

/// What an answer has to be, for the request to count as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostExpected {
    /// Any status of success.
    Success,
    /// Besides, JSON whose `ok` is true.
    Ok,
}

impl fmt::Debug for PostRequest {
    /// Sizes and names: any text may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("PostRequest")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("expected", &self.expected)
            .field("ca_bundle", &self.ca_bundle.as_ref().map(String::len))
            .field("identity", &self.identity.is_some())
            .field("proxy", &self.proxy)
            .field("timeout_seconds", &self.timeout_seconds)
            .finish_non_exhaustive()
    }
}

pub(crate) const TAG_POST: u8 = 4;

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_post(writer: &mut impl Write, request: &PostRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_POST);
    encoder.byte(match request.method {
        PostMethod::Post => 0,
        PostMethod::Put => 1,
        PostMethod::Get => 2,
    });
    encoder.text("url", request.url.expose(), limits::URL_BYTES)?;
    encoder.count("headers", request.headers.len(), limits::HEADERS)?;
    for (name, value) in &request.headers {
        encoder.text("header name", name, limits::HEADER_BYTES)?;
        encoder.text("header value", value.expose(), limits::HEADER_BYTES)?;
    }
    encoder.bytes("body", &request.body, limits::POST_BYTES)?;
    encoder.byte(match request.expected {
        PostExpected::Success => 0,
        PostExpected::Ok => 1,
    });
    let bundle = request.ca_bundle.as_deref();
    encoder.optional_text("ca bundle", bundle, limits::CA_BUNDLE_BYTES)?;
    encode_identity(&mut encoder, request.identity.as_ref())?;
    encode_proxy(&mut encoder, request.proxy.as_ref())?;
    encoder.number(request.timeout_seconds);
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

pub(crate) fn decode_post(decoder: &mut Decoder<'_>) -> Result<PostRequest, WireError> {
    let method = match decoder.byte("method")? {
        0 => PostMethod::Post,
        1 => PostMethod::Put,
        2 => PostMethod::Get,
        tag => return Err(unknown("method", tag)),
    };
    let url = decoder.text("url", limits::URL_BYTES)?.into();
    let count = decoder.count("headers", limits::HEADERS)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = decoder.text("header name", limits::HEADER_BYTES)?;
        let value = decoder.text("header value", limits::HEADER_BYTES)?;
        headers.push((name, value.into()));
    }
    let body = decoder.bytes("body", limits::POST_BYTES)?.to_vec();
    let expected = match decoder.byte("expected answer")? {
        0 => PostExpected::Success,
        1 => PostExpected::Ok,
        tag => return Err(unknown("expected answer", tag)),
    };
    Ok(PostRequest {
        method,
        url,
        headers,
        body,
        expected,
        ca_bundle: decoder.optional_text("ca bundle", limits::CA_BUNDLE_BYTES)?,
        identity: decode_identity(decoder)?,
        proxy: decode_proxy(decoder)?,
        timeout_seconds: decoder.number("timeout")?,
    })
}

fn unknown(what: &'static str, tag: u8) -> WireError {
    WireError::UnknownTag { what, tag }
}
