//! Requests that windlass-net sends for the agent.

use std::io::{BufReader, Write};
use std::time::Duration;

use windlass_wire::{FailureClass, Piece, PostRequest, WireError, read_piece, write_post};

use crate::net::{Net, NetError};

/// windlass-net keeps the timeout itself; this is for the case that it hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("windlass-net cannot be understood")]
    Wire(#[from] WireError),
    #[error("windlass-net says something else than whether it was sent; restart it")]
    Unexpected,
    #[error("{message}")]
    Failed {
        class: FailureClass,
        message: String,
    },
}

impl PostError {
    /// Whether the same request may be taken later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Wire(WireError::TooLarge { .. }) => false,
            Self::Net(_) | Self::Wire(_) | Self::Unexpected => true,
            Self::Failed { class, .. } => matches!(
                class,
                FailureClass::Unreachable | FailureClass::Timeout | FailureClass::Tls
            ),
        }
    }
}

/// Has windlass-net send a request, and waits until it was taken. Blocks.
pub(crate) fn post(net: &Net, request: &PostRequest) -> Result<(), PostError> {
    let mut stream = net.open()?;
    let patience = Duration::from_secs(request.timeout_seconds) + PATIENCE;
    stream
        .set_read_timeout(Some(patience))
        .map_err(WireError::Io)?;
    write_post(&mut stream, request)?;
    stream.flush().map_err(WireError::Io)?;
    match read_piece(&mut BufReader::new(stream))? {
        Piece::Done { .. } => Ok(()),
        Piece::Failed { class, message } => Err(PostError::Failed { class, message }),
        Piece::Head { .. } | Piece::Bytes(_) | Piece::Unchanged | Piece::Missing => {
            Err(PostError::Unexpected)
        }
    }
}
