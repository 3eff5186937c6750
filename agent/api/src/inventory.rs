//! The list of applied objects in `status.inventory`, with the ids Flux gives them.
//!
//! An id is `<namespace>_<name>_<group>_<kind>` (cli-utils `pkg/object/objmetadata.go`). A colon
//! in the name of an RBAC object stands as two underscores. Ids are read from a status that others
//! can write, and end in delete requests, so reading them is strict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use windlass_object::ObjectKey;

const SEPARATOR: char = '_';
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Kubernetes bounds namespaces and kinds at 63 characters, groups and names at 253; ids that are
/// longer than all parts together (a colon counts twice) are not Flux's.
const MAXIMUM_ID: usize = 1024;
const MAXIMUM_NAME: usize = 253;
const MAXIMUM_LABEL: usize = 63;

/// Every object that a Kustomization applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// The objects, in the order in which they were applied.
    pub entries: Vec<Entry>,
}

/// One applied object.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Entry {
    /// Which object, as namespace_name_group_kind.
    pub id: String,
    /// The version of its API.
    #[serde(rename = "v")]
    pub version: String,
}

/// Why an id names no object.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InventoryIdError {
    /// Not four parts, or far too long.
    #[error("inventory id {0:?} is not namespace_name_group_kind; the object is left alone")]
    Shape(String),
    /// A part holds characters that no object of a cluster can have there.
    #[error("inventory id {id:?} has an impossible {part}; the object is left alone")]
    Part {
        /// The id, cut when it is long.
        id: String,
        /// Which part: namespace, name, group or kind.
        part: &'static str,
    },
}

/// The id of an object.
pub fn id(key: &ObjectKey) -> String {
    let ObjectKey {
        group,
        kind,
        namespace,
        name,
    } = key;
    if group == RBAC_GROUP {
        let name = name.replace(':', "__");
        format!("{namespace}_{name}_{group}_{kind}")
    } else {
        format!("{namespace}_{name}_{group}_{kind}")
    }
}

/// The object an id stands for.
///
/// # Errors
/// When the id is not Flux's or names what no cluster can hold.
pub fn parse(id: &str) -> Result<ObjectKey, InventoryIdError> {
    let shape = || InventoryIdError::Shape(shown(id));
    if id.len() > MAXIMUM_ID {
        return Err(shape());
    }
    let (namespace, rest) = id.split_once(SEPARATOR).ok_or_else(shape)?;
    let (rest, kind) = rest.rsplit_once(SEPARATOR).ok_or_else(shape)?;
    let (name, group) = rest.rsplit_once(SEPARATOR).ok_or_else(shape)?;
    let name = if group == RBAC_GROUP {
        name.replace("__", ":")
    } else {
        name.to_owned()
    };

    let part = |part| InventoryIdError::Part {
        id: shown(id),
        part,
    };
    if !is_namespace(namespace) {
        return Err(part("namespace"));
    }
    if !is_name(&name) {
        return Err(part("name"));
    }
    if !is_group(group) {
        return Err(part("group"));
    }
    if !is_kind(kind) {
        return Err(part("kind"));
    }
    Ok(ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name,
    })
}

/// The part of an id that an error shows.
fn shown(id: &str) -> String {
    id.chars().take(MAXIMUM_NAME).collect()
}

/// A DNS label, or nothing for an object of the whole cluster.
fn is_namespace(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= MAXIMUM_LABEL && text.chars().all(allowed)
}

/// What `IsValidPathSegmentName` of Kubernetes allows, and no control characters or spaces: the
/// name becomes part of a request's path.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '?' | '#' | '\\');
    !text.is_empty()
        && text.len() <= MAXIMUM_NAME
        && text != "."
        && text != ".."
        && text.chars().all(allowed)
}

/// A DNS name, or nothing for the core group.
fn is_group(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    text.len() <= MAXIMUM_NAME && !text.starts_with('.') && text.chars().all(allowed)
}

fn is_kind(text: &str) -> bool {
    text.len() <= MAXIMUM_LABEL
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

impl Entry {
    /// An entry for an object that was applied with a version of its API.
    pub fn new(key: &ObjectKey, version: &str) -> Entry {
        Entry {
            id: id(key),
            version: version.to_owned(),
        }
    }

    /// The object of this entry.
    ///
    /// # Errors
    /// When the id names no object, see [`parse`].
    pub fn key(&self) -> Result<ObjectKey, InventoryIdError> {
        parse(&self.id)
    }
}

impl Inventory {
    /// An inventory of applied objects and the versions of their APIs; of an object that comes
    /// twice the first stays.
    pub fn from_objects<'a>(objects: impl IntoIterator<Item = (&'a ObjectKey, &'a str)>) -> Self {
        let mut seen = std::collections::HashSet::new();
        let entries = objects
            .into_iter()
            .map(|(key, version)| Entry::new(key, version))
            .filter(|entry| seen.insert(entry.id.clone()))
            .collect();
        Inventory { entries }
    }

    /// The entries whose id is not in `other`; versions do not count.
    pub fn without<'a>(&'a self, other: &Inventory) -> Vec<&'a Entry> {
        let theirs: std::collections::HashSet<&str> = other
            .entries
            .iter()
            .map(|entry| entry.id.as_str())
            .collect();
        self.entries
            .iter()
            .filter(|entry| !theirs.contains(entry.id.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
