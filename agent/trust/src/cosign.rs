//! Signatures that cosign makes with a key: over a short text that names the digest of an artifact.
//!
//! The text is what containers' "simple signing" has (github.com/containers/image, `docs/containers-signature.5.md`); cosign puts it
//! and its signature into the registry, beside the artifact (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use serde::Deserialize;

use crate::ContentDigest;

/// What stands before the point of a P-256 key in DER (RFC 5480).
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// What stands before an Ed25519 key in DER (RFC 8410).
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Bytes of a PEM file with one key; a key takes some two hundred.
const PEM_BYTES: usize = 16 * 1024;

/// A public key as `cosign generate-key-pair` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignKey(Key);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    P256(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A text is no key that is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignKeyError {
    /// It is no public key in PEM.
    #[error("is no public key in PEM, as `cosign generate-key-pair` writes it to cosign.pub")]
    NotPem,
    /// It is one of another kind.
    #[error(
        "is a key of a kind that is not used here; take ECDSA P-256, as cosign does, or Ed25519"
    )]
    Kind,
}

/// What a signature says.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: ContentDigest,
}

/// What a bundle of sigstore holds of a signature (sigstore/protobuf-specs, `sigstore_bundle.proto`). Logs and clocks in it
/// are not looked at: the key is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

/// A signed text and its kind (secure-systems-lab/dsse, `envelope.md`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// What is said of which artifacts (in-toto/attestation, `spec/v1/statement.md`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

/// The kind of a text that says something of artifacts.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// What `cosign sign` says of one: that it is signed. Whoever says anything else of it, such as how it was built, may say so
/// of artifacts that nobody should run.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// Signatures of one text that are looked at.
const SIGNATURES: usize = 16;

impl CosignKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// It is none, or of a kind that is not used.
    pub fn parse(pem: &str) -> Result<Self, CosignKeyError> {
        let der = der(pem).ok_or(CosignKeyError::NotPem)?;
        let key = if let Some(point) = der.strip_prefix(P256) {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok();
            key.map(|key| Key::P256(Box::new(key)))
        } else {
            let bytes = der.strip_prefix(ED25519);
            let bytes = bytes.and_then(|bytes| <&[u8; 32]>::try_from(bytes).ok());
            let key = bytes.and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok());
            key.map(|key| Key::Ed25519(Box::new(key)))
        };
        key.map(Self).ok_or(CosignKeyError::Kind)
    }

    /// Whether the key signed a text which says that this is the artifact. `signature` is in base64, as it stands in the
    /// annotation `dev.cosignproject.cosign/signature`.
    #[must_use]
    pub fn vouches(&self, artifact: &ContentDigest, payload: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature.trim()) else {
            return false;
        };
        if !self.signed(payload, &signature) {
            return false;
        }
        // Nothing is read before it is known who wrote it.
        let said: Option<Payload> = serde_json::from_slice(payload).ok();
        said.is_some_and(|said| said.critical.image.digest == *artifact)
    }

    /// Whether a bundle holds a text by which the key signed this artifact, as `cosign sign` makes it from version 3 on.
    #[must_use]
    pub fn vouches_in_bundle(&self, artifact: &ContentDigest, bundle: &[u8]) -> bool {
        let Ok(Bundle { dsse_envelope }) = serde_json::from_slice(bundle) else {
            return false;
        };
        let Ok(payload) = STANDARD.decode(&dsse_envelope.payload) else {
            return false;
        };
        let kind = dsse_envelope.payload_type;
        let signed = encoded(&kind, &payload);
        let mut signatures = dsse_envelope.signatures.iter().take(SIGNATURES);
        let is_ours = signatures.any(|one| {
            let signature = STANDARD.decode(&one.sig);
            signature.is_ok_and(|signature| self.signed(&signed, &signature))
        });
        if !is_ours || kind != STATEMENT {
            return false;
        }
        let said: Option<Statement> = serde_json::from_slice(&payload).ok();
        said.is_some_and(|said| {
            let hex = artifact.hex();
            let names =
                |subject: &Subject| subject.digest.get("sha256").is_some_and(|it| *it == hex);
            said.predicate_type == SIGNED && said.subject.iter().any(names)
        })
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Key::P256(key) => {
                let signature = p256::ecdsa::Signature::from_der(signature);
                signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Key::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
        }
    }
}

/// What is signed of an envelope (secure-systems-lab/dsse, `protocol.md`).
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// What is between the lines that begin and end a public key.
fn der(pem: &str) -> Option<Vec<u8>> {
    if pem.len() > PEM_BYTES {
        return None;
    }
    let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, rest) = rest.split_once("-----END PUBLIC KEY-----")?;
    if rest.contains("-----BEGIN") {
        return None;
    }
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use p256::ecdsa::signature::Signer as _;

    use super::*;

    fn pem(prefix: &[u8], key: &[u8]) -> String {
        let body = STANDARD.encode([prefix, key].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    fn payload(digest: &ContentDigest) -> Vec<u8> {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"h/x"}},"image":{{"docker-manifest-digest":"{digest}"}},
            "type":"cosign container image signature"}},"optional":null}}"#
        )
        .into_bytes()
    }

    fn check(key: &CosignKey, sign: impl Fn(&[u8]) -> Vec<u8>) {
        let (this, other) = (ContentDigest::of(b"this"), ContentDigest::of(b"other"));
        let text = payload(&this);
        let signature = STANDARD.encode(sign(&text));
        assert!(key.vouches(&this, &text, &signature));
        assert!(key.vouches(&this, &text, &format!("{signature}\n")));
        assert!(!key.vouches(&other, &text, &signature));
        assert!(!key.vouches(&other, &payload(&other), &signature));
        assert!(!key.vouches(&this, &text, ""));
        assert!(!key.vouches(&this, &text, &STANDARD.encode(b"no signature")));
        for odd in ["", "{}", "{\"critical\":{\"image\":{}}}"] {
            let signature = STANDARD.encode(sign(odd.as_bytes()));
            assert!(!key.vouches(&this, odd.as_bytes(), &signature), "{odd}");
        }
    }

    fn bundle(kind: &str, statement: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let signature = STANDARD.encode(sign(&encoded(kind, statement.as_bytes())));
        let payload = STANDARD.encode(statement);
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":"x"}}}},
            "dsseEnvelope":{{"payload":"{payload}","payloadType":"{kind}","signatures":[{{"sig":"AA=="}},{{"sig":"{signature}"}}]}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn a_bundle_vouches_for_the_artifact_that_it_was_made_to_sign_and_says_nothing_else() {
        let signing = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let key = CosignKey::parse(&pem(ED25519, &signing.verifying_key().to_bytes())).unwrap();
        let sign = |text: &[u8]| signing.sign(text).to_bytes().to_vec();
        let (this, other) = (ContentDigest::of(b"this"), ContentDigest::of(b"other"));
        let statement = |digest: &ContentDigest, predicate: &str| {
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{predicate}"}}"#,
                digest.hex()
            )
        };
        let good = bundle(STATEMENT, &statement(&this, SIGNED), sign);
        assert!(key.vouches_in_bundle(&this, &good));
        assert!(!key.vouches_in_bundle(&other, &good));
        let provenance = statement(&this, "https://slsa.dev/provenance/v1");
        for bad in [
            bundle(STATEMENT, &provenance, sign),
            bundle("text/plain", &statement(&this, SIGNED), sign),
            bundle(STATEMENT, &statement(&this, SIGNED), |_| vec![0; 64]),
            // What was signed is not the text alone.
            bundle(STATEMENT, &statement(&this, SIGNED), |text| {
                let start = text.iter().position(|byte| *byte == b'{').unwrap();
                sign(&text[start..])
            }),
            bundle(STATEMENT, "{}", sign),
            b"{}".to_vec(),
            Vec::new(),
        ] {
            assert!(
                !key.vouches_in_bundle(&this, &bad),
                "{}",
                String::from_utf8_lossy(&bad)
            );
        }
    }

    #[test]
    fn a_signature_vouches_for_the_artifact_that_it_names_and_for_no_other() {
        let signing = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = signing.verifying_key().to_encoded_point(false);
        let key = CosignKey::parse(&pem(P256, point.as_bytes())).unwrap();
        check(&key, |text| {
            let signature: p256::ecdsa::Signature = signing.sign(text);
            signature.to_der().as_bytes().to_vec()
        });
        let signing = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let bytes = signing.verifying_key().to_bytes();
        let other = CosignKey::parse(&pem(ED25519, &bytes)).unwrap();
        check(&other, |text| signing.sign(text).to_bytes().to_vec());
        assert_ne!(key, other);
    }

    #[test]
    fn what_is_no_key_says_what_is_expected() {
        for text in [
            "",
            "ssh-ed25519 AAAA",
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(
                CosignKey::parse(text),
                Err(CosignKeyError::NotPem),
                "{text}"
            );
        }
        for key in [
            pem(P256, &[4; 65]),
            pem(ED25519, &[1; 31]),
            pem(b"\x30\x00", b""),
        ] {
            assert_eq!(CosignKey::parse(&key), Err(CosignKeyError::Kind), "{key}");
        }
        let two = [pem(ED25519, &[1; 32]), pem(ED25519, &[1; 32])].concat();
        assert_eq!(CosignKey::parse(&two), Err(CosignKeyError::NotPem));
    }
}
