//! Texts that must not be printed.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

/// A token, a password, or the URL or header that holds one. `Debug` prints `***`; the memory is cleared on drop.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// The fields of a Secret of the cluster that are text.
pub type Fields = BTreeMap<String, Secret>;

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
