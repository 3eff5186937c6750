//! Why a frame could not be read or written.

use std::io;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer closed the connection between two frames.
    #[error("the other process closed the connection")]
    Closed,
    /// The socket failed, or the connection ended inside a frame.
    #[error("the connection to the other process failed: {0}")]
    Io(#[source] io::Error),
    /// A field or frame is larger than its bound in [`crate::limits`].
    #[error("{what} of {length} is over the limit of {limit}")]
    TooLarge {
        /// The field or frame.
        what: &'static str,
        /// Its size, in bytes or items.
        length: u64,
        /// The bound.
        limit: u64,
    },
    /// A tag byte that this version does not know.
    #[error("unknown {what} tag {tag}; the two processes are of different versions, restart both")]
    UnknownTag {
        /// What the tag selects.
        what: &'static str,
        /// The byte that was read.
        tag: u8,
    },
    /// A frame whose fields do not add up.
    #[error("malformed frame: {what}")]
    Malformed {
        /// The field that is wrong.
        what: &'static str,
    },
}
