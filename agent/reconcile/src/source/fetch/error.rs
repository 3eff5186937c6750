//! Why a fetch came to no verdict.

use windlass_state::{PutError, RatchetError, StoreError};
use windlass_trust::{Oid, ReadError, VerifyError};
use windlass_wire::{FailureClass, WireError};

use crate::net::NetError;
use crate::source::status::chain;
use crate::view::ViewFailure;

/// A fetch that could not come to a verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the answer of windlass-net broke off")]
    Wire(#[from] WireError),
    #[error("{message}")]
    Failed {
        class: FailureClass,
        message: String,
    },
    /// One of the objects behind a head is part of an attack on SHA-1.
    #[error("{message}")]
    Attack { head: Oid, message: String },
    #[error("windlass-net sent {what}; restart it and look at its log")]
    Unexpected { what: &'static str },
    #[error(
        "windlass-net answered with {answer:?}, which is not what was asked for ({asked}); nothing of it is used; it may \
         have been broken into: look at its log (journalctl -u windlass-net), then restart it"
    )]
    NotAskedFor { asked: String, answer: String },
    #[error("commit {commit} came without its object {missing}; the next fetch asks for it again")]
    Incomplete { commit: Oid, missing: Oid },
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Completeness(#[from] windlass_trust::CompletenessError),
    #[error(transparent)]
    View(#[from] ViewFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("what this node trusts, or what it keeps, changed meanwhile; it is judged again")]
    Outdated,
}

impl FetchError {
    /// Says behind which head it was met, where that matters to whoever reads the history.
    pub(in crate::source) fn behind(self, head: Oid) -> Self {
        match self {
            FetchError::Put(PutError::Collision { .. })
            | FetchError::Failed {
                class: FailureClass::HashCollision,
                ..
            } => FetchError::Attack {
                head,
                message: chain(&self),
            },
            other => other,
        }
    }

    /// Whether the network brought no answer at all.
    pub(in crate::source) fn is_silence(&self) -> bool {
        use FailureClass::{Timeout, Unreachable};
        matches!(
            self,
            FetchError::Failed {
                class: Unreachable | Timeout,
                ..
            }
        )
    }
}
