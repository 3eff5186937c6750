//! Why something is not decrypted; no message holds a plaintext, a key or a ciphertext.

use crate::format::Format;

/// Why a document is not decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is larger than Flux decrypts.
    #[error("the file has {size} bytes, more than the {limit} that are decrypted; split it")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It is not what its format asks for.
    #[error("failed to load encrypted {format} data: {reason}")]
    Unreadable {
        /// The format it was read as.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// There is no `sops` block.
    #[error("failed to load encrypted {format} data: sops metadata not found")]
    NoMetadata {
        /// The format it was read as.
        format: Format,
    },
    /// The `sops` block cannot be used.
    #[error("the sops metadata cannot be used: {0}")]
    Metadata(String),
    /// No key opens it.
    #[error("cannot get sops data key: {0}")]
    NoKey(String),
    /// A value is not what was encrypted at this place.
    #[error("error decrypting sops tree at {path}: {reason}")]
    Value {
        /// The keys that lead to the value.
        path: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// The plaintext has no form in the wanted format.
    #[error("failed to emit the decrypted data as {format}: {reason}")]
    Unwritable {
        /// The format it was to be written in.
        format: Format,
        /// What has no form there.
        reason: String,
    },
}

/// Why one key did not give the data key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None of the private keys belongs to it.
    #[error("none of the {held} {kind} keys at hand opens it")]
    NoneFits {
        /// age or PGP.
        kind: &'static str,
        /// How many private keys of the kind there are.
        held: usize,
    },
    /// It is a kind of key that is not asked for.
    #[error(
        "{kind} keys are not supported by this version of windlass; add an age or PGP recipient"
    )]
    Unsupported {
        /// The kind, as in the `sops` block.
        kind: &'static str,
    },
    /// The encrypted data key is broken, or is protected in a way that is refused.
    #[error("{0}")]
    Refused(String),
}
