//! Names of releases.

use rsa_new::sha2::{Digest as _, Sha256};

/// The longest name: what a label holds, less what charts put behind it.
const MAX_LENGTH: usize = 53;

/// Digits of the digest that stands for what was cut off.
const DIGITS: usize = 12;

/// A name that fits: one over 53 bytes is cut, and ends in a digest of the whole (helm-controller's `ShortenName`).
#[must_use]
pub fn shorten_name(name: &str) -> String {
    if name.len() <= MAX_LENGTH {
        return name.to_owned();
    }
    let digest = hex::encode(Sha256::digest(name));
    // Names of objects are ASCII; what is not falls back to the digest alone.
    let start = name.get(..MAX_LENGTH - DIGITS - 1).unwrap_or_default();
    let digest = digest.get(..DIGITS).unwrap_or_default();
    format!("{start}-{digest}")
}
