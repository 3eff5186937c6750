//! Job: signs commits as `git commit -S` with an SSH key would, thousands in a second.
//! Takes → gives: the text of a commit → the same with its signature.
//! May touch: nothing.
//! Never: a key that anybody uses; linked into the product.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha512};

/// A signing key made from one byte, so that every run signs alike.
#[derive(Debug)]
pub struct Key(SigningKey);

impl Key {
    /// The key of this byte.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    /// The public half in SSH's wire format.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_string(&mut out, b"ssh-ed25519");
        push_string(&mut out, self.0.verifying_key().as_bytes());
        out
    }

    /// The public half as a line for the trust file.
    #[must_use]
    pub fn line(&self, principal: &str) -> String {
        format!("{principal} ssh-ed25519 {}\n", STANDARD.encode(self.wire()))
    }

    /// An SSH signature over these bytes (OpenSSH's PROTOCOL.sshsig).
    #[must_use]
    pub fn armour(&self, namespace: &str, payload: &[u8]) -> String {
        let mut signed = b"SSHSIG".to_vec();
        let digest = Sha512::digest(payload);
        for part in [namespace.as_bytes(), b"", b"sha512", &digest] {
            push_string(&mut signed, part);
        }
        let mut inner = Vec::new();
        push_string(&mut inner, b"ssh-ed25519");
        push_string(&mut inner, &self.0.sign(&signed).to_bytes());
        let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
        let wire = self.wire();
        for part in [&wire, namespace.as_bytes(), b"", b"sha512", &inner] {
            push_string(&mut blob, part);
        }
        let digits = STANDARD.encode(blob);
        format!("-----BEGIN SSH SIGNATURE-----\n{digits}\n-----END SSH SIGNATURE-----\n")
    }

    /// Signs the text of a commit.
    #[must_use]
    pub fn sign_commit(&self, text: &str) -> String {
        with_signature(text, &self.armour("git", text.as_bytes()))
    }
}

/// Puts a signature into a commit as its last header, as Git does.
#[must_use]
pub fn with_signature(payload: &str, armour: &str) -> String {
    let folded = armour.trim_end().replace('\n', "\n ");
    payload.replacen("\n\n", &format!("\ngpgsig {folded}\n\n"), 1)
}

/// Writes a string as SSH does: its length, then its bytes.
pub fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(string);
}
