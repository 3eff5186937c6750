//! YAML documents with their comments.

use std::borrow::Cow;

use windlass_object::yaml::{Limits, commented};
use zeroize::Zeroizing;

use crate::plain::Plain;
use crate::tree::{Branch, Comment, Entry, Node};

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Branch>, String> {
    let documents = commented::read(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    Ok(documents.into_iter().map(branch).collect())
}

pub(super) fn write(branches: &[Branch]) -> Result<Plain, String> {
    let documents = branches.iter().map(|branch| entries(branch));
    let documents = documents.collect::<Result<Vec<_>, _>>()?;
    Ok(Plain::new(commented::write(&documents).into_bytes()))
}

fn branch(entries: Vec<commented::Entry<'static>>) -> Branch {
    let entries = entries.into_iter().map(|entry| match entry {
        commented::Entry::Comment(comment) => Entry::Comment(own(comment)),
        commented::Entry::Pair(key, value) => Entry::Pair(key.into_owned(), node(value)),
    });
    entries.collect()
}

fn node(value: commented::Node<'static>) -> Node {
    match value {
        commented::Node::Null => Node::Null,
        commented::Node::Bool(value) => Node::Bool(value),
        commented::Node::Int(value) => Node::Int(value),
        commented::Node::Float(value) => Node::Float(value),
        commented::Node::Time(text) => Node::Time(text.into_owned()),
        commented::Node::Text(text) => Node::text(text.into_owned()),
        commented::Node::Map(entries) => Node::Map(branch(entries)),
        commented::Node::List(items) => {
            let nodes = items.into_iter().map(|item| match item {
                commented::Item::Comment(comment) => Node::Comment(own(comment)),
                commented::Item::Value(value) => node(value),
            });
            Node::List(nodes.collect())
        }
    }
}

fn own(comment: commented::Comment<'static>) -> Comment {
    Comment {
        text: Zeroizing::new(comment.text.into_owned().into_bytes()),
        inline: comment.inline,
    }
}

fn entries(branch: &Branch) -> Result<Vec<commented::Entry<'_>>, String> {
    let entries = branch.iter().map(|entry| {
        Ok(match entry {
            Entry::Comment(comment) => commented::Entry::Comment(borrowed(comment)?),
            Entry::Pair(key, value) => {
                let value = lent(value).map_err(|reason| format!("{key}: {reason}"))?;
                commented::Entry::Pair(Cow::Borrowed(key), value)
            }
        })
    });
    entries.collect()
}

fn lent(node: &Node) -> Result<commented::Node<'_>, String> {
    Ok(match node {
        Node::Null => commented::Node::Null,
        Node::Bool(value) => commented::Node::Bool(*value),
        Node::Int(value) => commented::Node::Int(*value),
        Node::Float(value) => commented::Node::Float(*value),
        Node::Time(text) => commented::Node::Time(Cow::Borrowed(text)),
        Node::Text(bytes) => commented::Node::Text(text(bytes)?),
        Node::Map(branch) => commented::Node::Map(entries(branch)?),
        Node::List(nodes) => {
            let items = nodes.iter().map(|node| match node {
                Node::Comment(comment) => borrowed(comment).map(commented::Item::Comment),
                value => lent(value).map(commented::Item::Value),
            });
            commented::Node::List(items.collect::<Result<_, String>>()?)
        }
        Node::Comment(_) => return Err("a value decrypts to a comment".to_owned()),
    })
}

fn borrowed(comment: &Comment) -> Result<commented::Comment<'_>, String> {
    Ok(commented::Comment {
        text: text(&comment.text)?,
        inline: comment.inline,
    })
}

fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = std::str::from_utf8(bytes);
    text.map(Cow::Borrowed)
        .map_err(|_| "bytes that are no UTF-8 have no form in YAML".to_owned())
}
