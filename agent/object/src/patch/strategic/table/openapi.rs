//! Merge keys out of an OpenAPI document.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Field, Table};
use crate::key::GroupVersionKind;

/// How deep types may be written inside each other; named ones refer to each other freely.
const DEPTH_LIMIT: usize = 64;

/// Reads the definitions one after the other; each gets the place of its name.
struct Reader<'d> {
    definitions: &'d Map<String, Value>,
    places: HashMap<&'d str, usize>,
    table: Table,
}

pub(super) fn table(document: &Value) -> Result<Table, String> {
    let definitions = document
        .get("definitions")
        .and_then(Value::as_object)
        .ok_or("an OpenAPI document with definitions is expected")?;
    let places = definitions.keys().map(String::as_str).zip(0..).collect();
    let mut reader = Reader {
        definitions,
        places,
        table: Table::default(),
    };
    reader.table.types.resize_with(definitions.len(), Vec::new);
    for (place, (name, definition)) in definitions.iter().enumerate() {
        let fields = reader
            .fields(definition, 0)
            .map_err(|problem| format!("definitions.{name}: {problem}"))?;
        if let Some(slot) = reader.table.types.get_mut(place) {
            *slot = fields;
        }
        reader.add_kinds(definition, place);
    }
    Ok(reader.table)
}

// === impl Reader ===

impl<'d> Reader<'d> {
    fn add_kinds(&mut self, definition: &Value, place: usize) {
        let kinds = definition.get("x-kubernetes-group-version-kind");
        for kind in kinds.and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| {
                let text = kind.get(field).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            let kind = GroupVersionKind {
                group: text("group"),
                version: text("version"),
                kind: text("kind"),
            };
            self.table.kinds.insert(kind, place);
        }
    }

    fn fields(&mut self, schema: &'d Value, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEPTH_LIMIT {
            return Err(format!("types are nested over {DEPTH_LIMIT} deep"));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut fields = Vec::new();
        for (name, property) in properties.into_iter().flatten() {
            let field = self
                .field(name, property, depth)
                .map_err(|problem| format!("{name}: {problem}"))?;
            fields.extend(field);
        }
        Ok(fields)
    }

    /// One field; none when there is nothing in it to know.
    fn field(
        &mut self,
        name: &str,
        property: &'d Value,
        depth: usize,
    ) -> Result<Option<Field>, String> {
        let property = self.resolved(property, depth)?;
        let values = property.get("additionalProperties");
        let has_fields = property.get("properties").is_some();
        let keys = keys(property);
        let (of, of_values) = match (&keys, property.get("items"), values) {
            (Some(_), Some(items), _) => (self.type_of(items, depth)?, false),
            (None, _, Some(values)) if !has_fields => (self.type_of(values, depth)?, true),
            _ => (self.type_of(property, depth)?, false),
        };
        let known = keys.is_some() || of.is_some();
        Ok(known.then(|| Field {
            name: name.to_owned(),
            keys,
            of_values,
            of,
        }))
    }

    /// The type of a schema: that of the definition it refers to, or one of its own.
    fn type_of(&mut self, schema: &'d Value, depth: usize) -> Result<Option<usize>, String> {
        if let Some(name) = reference(schema)? {
            return Ok(self.places.get(name).copied());
        }
        if schema.get("properties").is_none() {
            return Ok(None);
        }
        let fields = self.fields(schema, depth + 1)?;
        self.table.types.push(fields);
        Ok(Some(self.table.types.len() - 1))
    }

    /// A schema that refers to a list or map has what that says.
    fn resolved(&self, schema: &'d Value, depth: usize) -> Result<&'d Value, String> {
        let mut schema = schema;
        for _ in depth..=DEPTH_LIMIT {
            let Some(name) = reference(schema)? else {
                return Ok(schema);
            };
            let Some(target) = self.definitions.get(name) else {
                return Ok(schema);
            };
            // An object keeps its reference: types may refer to each other in circles.
            if target.get("properties").is_some() {
                return Ok(schema);
            }
            schema = target;
        }
        Err("references lead in circles".to_owned())
    }
}

/// The definition that a schema refers to.
fn reference(schema: &Value) -> Result<Option<&str>, String> {
    match schema.get("$ref") {
        None => Ok(None),
        Some(Value::String(text)) => match text.strip_prefix("#/definitions/") {
            Some(name) => Ok(Some(name)),
            None => Err(format!("{text:?} must start with #/definitions/")),
        },
        Some(other) => Err(format!("$ref {other} must be a string")),
    }
}

/// The merge keys of a list that is merged; none for one that is replaced.
fn keys(property: &Value) -> Option<Vec<String>> {
    let text = |name: &str| property.get(name).and_then(Value::as_str);
    let strategy = text("x-kubernetes-patch-strategy")?;
    if !strategy.split(',').any(|word| word == "merge") {
        return None;
    }
    if property.get("type").and_then(Value::as_str) != Some("array") {
        return None;
    }
    let several = property.get("x-kubernetes-list-map-keys");
    if let Some(several) = several.and_then(Value::as_array) {
        let several = several.iter().filter_map(Value::as_str);
        return Some(several.map(str::to_owned).collect());
    }
    let one = text("x-kubernetes-patch-merge-key");
    Some(one.map(str::to_owned).into_iter().collect())
}
