//! One commit and its signature against the pinned keys.

use ed25519_dalek::Signature;

use crate::commit::Commit;
use crate::signers::{ED25519, fingerprint};
use crate::sshsig::{GIT_NAMESPACE, MessageHash, SshSignature, WireReader, signed_bytes};
use crate::{AllowedSigners, RefusalReason, text};

/// Gives the principal whose key signed the commit.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge(
    commit: &Commit<'_>,
    signers: &AllowedSigners,
) -> Result<String, RefusalReason> {
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
    let Some(signer) = signers
        .with_key(&signature.public_key)
        .find(|signer| signer.signs_git)
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
    match signer.key.verify_strict(&signed, &ed25519) {
        Ok(()) => Ok(signer.principals.clone()),
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
