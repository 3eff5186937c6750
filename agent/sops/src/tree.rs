//! A document as SOPS sees it: maps keep their order, and comments are part of it.

use std::fmt;

use zeroize::Zeroizing;

/// Text, wiped when dropped. It is bytes, because a binary file is one text.
pub(crate) type Text = Zeroizing<Vec<u8>>;

/// A value.
#[derive(Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A time, as RFC 3339 text.
    Time(String),
    Text(Text),
    Map(Branch),
    List(Vec<Node>),
    /// A comment between the values of a list.
    Comment(Comment),
}

/// A map: pairs and comments in their order.
pub(crate) type Branch = Vec<Entry>;

/// What a map consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Comment(Comment),
    Pair(String, Node),
}

/// A line of comment, without its `#`.
#[derive(Clone, PartialEq)]
pub(crate) struct Comment {
    pub(crate) text: Text,
    /// Whether it stands behind a value on the same line.
    pub(crate) inline: bool,
}

// === impl Node ===

impl Node {
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    /// What the value adds to the MAC; nothing for null, comments, maps and lists.
    pub(crate) fn digested(&self) -> Option<Text> {
        let bytes = match self {
            Self::Bool(true) => b"True".to_vec(),
            Self::Bool(false) => b"False".to_vec(),
            Self::Int(value) => value.to_string().into_bytes(),
            Self::Float(value) => crate::number::plain(*value).into_bytes(),
            Self::Time(text) => text.clone().into_bytes(),
            Self::Text(text) => return Some(text.clone()),
            Self::Null | Self::Map(_) | Self::List(_) | Self::Comment(_) => return None,
        };
        Some(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(branch) => branch.fmt(formatter),
            Self::List(nodes) => nodes.fmt(formatter),
            _ => formatter.write_str("***"),
        }
    }
}

// === impl Comment ===

impl Comment {
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Self {
        let text = Zeroizing::new(text.into());
        Self {
            text,
            inline: false,
        }
    }
}

impl fmt::Debug for Comment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("#***")
    }
}
