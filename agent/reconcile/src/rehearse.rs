//! A fetch of the root for trial, before anything is installed: asked, verified, and thrown away.

use std::fs;
use std::path::{Path, PathBuf};

use windlass_host::config::Settings;
use windlass_kustomize::{EntryKind, Tree};

use crate::agent::{AgentError, root_spec};
use crate::named::Named;
use crate::net::Net;
use crate::source::fetch::{Fetched, Snapshot, fetch};
use crate::source::keep::Keep;
use crate::source::status::chain;
use crate::trust::NodeTrust;
use crate::view::View;

/// What the repository would give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// As `main@sha1:…`.
    pub revision: String,
    /// Who signed it.
    pub signer: String,
}

/// Why nothing would be applied.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The settings cannot be used.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// It cannot be fetched.
    #[error("{url} cannot be fetched: {why}")]
    Fetch {
        /// The repository.
        url: String,
        /// What the host or the network said.
        why: String,
    },
    /// Nobody vouches for it.
    #[error("{why}")]
    Refused {
        /// What the verdict says.
        why: String,
    },
    /// There is nothing to apply.
    #[error("[root] path: there is no directory {path} in {revision}")]
    NoSuchPath {
        /// The directory.
        path: String,
        /// Where it was looked for.
        revision: String,
    },
}

/// Fetches the root by the network process that listens on `socket`, and judges it. It takes a directory of its own
/// below the system's for temporary files, and leaves nothing there.
///
/// # Errors
/// What would keep the agent from applying a revision.
pub fn rehearse(settings: &Settings, socket: &Path) -> Result<Rehearsed, RehearsalError> {
    let scratch =
        Scratch(std::env::temp_dir().join(format!("windlass-check-{}", std::process::id())));
    let trust = NodeTrust::read(settings).map_err(AgentError::from)?;
    let root = &settings.root;
    let name = Named::new(&root.namespace, &root.name);
    let spec = root_spec(&name, root, &trust)?;
    let keep = Keep::open(&scratch.0, &name)?;
    let net = Net::new(socket.to_owned(), None);
    let unfetched = |why: String| RehearsalError::Fetch {
        url: root.url.clone(),
        why,
    };
    match fetch(&keep, &net, &spec, None).map_err(|error| unfetched(chain(&error)))? {
        Fetched::Accepted(snapshot) => {
            find_path(&keep, &snapshot, &root.path)?;
            Ok(Rehearsed {
                revision: snapshot.revision,
                signer: snapshot.signer,
            })
        }
        Fetched::Refused(refused) => Err(RehearsalError::Refused {
            why: refused.problem.message,
        }),
        Fetched::Unconfirmed(problem) => Err(RehearsalError::Refused {
            why: problem.message,
        }),
        Fetched::Unchanged => Err(unfetched("nothing came".to_owned())),
    }
}

fn find_path(keep: &Keep, snapshot: &Snapshot, path: &str) -> Result<(), RehearsalError> {
    let broken = |why: String| RehearsalError::Refused { why };
    let reader = keep
        .store
        .reader()
        .map_err(|error| broken(error.to_string()))?;
    let view = View::of(snapshot, &reader).map_err(|error| broken(error.to_string()))?;
    let below = path.trim_start_matches("./").trim_matches('/');
    let there = below.is_empty() || matches!(view.kind(below), Ok(Some(EntryKind::Directory)));
    let missing = || RehearsalError::NoSuchPath {
        path: path.to_owned(),
        revision: snapshot.revision.clone(),
    };
    there.then_some(()).ok_or_else(missing)
}

/// A directory that goes with its owner.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Below the system's directory for temporary files: what stays goes at the next boot.
        let _ = fs::remove_dir_all(&self.0);
    }
}
