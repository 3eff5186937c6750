//! JSON objects in their own order, and JSON values of built objects.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use zeroize::Zeroizing;

use crate::number;
use crate::plain::Plain;
use crate::tree::{Branch, Entry, Node, Text};

pub(super) fn read(bytes: &[u8]) -> Result<Branch, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Ordered(node) = Ordered::deserialize(&mut reader).map_err(|error| {
        // The message of a wrong value would quote it.
        format!(
            "line {}, column {}: it is no JSON",
            error.line(),
            error.column()
        )
    })?;
    match node {
        Node::Map(branch) => Ok(branch),
        _ => Err("it is no JSON object".to_owned()),
    }
}

pub(super) fn write(branch: &Branch) -> Result<Plain, String> {
    let mut text = Zeroizing::new(Vec::new());
    map(branch, 0, &mut text)?;
    text.push(b'\n');
    Ok(Plain::new(text.to_vec()))
}

/// A built object as SOPS would read it.
pub(crate) fn from_value(value: Value) -> Node {
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(number) => from_number(&number),
        Value::String(text) => Node::text(text),
        Value::Array(values) => Node::List(values.into_iter().map(from_value).collect()),
        Value::Object(fields) => {
            let pairs = fields.into_iter();
            Node::Map(
                pairs
                    .map(|(key, value)| Entry::Pair(key, from_value(value)))
                    .collect(),
            )
        }
    }
}

/// The way back; comments are dropped.
pub(crate) fn into_value(node: Node) -> Value {
    match node {
        Node::Null | Node::Comment(_) => Value::Null,
        Node::Bool(value) => Value::Bool(value),
        Node::Int(value) => Value::from(value),
        Node::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
        Node::Time(text) => Value::String(text),
        Node::Text(text) => Value::String(String::from_utf8_lossy(&text).into_owned()),
        Node::List(nodes) => {
            let kept = nodes
                .into_iter()
                .filter(|node| !matches!(node, Node::Comment(_)));
            Value::Array(kept.map(into_value).collect())
        }
        Node::Map(branch) => {
            let pairs = branch.into_iter().filter_map(|entry| match entry {
                Entry::Pair(key, value) => Some((key, into_value(value))),
                Entry::Comment(_) => None,
            });
            Value::Object(pairs.collect())
        }
    }
}

fn from_number(number: &Number) -> Node {
    number.as_i64().map_or_else(
        || Node::Float(number.as_f64().unwrap_or_default()),
        Node::Int,
    )
}

fn map(branch: &Branch, depth: usize, out: &mut Text) -> Result<(), String> {
    let pairs = branch.iter().filter_map(|entry| match entry {
        Entry::Pair(key, value) => Some((key, value)),
        Entry::Comment(_) => None,
    });
    block(b"{}", pairs, depth, out, |(key, value), out| {
        string(key.as_bytes(), out);
        out.extend_from_slice(b": ");
        node(value, depth + 1, out)
    })
}

fn node(value: &Node, depth: usize, out: &mut Text) -> Result<(), String> {
    match value {
        Node::Null => out.extend_from_slice(b"null"),
        Node::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Node::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Node::Float(value) if value.is_finite() => {
            out.extend_from_slice(number::json(*value).as_bytes());
        }
        Node::Float(_) => return Err("JSON has no infinite numbers".to_owned()),
        Node::Time(text) => string(text.as_bytes(), out),
        Node::Text(text) => string(text, out),
        Node::Map(branch) => return map(branch, depth, out),
        Node::List(nodes) => {
            let kept = nodes
                .iter()
                .filter(|node| !matches!(node, Node::Comment(_)));
            return block(b"[]", kept, depth, out, |value, out| {
                node(value, depth + 1, out)
            });
        }
        Node::Comment(_) => return Err("a value decrypts to a comment".to_owned()),
    }
    Ok(())
}

/// Writes elements on lines of their own, one tab deeper than the brackets around them.
fn block<T>(
    [open, close]: &[u8; 2],
    elements: impl Iterator<Item = T>,
    depth: usize,
    out: &mut Text,
    mut element: impl FnMut(T, &mut Text) -> Result<(), String>,
) -> Result<(), String> {
    let line = |depth: usize, out: &mut Text| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b'\t', depth));
    };
    out.push(*open);
    let mut empty = true;
    for value in elements {
        if !empty {
            out.push(b',');
        }
        empty = false;
        line(depth + 1, out);
        element(value, out)?;
    }
    if !empty {
        line(depth, out);
    }
    out.push(*close);
    Ok(())
}

/// A string as encoding/json writes it: what HTML would take for markup is escaped.
fn string(text: &[u8], out: &mut Text) {
    out.push(b'"');
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// A value whose maps keep their order.
struct Ordered(Node);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder).map(Self)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(from_number(&Number::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(Ordered(node)) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut branch = Vec::new();
        while let Some((key, Ordered(node))) = access.next_entry()? {
            branch.push(Entry::Pair(key, node));
        }
        Ok(Node::Map(branch))
    }
}
