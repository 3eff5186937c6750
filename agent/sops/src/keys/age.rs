//! age: X25519 keys, and SSH keys in their place. No passwords, no plugins.

use std::io::Read;

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, ssh, x25519};

use crate::error::KeyError;
use crate::plain::Plain;

/// A data key, or a part of one, is 33 bytes at most; whatever is longer is none.
const MAXIMUM_DATA_KEY: u64 = 64;

/// A private key.
pub(super) enum Identity {
    Age(x25519::Identity),
    Ssh(Box<ssh::Identity>),
}

// === impl Identity ===

impl Identity {
    fn as_age(&self) -> &dyn age::Identity {
        match self {
            Self::Age(identity) => identity,
            Self::Ssh(identity) => &**identity,
        }
    }
}

/// Reads a file of keys: one per line with comments between, or one SSH key.
pub(super) fn read(text: &str) -> Result<Vec<Identity>, KeyError> {
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(vec![read_ssh(text)?]);
    }
    let lines = text.lines().map(str::trim).enumerate();
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    keys.map(|(index, line)| {
        let refused = |reason| KeyError::Refused(format!("line {}: {reason}", index + 1));
        if line.starts_with("AGE-PLUGIN-") {
            return Err(refused(
                "keys of age plugins are refused: no program is started",
            ));
        }
        if line.starts_with("AGE-SECRET-KEY-PQ-") {
            return Err(refused("post-quantum age keys are not supported yet"));
        }
        line.parse()
            .map(Identity::Age)
            .map_err(|_| refused("this is no age private key"))
    })
    .collect()
}

fn read_ssh(text: &str) -> Result<Identity, KeyError> {
    let refused = |reason: &str| KeyError::Refused(format!("the SSH private key {reason}"));
    match ssh::Identity::from_buffer(text.as_bytes(), None) {
        Ok(identity @ ssh::Identity::Unencrypted(_)) => Ok(Identity::Ssh(Box::new(identity))),
        Ok(ssh::Identity::Encrypted(_)) => Err(refused("has a passphrase; store it without one")),
        Ok(ssh::Identity::Unsupported(_)) => Err(refused("is neither Ed25519 nor RSA")),
        Err(_) => Err(refused("cannot be read")),
    }
}

/// Decrypts an armored data key.
pub(super) fn open(encrypted: &str, identities: &[Identity]) -> Result<Plain, KeyError> {
    let broken = || KeyError::Refused("the encrypted data key is no age file".to_owned());
    let reader = ArmoredReader::new(encrypted.as_bytes());
    let decryptor = Decryptor::new_buffered(reader).map_err(|_| broken())?;
    if decryptor.is_scrypt() {
        let reason = "the data key is protected by a password, which is refused; use a key pair";
        return Err(KeyError::Refused(reason.to_owned()));
    }
    let stream = decryptor.decrypt(identities.iter().map(Identity::as_age));
    let stream = stream.map_err(|error| match error {
        DecryptError::NoMatchingKeys => KeyError::NoneFits {
            kind: "age",
            held: identities.len(),
        },
        _ => broken(),
    })?;
    let mut key = Vec::with_capacity(MAXIMUM_DATA_KEY as usize);
    let read = stream.take(MAXIMUM_DATA_KEY).read_to_end(&mut key);
    let key = Plain::new(key);
    read.map_err(|_| broken())?;
    Ok(key)
}
