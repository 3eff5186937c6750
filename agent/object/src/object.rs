//! The unstructured Kubernetes object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::key::{GroupVersionKind, ObjectKey};

/// One Kubernetes object: a JSON map with non-empty string `apiVersion` and `kind`, and with
/// `metadata` a map when it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Value);

/// Why a value is not a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The value is a list, a scalar or null.
    #[error("an object must be a map, but this is {found}; write apiVersion, kind and metadata")]
    NotAMap {
        /// What the value is instead.
        found: &'static str,
    },
    /// `apiVersion` or `kind` is absent or empty.
    #[error("{field} is missing; every object needs a non-empty {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has a type no Kubernetes object has there.
    #[error("{field} must be {expected}, but it is {found}")]
    WrongType {
        /// The field, as a dotted path.
        field: &'static str,
        /// The type it must have.
        expected: &'static str,
        /// The type it has.
        found: &'static str,
    },
}

// === impl Object ===

impl Object {
    /// Takes a value that has the shape of an object.
    ///
    /// # Errors
    /// The value is no map, `apiVersion` or `kind` is absent, empty or no string, or `metadata`,
    /// its `name` or its `namespace` has the wrong type.
    pub fn from_value(value: Value) -> Result<Self, ObjectError> {
        let Value::Object(fields) = &value else {
            return Err(ObjectError::NotAMap {
                found: type_name(&value),
            });
        };
        required_text(fields, "apiVersion")?;
        required_text(fields, "kind")?;
        match fields.get("metadata") {
            None | Some(Value::Null) => {}
            Some(Value::Object(metadata)) => {
                optional_text(metadata, "name", "metadata.name")?;
                optional_text(metadata, "namespace", "metadata.namespace")?;
            }
            Some(other) => {
                return Err(ObjectError::WrongType {
                    field: "metadata",
                    expected: "a map",
                    found: type_name(other),
                });
            }
        }
        Ok(Self(value))
    }

    /// The whole object as a value.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The whole object for changing; the caller keeps `apiVersion`, `kind` and `metadata` in
    /// shape (a field brought out of shape reads as absent).
    pub fn as_value_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// Gives the value back.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }

    /// The `apiVersion` field.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    /// The `kind` field.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    /// `metadata.name`, or the empty string when it is absent.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata_text("name").unwrap_or_default()
    }

    /// `metadata.namespace`; none when it is absent or empty.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.metadata_text("namespace")
            .filter(|namespace| !namespace.is_empty())
    }

    /// Sets `metadata.name`.
    pub fn set_name(&mut self, name: &str) {
        self.set_metadata("name", Value::from(name));
    }

    /// Sets `metadata.namespace`, or removes it.
    pub fn set_namespace(&mut self, namespace: Option<&str>) {
        match namespace {
            Some(namespace) => self.set_metadata("namespace", Value::from(namespace)),
            None => {
                if let Some(metadata) = self.metadata_mut() {
                    metadata.remove("namespace");
                }
            }
        }
    }

    /// The group, version and kind.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(self.api_version(), self.kind())
    }

    /// The identity: group, kind, namespace and name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        let GroupVersionKind { group, kind, .. } = self.gvk();
        ObjectKey {
            group,
            kind,
            namespace: self.namespace().unwrap_or_default().to_owned(),
            name: self.name().to_owned(),
        }
    }

    /// The value of one label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata()?.get("labels")?.get(key)?.as_str()
    }

    /// The value of one annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata()?.get("annotations")?.get(key)?.as_str()
    }

    /// All labels with string values.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.text_map("labels")
    }

    /// All annotations with string values.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.text_map("annotations")
    }

    /// Sets one label.
    pub fn set_label(&mut self, key: &str, value: &str) {
        self.set_in("labels", key, value);
    }

    /// Sets one annotation.
    pub fn set_annotation(&mut self, key: &str, value: &str) {
        self.set_in("annotations", key, value);
    }

    /// Removes one label, and the `labels` map when it was the last one.
    pub fn remove_label(&mut self, key: &str) {
        self.remove_in("labels", key);
    }

    /// Removes one annotation, and the `annotations` map when it was the last one.
    pub fn remove_annotation(&mut self, key: &str) {
        self.remove_in("annotations", key);
    }

    /// The value an RFC 6901 pointer leads to (`/spec/replicas`).
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// `metadata.uid`, which the API server gives.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.metadata_text("uid")
    }

    /// `metadata.resourceVersion`, which the API server gives.
    #[must_use]
    pub fn resource_version(&self) -> Option<&str> {
        self.metadata_text("resourceVersion")
    }

    /// `metadata.generation`, which the API server gives.
    #[must_use]
    pub fn generation(&self) -> Option<i64> {
        self.metadata()?.get("generation")?.as_i64()
    }

    fn text(&self, field: &str) -> &str {
        self.0
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn metadata(&self) -> Option<&Map<String, Value>> {
        self.0.get("metadata")?.as_object()
    }

    fn metadata_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.0.get_mut("metadata")?.as_object_mut()
    }

    fn metadata_text(&self, field: &str) -> Option<&str> {
        self.metadata()?.get(field)?.as_str()
    }

    fn set_metadata(&mut self, field: &str, value: Value) {
        if let Some(metadata) = child_map(&mut self.0, "metadata") {
            metadata.insert(field.to_owned(), value);
        }
    }

    fn text_map(&self, field: &str) -> BTreeMap<String, String> {
        let Some(Value::Object(entries)) = self.metadata().and_then(|metadata| metadata.get(field))
        else {
            return BTreeMap::new();
        };
        entries
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn set_in(&mut self, field: &str, key: &str, value: &str) {
        child_map(&mut self.0, "metadata");
        let entries = self
            .0
            .get_mut("metadata")
            .and_then(|metadata| child_map(metadata, field));
        if let Some(entries) = entries {
            entries.insert(key.to_owned(), Value::from(value));
        }
    }

    fn remove_in(&mut self, field: &str, key: &str) {
        let Some(metadata) = self.metadata_mut() else {
            return;
        };
        let Some(Value::Object(entries)) = metadata.get_mut(field) else {
            return;
        };
        if entries.remove(key).is_some() && entries.is_empty() {
            metadata.remove(field);
        }
    }
}

/// Says in words what type a JSON value has, for messages.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The map in a field; made (or put in the place of a value of another type) when it is not there.
fn child_map<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let child = parent.as_object_mut()?.entry(field).or_insert(Value::Null);
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    child.as_object_mut()
}

fn required_text(fields: &Map<String, Value>, field: &'static str) -> Result<(), ObjectError> {
    match fields.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(()),
        None | Some(Value::Null | Value::String(_)) => Err(ObjectError::Missing { field }),
        Some(other) => Err(ObjectError::WrongType {
            field,
            expected: "a string",
            found: type_name(other),
        }),
    }
}

fn optional_text(
    fields: &Map<String, Value>,
    key: &str,
    field: &'static str,
) -> Result<(), ObjectError> {
    match fields.get(key) {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(other) => Err(ObjectError::WrongType {
            field,
            expected: "a string; quote it",
            found: type_name(other),
        }),
    }
}

#[cfg(test)]
mod tests;
