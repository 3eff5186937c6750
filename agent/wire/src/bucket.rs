//! What the agent asks of a bucket that speaks S3.

use std::io::Write;

use crate::download::{REQUEST, decode_download, encode_download};
use crate::frame::{Decoder, Encoder};
use crate::{DownloadRequest, WireError, limits};

/// Asks a bucket. The answer comes in [`crate::Piece`]s: one download for the list, and one after the other for objects, in
/// the order in which they were named; [`crate::Piece::Missing`] stands for one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRequest {
    /// What is asked for.
    pub ask: BucketAsk,
    /// The region, where it is not the usual one.
    pub region: Option<String>,
    /// How it is asked: `url` is `https://host/bucket`, user name and password are the two keys, and the limits hold for
    /// all of the answer.
    pub download: DownloadRequest,
}

/// What a bucket is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketAsk {
    /// The objects whose keys begin so, a line each: the tag of its content, a space, and the key with everything that
    /// is not plain written as `%XX`.
    List(String),
    /// These objects.
    Objects(Vec<String>),
}

pub(crate) const TAG_BUCKET: u8 = 7;

/// Writes one request as one frame. Fails when a field is over its bound, or the writer fails.
pub fn write_bucket(writer: &mut impl Write, request: &BucketRequest) -> Result<(), WireError> {
    let mut encoder = Encoder::new(TAG_BUCKET);
    match &request.ask {
        BucketAsk::List(prefix) => {
            encoder.byte(0);
            encoder.text("prefix", prefix, limits::NAME_BYTES)?;
        }
        BucketAsk::Objects(keys) => {
            encoder.byte(1);
            encoder.count("keys", keys.len(), limits::BUCKET_KEYS)?;
            for key in keys {
                encoder.text("key", key, limits::NAME_BYTES)?;
            }
        }
    }
    let region = request.region.as_deref();
    encoder.optional_text("region", region, limits::NAME_BYTES)?;
    encode_download(&mut encoder, &request.download)?;
    encoder.write(writer, REQUEST, limits::REQUEST_BYTES)?;
    writer.flush().map_err(WireError::Io)
}

pub(crate) fn decode_bucket(decoder: &mut Decoder<'_>) -> Result<BucketRequest, WireError> {
    let ask = match decoder.byte("ask")? {
        0 => BucketAsk::List(decoder.text("prefix", limits::NAME_BYTES)?),
        1 => {
            let count = decoder.count("keys", limits::BUCKET_KEYS)?;
            let keys = (0..count).map(|_| decoder.text("key", limits::NAME_BYTES));
            BucketAsk::Objects(keys.collect::<Result<_, _>>()?)
        }
        tag => return Err(WireError::UnknownTag { what: "ask", tag }),
    };
    Ok(BucketRequest {
        ask,
        region: decoder.optional_text("region", limits::NAME_BYTES)?,
        download: decode_download(decoder)?,
    })
}
