//! One commit or tag and its signature against the pinned keys.

use crate::commit::Commit;
use crate::signers::{SignersLine, fingerprint};
use crate::sshkey::{Presence, SignatureFault, SshKey, UnusableKey};
use crate::sshsig::{MessageHash, Namespace, SshSignature, signed_bytes};
use crate::tag::Tag;
use crate::{KeyFault, RefusalReason, Signers, openpgp, text};

/// Who signed, and with what: what a person is shown and what the audit keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The principals of the line that lists the key, as written, or the user of an OpenPGP certificate.
    pub principal: String,
    /// The key's fingerprint as its program prints it: `SHA256:` and base64 for SSH; for OpenPGP the
    /// upper case hexadecimal digits of the certificate's primary key.
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

/// The committer's time of what stands before an object in history and is vouched for, in seconds
/// since 1970. Nothing that comes after it can have been made earlier, whatever date it claims, so
/// a key that expired before is of no use for backdating (docs/decisions/0100).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeFloor(pub(crate) i64);

/// What is judged.
pub(crate) struct Signed<'a> {
    /// The signed bytes, in two pieces.
    pub(crate) payload: (&'a [u8], &'a [u8]),
    pub(crate) armour: &'a [u8],
    pub(crate) namespace: Namespace,
    pub(crate) when: When,
}

/// The times at which a key must be valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    /// The date that the object claims.
    pub(crate) claimed: i64,
    /// The claimed date or the floor, whichever is later: the key must not have expired by then.
    pub(crate) latest: i64,
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

// === impl TimeFloor ===

impl TimeFloor {
    /// Where nothing stands before the object.
    pub(crate) const NONE: Self = Self(i64::MIN);
}

// === impl When ===

impl When {
    fn new(claimed: i64, floor: TimeFloor) -> Self {
        let latest = claimed.max(floor.0);
        Self { claimed, latest }
    }
}

/// Gives whose key signed the commit.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge(
    commit: &Commit<'_>,
    signers: &Signers,
    floor: TimeFloor,
) -> Result<Signer, RefusalReason> {
    let armour = commit.signature.as_deref().ok_or(RefusalReason::Unsigned)?;
    let when = When::new(commit.time, floor);
    judge_signed(
        &Signed {
            payload: commit.payload(),
            armour,
            namespace: Namespace::Git,
            when,
        },
        signers,
    )
}

/// Gives whose key signed the tag.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge_tag(
    tag: &Tag<'_>,
    signers: &Signers,
    floor: TimeFloor,
) -> Result<Signer, RefusalReason> {
    let armour = tag.signature.ok_or(RefusalReason::Unsigned)?;
    let when = When::new(tag.time, floor);
    let payload = (tag.payload, [].as_slice());
    judge_signed(
        &Signed {
            payload,
            armour,
            namespace: Namespace::Git,
            when,
        },
        signers,
    )
}

/// Gives whose key signed a policy file, at the time of the commit that brings it.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge_policy(
    policy: &[u8],
    armour: &[u8],
    signers: &Signers,
    claimed: i64,
    floor: TimeFloor,
) -> Result<Signer, RefusalReason> {
    let signed = Signed {
        payload: (policy, &[]),
        armour,
        namespace: Namespace::Policy,
        when: When::new(claimed, floor),
    };
    judge_signed(&signed, signers)
}

fn judge_signed(signed: &Signed<'_>, signers: &Signers) -> Result<Signer, RefusalReason> {
    if SshSignature::is_armour(signed.armour) {
        return judge_ssh(signed, signers);
    }
    if signed.armour.starts_with(b"-----BEGIN PGP ") {
        return openpgp::judge(signed, signers.certificates());
    }
    if signed.armour.starts_with(b"-----BEGIN SIGNED MESSAGE-----") {
        let kind = "an X.509 signature";
        return Err(RefusalReason::UnsupportedSignature { kind });
    }
    let detail = "it is neither an SSH nor an OpenPGP nor an X.509 signature".to_owned();
    Err(RefusalReason::MalformedSignature { detail })
}

fn judge_ssh(signed: &Signed<'_>, signers: &Signers) -> Result<Signer, RefusalReason> {
    let signature = SshSignature::parse(signed.armour).map_err(malformed)?;
    if signature.namespace != signed.namespace.name().as_bytes() {
        return Err(RefusalReason::WrongNamespace {
            namespace: text::shown(&signature.namespace),
            wanted: signed.namespace.name(),
        });
    }
    let hash = MessageHash::parse(&signature.hash_algorithm).ok_or_else(|| {
        RefusalReason::UnsupportedHash {
            algorithm: text::shown(&signature.hash_algorithm),
        }
    })?;
    let lines: Vec<_> = signers.with_ssh_key(&signature.public_key).collect();
    let Some(listed) = lines.first() else {
        return Err(unlisted(&signature.public_key));
    };
    let key = fingerprint(&signature.public_key);
    let message = signed_bytes(signed.namespace, hash, signed.payload);
    let presence =
        listed
            .key
            .verify(&signature.signature, &message)
            .map_err(|fault| match fault {
                SignatureFault::Malformed(detail) => malformed(detail),
                SignatureFault::Algorithm(algorithm) => {
                    RefusalReason::UnsupportedHash { algorithm }
                }
                SignatureFault::Bad => RefusalReason::BadSignature {
                    fingerprint: key.clone(),
                },
            })?;
    let principal = allowing(&lines, &key, signed.when, presence)?;
    Ok(Signer {
        principal,
        key,
        kind: SignatureKind::Ssh,
    })
}

fn malformed(detail: &'static str) -> RefusalReason {
    RefusalReason::MalformedSignature {
        detail: detail.to_owned(),
    }
}

/// Says why a key that is not listed does not count; one that never could is named as such.
fn unlisted(wire_key: &[u8]) -> RefusalReason {
    let fingerprint = fingerprint(wire_key);
    match SshKey::parse(wire_key) {
        Ok(_) => RefusalReason::UnknownKey { fingerprint },
        Err(UnusableKey::Type(key_type)) => RefusalReason::UnsupportedKeyType { key_type },
        Err(UnusableKey::Weak(detail) | UnusableKey::Broken(detail)) => RefusalReason::WeakKey {
            fingerprint,
            detail,
        },
    }
}

/// Gives the principals of the first line that allows the signature, as OpenSSH does; when none
/// does, the reason of the line that came nearest.
fn allowing(
    lines: &[&SignersLine],
    fingerprint: &str,
    when: When,
    presence: Option<Presence>,
) -> Result<String, RefusalReason> {
    let mut refusal = None;
    for line in lines {
        match objection(line, fingerprint, when, presence) {
            None => return Ok(line.principals.clone()),
            Some((distance, reason)) => {
                if refusal
                    .as_ref()
                    .is_none_or(|(nearest, _)| distance < *nearest)
                {
                    refusal = Some((distance, reason));
                }
            }
        }
    }
    Err(refusal.map_or(RefusalReason::Unsigned, |(_, reason)| reason))
}

/// Says what a line has against a signature by its key, and how far the line is from allowing it.
fn objection(
    line: &SignersLine,
    fingerprint: &str,
    when: When,
    presence: Option<Presence>,
) -> Option<(u8, RefusalReason)> {
    let (fingerprint, principal) = (fingerprint.to_owned(), line.principals.clone());
    let options = &line.options;
    if !options.signs_git {
        let reason = RefusalReason::KeyNotForGit {
            fingerprint,
            principal,
        };
        return Some((3, reason));
    }
    let not_yet = options
        .valid_after
        .is_some_and(|after| when.claimed < after);
    let expired = options
        .valid_before
        .is_some_and(|before| when.latest > before);
    if not_yet || expired {
        let reason = RefusalReason::KeyNotValid {
            fingerprint,
            principal,
            fault: if not_yet {
                KeyFault::NotYetValid
            } else {
                KeyFault::Expired
            },
        };
        return Some((2, reason));
    }
    let demand = presence.and_then(|presence| {
        if !presence.touched && !options.no_touch_required {
            Some("touched")
        } else if !presence.user_verified && options.verify_required {
            Some("unlocked with its PIN or a finger print")
        } else {
            None
        }
    })?;
    let reason = RefusalReason::PresenceMissing {
        fingerprint,
        demand,
    };
    Some((1, reason))
}
