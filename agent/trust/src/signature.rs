//! One commit and its signature against the pinned keys.

use ed25519_dalek::Signature;

use crate::commit::Commit;
use crate::signers::{ED25519, fingerprint};
use crate::sshsig::{GIT_NAMESPACE, MessageHash, SshSignature, WireReader, signed_bytes};
use crate::{AllowedSigners, RefusalReason, text};

/// Who signed, and with what: what a person is shown and what the audit keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The principals of the line that lists the key, as written, or the user of an OpenPGP certificate.
    pub principal: String,
    /// The key's fingerprint as its program prints it: `SHA256:` and base64 for SSH, upper case
    /// hexadecimal digits for OpenPGP.
    pub key: String,
    /// The kind of the signature.
    pub kind: SignatureKind,
}

/// The kinds of signature that are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SignatureKind {
    /// SSHSIG, as `ssh-keygen -Y sign` makes it.
    Ssh,
    /// OpenPGP, as `gpg --detach-sign` makes it.
    OpenPgp,
}

// === impl SignatureKind ===

impl SignatureKind {
    /// The kind in the word that `git config gpg.format` takes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::OpenPgp => "openpgp",
        }
    }
}

/// Gives whose key signed the commit.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge(
    commit: &Commit<'_>,
    signers: &AllowedSigners,
) -> Result<Signer, RefusalReason> {
    let armour = commit.signature.as_deref().ok_or(RefusalReason::Unsigned)?;
    refuse_other_kinds(armour)?;
    let signature = SshSignature::parse(armour)
        .map_err(|detail| RefusalReason::MalformedSignature { detail })?;
    if signature.namespace != GIT_NAMESPACE.as_bytes() {
        return Err(RefusalReason::WrongNamespace {
            namespace: text::shown(&signature.namespace),
        });
    }
    let hash = MessageHash::parse(&signature.hash_algorithm).ok_or_else(|| {
        RefusalReason::UnsupportedHash {
            algorithm: text::shown(&signature.hash_algorithm),
        }
    })?;
    check_key_type(&signature.public_key)?;
    let fingerprint = fingerprint(&signature.public_key);
    let Some(listed) = signers.with_key(&signature.public_key).next() else {
        return Err(RefusalReason::UnknownKey { fingerprint });
    };
    let Some(line) = signers
        .with_key(&signature.public_key)
        .find(|line| line.signs_git)
    else {
        let principal = listed.principals.clone();
        return Err(RefusalReason::KeyNotForGit {
            fingerprint,
            principal,
        });
    };
    let ed25519 =
        ed25519_signature(&signature.signature).ok_or(RefusalReason::MalformedSignature {
            detail: "it is not an ssh-ed25519 signature",
        })?;
    let signed = signed_bytes(hash, commit.payload());
    match line.key.verify_strict(&signed, &ed25519) {
        Ok(()) => Ok(Signer {
            principal: line.principals.clone(),
            key: fingerprint,
            kind: SignatureKind::Ssh,
        }),
        Err(_) => Err(RefusalReason::BadSignature { fingerprint }),
    }
}

/// Names the kinds of signature that Git knows besides SSH (gpg-interface.c).
fn refuse_other_kinds(armour: &[u8]) -> Result<(), RefusalReason> {
    if SshSignature::is_armour(armour) {
        return Ok(());
    }
    let kind = if armour.starts_with(b"-----BEGIN PGP ") {
        "an OpenPGP signature"
    } else if armour.starts_with(b"-----BEGIN SIGNED MESSAGE-----") {
        "an X.509 signature"
    } else {
        let detail = "it is neither an SSH nor an OpenPGP nor an X.509 signature";
        return Err(RefusalReason::MalformedSignature { detail });
    };
    Err(RefusalReason::UnsupportedSignature { kind })
}

fn check_key_type(public_key: &[u8]) -> Result<(), RefusalReason> {
    let key_type =
        WireReader::new(public_key)
            .string()
            .ok_or(RefusalReason::MalformedSignature {
                detail: "its public key is cut short",
            })?;
    if key_type == ED25519.as_bytes() {
        Ok(())
    } else {
        Err(RefusalReason::UnsupportedKeyType {
            key_type: text::shown(key_type),
        })
    }
}

/// Reads `string "ssh-ed25519", string 64 bytes` (RFC 8709, section 6).
fn ed25519_signature(wire: &[u8]) -> Option<Signature> {
    let mut reader = WireReader::new(wire);
    let named = reader.string()? == ED25519.as_bytes();
    let raw: &[u8; 64] = reader.string()?.try_into().ok()?;
    (named && reader.is_empty()).then(|| Signature::from_bytes(raw))
}
