//! What the agent asks of a registry that speaks the OCI distribution specification.

use std::io::Write;

use crate::download::{REQUEST, decode_download, encode_download};
use crate::frame::{Decoder, Encoder};
use crate::{DownloadRequest, WireError, limits};

/// Asks a registry. The answer comes in [`crate::Piece`]s, as that to a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRequest {
    /// What is asked for.
    pub ask: RegistryAsk,
    /// Whether the registry is spoken to without TLS.
    pub insecure: bool,
    /// How it is asked: `url` is `oci://host/repository`, and `etag` the digest of a manifest.
    pub download: DownloadRequest,
}

/// What a registry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAsk {
    /// The tags of the repository, one a line.
    Tags,
    /// The manifest that a tag or a digest names.
    Manifest(String),
    /// The blob with this digest.
    Blob(String),
    /// The index of what refers to the manifest with this digest, such as signatures.
    Referrers(String),
}

pub(crate) const TAG_REGISTRY: u8 = 3;

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_registry(writer: &mut impl Write, request: &RegistryRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_REGISTRY);
    let (ask, name) = match &request.ask {
        RegistryAsk::Tags => (0, ""),
        RegistryAsk::Manifest(reference) => (1, reference.as_str()),
        RegistryAsk::Blob(digest) => (2, digest.as_str()),
        RegistryAsk::Referrers(digest) => (3, digest.as_str()),
    };
    encoder.byte(ask);
    encoder.text("reference", name, limits::NAME_BYTES)?;
    encoder.byte(u8::from(request.insecure));
    encode_download(&mut encoder, &request.download)?;
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

pub(crate) fn decode_registry(decoder: &mut Decoder<'_>) -> Result<RegistryRequest, WireError> {
    let ask = decoder.byte("ask")?;
    let name = decoder.text("reference", limits::NAME_BYTES)?;
    let ask = match ask {
        0 if name.is_empty() => RegistryAsk::Tags,
        1 => RegistryAsk::Manifest(name),
        2 => RegistryAsk::Blob(name),
        3 => RegistryAsk::Referrers(name),
        tag => return Err(WireError::UnknownTag { what: "ask", tag }),
    };
    let insecure = match decoder.byte("insecure")? {
        0 => false,
        1 => true,
        tag => {
            let what = "insecure";
            return Err(WireError::UnknownTag { what, tag });
        }
    };
    Ok(RegistryRequest {
        ask,
        insecure,
        download: decode_download(decoder)?,
    })
}
