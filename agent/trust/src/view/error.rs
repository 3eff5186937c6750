//! Why a path could not be read.

use crate::{InvalidTree, LoadError};

use super::MAX_SYMLINKS;

/// Why a path could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// An object could not be loaded.
    #[error("{path}: an object behind it cannot be used")]
    Load {
        /// The path asked for.
        path: String,
        /// Which object and why.
        #[source]
        source: LoadError,
    },
    /// A directory on the way is hostile.
    #[error("{path}: a directory on the way cannot be used")]
    InvalidTree {
        /// The path asked for.
        path: String,
        /// Which directory and why.
        #[source]
        source: InvalidTree,
    },
    /// Nothing is there.
    #[error("{path}: no such file or directory in the commit")]
    NotFound {
        /// The path asked for.
        path: String,
    },
    /// A directory is there where a file is wanted.
    #[error("{path}: is a directory, a file is wanted")]
    NotAFile {
        /// The path asked for.
        path: String,
    },
    /// A file is there where a directory is wanted.
    #[error("{path}: is a file, a directory is wanted")]
    NotADirectory {
        /// The path asked for.
        path: String,
    },
    /// The path or a link on it leads out of the repository.
    #[error(
        "{path}: leads out of the repository through {through:?}; only files of the commit are read"
    )]
    OutsideRoot {
        /// The path asked for.
        path: String,
        /// The path or link target that leaves it, safe to print.
        through: String,
    },
    /// Links lead to links without end.
    #[error("{path}: more than {MAX_SYMLINKS} symbolic links, which is a loop")]
    SymlinkLoop {
        /// The path asked for.
        path: String,
    },
    /// The file, link target or path is too long.
    #[error("{path}: is larger than the {limit} bytes that are read")]
    TooLarge {
        /// The path asked for.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// The repository's policy says that no render reads the file.
    #[error(
        "{path}: windlass.policy lists {closed:?} as unrendered, so a bot may change it alone; take it from there or \
         move the file"
    )]
    Unrendered {
        /// The path asked for.
        path: String,
        /// The file that it leads to, safe to print.
        closed: String,
    },
    /// A name in the directory is not text.
    #[error("{path}: the name {name:?} is not UTF-8; rename it")]
    NameNotText {
        /// The directory.
        path: String,
        /// The name, safe to print.
        name: String,
    },
}

// === impl ViewError ===

impl ViewError {
    /// A stable word for conditions and events.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load {
                source: LoadError::Collision { .. },
                ..
            } => "HashCollision",
            Self::Load { .. } => "CacheCorrupt",
            Self::InvalidTree { .. } => "InvalidTree",
            Self::NotFound { .. } => "NotFound",
            Self::NotAFile { .. } => "NotAFile",
            Self::NotADirectory { .. } => "NotADirectory",
            Self::OutsideRoot { .. } => "PathOutsideRoot",
            Self::SymlinkLoop { .. } => "SymlinkLoop",
            Self::TooLarge { .. } => "TooLarge",
            Self::Unrendered { .. } => "Unrendered",
            Self::NameNotText { .. } => "NameNotText",
        }
    }
}
