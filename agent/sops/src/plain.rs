//! Bytes that are wiped when they are dropped and never printed.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

/// Plaintext or key material: prints `***`, and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(Zeroizing<Vec<u8>>);

// === impl Plain ===

impl Plain {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Deref for Plain {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
