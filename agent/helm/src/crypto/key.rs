//! Private keys: RSA, ECDSA on P-256, and Ed25519.

use p256_new::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa_new::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa_new::pkcs1v15;
use rsa_new::sha2::Sha256;
use rsa_new::signature::{SignatureEncoding, Signer};

use crate::crypto::der::{self, OBJECT_ID, OCTET_STRING, SEQUENCE};
use crate::crypto::{Random, pem};

/// A private key.
pub(crate) enum Key {
    Rsa(Box<rsa_new::RsaPrivateKey>),
    Ecdsa(p256_new::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// 1.2.840.113549.1.1.11 with a null: SHA-256 with RSA.
const SHA256_WITH_RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
/// 1.2.840.10045.4.3.2: ECDSA with SHA-256.
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// 1.3.101.112: Ed25519, as key and as signature.
const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
/// 1.2.840.10045.3.1.7: the curve P-256.
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";

// === impl Key ===

impl Key {
    /// A new RSA key.
    pub(crate) fn rsa(random: &mut Random<'_>, bits: usize) -> Result<Self, String> {
        let key = rsa_new::RsaPrivateKey::new(random, bits).map_err(|error| error.to_string())?;
        Ok(Self::Rsa(Box::new(key)))
    }

    /// A new key on P-256.
    pub(crate) fn ecdsa(random: &Random<'_>) -> Self {
        loop {
            let mut bytes = [0; 32];
            random.0.fill_random(&mut bytes);
            // All but one of 2^32 numbers are a key.
            if let Ok(key) = p256_new::SecretKey::from_slice(&bytes) {
                return Self::Ecdsa(key);
            }
        }
    }

    /// A new Ed25519 key.
    pub(crate) fn ed25519(random: &Random<'_>) -> Self {
        let mut seed = [0; 32];
        random.0.fill_random(&mut seed);
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// As Sprig writes it: PKCS#1 for RSA, SEC 1 for ECDSA, PKCS#8 for Ed25519.
    pub(crate) fn to_pem(&self) -> Result<String, String> {
        match self {
            Self::Rsa(key) => {
                let der = key.to_pkcs1_der().map_err(|error| error.to_string())?;
                Ok(pem::encode("RSA PRIVATE KEY", der.as_bytes()))
            }
            Self::Ecdsa(key) => {
                let point = key.public_key().to_sec1_bytes();
                let der = der::element(
                    SEQUENCE,
                    &[
                        &der::integer(&[1]),
                        &der::element(OCTET_STRING, &[&key.to_bytes()]),
                        &der::element(0xa0, &[&der::element(OBJECT_ID, &[P256])]),
                        &der::element(0xa1, &[&der::bits(&point)]),
                    ],
                );
                Ok(pem::encode("EC PRIVATE KEY", &der))
            }
            Self::Ed25519(key) => {
                let seed = der::element(OCTET_STRING, &[&key.to_bytes()]);
                let der = der::element(
                    SEQUENCE,
                    &[
                        &der::integer(&[0]),
                        ED25519,
                        &der::element(OCTET_STRING, &[&seed]),
                    ],
                );
                Ok(pem::encode("PRIVATE KEY", &der))
            }
        }
    }

    /// Reads a key in any of these forms.
    pub(crate) fn from_pem(text: &str) -> Result<Self, String> {
        let Some((label, der)) = pem::decode(text) else {
            return Err("no PEM data in input".to_owned());
        };
        match label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&der),
            "RSA PRIVATE KEY" => match rsa_new::RsaPrivateKey::from_pkcs1_der(&der) {
                Ok(key) => Ok(Self::Rsa(Box::new(key))),
                Err(error) => Err(format!("parsing RSA private key from PEM: {error}")),
            },
            "EC PRIVATE KEY" => match p256_new::SecretKey::from_sec1_der(&der) {
                Ok(key) => Ok(Self::Ecdsa(key)),
                Err(error) => Err(format!("parsing EC private key from PEM: {error}")),
            },
            _ if label.ends_with(" PRIVATE KEY") => {
                let kind = label.trim_end_matches(" PRIVATE KEY");
                Err(format!("invalid private key type {kind}"))
            }
            _ => Err(format!("no private key data in PEM block of type {label}")),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        if let Ok(key) = rsa_new::RsaPrivateKey::from_pkcs8_der(der) {
            return Ok(Self::Rsa(Box::new(key)));
        }
        if let Ok(key) = p256_new::SecretKey::from_pkcs8_der(der) {
            return Ok(Self::Ecdsa(key));
        }
        let parts = der::read(der).map(|outer| der::children(outer.content));
        let seed = parts.as_ref().and_then(|parts| {
            let [_, algorithm, key, ..] = parts.as_slice() else {
                return None;
            };
            let seed = der::read(key.content)?.content;
            (algorithm.whole == ED25519).then_some(seed)
        });
        match seed.and_then(|seed| <[u8; 32]>::try_from(seed).ok()) {
            Some(seed) => Ok(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))),
            None => Err("decoding PEM as PKCS#8: not a key of a known kind".to_owned()),
        }
    }

    /// The public key with its algorithm: X.509's SubjectPublicKeyInfo.
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => {
                let public = rsa_new::RsaPublicKey::from(key.as_ref());
                let der = public.to_public_key_der();
                der.map(|der| der.as_bytes().to_vec())
                    .map_err(|error| error.to_string())
            }
            Self::Ecdsa(key) => {
                let der = key.public_key().to_public_key_der();
                der.map(|der| der.as_bytes().to_vec())
                    .map_err(|error| error.to_string())
            }
            Self::Ed25519(key) => {
                let public = key.verifying_key().to_bytes();
                Ok(der::element(SEQUENCE, &[ED25519, &der::bits(&public)]))
            }
        }
    }

    /// The algorithm it signs by.
    pub(crate) fn signature_algorithm(&self) -> &'static [u8] {
        match self {
            Self::Rsa(_) => SHA256_WITH_RSA,
            Self::Ecdsa(_) => ECDSA_WITH_SHA256,
            Self::Ed25519(_) => ED25519,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => {
                let signer = pkcs1v15::SigningKey::<Sha256>::new(key.as_ref().clone());
                let signature = signer.try_sign(message);
                signature
                    .map(|signature| signature.to_vec())
                    .map_err(|error| error.to_string())
            }
            Self::Ecdsa(key) => {
                let signer = p256_new::ecdsa::SigningKey::from(key);
                let signature: Result<p256_new::ecdsa::Signature, _> = signer.try_sign(message);
                signature
                    .map(|signature| signature.to_der().as_bytes().to_vec())
                    .map_err(|error| error.to_string())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                Ok(key.sign(message).to_bytes().to_vec())
            }
        }
    }
}
