//! The walls that the network process puts around itself before it meets the first byte from outside.
//!
//! Landlock limits which files can be opened, seccomp which system calls are there at all. Both hold for the
//! calling thread and every thread it starts, for ever, whoever the user is; neither needs systemd.

mod calls;
mod files;
mod names;

use std::fmt;
use std::path::PathBuf;

pub(crate) use names::NameService;

use crate::cache;

/// What a network process keeps when the walls are up.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Where it may write; made when missing.
    pub cache_dir: PathBuf,
    /// What it may read besides certificates, name service and libraries: repositories on the node.
    pub read: Vec<PathBuf>,
}

/// How much of one wall stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wall {
    /// All of it.
    Complete,
    /// What this kernel knows of it.
    Partial(String),
    /// Nothing, and why.
    Missing(String),
}

/// Which walls stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// Landlock: files, ports and signals.
    pub files: Wall,
    /// Seccomp: system calls.
    pub calls: Wall,
}

/// The walls could not even be planned.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfineError(String);

/// Confines the calling thread and all that it will start. Called before any other thread is there.
///
/// A kernel without Landlock or seccomp is no error: the process then works with the walls it has, and what is
/// returned says which are missing.
///
/// # Errors
/// The cache directory cannot be made.
pub fn confine(allowed: &Allowed) -> Result<Confinement, ConfineError> {
    cache::create_directory(&allowed.cache_dir).map_err(|failure| ConfineError(failure.message))?;
    // The name service is read while its configuration still can be.
    let unix_sockets = names::sockets();
    let files = files::confine(allowed);
    let calls = calls::confine(unix_sockets);
    Ok(Confinement { files, calls })
}

impl Confinement {
    /// True when nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.files == Wall::Complete && self.calls == Wall::Complete
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, calls } = self;
        write!(
            formatter,
            "files {files} (Landlock), system calls {calls} (seccomp)"
        )
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => formatter.write_str("confined"),
            Self::Partial(why) => write!(formatter, "confined in part: {why}"),
            Self::Missing(why) => write!(formatter, "NOT CONFINED: {why}"),
        }
    }
}
