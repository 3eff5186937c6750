//! What the agent asks for when it wants the bytes behind one URL, and what it is answered.

use std::fmt;
use std::io::{Read, Write};

use crate::answer::{TAG_FAILED, decode_failed, encode_failed};
use crate::frame::{Decoder, Encoder, read_bytes, read_length, write_length};
use crate::request::{decode_credentials, encode_credentials};
use crate::{Credentials, DisplayUrl, FailureClass, Secret, WireError, limits};

/// Asks for the bytes behind one URL.
#[derive(Clone, PartialEq, Eq)]
pub struct DownloadRequest {
    /// `https://` or `http://` URL.
    pub url: String,
    /// What the `Accept` header says.
    pub accept: String,
    /// How to prove who asks; sent to the URL's own scheme, host and port only.
    pub credentials: Credentials,
    /// PEM certificates trusted in addition to those of the node.
    pub ca_bundle: Option<String>,
    /// How to prove who asks in TLS; shown to the URL's own scheme, host and port only.
    pub identity: Option<ClientIdentity>,
    /// The proxy through which everything goes.
    pub proxy: Option<Proxy>,
    /// The answer is [`Piece::Unchanged`] while the server says that its content still has this tag.
    pub etag: Option<String>,
    /// The download fails when it is larger.
    pub byte_limit: u64,
    /// The whole download ends after this long.
    pub timeout_seconds: u64,
}

/// A certificate of ours and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM certificates, ours first.
    pub certificate: String,
    /// The PEM key of the first.
    pub key: Secret,
}

/// A proxy for HTTP `CONNECT`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `http://` or `https://` URL.
    pub address: String,
    /// User name and password for the proxy.
    pub login: Option<(String, Secret)>,
}

/// One answer. A download is `Head`, then `Bytes`, then `Done`; or `Unchanged`; or `Missing`; a `Failed` may come at
/// any point and ends the connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// The server answers; comes before the bytes.
    Head {
        /// The server's tag for this content; none where it has none or an unusable one.
        etag: Option<String>,
    },
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The content still has the tag that was named.
    Unchanged,
    /// There is no such object, of several that were asked for.
    Missing,
    /// Everything was sent.
    Done {
        /// How many bytes that was.
        bytes: u64,
    },
    /// The download failed.
    Failed {
        /// What kind of failure.
        class: FailureClass,
        /// What went wrong and what to do next; URLs masked.
        message: String,
    },
}

impl fmt::Debug for DownloadRequest {
    /// The URL is masked: people put tokens into it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DownloadRequest")
            .field("url", &DisplayUrl(&self.url))
            .field("accept", &self.accept)
            .field("credentials", &self.credentials)
            .field("ca_bundle", &self.ca_bundle.as_ref().map(String::len))
            .field("identity", &self.identity.is_some())
            .field("proxy", &self.proxy)
            .field("etag", &self.etag)
            .field("byte_limit", &self.byte_limit)
            .field("timeout_seconds", &self.timeout_seconds)
            .finish()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({})", DisplayUrl(&self.address))
    }
}

impl fmt::Debug for Piece {
    /// Bytes print as their number: a secret may be inside.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head { etag } => write!(formatter, "Head({etag:?})"),
            Self::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Self::Unchanged => write!(formatter, "Unchanged"),
            Self::Missing => write!(formatter, "Missing"),
            Self::Done { bytes } => write!(formatter, "Done({bytes} bytes)"),
            Self::Failed { class, message } => write!(formatter, "Failed({class}: {message})"),
        }
    }
}

pub(crate) const TAG_DOWNLOAD: u8 = 2;
const TAG_HEAD: u8 = 16;
const TAG_BYTES: u8 = 17;
const TAG_UNCHANGED: u8 = 18;
const TAG_DONE: u8 = 19;
const TAG_MISSING: u8 = 20;
pub(crate) const REQUEST: &str = "request";
const WHAT: &str = "piece";

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_download(writer: &mut impl Write, request: &DownloadRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_DOWNLOAD);
    encode_download(&mut encoder, request)?;
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

pub(crate) fn encode_download(
    encoder: &mut Encoder,
    request: &DownloadRequest,
) -> Result<(), WireError> {
    encoder.text("url", &request.url, limits::URL_BYTES)?;
    encoder.text("accept", &request.accept, limits::NAME_BYTES)?;
    encode_credentials(encoder, &request.credentials)?;
    let bundle = request.ca_bundle.as_deref();
    encoder.optional_text("ca bundle", bundle, limits::CA_BUNDLE_BYTES)?;
    encode_identity(encoder, request.identity.as_ref())?;
    encode_proxy(encoder, request.proxy.as_ref())?;
    encoder.optional_text("etag", request.etag.as_deref(), limits::ETAG_BYTES)?;
    encoder.number(request.byte_limit);
    encoder.number(request.timeout_seconds);
    Ok(())
}

pub(crate) fn decode_download(decoder: &mut Decoder<'_>) -> Result<DownloadRequest, WireError> {
    Ok(DownloadRequest {
        url: decoder.text("url", limits::URL_BYTES)?,
        accept: decoder.text("accept", limits::NAME_BYTES)?,
        credentials: decode_credentials(decoder)?,
        ca_bundle: decoder.optional_text("ca bundle", limits::CA_BUNDLE_BYTES)?,
        identity: decode_identity(decoder)?,
        proxy: decode_proxy(decoder)?,
        etag: decoder.optional_text("etag", limits::ETAG_BYTES)?,
        byte_limit: decoder.number("byte limit")?,
        timeout_seconds: decoder.number("timeout")?,
    })
}

pub(crate) fn encode_identity(
    encoder: &mut Encoder,
    identity: Option<&ClientIdentity>,
) -> Result<(), WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    let certificate = identity.map(|identity| identity.certificate.as_str());
    encoder.optional_text("certificate", certificate, limit)?;
    match identity {
        None => Ok(()),
        Some(identity) => encoder.text("key", identity.key.expose(), limit),
    }
}

pub(crate) fn decode_identity(
    decoder: &mut Decoder<'_>,
) -> Result<Option<ClientIdentity>, WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    let Some(certificate) = decoder.optional_text("certificate", limit)? else {
        return Ok(None);
    };
    let key = decoder.text("key", limit)?.into();
    Ok(Some(ClientIdentity { certificate, key }))
}

pub(crate) fn encode_proxy(encoder: &mut Encoder, proxy: Option<&Proxy>) -> Result<(), WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    let address = proxy.map(|proxy| proxy.address.as_str());
    encoder.optional_text("proxy", address, limits::URL_BYTES)?;
    let Some(proxy) = proxy else {
        return Ok(());
    };
    let user = proxy.login.as_ref().map(|(user, _)| user.as_str());
    encoder.optional_text("proxy user", user, limit)?;
    match &proxy.login {
        None => Ok(()),
        Some((_, password)) => encoder.text("proxy password", password.expose(), limit),
    }
}

pub(crate) fn decode_proxy(decoder: &mut Decoder<'_>) -> Result<Option<Proxy>, WireError> {
    let limit = limits::CREDENTIAL_BYTES;
    let Some(address) = decoder.optional_text("proxy", limits::URL_BYTES)? else {
        return Ok(None);
    };
    let login = match decoder.optional_text("proxy user", limit)? {
        None => None,
        Some(user) => Some((user, decoder.text("proxy password", limit)?.into())),
    };
    Ok(Some(Proxy { address, login }))
}

/// Writes one answer as one frame and does not flush. Fails when a field is over its bound or the writer fails.
pub fn write_piece(writer: &mut impl Write, piece: &Piece) -> Result<(), WireError> {
    let encoder = match piece {
        Piece::Bytes(bytes) => return write_bytes(writer, bytes),
        Piece::Head { etag } => {
            let mut encoder = Encoder::new(TAG_HEAD);
            encoder.optional_text("etag", etag.as_deref(), limits::ETAG_BYTES)?;
            encoder
        }
        Piece::Unchanged => Encoder::new(TAG_UNCHANGED),
        Piece::Missing => Encoder::new(TAG_MISSING),
        Piece::Done { bytes } => {
            let mut encoder = Encoder::new(TAG_DONE);
            encoder.number(*bytes);
            encoder
        }
        Piece::Failed { class, message } => encode_failed(*class, message)?,
    };
    encoder.write(writer, WHAT, limits::ANSWER_BYTES)
}

fn write_bytes(writer: &mut impl Write, bytes: &[u8]) -> Result<(), WireError> {
    write_length(writer, WHAT, 1 + bytes.len(), 1 + limits::PIECE_BYTES)?;
    for part in [&[TAG_BYTES], bytes] {
        writer.write_all(part).map_err(WireError::Io)?;
    }
    Ok(())
}

/// Reads one answer. Fails on anything [`write_piece`] would not have written; [`WireError::Closed`] when the
/// stream ends between two answers; never allocates more than has arrived.
pub fn read_piece(reader: &mut impl Read) -> Result<Piece, WireError> {
    let length = read_length(reader, WHAT, 1 + limits::PIECE_BYTES)?;
    let body = read_bytes(reader, length)?;
    let mut decoder = Decoder::new(&body);
    let piece = match decoder.byte(WHAT)? {
        TAG_BYTES => return Ok(Piece::Bytes(body.get(1..).unwrap_or_default().to_vec())),
        TAG_HEAD => Piece::Head {
            etag: decoder.optional_text("etag", limits::ETAG_BYTES)?,
        },
        TAG_UNCHANGED => Piece::Unchanged,
        TAG_MISSING => Piece::Missing,
        TAG_DONE => Piece::Done {
            bytes: decoder.number("bytes")?,
        },
        TAG_FAILED => {
            let (class, message) = decode_failed(&mut decoder)?;
            Piece::Failed { class, message }
        }
        tag => return Err(WireError::UnknownTag { what: WHAT, tag }),
    };
    decoder.finish()?;
    Ok(piece)
}
