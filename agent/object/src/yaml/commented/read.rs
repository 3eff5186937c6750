//! Nodes and comments to entries: each comment goes to the innermost map or list that it is
//! indented like, before the value that follows it there.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::yaml::arena::{self, Arena, Content, NodeId, Scalar};
use crate::yaml::commented::{Comment, Entry, Item, Node};
use crate::yaml::scalar::{self, Tagged, Type};
use crate::yaml::{Dialect, Position, YamlError, timestamp};

pub(super) fn documents(arena: &Arena<'_>) -> Result<Vec<Vec<Entry<'static>>>, YamlError> {
    let mut documents = Vec::with_capacity(arena.roots.len());
    for (index, root) in arena.roots.iter().enumerate() {
        let comments = arena.comments.iter();
        // What stands behind the last document belongs to it.
        let last = arena.roots.len() - 1;
        let mut reader = Reader {
            arena,
            comments: comments
                .filter(|comment| comment.document.min(last) == index)
                .collect(),
            next: 0,
        };
        documents.push(reader.document(*root)?);
    }
    Ok(documents)
}

struct Reader<'a, 't> {
    arena: &'a Arena<'t>,
    /// The comments of this document.
    comments: Vec<&'a arena::Comment<'t>>,
    /// The first that is not placed.
    next: usize,
}

// === impl Reader ===

impl<'a> Reader<'a, '_> {
    fn document(&mut self, root: NodeId) -> Result<Vec<Entry<'static>>, YamlError> {
        let mut entries = match self.node(root, End::Document, 0)? {
            Node::Map(entries) => entries,
            Node::Null => Vec::new(),
            _ => {
                let message = "a document must be a map, not a list or a value";
                return Err(YamlError::new(self.arena.position(root), message));
            }
        };
        while let Some(comment) = self.take(|_| true) {
            entries.push(Entry::Comment(comment));
        }
        Ok(entries)
    }

    /// `indent` is the column of the map or list around the node.
    fn node(&mut self, id: NodeId, end: End, indent: usize) -> Result<Node<'static>, YamlError> {
        let position = self.arena.position(id);
        match self.arena.node(id).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => value(scalar, position),
            Some(Content::Alias(target)) => self.without_comments(*target),
            Some(Content::Mapping(children)) => self.map(children, end),
            Some(Content::Sequence(children)) => self.list(children, end, indent),
            None => Ok(Node::Null),
        }
    }

    /// What an alias stands for: its comments are where its anchor is.
    fn without_comments(&self, id: NodeId) -> Result<Node<'static>, YamlError> {
        let mut reader = Reader {
            arena: self.arena,
            comments: Vec::new(),
            next: 0,
        };
        reader.node(id, End::Document, 0)
    }

    fn map(&mut self, children: &'a [NodeId], end: End) -> Result<Node<'static>, YamlError> {
        let mut entries = Vec::with_capacity(children.len() / 2);
        let mut keys = HashSet::new();
        // One without keys stands in braces, and no comment in it.
        let indent = children
            .first()
            .map_or(usize::MAX, |key| self.arena.position(*key).column);
        let mut pairs = children.chunks_exact(2).peekable();
        while let Some(pair) = pairs.next() {
            let [key_id, value_id] = *pair else {
                continue;
            };
            let position = self.arena.position(key_id);
            entries.extend(self.before(position).map(Entry::Comment));
            let key = self.key(key_id)?;
            if !keys.insert(key.clone()) {
                let message = format!("key {key:?} is already set in this map");
                return Err(YamlError::new(position, message));
            }
            let end = match pairs.peek() {
                Some([next, ..]) => End::At(self.arena.position(*next)),
                _ => end,
            };
            entries.extend(self.beside(value_id, end).map(Entry::Comment));
            let node = self.node(value_id, end, indent)?;
            entries.push(Entry::Pair(key.into(), node));
        }
        while let Some(comment) = self.take(|comment| belongs(comment, indent, end)) {
            entries.push(Entry::Comment(comment));
        }
        Ok(Node::Map(entries))
    }

    fn list(
        &mut self,
        children: &'a [NodeId],
        end: End,
        outer: usize,
    ) -> Result<Node<'static>, YamlError> {
        let mut items = Vec::with_capacity(children.len());
        // Items stand two columns behind the dash, unless more blanks follow it.
        let first = children
            .first()
            .map(|item| self.arena.position(*item).column);
        let indent = first.unwrap_or(usize::MAX).saturating_sub(2).max(outer + 1);
        let mut rest = children.iter().peekable();
        while let Some(child) = rest.next() {
            items.extend(self.before(self.arena.position(*child)).map(Item::Comment));
            let end = match rest.peek() {
                Some(next) => End::At(self.arena.position(**next)),
                None => end,
            };
            items.extend(self.beside(*child, end).map(Item::Comment));
            items.push(Item::Value(self.node(*child, end, indent)?));
        }
        while let Some(comment) = self.take(|comment| belongs(comment, indent, end)) {
            items.push(Item::Comment(comment));
        }
        Ok(Node::List(items))
    }

    /// The comments before a position.
    fn before(&mut self, position: Position) -> impl Iterator<Item = Comment<'static>> + use<> {
        let mut taken = Vec::new();
        while let Some(comment) = self.take(|comment| is_before(comment.position, position)) {
            taken.push(Comment {
                inline: false,
                ..comment
            });
        }
        taken.into_iter()
    }

    /// The comments in the line of a value; beside a map or list they count as comments before it.
    fn beside(&mut self, id: NodeId, end: End) -> impl Iterator<Item = Comment<'static>> + use<> {
        let first_child = match self.arena.node(id).map(|node| &node.content) {
            Some(Content::Sequence(children) | Content::Mapping(children)) => {
                Some(children.first().copied())
            }
            _ => None,
        };
        let end = match first_child {
            Some(Some(child)) => End::At(self.arena.position(child)),
            _ => end,
        };
        let mut taken = Vec::new();
        while let Some(comment) = self.take(|comment| comment.inline && end.is_behind(comment)) {
            taken.push(Comment {
                inline: first_child.is_none(),
                ..comment
            });
        }
        taken.into_iter()
    }

    fn take(
        &mut self,
        wanted: impl FnOnce(&arena::Comment<'_>) -> bool,
    ) -> Option<Comment<'static>> {
        let comment = self
            .comments
            .get(self.next)
            .filter(|comment| wanted(comment))?;
        self.next += 1;
        Some(Comment {
            text: Cow::Owned(comment.text.clone().into_owned()),
            inline: comment.inline,
        })
    }

    fn key(&self, id: NodeId) -> Result<String, YamlError> {
        let position = self.arena.position(id);
        match self.arena.node(id).map(|node| &node.content) {
            Some(Content::Alias(target)) => self.key(*target),
            Some(Content::Scalar(scalar)) => match value(scalar, position)? {
                Node::Text(text) => Ok(text.into_owned()),
                _ => Err(YamlError::new(position, "a key must be text; quote it")),
            },
            _ => Err(YamlError::new(
                position,
                "a key must be text, not a list or a map",
            )),
        }
    }
}

/// Where the node that follows a map or list starts.
#[derive(Clone, Copy)]
enum End {
    At(Position),
    Document,
}

// === impl End ===

impl End {
    fn is_behind(self, comment: &arena::Comment<'_>) -> bool {
        match self {
            Self::At(position) => is_before(comment.position, position),
            Self::Document => true,
        }
    }
}

/// Whether a comment behind the last value still belongs to its map or list.
fn belongs(comment: &arena::Comment<'_>, indent: usize, end: End) -> bool {
    end.is_behind(comment) && comment.position.column >= indent
}

fn is_before(one: Position, other: Position) -> bool {
    (one.line, one.column) < (other.line, other.column)
}

fn value(scalar: &Scalar<'_>, position: Position) -> Result<Node<'static>, YamlError> {
    let own = || Cow::Owned(scalar.text.clone().into_owned());
    let found = match &scalar.tag {
        Some(tag) => scalar::tagged(Dialect::Kustomize, tag, &scalar.text)
            .map_err(|message| YamlError::new(position, message))?,
        None if scalar.is_plain() => {
            if let Some(time) = timestamp::rfc3339(&scalar.text) {
                return Ok(Node::Time(Cow::Owned(time)));
            }
            Tagged::As(scalar::plain_type(Dialect::Kustomize, &scalar.text))
        }
        None => Tagged::As(Type::Text),
    };
    Ok(match found {
        Tagged::Decoded(text) => Node::Text(Cow::Owned(text)),
        Tagged::As(Type::Null) => Node::Null,
        Tagged::As(Type::Bool(value)) => Node::Bool(value),
        Tagged::As(Type::Integer(value)) => Node::Int(value),
        Tagged::As(Type::Float(value)) => Node::Float(value),
        Tagged::As(Type::Text) => Node::Text(own()),
        Tagged::As(Type::Unsigned(_)) => {
            let message = "the integer has more than 64 bits with its sign; quote it";
            return Err(YamlError::new(position, message));
        }
    })
}
