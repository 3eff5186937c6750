//! Why the database does not do what it is asked.

use std::error::Error;
use std::path::PathBuf;

use nix::sys::statvfs::{FsFlags, statvfs};
use rusqlite::{ErrorCode, ffi};

use crate::directory::DirectoryError;
use crate::durable::WriteError;

type Cause = Box<dyn Error + Send + Sync>;

/// The database could not be read or written. What was kept before is still there, except for `Damaged`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No space, no quota or no inodes.
    #[error("{}: no space left to write it; free some space: what is kept stays usable", path.display())]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// SQLite's or the kernel's word for it.
        #[source]
        source: Cause,
    },
    /// The disk is mounted read-only.
    #[error("{}: the disk is read-only; look for I/O errors in `journalctl -k` and remount it", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// SQLite's or the kernel's word for it.
        #[source]
        source: Cause,
    },
    /// The disk is dying.
    #[error("{}: the disk reports an error; look into `journalctl -k`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// SQLite's or the kernel's word for it.
        #[source]
        source: Cause,
    },
    /// The file is damaged. This was noted down: the next start puts it aside and fetches again.
    #[error("{}: is damaged; restart windlass: it puts the file aside and fetches again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        #[source]
        source: Cause,
    },
    /// What is in use of charts and other downloads takes its whole share of the disk.
    #[error("{}: charts and other downloads take more than {} MiB; use fewer or smaller ones", path.display(), limit / 1024 / 1024)]
    BlobsFull {
        /// Where they are.
        path: PathBuf,
        /// The bound in bytes.
        limit: u64,
    },
    /// Anything else that SQLite says.
    #[error("{}: the database refuses the request", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: Cause,
    },
}

/// The state could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory is not usable.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A damaged database could not be put aside.
    #[error("a damaged database cannot be put aside")]
    PutAside(#[source] WriteError),
}

// === impl StoreError ===

impl StoreError {
    /// Sorts what SQLite says (sqlite.org/rescode.html) by what a person can do about it.
    pub(super) fn new(path: PathBuf, error: rusqlite::Error) -> StoreError {
        let code = error.sqlite_error();
        let extended = code.map(|code| code.extended_code);
        let code = code.map(|code| code.code);
        let source = Cause::from(error);
        match code {
            Some(ErrorCode::DiskFull) => StoreError::NoSpace { path, source },
            // The shared memory file of the log could not be made large enough.
            _ if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
                StoreError::NoSpace { path, source }
            }
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, source },
            Some(ErrorCode::CannotOpen) => cannot_open(path, source),
            Some(ErrorCode::SystemIoFailure) => StoreError::Io { path, source },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path, source }
            }
            _ => StoreError::Database { path, source },
        }
    }
}

/// SQLite does not say why it cannot make a file; the file system does.
fn cannot_open(path: PathBuf, source: Cause) -> StoreError {
    let found = path.parent().and_then(|directory| statvfs(directory).ok());
    match found {
        Some(disk) if disk.flags().contains(FsFlags::ST_RDONLY) => {
            StoreError::ReadOnly { path, source }
        }
        Some(disk)
            if disk.blocks_available() == 0
                || (disk.files() > 0 && disk.files_available() == 0) =>
        {
            StoreError::NoSpace { path, source }
        }
        _ => StoreError::Database { path, source },
    }
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> StoreError {
        match error {
            WriteError::NoSpace { path, source } => StoreError::NoSpace {
                path,
                source: source.into(),
            },
            WriteError::ReadOnly { path, source } => StoreError::ReadOnly {
                path,
                source: source.into(),
            },
            WriteError::Io { path, source } => StoreError::Io {
                path,
                source: source.into(),
            },
        }
    }
}
