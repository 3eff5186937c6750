//! Who opens the data key: age and PGP keys at hand, and the seam for key servers.

mod age;
mod pgp;

use std::fmt;

use crate::error::KeyError;
use crate::plain::Plain;

/// One of the keys that a data key was encrypted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// An age recipient, or an SSH key used as one.
    Age {
        /// Who can open it.
        recipient: String,
        /// The data key, encrypted and armored.
        encrypted: String,
    },
    /// An OpenPGP key.
    Pgp {
        /// Whose it is.
        fingerprint: String,
        /// The data key, encrypted and armored.
        encrypted: String,
    },
    /// A key that never leaves its server.
    Remote {
        /// The kind, as in the `sops` block: `kms`, `gcp_kms`, `azure_kv`, `hc_vault`, `hckms`.
        kind: &'static str,
        /// The key, or the server that has it.
        name: String,
    },
}

/// The seam behind which data keys are opened: [`Keyring`] for keys at hand, and later what speaks
/// to key servers, which will have to allow the servers that a file may name.
pub trait KeyService: fmt::Debug {
    /// Gives the part of the data key that the master key holds.
    ///
    /// # Errors
    /// No private key fits, the encrypted part is broken, or the kind of key is not served.
    fn open(&self, key: &MasterKey) -> Result<Plain, KeyError>;
}

/// Private keys, held in memory.
#[derive(Default)]
pub struct Keyring {
    age: Vec<age::Identity>,
    pgp: Vec<pgp::SecretKey>,
}

// === impl MasterKey ===

impl fmt::Display for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { recipient, .. } => formatter.write_str(recipient),
            Self::Pgp { fingerprint, .. } => formatter.write_str(fingerprint),
            Self::Remote { kind, name } => write!(formatter, "{kind} {name}"),
        }
    }
}

// === impl Keyring ===

impl Keyring {
    /// Adds the private keys of a file `*.agekey`: lines of `AGE-SECRET-KEY-1..`, or an SSH key.
    ///
    /// # Errors
    /// A line is no key, or a key of a kind that is refused (plugins, passwords).
    pub fn add_age(&mut self, text: &str) -> Result<(), KeyError> {
        self.age.extend(age::read(text)?);
        Ok(())
    }

    /// Adds the private keys of a file `*.asc`.
    ///
    /// # Errors
    /// It is no OpenPGP private key, or one behind a passphrase.
    pub fn add_pgp(&mut self, bytes: &[u8]) -> Result<(), KeyError> {
        self.pgp.extend(pgp::read(bytes)?);
        Ok(())
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.age.is_empty() && self.pgp.is_empty()
    }
}

impl KeyService for Keyring {
    fn open(&self, key: &MasterKey) -> Result<Plain, KeyError> {
        match key {
            MasterKey::Age { encrypted, .. } => age::open(encrypted, &self.age),
            MasterKey::Pgp { encrypted, .. } => pgp::open(encrypted, &self.pgp),
            MasterKey::Remote { kind, .. } => Err(KeyError::Unsupported { kind }),
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (age, pgp) = (self.age.len(), self.pgp.len());
        write!(formatter, "Keyring({age} age keys, {pgp} PGP keys)")
    }
}
