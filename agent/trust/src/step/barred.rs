//! Why a step is not taken: a verdict, or nobody could look.

use crate::diff::DiffError;
use crate::{LoadError, RefusalReason};

/// Why a step is not taken.
pub(super) enum Barred {
    Refused(RefusalReason),
    Failed(LoadError),
}

// === impl Barred ===

impl From<RefusalReason> for Barred {
    fn from(reason: RefusalReason) -> Self {
        Self::Refused(reason)
    }
}

impl From<LoadError> for Barred {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Collision { .. } => Self::Refused(RefusalReason::HashCollision),
            LoadError::WrongKind { .. } => Self::Refused(RefusalReason::AmbiguousObject {
                detail: error.to_string(),
            }),
            error => Self::Failed(error),
        }
    }
}

impl From<DiffError> for Barred {
    fn from(error: DiffError) -> Self {
        match error {
            DiffError::Load(error) => error.into(),
            DiffError::TooMany { limit } => Self::Refused(RefusalReason::TooManyChanges { limit }),
            DiffError::Invalid(detail) => Self::Refused(RefusalReason::AmbiguousObject { detail }),
        }
    }
}
