//! The keys of the Secret that Flux's `spec.verify` names, and what they say of a commit or tag
//! (source-controller, `verifySignature`; pkg/git, `signatures`).
//!
//! They stand on their own beside the node's rules: a source must pass both.

use crate::commit::Commit;
use crate::signature::{TimeFloor, judge, judge_tag};
use crate::signers::authorized_key;
use crate::tag::Tag;
use crate::{AllowedSigners, ObjectKind, Oid, RefusalReason, SignatureKind, Signer, Signers, text};

/// Most entries of a Secret that are read; a Secret itself is at most 1 MiB.
const MAX_ENTRIES: usize = 1024;

/// The ending of entries with lines of `authorized_keys`.
const SSH_ENDING: &str = ".sshpub";
/// The ending of entries with armoured OpenPGP keyrings.
const OPENPGP_ENDING: &str = ".asc";

/// The public keys of one Secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretKeys {
    signers: Signers,
}

/// An entry that cannot be read. Flux reports it as `VerificationError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("public key {entry:?}: {message}")]
pub struct SecretKeysError {
    /// The entry's name.
    pub entry: String,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// A tag that a key of the Secret signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTag {
    /// Who signed it.
    pub signer: Signer,
    /// What the tag points at: compare it with the commit that is used.
    pub target: Oid,
    /// The kind of what it points at; a tag may point at another tag.
    pub kind: ObjectKind,
    /// The name that was signed, without `refs/tags/`, as text: compare it with the tag asked for.
    pub name: String,
}

// === impl SecretKeys ===

impl SecretKeys {
    /// Reads a Secret's data, entry name and bytes. `*.sshpub` holds lines of `authorized_keys`,
    /// `*.asc` and any other name armoured OpenPGP keys; an entry of another name that holds none
    /// is passed over, as Flux's older versions allowed any name.
    ///
    /// # Errors
    /// An entry cannot be read in full; it is named, and so is the line.
    pub fn parse<'a>(
        entries: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, SecretKeysError> {
        let mut signers = Signers::default();
        for (index, (entry, bytes)) in entries.into_iter().enumerate() {
            let result = if index >= MAX_ENTRIES {
                Err(format!("the Secret has more than {MAX_ENTRIES} entries"))
            } else if entry.ends_with(SSH_ENDING) {
                authorized_keys(bytes).map(|keys| signers.add_allowed(keys))
            } else if entry.ends_with(OPENPGP_ENDING) || holds_armour(bytes) {
                signers.add_certificates(bytes)
            } else {
                Ok(())
            };
            result.map_err(|message| SecretKeysError {
                entry: text::shown(entry.as_bytes()),
                message,
            })?;
        }
        Ok(Self { signers })
    }

    /// Says whether there is no key, so that nothing can be verified.
    pub fn is_empty(&self) -> bool {
        self.signers.is_empty()
    }

    /// Says which key signed a commit, given as its raw bytes without Git's header.
    ///
    /// # Errors
    /// Why none did, printable after `signature verification of commit '...' failed: `. Flux's
    /// reason for the condition is `InvalidCommitSignature`.
    pub fn commit_signer(&self, raw: &[u8]) -> Result<Signer, RefusalReason> {
        let commit = Commit::parse(raw).map_err(RefusalReason::from)?;
        judge(&commit, &self.signers, TimeFloor::NONE)
    }

    /// Says which key signed a tag object, given as its raw bytes without Git's header.
    ///
    /// # Errors
    /// Why none did. Flux's reason for the condition is `InvalidGitObject` for
    /// [`RefusalReason::Unsigned`] and `InvalidTagSignature` for the others.
    pub fn tag_signer(&self, raw: &[u8]) -> Result<SignedTag, RefusalReason> {
        let tag = Tag::parse(raw).map_err(RefusalReason::from)?;
        let signer = judge_tag(&tag, &self.signers, TimeFloor::NONE)?;
        Ok(SignedTag {
            signer,
            target: tag.target,
            kind: tag.kind,
            name: String::from_utf8_lossy(tag.name).into_owned(),
        })
    }
}

impl Signer {
    /// The key as Flux writes it in `SourceVerified`: an SSH key's fingerprint, or the sixteen
    /// digits of an OpenPGP primary key's id.
    pub fn flux_key(&self) -> &str {
        // A version 4 fingerprint ends with the key id, a version 6 one begins with it (RFC 9580, 5.5.4).
        const KEY_ID: usize = 16;
        const V6_FINGERPRINT: usize = 64;
        let id = match self.kind {
            SignatureKind::Ssh => None,
            SignatureKind::OpenPgp if self.key.len() == V6_FINGERPRINT => self.key.get(..KEY_ID),
            SignatureKind::OpenPgp => self.key.get(self.key.len().saturating_sub(KEY_ID)..),
        };
        id.unwrap_or(&self.key)
    }
}

fn holds_armour(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP ")
}

/// Reads lines of `authorized_keys`. Flux reads the key of each and passes over its options.
fn authorized_keys(bytes: &[u8]) -> Result<AllowedSigners, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    AllowedSigners::from_lines(text, authorized_key)
        .map_err(|error| format!("line {}: {}", error.line, error.message))
}

#[cfg(test)]
mod tests;
