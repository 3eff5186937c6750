//! The node's own keys for encrypted files, and what it wants of these.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_host::config::SopsSettings;
use windlass_sops::{KeyError, Keyring};
use zeroize::Zeroizing;

/// What the node's config says about secrets.
#[derive(Debug, Default)]
pub(crate) struct SecretPolicy {
    /// The keys where `spec.decryption` names no Secret.
    pub(crate) node_keys: Arc<Keyring>,
    /// Whether a document that was changed after it was encrypted is refused.
    pub(crate) require_mac: bool,
}

/// A file of keys that the config names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("[sops] {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It holds no usable keys.
    #[error("[sops] {path}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
}

// === impl SecretPolicy ===

impl SecretPolicy {
    /// Reads the keys that the settings name.
    pub(crate) fn read(settings: &SopsSettings) -> Result<Self, KeyFileError> {
        let mut keys = Keyring::default();
        if let Some(path) = &settings.age_key_file {
            let bytes = read(path)?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| KeyError::Refused("it is no text".to_owned()));
            text.and_then(|text| keys.add_age(text))
                .map_err(unusable(path))?;
        }
        if let Some(path) = &settings.pgp_key_file {
            keys.add_pgp(&read(path)?).map_err(unusable(path))?;
        }
        Ok(Self {
            node_keys: Arc::new(keys),
            require_mac: settings.require_mac,
        })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let bytes = std::fs::read(path).map_err(|source| KeyFileError::Unreadable {
        path: path.to_owned(),
        source,
    });
    bytes.map(Zeroizing::new)
}

fn unusable(path: &Path) -> impl FnOnce(KeyError) -> KeyFileError + use<> {
    let path = path.to_owned();
    move |source| KeyFileError::Unusable { path, source }
}
