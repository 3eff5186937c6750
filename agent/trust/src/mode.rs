//! How much of what is new must be signed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of the new commits must each be signed by a pinned key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Those on some way by parents, in any order, from the head back to the last accepted commit.
    /// Whoever signs a merge vouches for what comes in from the side.
    #[default]
    Path,
    /// Those on the way by first parents from the head back to the last accepted commit.
    FirstParent,
    /// Every one.
    All,
}

/// A word that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be path, first-parent or all, not {0:?}")]
pub struct ParseModeError(String);

// === impl Mode ===

impl Mode {
    /// The mode's word in configuration, messages and the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::FirstParent => "first-parent",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Path, Self::FirstParent, Self::All]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| ParseModeError(word.to_owned()))
    }
}
