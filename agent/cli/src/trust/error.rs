//! Why a `trust` command failed, and what to do next.

use std::io;
use std::path::PathBuf;

use windlass_trust::{LoadError, Oid, Refusal, TrustFileError, VerifyError};

/// The failure of a `trust` command. A refused commit is one of them: the exit code says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("{}: {source}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} {why}", path.display())]
    Unusable { path: PathBuf, why: String },
    #[error("{name} is no commit, branch or tag in {}", path.display())]
    UnknownRevision {
        name: String,
        path: PathBuf,
        is_shallow: bool,
    },
    #[error("{}", chain(.0))]
    Load(#[from] LoadError),
    #[error("{}", chain(.0))]
    Verify(#[from] VerifyError),
    #[error(
        "this clone is shallow: commit {missing} was left out of it, and nothing can be said about what lies before"
    )]
    Shallow { missing: Oid },
    #[error(transparent)]
    Signers(#[from] TrustFileError),
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    #[error("which keys may sign is not known: {} has no list of them", path.display())]
    NoSigners { path: PathBuf },
    #[error("{0}")]
    Usage(String),
    #[error("{what}")]
    Wanted { what: String, next: String },
    #[error("`{command}` failed: {said}")]
    Program { command: String, said: String },
    #[error("{}", .0.statement())]
    Refused(Box<Refusal>),
    #[error("nothing was done")]
    Declined,
}

impl TrustError {
    /// What to do next, when there is something to say.
    pub(crate) fn next(&self) -> Option<String> {
        match self {
            Self::UnknownRevision {
                is_shallow: true, ..
            }
            | Self::Shallow { .. } => Some(
                "fetch the whole history: `git fetch --unshallow`; in a forge's CI ask for it (fetch-depth: 0)"
                    .to_owned(),
            ),
            Self::NoSigners { .. } => Some(
                "give --signers FILE, or set the clone up once with `windlass trust init`".to_owned(),
            ),
            Self::Refused(refusal) => Some(refusal.next_step()),
            Self::Wanted { next, .. } => Some(next.clone()),
            _ => None,
        }
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
