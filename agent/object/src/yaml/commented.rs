//! Documents with their comments and the order of their maps, as SOPS reads and writes YAML
//! (go-yaml v3's nodes).
//!
//! Where a comment stands is kept: between which values of which map or list, or behind a value.
//! Blank lines, quotes, anchors and the style of blocks are not.

mod read;
mod write;

use std::borrow::Cow;

use crate::yaml::events::Comments;
use crate::yaml::{Limits, YamlError};

pub use self::write::write;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'t> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, infinite ones and NaN too.
    Float(f64),
    /// A time, as RFC 3339 text.
    Time(Cow<'t, str>),
    /// Text.
    Text(Cow<'t, str>),
    /// A map with its comments.
    Map(Vec<Entry<'t>>),
    /// A list with its comments.
    List(Vec<Item<'t>>),
}

/// What a map consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'t> {
    /// A comment before the next pair, or behind the last.
    Comment(Comment<'t>),
    /// A key and its value.
    Pair(Cow<'t, str>, Node<'t>),
}

/// What a list consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'t> {
    /// A comment before the next value, or behind the last.
    Comment(Comment<'t>),
    /// A value.
    Value(Node<'t>),
}

/// One line of comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment<'t> {
    /// What stands behind the `#`.
    pub text: Cow<'t, str>,
    /// Whether it stands in the line of the value that follows it here.
    pub inline: bool,
}

/// Reads every document, each a map; one that is empty is an empty map. Aliases are written out.
///
/// # Errors
/// The text is no YAML, goes over a limit, has a key twice, a document that is no map, or a value
/// that go-yaml's plain types cannot hold.
pub fn read(text: &[u8], limits: &Limits) -> Result<Vec<Vec<Entry<'static>>>, YamlError> {
    let prepared = super::prepare(text, limits)?;
    super::read(prepared, limits, Comments::Kept, |arena| {
        read::documents(&arena)
    })
}

#[cfg(test)]
mod tests;
