//! OpenPGP: private keys without a passphrase open a message that holds the data key.

use std::io::Read;

use pgp::composed::{Deserializable, Message, SignedSecretKey};
use pgp::types::Password;

use crate::error::KeyError;
use crate::plain::Plain;

/// A data key, or a part of one, is 33 bytes at most; whatever is longer is none.
const MAXIMUM_DATA_KEY: u64 = 64;

/// A private key with its subkeys.
pub(super) type SecretKey = SignedSecretKey;

/// Reads the private keys of a file, armored or not.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<SecretKey>, KeyError> {
    let refused = |reason: String| KeyError::Refused(format!("the PGP private key {reason}"));
    let unreadable = |error: pgp::errors::Error| refused(format!("cannot be read: {error}"));
    let keys: Vec<SecretKey> = if bytes.starts_with(b"-----") {
        let (keys, _) = SignedSecretKey::from_armor_many(bytes).map_err(unreadable)?;
        keys.collect::<Result<_, _>>().map_err(unreadable)?
    } else {
        let keys = SignedSecretKey::from_bytes_many(bytes).map_err(unreadable)?;
        keys.collect::<Result<_, _>>().map_err(unreadable)?
    };
    if keys.is_empty() {
        return Err(refused("is missing: the file has none".to_owned()));
    }
    Ok(keys)
}

/// Decrypts an armored message that holds the data key.
pub(super) fn open(encrypted: &str, keys: &[SecretKey]) -> Result<Plain, KeyError> {
    let broken = |error: &dyn std::fmt::Display| {
        KeyError::Refused(format!(
            "the encrypted data key cannot be decrypted: {error}"
        ))
    };
    let (message, _) = Message::from_armor(encrypted.as_bytes()).map_err(|error| broken(&error))?;
    let nobody = Password::empty();
    let passwords = vec![&nobody; keys.len()];
    let message = message
        .decrypt_with_keys(passwords, keys.iter().collect())
        .map_err(|error| match error {
            pgp::errors::Error::MissingKey => KeyError::NoneFits {
                kind: "PGP",
                held: keys.len(),
            },
            error => broken(&error),
        })?;
    let mut message = if message.is_compressed() {
        message.decompress().map_err(|error| broken(&error))?
    } else {
        message
    };
    let mut key = Vec::with_capacity(MAXIMUM_DATA_KEY as usize);
    let read = message
        .by_ref()
        .take(MAXIMUM_DATA_KEY)
        .read_to_end(&mut key);
    let key = Plain::new(key);
    read.map_err(|error| broken(&error))?;
    Ok(key)
}
