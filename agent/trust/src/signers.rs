//! The pinned keys, of every kind, from all the trust files of a node.

mod allowed;
mod options;

use crate::openpgp::{self, Certificate};
use crate::{SignatureKind, Signer, text};
pub use allowed::{AllowedSigners, SignersError};
pub(crate) use allowed::{SignersLine, authorized_key, fingerprint};

/// Everybody who may sign: lines of `allowed_signers` and OpenPGP certificates. Nobody is listed
/// in an empty one, and it accepts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signers {
    allowed: AllowedSigners,
    certificates: Vec<Certificate>,
}

/// A trust file that cannot be honoured; nothing of any file is used then, since the part that is
/// not understood may be the one that limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust file {file}: {message}")]
pub struct TrustFileError {
    /// The file's name as given.
    pub file: String,
    /// What is wrong, where in the file, and what to do.
    pub message: String,
}

// === impl Signers ===

impl Signers {
    /// Reads trust files, each with the name to use in errors: text in `allowed_signers` format, or
    /// armoured OpenPGP certificates.
    ///
    /// # Errors
    /// A file cannot be read in full; it is named, and so is the line or the certificate.
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, TrustFileError> {
        let mut signers = Self::default();
        for (file, bytes) in files {
            signers.add(bytes).map_err(|message| TrustFileError {
                file: text::shown(file.as_bytes()),
                message,
            })?;
        }
        Ok(signers)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP ") {
            return self.add_certificates(bytes);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.iter().take(error.valid_up_to());
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            format!("line {line} is not text; write an OpenPGP keyring with gpg --armor --export")
        })?;
        let allowed = AllowedSigners::parse(text)
            .map_err(|error| format!("line {}: {}", error.line, error.message))?;
        self.add_allowed(allowed);
        Ok(())
    }

    pub(crate) fn add_allowed(&mut self, allowed: AllowedSigners) {
        self.allowed.extend(allowed);
    }

    /// Takes over everybody of another one.
    pub(crate) fn add_all(&mut self, other: Self) {
        self.allowed.extend(other.allowed);
        self.certificates.extend(other.certificates);
    }

    pub(crate) fn add_certificates(&mut self, armour: &[u8]) -> Result<(), String> {
        self.certificates.extend(openpgp::keyring(armour)?);
        Ok(())
    }

    /// Says whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.certificates.is_empty()
    }

    /// Gives the number of keys and certificates.
    pub fn len(&self) -> usize {
        self.allowed.len() + self.certificates.len()
    }

    /// Gives the OpenPGP certificates.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Gives every key that may sign commits, as people are shown it.
    #[must_use]
    pub fn keys(&self) -> Vec<Signer> {
        let certificates = self.certificates.iter().map(|certificate| Signer {
            principal: certificate.principal.clone(),
            key: certificate.fingerprint.clone(),
            kind: SignatureKind::OpenPgp,
        });
        self.allowed.keys().chain(certificates).collect()
    }

    /// Gives every line that lists this SSH key, in SSH wire format.
    pub(crate) fn with_ssh_key(&self, wire_key: &[u8]) -> impl Iterator<Item = &SignersLine> {
        self.allowed.with_key(wire_key)
    }
}

impl From<AllowedSigners> for Signers {
    fn from(allowed: AllowedSigners) -> Self {
        Self {
            allowed,
            certificates: Vec::new(),
        }
    }
}
