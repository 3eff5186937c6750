//! What a ratchet and a kept head belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One line of history: a source, where it comes from, and what is followed there. A source whose URL or selector
/// changes starts a new line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Line {
    /// The source object, `namespace/name`.
    pub source: String,
    /// The repository's URL, without credentials.
    pub url: String,
    /// What is followed in it, such as `branch=main`.
    pub selector: String,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} ({} {})",
            self.source, self.url, self.selector
        )
    }
}
