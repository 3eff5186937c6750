//! Reading files whose owner and mode matter: the answer comes from the open file, not from its path.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Passwords, keys and kubeconfigs are a few KiB; a kubeconfig with embedded bundles stays under this.
pub const SECRET_LIMIT: u64 = 256 * 1024;

/// An allowed_signers file of thousands of keys stays under this.
pub const TRUST_LIMIT: u64 = 1024 * 1024;

/// The user of the shipped unit (`systemd/sysusers.d/windlass.conf`). What belongs to it is good for root too, who
/// checks the settings before the unit starts.
const AGENT_USER: &str = "windlass";

/// How many bytes the agent may still write where `path` is; `None` when that cannot be told.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(path).ok()?;
    disk.blocks_available().checked_mul(disk.fragment_size())
}

/// What must hold for a file besides being a readable regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing: public data.
    Plain,
    /// Whoever writes it decides what this node runs: owned by root, by us or by the unit's user, written by nobody
    /// else.
    Trusted,
    /// As `Trusted`, and root's: not ours either.
    Root,
    /// As `Trusted`, and read by nobody else either.
    Secret,
}

/// Bytes that never show in a log, an error or a debug print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Opening or reading failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A secret of somebody else, often of root while the agent has a user of its own.
    #[error(
        "{}: uid {user} may not read it; run `chown {user} {}`, and see that it may enter the directory",
        path.display(),
        path.display()
    )]
    Denied {
        /// Which file.
        path: PathBuf,
        /// Who we are.
        user: u32,
    },
    /// A directory, socket or device.
    #[error("{}: is not a regular file", path.display())]
    NotAFile {
        /// Which file.
        path: PathBuf,
    },
    /// Larger than anything this file may be.
    #[error("{}: is larger than {limit} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// Not UTF-8 where text is expected.
    #[error("{}: is not UTF-8 text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// Group or others can read a secret.
    #[error(
        "{}: others can read it (mode {mode:04o}); run `chmod 0600 {}`",
        path.display(),
        path.display()
    )]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Group or others can write it.
    #[error(
        "{}: others can change it (mode {mode:04o}); run `chmod go-w {}`",
        path.display(),
        path.display()
    )]
    Writable {
        /// Which file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Owned by somebody else where only root's word counts.
    #[error("{}: belongs to uid {owner}, and only what is root's counts here: run `chown root {}`", path.display(), path.display())]
    NotRoots {
        /// Which file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Owned by somebody who could change it at any time.
    #[error(
        "{}: belongs to uid {owner}; it must belong to root, to uid {expected} or to the user windlass: run `chown root {}`",
        path.display(),
        path.display()
    )]
    Owner {
        /// Which file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        expected: u32,
    },
}

// === impl Secret ===

impl Secret {
    /// Wraps bytes that are secret.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }

    /// Shows the bytes, to the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

// === impl FileError ===

impl FileError {
    /// Says whether there is simply no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, FileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a whole file, at most `limit` bytes of it, if `guard` holds for the file that was opened.
///
/// # Errors
/// Missing, unreadable, not a regular file, too large, or the guard is not met (the message holds the cure).
pub fn read(path: &Path, limit: u64, guard: Guard) -> Result<Vec<u8>, FileError> {
    let file = open(path, guard)?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(limit.saturating_add(1));
    bounded
        .read_to_end(&mut bytes)
        .map_err(|source| io_error(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// Reads a whole file as [`read`] does and gives it as text.
///
/// # Errors
/// As [`read`], and when the bytes are not UTF-8.
pub fn read_text(path: &Path, limit: u64, guard: Guard) -> Result<String, FileError> {
    let bytes = read(path, limit, guard)?;
    String::from_utf8(bytes).map_err(|_| FileError::NotText {
        path: path.to_owned(),
    })
}

/// Reads a secret file; one line end at its end is an editor's, not the password's, and is dropped.
///
/// # Errors
/// As [`read`] under [`Guard::Secret`].
pub fn read_secret(path: &Path) -> Result<Secret, FileError> {
    let mut bytes = read(path, SECRET_LIMIT, Guard::Secret)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(Secret(bytes))
}

/// Checks that a file is there and that `guard` holds for it, and for the directory that names it.
///
/// # Errors
/// As [`read`], without reading.
pub fn check(path: &Path, guard: Guard) -> Result<(), FileError> {
    open(path, guard).map(drop)
}

fn open(path: &Path, guard: Guard) -> Result<File, FileError> {
    let mut options = File::options();
    // A FIFO in place of the file must not make us wait for its writer.
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    let file = options
        .open(path)
        .map_err(|source| open_error(path, guard, source))?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    if guard != Guard::Plain {
        check_metadata(path, &metadata, guard)?;
        check_parent(path, guard)?;
    }
    Ok(file)
}

/// Whoever can write the directory can put another file in place of this one.
fn check_parent(path: &Path, guard: Guard) -> Result<(), FileError> {
    let real = path
        .canonicalize()
        .map_err(|source| io_error(path, source))?;
    let Some(parent) = real.parent() else {
        return Ok(());
    };
    let metadata = parent
        .metadata()
        .map_err(|source| io_error(parent, source))?;
    let sticky = metadata.mode() & 0o1000 != 0;
    // Who may read the directory is of no interest.
    let guard = match guard {
        Guard::Secret => Guard::Trusted,
        other => other,
    };
    if sticky {
        return check_owner(parent, &metadata, guard);
    }
    check_metadata(parent, &metadata, guard)
}

fn check_metadata(path: &Path, metadata: &Metadata, guard: Guard) -> Result<(), FileError> {
    check_owner(path, metadata, guard)?;
    let mode = metadata.mode() & 0o7777;
    if guard == Guard::Secret && mode & 0o044 != 0 {
        return Err(FileError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    if mode & 0o022 != 0 {
        return Err(FileError::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &Metadata, guard: Guard) -> Result<(), FileError> {
    let us = nix::unistd::geteuid().as_raw();
    let owner = metadata.uid();
    if guard == Guard::Root {
        let path = path.to_owned();
        return (owner == 0)
            .then_some(())
            .ok_or(FileError::NotRoots { path, owner });
    }
    if may_own(owner, us, agent_user) {
        return Ok(());
    }
    Err(FileError::Owner {
        path: path.to_owned(),
        owner,
        expected: us,
    })
}

fn may_own(owner: u32, us: u32, agent: impl FnOnce() -> Option<u32>) -> bool {
    owner == 0 || owner == us || agent() == Some(owner)
}

/// A system that cannot say who its users are has no such user.
fn agent_user() -> Option<u32> {
    let user = nix::unistd::User::from_name(AGENT_USER).ok().flatten()?;
    Some(user.uid.as_raw())
}

fn open_error(path: &Path, guard: Guard, source: io::Error) -> FileError {
    if guard == Guard::Secret && source.kind() == io::ErrorKind::PermissionDenied {
        return FileError::Denied {
            path: path.to_owned(),
            user: nix::unistd::geteuid().as_raw(),
        };
    }
    io_error(path, source)
}

fn io_error(path: &Path, source: io::Error) -> FileError {
    FileError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
