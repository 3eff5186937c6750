//! One key of a certificate that may sign, with everything that limits it folded in.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature};
use pgp::types::{Fingerprint, KeyDetails, KeyId, PublicParams};
use rsa::traits::PublicKeyParts as _;

use crate::KeyFault;
use crate::signature::When;

/// The shortest RSA key that counts, as for SSH.
const MIN_RSA_BITS: usize = 2048;

/// A key that may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKey {
    pub(crate) part: Part,
    pub(crate) limits: Limits,
}

/// The primary key of a certificate or one of its subkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Primary(Box<PublicKey>),
    Subkey(Box<PublicSubkey>),
}

/// From when until when a key counts, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// When it was made.
    pub(crate) created: i64,
    /// The first second at which it no longer counts.
    pub(crate) expires: Option<i64>,
    pub(crate) revoked: Option<Revoked>,
}

/// What a revocation takes away. The order is from the weaker to the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// Superseded or retired: what was signed before this second still counts.
    Since(i64),
    /// Compromised, or no reason given: nothing counts, since the thief chooses the date.
    Always,
}

// === impl Part ===

impl Part {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Primary(key) => key.fingerprint(),
            Self::Subkey(key) => key.fingerprint(),
        }
    }

    pub(crate) fn key_id(&self) -> KeyId {
        match self {
            Self::Primary(key) => key.legacy_key_id(),
            Self::Subkey(key) => key.legacy_key_id(),
        }
    }

    /// Says whether a signature over these bytes is this key's.
    pub(crate) fn signed(&self, signature: &Signature, bytes: impl std::io::Read) -> bool {
        match self {
            Self::Primary(key) => signature.verify(&**key, bytes).is_ok(),
            Self::Subkey(key) => signature.verify(&**key, bytes).is_ok(),
        }
    }

    fn params(&self) -> &PublicParams {
        match self {
            Self::Primary(key) => key.public_params(),
            Self::Subkey(key) => key.public_params(),
        }
    }

    /// Says why no signature of this key counts, whatever it covers; `None` when it may.
    pub(crate) fn weakness(&self) -> Option<String> {
        weakness(self.params())
    }
}

// === impl SigningKey ===

impl SigningKey {
    /// Says why the key does not count for a signature of this second at this place.
    pub(crate) fn fault(&self, signed_at: i64, when: When) -> Option<KeyFault> {
        let latest = when.latest.max(signed_at);
        let limits = self.limits;
        match limits.revoked {
            Some(Revoked::Always) => return Some(KeyFault::Revoked),
            Some(Revoked::Since(second)) if latest >= second => return Some(KeyFault::Revoked),
            _ => {}
        }
        if signed_at < limits.created || when.claimed < limits.created {
            return Some(KeyFault::NotYetValid);
        }
        limits
            .expires
            .is_some_and(|second| latest >= second)
            .then_some(KeyFault::Expired)
    }
}

// === impl Limits ===

impl Limits {
    /// Gives what is left when both must hold.
    pub(crate) fn and(self, other: Self) -> Self {
        let expires = match (self.expires, other.expires) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            created: self.created.max(other.created),
            expires,
            revoked: stronger(self.revoked, other.revoked),
        }
    }
}

/// Gives the revocation that takes away more.
pub(crate) fn stronger(one: Option<Revoked>, two: Option<Revoked>) -> Option<Revoked> {
    match (one, two) {
        (Some(Revoked::Since(one)), Some(Revoked::Since(two))) => {
            Some(Revoked::Since(one.min(two)))
        }
        (Some(Revoked::Always), _) | (_, Some(Revoked::Always)) => Some(Revoked::Always),
        (one, two) => one.or(two),
    }
}

fn weakness(params: &PublicParams) -> Option<String> {
    match params {
        PublicParams::RSA(params) => {
            let bits = params.key.n().bits();
            (bits < MIN_RSA_BITS)
                .then(|| format!("the RSA key has {bits} bits, fewer than {MIN_RSA_BITS}"))
        }
        PublicParams::ECDSA(params) if !params.is_supported() => {
            Some("its curve is not supported".to_owned())
        }
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => None,
        PublicParams::DSA(_) => Some("DSA is not supported any more".to_owned()),
        _ => Some("its algorithm is not supported".to_owned()),
    }
}

/// The hashes that a signature may be made with. The SHA-3 ones belong to Ed448 (RFC 9580, 9.5).
pub(crate) fn is_strong(hash: Option<HashAlgorithm>) -> bool {
    matches!(
        hash,
        Some(
            HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512
        )
    )
}
