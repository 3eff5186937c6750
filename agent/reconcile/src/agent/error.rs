//! What keeps the agent from starting.

use std::path::PathBuf;

use windlass_cluster::{ConnectError, RequestError, SettingsError};
use windlass_state::{OpenError, RatchetError, StoreError};

use crate::newcomer::OtherIntroduction;
use crate::secrets::KeyFileError;
use crate::trust::TrustError;

/// The agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file that the config names cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A trust file cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The node's keys for encrypted files cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// What the node keeps cannot be opened.
    #[error(transparent)]
    State(#[from] OpenError),
    /// What the node keeps cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ratchet cannot be opened.
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
    /// The kubeconfig cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The API server does not know the credential.
    #[error("the kubeconfig's credential is refused: {0}")]
    Credential(RequestError),
    /// The node would begin otherwise than the nodes that are there.
    #[error(transparent)]
    Newcomer(OtherIntroduction),
    /// Somebody on the node wants it to: whoever keeps it running starts it again, with what its files say then.
    #[error("it starts again, as it was asked to on this node")]
    StartsAgain,
    /// The times of the election cannot work.
    #[error("[leadership] {0}")]
    Election(#[from] SettingsError),
}
