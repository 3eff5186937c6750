//! OpenPGP certificates, read packet by packet and reduced to the keys that may sign.
//!
//! Every binding is verified here, once. Of several the newest counts, as in GnuPG: the owner's last word.

use pgp::packet::{
    Packet, PacketParser, PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType,
    UserAttribute, UserId,
};
use pgp::types::{KeyDetails as _, KeyVersion, Tag};

use super::armour;
use super::key::{Limits, Part, Revoked, SigningKey, is_strong, stronger};
use crate::text;

/// Largest keyring that is read; a certificate with many certifications has some 100 KiB.
const MAX_KEYRING_BYTES: usize = 1024 * 1024;

/// Most packets of a keyring; each costs at most one verification.
const MAX_PACKETS: usize = 10_000;

const LABEL: &str = "PGP PUBLIC KEY BLOCK";

/// Somebody's public keys under one fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The user whose certificate it is, safe to print; the fingerprint when it names none.
    pub(crate) principal: String,
    /// The fingerprint of the primary key, as gpg prints it.
    pub(crate) fingerprint: String,
    /// The keys that may sign.
    pub(crate) keys: Vec<SigningKey>,
}

/// The packets of one certificate in their order.
struct Parts {
    primary: PublicKey,
    /// Signatures right behind the primary key.
    direct: Vec<Signature>,
    users: Vec<(User, Vec<Signature>)>,
    subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
}

/// What a certification names.
enum User {
    Id(UserId),
    Attribute(UserAttribute),
}

/// Reads armoured keyrings, one block after the other.
///
/// # Errors
/// A block or a certificate in it cannot be honoured; says which and why.
pub(crate) fn parse_keyring(text: &[u8]) -> Result<Vec<Certificate>, String> {
    if text.len() > MAX_KEYRING_BYTES {
        return Err(format!(
            "the keyring is larger than {MAX_KEYRING_BYTES} bytes"
        ));
    }
    let mut certificates = Vec::new();
    let mut rest = text.trim_ascii_start();
    let mut block = 0;
    while !rest.is_empty() {
        block += 1;
        if rest.starts_with(b"-----BEGIN PGP PRIVATE KEY BLOCK") {
            return Err(format!(
                "block {block} holds a secret key; give the public half only: gpg --armor --export"
            ));
        }
        let (bytes, after) = armour::take(rest, LABEL)
            .map_err(|why| format!("block {block} is no armoured public key: {why}"))?;
        let parts = split(&bytes).map_err(|why| format!("block {block}: {why}"))?;
        certificates.extend(read_all(parts)?);
        rest = after.trim_ascii_start();
    }
    Ok(certificates)
}

/// As [`parse_keyring`], without armour.
pub(crate) fn parse_binary_keyring(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    if bytes.len() > MAX_KEYRING_BYTES {
        return Err(format!("it is larger than {MAX_KEYRING_BYTES} bytes"));
    }
    read_all(split(bytes)?)
}

fn read_all(all: Vec<Parts>) -> Result<Vec<Certificate>, String> {
    let certificates = all.into_iter().map(|parts| {
        let fingerprint = format!("{:X}", parts.primary.fingerprint());
        Certificate::read(parts, &fingerprint)
            .map_err(|why| format!("certificate {fingerprint}: {why}"))
    });
    certificates.collect()
}

/// Cuts packets into certificates.
fn split(bytes: &[u8]) -> Result<Vec<Parts>, String> {
    let mut found: Vec<Parts> = Vec::new();
    for (index, packet) in PacketParser::new(bytes).enumerate() {
        if index >= MAX_PACKETS {
            return Err(format!("there are more than {MAX_PACKETS} packets"));
        }
        let packet = packet.map_err(|error| format!("packet {index} cannot be read: {error}"))?;
        if let Packet::PublicKey(primary) = packet {
            found.push(Parts {
                primary,
                direct: Vec::new(),
                users: Vec::new(),
                subkeys: Vec::new(),
            });
            continue;
        }
        let parts = found
            .last_mut()
            .ok_or("it does not begin with a public key")?;
        match packet {
            Packet::UserId(id) => parts.users.push((User::Id(id), Vec::new())),
            Packet::UserAttribute(attribute) => {
                parts.users.push((User::Attribute(attribute), Vec::new()));
            }
            Packet::PublicSubkey(key) => parts.subkeys.push((key, Vec::new())),
            Packet::Signature(signature) => parts.add(signature)?,
            // Of no meaning outside a local keyring (RFC 9580, 5.10, 5.8 and 5.14).
            Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_) => {}
            _ => return Err(format!("packet {index} does not belong into a public key")),
        }
    }
    if found.is_empty() {
        return Err("there is no public key in it".to_owned());
    }
    Ok(found)
}

// === impl Parts ===

impl Parts {
    /// Files a signature by what it says, since a revocation counts wherever it stands.
    fn add(&mut self, signature: Signature) -> Result<(), &'static str> {
        const MISPLACED: &str = "a signature does not stand behind what it covers";
        let place = match signature.typ() {
            Some(SignatureType::Key | SignatureType::KeyRevocation) => &mut self.direct,
            Some(SignatureType::SubkeyBinding | SignatureType::SubkeyRevocation) => {
                &mut self.subkeys.last_mut().ok_or(MISPLACED)?.1
            }
            Some(SignatureType::CertRevocation) if !self.subkeys.is_empty() => {
                return Err(MISPLACED);
            }
            _ if signature.is_certification() => &mut self.users.last_mut().ok_or(MISPLACED)?.1,
            // Time stamps and confirmations by others say nothing about who may sign.
            _ => return Ok(()),
        };
        place.push(signature);
        Ok(())
    }

    /// Gives the verified self-signatures of users that are not revoked, and the user of the one
    /// that counts most.
    fn users(&self) -> (Vec<&Signature>, Option<String>) {
        let mut found = Vec::new();
        let mut shown: Option<((bool, i64), String)> = None;
        for (user, signatures) in &self.users {
            let verified = |signature: &&Signature| user.certified_by(&self.primary, signature);
            let revoked = signatures
                .iter()
                .filter(|signature| signature.typ() == Some(SignatureType::CertRevocation))
                .any(|signature| verified(&signature));
            let newest = newest(
                signatures
                    .iter()
                    .filter(|signature| {
                        signature.is_certification() && is_strong(signature.hash_alg())
                    })
                    .filter(verified),
            );
            let Some(signature) = newest.filter(|_| !revoked) else {
                continue;
            };
            found.push(signature);
            let rank = (signature.is_primary(), created(signature));
            if let User::Id(id) = user
                && shown.as_ref().is_none_or(|(best, _)| rank > *best)
            {
                shown = Some((rank, text::shown(id.id())));
            }
        }
        (found, shown.map(|(_, name)| name))
    }

    /// Gives the newest self-signature of each kind that counts for the whole certificate, and the
    /// user to show.
    fn bindings(&self) -> (Vec<&Signature>, Option<String>) {
        let direct = newest(
            self.direct
                .iter()
                .filter(|signature| signature.typ() == Some(SignatureType::Key))
                .filter(|signature| is_strong(signature.hash_alg()))
                .filter(|signature| signature.verify_key(&self.primary).is_ok()),
        );
        let (of_users, principal) = self.users();
        // A version 6 certificate says everything in its direct key signature (RFC 9580, 10.1.1).
        let of_users =
            newest(of_users.into_iter()).filter(|_| self.primary.version() != KeyVersion::V6);
        (direct.into_iter().chain(of_users).collect(), principal)
    }

    /// Gives what revocations of the whole certificate take away.
    fn revoked(&self) -> Result<Option<Revoked>, String> {
        let revocations = self
            .direct
            .iter()
            .filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation));
        revoked_by(revocations, |signature| {
            signature.verify_key(&self.primary).is_ok()
        })
    }
}

// === impl User ===

impl User {
    fn certified_by(&self, primary: &PublicKey, signature: &Signature) -> bool {
        match self {
            Self::Id(id) => signature
                .verify_certification(primary, Tag::UserId, id)
                .is_ok(),
            Self::Attribute(attribute) => signature
                .verify_certification(primary, Tag::UserAttribute, attribute)
                .is_ok(),
        }
    }
}

// === impl Certificate ===

impl Certificate {
    fn read(parts: Parts, fingerprint: &str) -> Result<Self, String> {
        if !matches!(parts.primary.version(), KeyVersion::V4 | KeyVersion::V6) {
            return Err("it is of a version other than 4 and 6; make a new key".to_owned());
        }
        let (bindings, principal) = parts.bindings();
        let primary = Part::Primary(Box::new(parts.primary.clone()));
        // A key of an algorithm that is not supported cannot even bind itself.
        if let (true, Some(weakness)) = (bindings.is_empty(), primary.weakness()) {
            return Err(none_usable(&weakness));
        }
        let whole = bindings
            .iter()
            .map(|binding| limits(parts.primary.created_at().as_secs(), binding))
            .reduce(Limits::and)
            .ok_or(
                "no user that is not revoked is bound to it by a signature of its own with SHA-256 \
                 or better; renew it: gpg --cert-digest-algo SHA512 --quick-set-expire FINGERPRINT 5y",
            )?;
        let whole = Limits {
            revoked: parts.revoked()?,
            ..whole
        };
        let mut keys = Vec::new();
        if newest(
            bindings
                .iter()
                .copied()
                .filter(|binding| has_flags(binding)),
        )
        .is_none_or(may_sign)
        {
            keys.push(SigningKey {
                part: primary,
                limits: whole,
            });
        }
        for (subkey, signatures) in &parts.subkeys {
            if let Some(limits) = subkey_limits(&parts.primary, subkey, signatures)? {
                keys.push(SigningKey {
                    part: Part::Subkey(Box::new(subkey.clone())),
                    limits: limits.and(whole),
                });
            }
        }
        let weakness = keys
            .iter()
            .map(|key| key.part.weakness())
            .collect::<Option<Vec<_>>>();
        match weakness.as_deref() {
            Some([]) => Err("none of its keys may sign".to_owned()),
            Some([first, ..]) => Err(none_usable(first)),
            None => Ok(Self {
                principal: principal.unwrap_or_else(|| fingerprint.to_owned()),
                fingerprint: fingerprint.to_owned(),
                keys,
            }),
        }
    }
}

fn none_usable(weakness: &str) -> String {
    format!("none of its keys can be used: {weakness}")
}

/// Gives a subkey's limits; `None` when it may not sign.
fn subkey_limits(
    primary: &PublicKey,
    subkey: &PublicSubkey,
    signatures: &[Signature],
) -> Result<Option<Limits>, String> {
    let verified = |signature: &Signature| signature.verify_subkey_binding(primary, subkey).is_ok();
    let revocations = signatures
        .iter()
        .filter(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
    let revoked = revoked_by(revocations, verified)?;
    let binding = newest(
        signatures
            .iter()
            .filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding))
            .filter(|signature| is_strong(signature.hash_alg()) && verified(signature)),
    );
    // The back signature proves that the subkey's owner wants to belong here: otherwise somebody
    // could bind another person's signing key and pass for its author.
    let binding = binding.filter(|binding| {
        may_sign(binding)
            && binding.embedded_signature().is_some_and(|back| {
                is_strong(back.hash_alg())
                    && back.verify_primary_key_binding(subkey, primary).is_ok()
            })
    });
    Ok(binding.map(|binding| Limits {
        revoked,
        ..limits(subkey.created_at().as_secs(), binding)
    }))
}

/// Gives what these revocations take away together. One that cannot be verified is an error: it may
/// come from a revoker named elsewhere, and passing it over would go on trusting the key.
fn revoked_by<'a>(
    revocations: impl Iterator<Item = &'a Signature>,
    verified: impl Fn(&Signature) -> bool,
) -> Result<Option<Revoked>, String> {
    let mut revoked = None;
    for revocation in revocations {
        if !verified(revocation) {
            return Err(
                "it holds a revocation that is not its own or is damaged; remove the certificate, or \
                 export it again without the revocation if you know that it does not count"
                    .to_owned(),
            );
        }
        let this = match revocation.revocation_reason_code() {
            Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired) => {
                Revoked::Since(created(revocation))
            }
            _ => Revoked::Always,
        };
        revoked = stronger(revoked, Some(this));
    }
    Ok(revoked)
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| created(signature))
}

fn created(signature: &Signature) -> i64 {
    signature
        .created()
        .map_or(0, |time| i64::from(time.as_secs()))
}

/// Reads from a binding until when it and its key count.
fn limits(key_created: u32, binding: &Signature) -> Limits {
    let key_created = i64::from(key_created);
    let key_expires = binding
        .key_expiration_time()
        .map(|after| i64::from(after.as_secs()))
        .filter(|after| *after > 0)
        .map(|after| key_created + after);
    let binding_expires = binding
        .signature_expiration_time()
        .map(|after| i64::from(after.as_secs()))
        .filter(|after| *after > 0)
        .map(|after| created(binding) + after);
    let limits = |expires| Limits {
        created: key_created,
        expires,
        revoked: None,
    };
    limits(key_expires).and(limits(binding_expires))
}

fn has_flags(binding: &Signature) -> bool {
    use pgp::packet::SubpacketData::KeyFlags;
    binding.config().is_some_and(|config| {
        config
            .hashed_subpackets()
            .any(|subpacket| matches!(subpacket.data, KeyFlags(_)))
    })
}

/// Without flags a key may do what its algorithm can (RFC 4880, as GnuPG reads it).
fn may_sign(binding: &Signature) -> bool {
    !has_flags(binding) || binding.key_flags().sign()
}
