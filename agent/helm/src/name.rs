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

/// Whether Helm takes a name for a release (pkg/chart/v2/util, `ValidateReleaseName`): words of `a-z`, `0-9` and inner
/// hyphens with dots between them, 53 bytes at most.
#[must_use]
pub fn is_release_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_word = |word: &str| {
        let bytes = word.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|end| end.is_some_and(|end| is_plain(*end)))
            && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
    };
    name.len() <= MAX_LENGTH && name.split('.').all(is_word)
}
