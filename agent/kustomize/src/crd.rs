//! `crds`: OpenAPI definitions of custom types, whose extensions say which fields hold names, labels
//! and annotations.
//!
//! These are not CustomResourceDefinitions but maps of type names to definitions, as kustomize has
//! read them since before there were schemas in the former.

use std::sync::Arc;

use windlass_object::{GroupVersionKind, Map, Value};

use crate::config::{Config, NameReference};
use crate::error::{Cause, Place, Step};
use crate::field_spec::{FieldSpec, partial};
use crate::load::parse_own;

/// How deep types may refer to each other; a type may refer to itself.
const DEPTH_LIMIT: usize = 32;

/// What a file of definitions adds to the configuration.
///
/// # Errors
/// It is no YAML, or no map of definitions.
pub(crate) fn config(file: &str, text: &[u8]) -> Step<Arc<Config>> {
    let documents = parse_own(text).map_err(|error| Place::yaml_error(file, error))?;
    let [document] = documents.as_slice() else {
        return Err(Cause::invalid(
            "a file of OpenAPI definitions is one document",
        ));
    };
    let types = document
        .value
        .as_object()
        .filter(|types| types.values().all(is_definition));
    let Some(types) = types else {
        return Err(Cause::invalid(
            "this is no map of OpenAPI definitions; a CustomResourceDefinition belongs in resources",
        ));
    };
    let mut definitions = Definitions {
        types,
        config: Config::default(),
    };
    for (name, definition) in types {
        if is_object(definition) {
            let kind = name.rsplit('.').next().unwrap_or(name);
            definitions.add(&partial("", "", kind), name, &mut Vec::new());
        }
    }
    Ok(Arc::new(definitions.config))
}

struct Definitions<'a> {
    types: &'a Map<String, Value>,
    config: Config,
}

// === impl Definitions ===

impl Definitions<'_> {
    /// Adds what the fields of a type say, seen from the object they are in.
    fn add(&mut self, object: &GroupVersionKind, type_name: &str, path: &mut Vec<String>) {
        let fields = self.types.get(type_name).and_then(properties);
        if path.len() >= DEPTH_LIMIT {
            return;
        }
        for (name, field) in fields.into_iter().flatten() {
            path.push(name.clone());
            self.add_field(object, field, &path.join("/"));
            if let Some(reference) = field.get("$ref").and_then(Value::as_str) {
                self.add(object, reference, path);
            }
            path.pop();
        }
    }

    fn add_field(&mut self, object: &GroupVersionKind, field: &Value, path: &str) {
        let text = |key: &str| field.get(key).and_then(Value::as_str);
        let spec = |path: &str| FieldSpec::new(object.clone(), path, false);
        if text("x-kubernetes-annotation").is_some() {
            self.config.common_annotations.push(spec(path));
        }
        if text("x-kubernetes-label-selector").is_some() {
            self.config.common_labels.push(spec(path));
        }
        if text("x-kubernetes-identity").is_some() {
            self.config.name_prefix.push(spec(path));
        }
        let version = text("x-kubernetes-object-ref-api-version");
        if let (Some(version), Some(kind)) = (version, text("x-kubernetes-object-ref-kind")) {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            self.config.name_reference.push(NameReference {
                target: partial("", version, kind),
                referrers: vec![spec(&format!("{path}/{key}"))],
            });
        }
    }
}

fn is_definition(definition: &Value) -> bool {
    definition
        .as_object()
        .is_some_and(|fields| fields.keys().any(|key| key.eq_ignore_ascii_case("schema")))
}

fn properties(definition: &Value) -> Option<&Map<String, Value>> {
    let mut fields = definition.as_object()?.iter();
    let (_, schema) = fields.find(|(key, _)| key.eq_ignore_ascii_case("schema"))?;
    schema.get("properties")?.as_object()
}

fn is_object(definition: &Value) -> bool {
    properties(definition).is_some_and(|properties| {
        ["kind", "apiVersion", "metadata"]
            .iter()
            .all(|field| properties.contains_key(*field))
    })
}
