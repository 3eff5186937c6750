//! OpenPGP signatures of commits and tags against the pinned certificates (RFC 9580 and what came before it).
//!
//! `pgp` reads the packets and does the arithmetic; what counts, and when, is decided here.

mod armour;
mod certificate;
mod key;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgp::packet::{
    Packet, PacketParser, Signature, SignatureType, SignatureVersion, SubpacketData,
};
use pgp::ser::Serialize as _;

use certificate::parse_binary_keyring;
pub(crate) use certificate::{Certificate, parse_keyring};
use key::{Part, SigningKey, is_strong};

use crate::signature::{SignatureKind, Signed, Signer};
use crate::{KeyFault, RefusalReason};

/// Longest armour that is looked at: an RSA-16384 signature with a notation or two needs 4 KiB.
const MAX_ARMOUR_BYTES: usize = 16 * 1024;

const LABEL: &str = "PGP SIGNATURE";

/// Reads keyrings; a panic of the parser is an error like another one, so that no keyring can
/// stop the program.
pub(crate) fn keyring(text: &[u8]) -> Result<Vec<Certificate>, String> {
    catch_unwind(AssertUnwindSafe(|| parse_keyring(text)))
        .unwrap_or_else(|_| Err("it cannot be read by the OpenPGP parser".to_owned()))
}

/// As [`keyring`], also without armour, as gpg keeps its own and Helm takes it.
pub(crate) fn any_keyring(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    if bytes.trim_ascii_start().starts_with(b"-----") {
        return keyring(bytes);
    }
    catch_unwind(AssertUnwindSafe(|| parse_binary_keyring(bytes)))
        .unwrap_or_else(|_| Err("it cannot be read by the OpenPGP parser".to_owned()))
}

/// Gives whose certificate signed.
///
/// # Errors
/// The reason for which the signature does not count.
pub(crate) fn judge(
    signed: &Signed<'_>,
    certificates: &[Certificate],
) -> Result<Signer, RefusalReason> {
    catch_unwind(AssertUnwindSafe(|| judge_inside(signed, certificates)))
        .unwrap_or_else(|_| Err(malformed("the OpenPGP parser cannot read it")))
}

fn judge_inside(
    signed: &Signed<'_>,
    certificates: &[Certificate],
) -> Result<Signer, RefusalReason> {
    let signature = parse(signed.armour)?;
    let issuers = Issuers::of(&signature)?;
    let mut accepted = None;
    let mut refusal = None;
    for certificate in certificates {
        for key in certificate
            .keys
            .iter()
            .filter(|key| issuers.name(&key.part))
        {
            match by_key(signed, &signature, certificate, key) {
                Ok(signer) => accepted = Some(signer),
                // Where one copy of a certificate is revoked and another is not, the revocation counts.
                Err(
                    revoked @ RefusalReason::KeyNotValid {
                        fault: KeyFault::Revoked,
                        ..
                    },
                ) => {
                    return Err(revoked);
                }
                Err(reason) => refusal = Some(reason),
            }
        }
    }
    accepted.ok_or_else(|| {
        refusal.unwrap_or_else(|| RefusalReason::UnknownKey {
            fingerprint: issuers.shown(),
        })
    })
}

fn by_key(
    signed: &Signed<'_>,
    signature: &Signature,
    certificate: &Certificate,
    key: &SigningKey,
) -> Result<Signer, RefusalReason> {
    let fingerprint = format!("{:X}", key.part.fingerprint());
    if let Some(detail) = key.part.weakness() {
        return Err(RefusalReason::WeakKey {
            fingerprint,
            detail,
        });
    }
    let (before, after) = signed.payload;
    if !key
        .part
        .signed(signature, std::io::Read::chain(before, after))
    {
        return Err(RefusalReason::BadSignature { fingerprint });
    }
    let created = signature
        .created()
        .ok_or_else(|| malformed("it holds no time"))?;
    let created = i64::from(created.as_secs());
    let fault = key.fault(created, signed.when).or_else(|| {
        signature
            .signature_expiration_time()
            .map(|after| i64::from(after.as_secs()))
            .filter(|after| *after > 0 && signed.when.latest.max(created) >= created + after)
            .map(|_| KeyFault::SignatureExpired)
    });
    match fault {
        Some(fault) => Err(RefusalReason::KeyNotValid {
            fingerprint,
            principal: certificate.principal.clone(),
            fault,
        }),
        None => Ok(Signer {
            principal: certificate.principal.clone(),
            key: certificate.fingerprint.clone(),
            kind: SignatureKind::OpenPgp,
        }),
    }
}

/// Reads exactly one signature of a kind that can cover a document.
fn parse(armour: &[u8]) -> Result<Signature, RefusalReason> {
    if armour.len() > MAX_ARMOUR_BYTES {
        return Err(malformed("it is longer than any OpenPGP signature"));
    }
    let (bytes, rest) = armour::take(armour, LABEL).map_err(malformed)?;
    if !rest.iter().all(|byte| *byte == b'\n') {
        return Err(malformed("text follows its last line"));
    }
    let mut packets = PacketParser::new(bytes.as_slice());
    let Some(Ok(Packet::Signature(signature))) = packets.next() else {
        return Err(malformed("it holds no signature that can be read"));
    };
    if packets.next().is_some() {
        return Err(RefusalReason::AmbiguousObject {
            detail: "its OpenPGP armour holds more than one signature".to_owned(),
        });
    }
    let mut again = Vec::new();
    let same = Packet::Signature(signature.clone())
        .to_writer(&mut again)
        .is_ok_and(|()| again == bytes);
    if !same {
        return Err(malformed("it is not written as OpenPGP writes it"));
    }
    check_shape(&signature)?;
    Ok(signature)
}

fn check_shape(signature: &Signature) -> Result<(), RefusalReason> {
    let Some(config) = signature.config() else {
        return Err(malformed("its version is not known"));
    };
    if !matches!(
        signature.version(),
        SignatureVersion::V4 | SignatureVersion::V6
    ) {
        return Err(malformed("its version is neither 4 nor 6"));
    }
    if !matches!(config.typ, SignatureType::Binary | SignatureType::Text) {
        return Err(malformed("it is no signature of a document"));
    }
    if !is_strong(Some(config.hash_alg)) {
        return Err(RefusalReason::UnsupportedHash {
            algorithm: config.hash_alg.to_string(),
        });
    }
    let unknown = config.hashed_subpackets.iter().any(|subpacket| {
        subpacket.is_critical
            && matches!(
                subpacket.data,
                SubpacketData::Notation(_)
                    | SubpacketData::Experimental(..)
                    | SubpacketData::Other(..)
            )
    });
    if unknown {
        return Err(malformed("it asks for something that is not known here"));
    }
    // What is not signed may only say who signed, and that is compared with the key.
    let unsigned = config.unhashed_subpackets.iter().any(|subpacket| {
        subpacket.is_critical
            || !matches!(
                subpacket.data,
                SubpacketData::IssuerKeyId(_) | SubpacketData::IssuerFingerprint(_)
            )
    });
    if unsigned {
        return Err(malformed("it holds something that is not signed"));
    }
    Ok(())
}

/// What a signature says of its key.
struct Issuers {
    fingerprints: Vec<pgp::types::Fingerprint>,
    key_ids: Vec<pgp::types::KeyId>,
}

// === impl Issuers ===

impl Issuers {
    fn of(signature: &Signature) -> Result<Self, RefusalReason> {
        let fingerprints: Vec<_> = signature
            .issuer_fingerprint()
            .into_iter()
            .cloned()
            .collect();
        let key_ids: Vec<_> = signature.issuer_key_id().into_iter().copied().collect();
        if fingerprints.is_empty() && key_ids.is_empty() {
            return Err(malformed("it does not say whose it is"));
        }
        Ok(Self {
            fingerprints,
            key_ids,
        })
    }

    /// Says whether everything that the signature says of its key fits this one.
    fn name(&self, part: &Part) -> bool {
        let (fingerprint, key_id) = (part.fingerprint(), part.key_id());
        self.fingerprints.iter().all(|named| *named == fingerprint)
            && self.key_ids.iter().all(|named| *named == key_id)
    }

    /// The name as gpg prints it.
    fn shown(&self) -> String {
        let fingerprint = self.fingerprints.first().map(|named| format!("{named:X}"));
        let key_id = self
            .key_ids
            .first()
            .map(|named| named.to_string().to_uppercase());
        fingerprint.or(key_id).unwrap_or_default()
    }
}

fn malformed(detail: &'static str) -> RefusalReason {
    RefusalReason::MalformedSignature {
        detail: detail.to_owned(),
    }
}
