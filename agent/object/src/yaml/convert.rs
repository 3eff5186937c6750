//! Nodes to JSON values: types, keys, merge keys, aliases.

use std::collections::HashSet;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::yaml::arena::{Arena, Content, NodeId, Scalar};
use crate::yaml::scalar::{self, Tagged, Type};
use crate::yaml::{Dialect, Position, YamlError, kustomize, number};

const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// Turns one document's nodes into a value.
pub(super) fn to_value(
    arena: &mut Arena<'_>,
    root: NodeId,
    dialect: Dialect,
) -> Result<Value, YamlError> {
    Converter { arena, dialect }.value(root, Ownership::Taken)
}

/// Whether a node's text may be moved out, or is read again through an alias.
#[derive(Clone, Copy, PartialEq)]
enum Ownership {
    Taken,
    Shared,
}

struct Converter<'a, 't> {
    arena: &'a mut Arena<'t>,
    dialect: Dialect,
}

/// A map that is being filled.
#[derive(Default)]
struct Fields {
    map: Map<String, Value>,
    /// The keys that only a merge key brought so far.
    from_merge: HashSet<String>,
    /// Where the first merge key is.
    merged: Option<Position>,
}

// === impl Converter ===

impl<'t> Converter<'_, 't> {
    fn value(&mut self, id: NodeId, ownership: Ownership) -> Result<Value, YamlError> {
        let position = self.arena.position(id);
        let (content, ownership) = self.take(id, ownership);
        match content {
            Content::Scalar(scalar) => scalar_value(self.dialect, scalar, position),
            Content::Alias(target) => self.value(target, Ownership::Shared),
            Content::Sequence(children) => children
                .into_iter()
                .map(|child| self.value(child, ownership))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            Content::Mapping(children) => {
                let mut fields = Fields::default();
                self.fill(&mut fields, &children, ownership)?;
                Ok(Value::Object(fields.map))
            }
        }
    }

    /// The content of a node: moved out when nothing reads it again.
    fn take(&mut self, id: NodeId, ownership: Ownership) -> (Content<'t>, Ownership) {
        let Some(node) = self.arena.node_mut(id) else {
            return (Content::Sequence(Vec::new()), ownership);
        };
        if node.anchored || ownership == Ownership::Shared {
            return (node.content.clone(), Ownership::Shared);
        }
        let content = std::mem::replace(&mut node.content, Content::Sequence(Vec::new()));
        (content, Ownership::Taken)
    }

    fn fill(
        &mut self,
        fields: &mut Fields,
        children: &[NodeId],
        ownership: Ownership,
    ) -> Result<(), YamlError> {
        for (place, pair) in children.chunks_exact(2).enumerate() {
            let [key, value] = *pair else {
                continue;
            };
            if self.is_merge(key) {
                self.check_only_merge(fields, key)?;
                self.merge(fields, value, ownership)?;
                continue;
            }
            let name = self.key(key)?;
            let value = self.value(value, ownership)?;
            match fields.map.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry)
                    if fields.from_merge.remove(entry.key())
                        || self.dialect == Dialect::Lenient =>
                {
                    entry.insert(value);
                }
                Entry::Occupied(entry) => {
                    return Err(self.written_twice(entry.key(), key, children, place));
                }
            }
        }
        Ok(())
    }

    /// The error of a key that stands in its map before, among the first pairs.
    fn written_twice(
        &self,
        name: &str,
        key: NodeId,
        children: &[NodeId],
        pairs: usize,
    ) -> YamlError {
        let keys = children.iter().step_by(2).take(pairs);
        let first = keys
            .copied()
            .find(|key| self.key(*key).is_ok_and(|earlier| earlier == name));
        let line = self.arena.position(first.unwrap_or(key)).line;
        let message = format!("key {name:?} is already set on line {line}");
        YamlError::new(self.arena.position(key), message)
    }

    fn is_merge(&self, key: NodeId) -> bool {
        let Some(Content::Scalar(scalar)) = self.arena.node(key).map(|node| &node.content) else {
            return false;
        };
        scalar.text == "<<" && (scalar.is_plain() || scalar.tag.as_deref() == Some(MERGE_TAG))
    }

    /// go-yaml v2 takes several merge keys in one map, kustomize one.
    fn check_only_merge(&self, fields: &mut Fields, key: NodeId) -> Result<(), YamlError> {
        let position = self.arena.position(key);
        match fields.merged.replace(position) {
            Some(first) if self.dialect == Dialect::Kustomize => {
                let message = format!("key \"<<\" is already set on line {}", first.line);
                Err(YamlError::new(position, message))
            }
            _ => Ok(()),
        }
    }

    /// Writes the merged maps into the map; of a list of maps the first one wins.
    ///
    /// To go-yaml v2 a merge key below a key overrides it; to kustomize no merge key does.
    fn merge(
        &mut self,
        fields: &mut Fields,
        source: NodeId,
        ownership: Ownership,
    ) -> Result<(), YamlError> {
        let mut merged = Map::new();
        for source in self.merge_sources(source) {
            let position = self.arena.position(source);
            let Value::Object(values) = self.value(source, ownership)? else {
                let message = "a merge key `<<` needs a map or a list of maps";
                return Err(YamlError::new(position, message));
            };
            for (name, value) in values {
                merged.entry(name).or_insert(value);
            }
        }
        for (name, value) in merged {
            match fields.map.entry(name) {
                Entry::Vacant(entry) => {
                    fields.from_merge.insert(entry.key().clone());
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) if self.dialect != Dialect::Kustomize => {
                    entry.insert(value);
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }

    fn merge_sources(&self, source: NodeId) -> Vec<NodeId> {
        match self.arena.node(source).map(|node| &node.content) {
            Some(Content::Sequence(children)) => children.clone(),
            _ => vec![source],
        }
    }

    /// A key as the dialect's JSON has it: kustomize keeps the text, sigs.k8s.io/yaml writes out
    /// what it means. The node keeps its text, for the error of a key that comes twice.
    fn key(&self, id: NodeId) -> Result<String, YamlError> {
        let position = self.arena.position(id);
        match self.arena.node(id).map(|node| &node.content) {
            Some(Content::Alias(target)) => self.key(*target),
            Some(Content::Scalar(scalar)) => key_text(self.dialect, scalar, position),
            Some(Content::Sequence(_) | Content::Mapping(_)) | None => Err(YamlError::new(
                position,
                "a key must be text, not a list or a map",
            )),
        }
    }
}

fn scalar_value(
    dialect: Dialect,
    scalar: Scalar<'_>,
    position: Position,
) -> Result<Value, YamlError> {
    if dialect == Dialect::Kustomize
        && let Some(text) = kustomize::own_text(&scalar)
    {
        return Ok(Value::String(text));
    }
    let number = match scalar_type(dialect, &scalar, position)? {
        Tagged::Decoded(text) => return Ok(Value::String(text)),
        Tagged::As(Type::Text) => return Ok(Value::String(scalar.text.into_owned())),
        Tagged::As(Type::Null) => return Ok(Value::Null),
        Tagged::As(Type::Bool(value)) => return Ok(Value::Bool(value)),
        Tagged::As(Type::Integer(value)) => return Ok(Value::from(value)),
        Tagged::As(Type::Unsigned(value)) => number::from_unsigned(value),
        Tagged::As(Type::Float(value)) => number::from_float(value),
    };
    number.map(Value::Number).ok_or_else(|| {
        let message = format!(
            "{} has no place in JSON; quote it to mean the text",
            scalar.text
        );
        YamlError::new(position, message)
    })
}

fn key_text(
    dialect: Dialect,
    scalar: &Scalar<'_>,
    position: Position,
) -> Result<String, YamlError> {
    let found = match scalar_type(dialect, scalar, position)? {
        Tagged::Decoded(text) => return Ok(text),
        Tagged::As(found) => found,
    };
    match found {
        Type::Null => Err(YamlError::new(
            position,
            "a key must not be null; quote it to mean the text",
        )),
        _ if dialect == Dialect::Kustomize => Ok(scalar.text.to_string()),
        Type::Text => Ok(scalar.text.to_string()),
        Type::Bool(value) => Ok(value.to_string()),
        Type::Integer(value) => Ok(value.to_string()),
        Type::Unsigned(value) => Ok(value.to_string()),
        Type::Float(value) => Ok(number::short_float_text(value)),
    }
}

fn scalar_type(
    dialect: Dialect,
    scalar: &Scalar<'_>,
    position: Position,
) -> Result<Tagged, YamlError> {
    match &scalar.tag {
        Some(tag) => scalar::tagged(dialect, tag, &scalar.text)
            .map_err(|message| YamlError::new(position, message)),
        None if scalar.is_plain() => Ok(Tagged::As(scalar::plain_type(dialect, &scalar.text))),
        None => Ok(Tagged::As(Type::Text)),
    }
}
