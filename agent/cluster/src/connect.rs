//! How a cluster is named and why it cannot be connected to.

use std::path::PathBuf;

/// Which cluster to talk to.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The kubeconfig; without one the files of `$KUBECONFIG`, otherwise `~/.kube/config` or the agent's own on a node, as
    /// kubectl looks.
    pub kubeconfig: Option<PathBuf>,
    /// Where whoever uses a kubeconfig that is a node's own identity keeps it renewed.
    pub renewed: Option<PathBuf>,
    /// The context in it; without one its `current-context`.
    pub context: Option<String>,
    /// What the requests call themselves, such as `windlass/0.1.0`.
    pub user_agent: String,
    /// Whether a kubeconfig with `insecure-skip-tls-verify: true` is used rather than refused.
    pub allow_insecure_tls: bool,
}

/// Why a kubeconfig cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no kubeconfig at all.
    #[error(
        "there is no kubeconfig: name one with --kubeconfig or KUBECONFIG, or use sudo on a node (looked in {looked})"
    )]
    Missing {
        /// Where it was looked for.
        looked: String,
    },
    /// The file is not a kubeconfig.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where known.
        message: String,
    },
    /// The context, or what it names, is not there.
    #[error("kubeconfig {path}: there is no {what} named {name:?}")]
    NotThere {
        /// The file.
        path: PathBuf,
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// The name looked for.
        name: String,
    },
    /// The kubeconfig asks for something windlass does not do.
    #[error("kubeconfig {path}: {what} {name:?} uses {feature}, which is refused: {cure}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// `cluster` or `user`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The field.
        feature: String,
        /// What to do instead.
        cure: &'static str,
    },
    /// Certificates or keys that cannot be used.
    #[error("kubeconfig {path}: {message}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Which one and why.
        message: String,
    },
}
