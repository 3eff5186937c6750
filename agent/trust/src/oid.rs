//! Object ids and object kinds, parsed once at the door.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The SHA-1 name of a Git object: twenty bytes, shown as forty lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Oid([u8; 20]);

/// The text is not an object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an object id: forty lowercase hex digits are expected")]
pub struct ParseOidError {
    /// The text as given, cut to a length that is safe to print.
    pub text: String,
}

/// The four kinds of Git object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A directory listing.
    Tree,
    /// The bytes of a file, or the target of a symbolic link.
    Blob,
    /// An annotated tag.
    Tag,
}

// === impl Oid ===

impl Oid {
    /// Wraps twenty raw bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Gives the twenty raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads twenty raw bytes; `None` when the slice has another length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads exactly forty lowercase hex digits; Git writes ids in lowercase only, so that one
    /// object has one name.
    pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
        if digits.len() != 40 || digits.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Oid({self})")
    }
}

impl FromStr for Oid {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, ParseOidError> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| ParseOidError {
            text: text.chars().take(64).collect(),
        })
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.to_string()
    }
}

impl TryFrom<String> for Oid {
    type Error = ParseOidError;

    fn try_from(text: String) -> Result<Self, ParseOidError> {
        text.parse()
    }
}

// === impl ObjectKind ===

impl ObjectKind {
    /// The word that Git writes in an object's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// Reads the word of an object's header; `None` for any other word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "commit" => Some(Self::Commit),
            "tree" => Some(Self::Tree),
            "blob" => Some(Self::Blob),
            "tag" => Some(Self::Tag),
            _ => None,
        }
    }

    /// The number that packs use for the kind (gitformat-pack(5)).
    pub const fn code(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Tree => 2,
            Self::Blob => 3,
            Self::Tag => 4,
        }
    }

    /// Reads the number that packs use; `None` for any other number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Commit),
            2 => Some(Self::Tree),
            3 => Some(Self::Blob),
            4 => Some(Self::Tag),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
