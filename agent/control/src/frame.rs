//! Frames: a length, then JSON.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A question is a word; whoever sends more is not one of our commands.
pub(crate) const QUESTION_BYTES: u32 = 1024;

/// An answer holds what the agent holds in memory: 3,000 Kustomizations with long inventories are some 50 MiB.
pub(crate) const ANSWER_BYTES: u32 = 128 * 1024 * 1024;

/// What is reserved before anything has arrived.
const FIRST_RESERVATION: u32 = 64 * 1024;

/// A frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// More than may be sent.
    #[error("{length} bytes, where at most {limit} may come")]
    TooLarge {
        /// What was announced.
        length: u64,
        /// The bound.
        limit: u32,
    },
    /// Not what the protocol says.
    #[error("not what was expected: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Writes one frame.
pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
    limit: u32,
) -> Result<(), FrameError> {
    let bytes = serde_json::to_vec(value)?;
    let length = u32::try_from(bytes.len()).ok();
    let Some(length) = length.filter(|length| *length <= limit) else {
        let length = bytes.len() as u64;
        return Err(FrameError::TooLarge { length, limit });
    };
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

/// Reads one frame; memory grows with what arrives, not with what was announced.
pub(crate) async fn read<Value: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: u32,
) -> Result<Value, FrameError> {
    let length = stream.read_u32().await?;
    if length > limit {
        let length = u64::from(length);
        return Err(FrameError::TooLarge { length, limit });
    }
    let mut bytes = Vec::with_capacity(length.min(FIRST_RESERVATION) as usize);
    let read = stream.take(length.into()).read_to_end(&mut bytes).await?;
    if (read as u64) < u64::from(length) {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}
