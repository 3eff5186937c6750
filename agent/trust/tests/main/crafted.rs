//! OpenPGP certificates that gpg would not make: version 6, and lies about who a key belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{
    ArmorOptions, DetachedSignature, EncryptionCaps, KeyType, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Packet, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, KeyVersion, Password, SigningKey, Tag, Timestamp};
use rand_for_pgp::SeedableRng as _;
use rand_for_pgp::rngs::StdRng;
use windlass_trust::{SecretKeys, Signers};

use crate::corpus::{Signable, code};
use crate::kit::{Repo, with_signature};

/// The keys are made now, so what they sign claims a date that is always later: 2096.
const LATER: u32 = 4_000_000_000;

fn generated(seed: u64, version: KeyVersion, algorithm: KeyType) -> SignedSecretKey {
    let subkey = SubkeyParamsBuilder::default()
        .version(version)
        .key_type(algorithm.clone())
        .can_sign(true)
        .can_encrypt(EncryptionCaps::None)
        .build()
        .unwrap();
    SecretKeyParamsBuilder::default()
        .version(version)
        .key_type(algorithm)
        .can_certify(true)
        .can_sign(false)
        .can_encrypt(EncryptionCaps::None)
        .primary_user_id(format!("Ada {seed}"))
        .subkey(subkey)
        .build()
        .unwrap()
        .generate(StdRng::seed_from_u64(seed))
        .unwrap()
}

fn armoured(key: &SignedPublicKey) -> Vec<u8> {
    key.to_armored_bytes(ArmorOptions::default()).unwrap()
}

fn signed(key: &impl SigningKey, payload: &str) -> String {
    let mut config =
        SignatureConfig::from_key(StdRng::seed_from_u64(1), key, SignatureType::Binary).unwrap();
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(
            LATER,
        )))
        .unwrap(),
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).unwrap(),
    ];
    let signature = config
        .sign(key, &Password::empty(), payload.as_bytes())
        .unwrap();
    let armour = DetachedSignature::new(signature).to_armored_string(ArmorOptions::default());
    with_signature(payload, armour.unwrap().trim_end())
}

fn judged(certificates: &[Vec<u8>], text: &str) -> &'static str {
    let files = certificates.iter().map(|bytes| ("a.asc", bytes.as_slice()));
    code(
        &SecretKeys::parse(files)
            .unwrap()
            .commit_signer(text.as_bytes()),
    )
}

#[test]
fn version_6_certificates_count_as_version_4_ones_do() {
    let payload = Signable::Commit.text(&Repo::new(), LATER);
    for (version, algorithm) in [
        (KeyVersion::V4, KeyType::Ed25519),
        (KeyVersion::V6, KeyType::Ed25519),
        (KeyVersion::V6, KeyType::Ed448),
    ] {
        let key = generated(7, version, algorithm);
        let certificate = armoured(&key.to_public_key());
        let text = signed(&key.secret_subkeys[0].key, &payload);
        let secret = SecretKeys::parse([("a.asc", certificate.as_slice())]).unwrap();
        let signer = secret.commit_signer(text.as_bytes()).unwrap();
        assert_eq!(signer.principal, "Ada 7");
        assert_eq!(signer.key, format!("{:X}", key.primary_key.fingerprint()));
        let id = key.primary_key.legacy_key_id().to_string().to_uppercase();
        assert_eq!(signer.flux_key(), id);
        let changed = text.replace("body", "b0dy");
        assert_eq!(
            code(&secret.commit_signer(changed.as_bytes())),
            "BadSignature"
        );
        // The primary key may certify and not sign.
        let by_primary = signed(&key.primary_key, &payload);
        assert_eq!(
            code(&secret.commit_signer(by_primary.as_bytes())),
            "UnknownKey"
        );
    }
}

#[test]
fn a_signing_subkey_without_a_back_signature_is_not_its_certificates() {
    let payload = Signable::Commit.text(&Repo::new(), LATER);
    let honest = generated(1, KeyVersion::V4, KeyType::Ed25519);
    let thief = generated(2, KeyVersion::V4, KeyType::Ed25519);
    let text = signed(&honest.secret_subkeys[0].key, &payload);
    assert_eq!(judged(&[armoured(&honest.to_public_key())], &text), "");
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let stolen = &honest.to_public_key().public_subkeys[0].key;
    let bind = |embedded| {
        stolen
            .sign(
                StdRng::seed_from_u64(3),
                &thief.primary_key,
                thief.primary_key.public_key(),
                &Password::empty(),
                flags.clone(),
                embedded,
            )
            .unwrap()
    };
    let of_another = honest.to_public_key().public_subkeys[0].signatures[0]
        .embedded_signature()
        .cloned();
    assert!(of_another.is_some());
    for embedded in [None, of_another] {
        let mut certificate = thief.to_public_key();
        let own = certificate.public_subkeys[0].clone();
        certificate.public_subkeys[0].key = stolen.clone();
        certificate.public_subkeys[0].signatures = vec![bind(embedded)];
        certificate.public_subkeys.push(own);
        assert_eq!(judged(&[armoured(&certificate)], &text), "UnknownKey");
        certificate.public_subkeys.pop();
        let error = Signers::parse([("a", armoured(&certificate).as_slice())]).unwrap_err();
        assert!(
            error.message.contains("none of its keys may sign"),
            "{error}"
        );
    }
}

#[test]
fn a_revocation_by_somebody_else_refuses_the_file() {
    let ada = generated(1, KeyVersion::V4, KeyType::Ed25519);
    let other = generated(2, KeyVersion::V4, KeyType::Ed25519);
    let revoke = |signing: &SignedSecretKey| {
        let mut config = SignatureConfig::v4(
            SignatureType::KeyRevocation,
            signing.primary_key.algorithm(),
            HashAlgorithm::Sha256,
        );
        let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(LATER));
        let issuer = SubpacketData::IssuerFingerprint(signing.primary_key.fingerprint());
        config.hashed_subpackets = vec![
            Subpacket::regular(time).unwrap(),
            Subpacket::regular(issuer).unwrap(),
        ];
        let revoked = ada.primary_key.public_key();
        config
            .sign_key(&signing.primary_key, &Password::empty(), revoked)
            .unwrap()
    };
    let payload = Signable::Commit.text(&Repo::new(), LATER);
    let text = signed(&ada.secret_subkeys[0].key, &payload);
    let mut certificate = ada.to_public_key();
    certificate.details.revocation_signatures = vec![revoke(&other)];
    let error = Signers::parse([("ada.asc", armoured(&certificate).as_slice())]).unwrap_err();
    assert!(
        error.message.contains("a revocation that is not its own"),
        "{error}"
    );
    certificate.details.revocation_signatures = vec![revoke(&ada)];
    assert_eq!(judged(&[armoured(&certificate)], &text), "KeyRevoked");
    // At the end, where no program writes it, it counts as well.
    let mut packets = ada.to_public_key().to_bytes().unwrap();
    Packet::from(revoke(&ada)).to_writer(&mut packets).unwrap();
    let digits = STANDARD.encode(packets);
    let label = "PGP PUBLIC KEY BLOCK";
    let text_at_end = format!("-----BEGIN {label}-----\n\n{digits}\n-----END {label}-----\n");
    assert_eq!(judged(&[text_at_end.into_bytes()], &text), "KeyRevoked");
}

#[test]
fn a_binding_with_a_weak_hash_does_not_count() {
    let ada = generated(1, KeyVersion::V4, KeyType::Rsa(2048));
    let mut certificate = ada.to_public_key();
    let user = &mut certificate.details.users[0];
    let key = &ada.primary_key;
    let mut config = SignatureConfig::v4(
        SignatureType::CertPositive,
        key.algorithm(),
        HashAlgorithm::Sha1,
    );
    let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(LATER));
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    config.hashed_subpackets = vec![
        Subpacket::regular(time).unwrap(),
        Subpacket::regular(issuer).unwrap(),
    ];
    let weak = config
        .sign_certification(
            key,
            key.public_key(),
            &Password::empty(),
            Tag::UserId,
            &user.id,
        )
        .unwrap();
    user.signatures = vec![weak];
    certificate.details.direct_signatures.clear();
    let error = Signers::parse([("ada.asc", armoured(&certificate).as_slice())]).unwrap_err();
    assert!(error.message.contains("with SHA-256 or better"), "{error}");
}
