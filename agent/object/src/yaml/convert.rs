//! Nodes to JSON values: types, keys, merge keys, aliases.

use std::collections::HashMap;

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
    /// Where the keys that stand in the map itself are; merged ones are not here.
    written: HashMap<String, Position>,
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
        for pair in children.chunks_exact(2) {
            let [key, value] = *pair else {
                continue;
            };
            if self.is_merge(key) {
                self.check_only_merge(fields, key)?;
                self.merge(&mut fields.map, value, ownership)?;
                continue;
            }
            let position = self.arena.position(key);
            let name = self.key(key, ownership)?;
            if let Some(first) = fields.written.get(&name) {
                let message = format!("key {name:?} is already set on line {}", first.line);
                return Err(YamlError::new(position, message));
            }
            let value = self.value(value, ownership)?;
            fields.written.insert(name.clone(), position);
            fields.map.insert(name, value);
        }
        Ok(())
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
        map: &mut Map<String, Value>,
        source: NodeId,
        ownership: Ownership,
    ) -> Result<(), YamlError> {
        let mut merged = Map::new();
        for source in self.merge_sources(source) {
            let position = self.arena.position(source);
            let Value::Object(fields) = self.value(source, ownership)? else {
                let message = "a merge key `<<` needs a map or a list of maps";
                return Err(YamlError::new(position, message));
            };
            for (name, value) in fields {
                merged.entry(name).or_insert(value);
            }
        }
        for (name, value) in merged {
            match self.dialect {
                Dialect::Kubernetes => {
                    map.insert(name, value);
                }
                Dialect::Kustomize => {
                    map.entry(name).or_insert(value);
                }
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

    /// A key as text: numbers and booleans are written out as sigs.k8s.io/yaml does.
    fn key(&mut self, id: NodeId, ownership: Ownership) -> Result<String, YamlError> {
        let position = self.arena.position(id);
        let (content, _) = self.take(id, ownership);
        match content {
            Content::Alias(target) => self.key(target, Ownership::Shared),
            Content::Scalar(scalar) => key_text(self.dialect, scalar, position),
            Content::Sequence(_) | Content::Mapping(_) => Err(YamlError::new(
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
    let (found, text) = scalar_type(dialect, scalar, position)?;
    match found {
        Type::Null => Ok(Value::Null),
        Type::Bool(value) => Ok(Value::Bool(value)),
        Type::Integer(value) => Ok(Value::from(value)),
        Type::Unsigned(value) => {
            Ok(number::from_unsigned(value).map_or(Value::Null, Value::Number))
        }
        Type::Float(value) => match number::from_float(value) {
            Some(number) => Ok(Value::Number(number)),
            None => {
                let message = format!("{text} has no place in JSON; quote it to mean the text");
                Err(YamlError::new(position, message))
            }
        },
        Type::Text => Ok(Value::String(text)),
    }
}

/// A key as the dialect's JSON has it: kustomize keeps the text, sigs.k8s.io/yaml writes out what
/// it means.
fn key_text(dialect: Dialect, scalar: Scalar<'_>, position: Position) -> Result<String, YamlError> {
    let (found, text) = scalar_type(dialect, scalar, position)?;
    match found {
        Type::Null => Err(YamlError::new(
            position,
            "a key must not be null; quote it to mean the text",
        )),
        _ if dialect == Dialect::Kustomize => Ok(text),
        Type::Bool(value) => Ok(value.to_string()),
        Type::Integer(value) => Ok(value.to_string()),
        Type::Unsigned(value) => Ok(value.to_string()),
        Type::Float(value) => Ok(number::short_float_text(value)),
        Type::Text => Ok(text),
    }
}

fn scalar_type(
    dialect: Dialect,
    scalar: Scalar<'_>,
    position: Position,
) -> Result<(Type, String), YamlError> {
    let plain = scalar.is_plain();
    let Scalar { text, tag, .. } = scalar;
    let Some(tag) = tag else {
        let found = if plain {
            scalar::plain_type(dialect, &text)
        } else {
            Type::Text
        };
        return Ok((found, text.into_owned()));
    };
    match scalar::tagged(dialect, &tag, &text) {
        Ok(Tagged::As(found)) => Ok((found, text.into_owned())),
        Ok(Tagged::Decoded(decoded)) => Ok((Type::Text, decoded)),
        Err(message) => Err(YamlError::new(position, message)),
    }
}
