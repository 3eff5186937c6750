//! Strategic merge patches as kustomize applies them.
//!
//! kustomize does not use Kubernetes' strategic merge but one of its own: new list elements come
//! first, lists of kinds without a schema are replaced, and of the directives there is only
//! `$patch` (`delete`, `replace`, `merge`). Its quirks are kept, because the names of generated
//! objects and the order of lists depend on them; each was compared with kustomize 5.8.1.

mod list;

use std::collections::BTreeSet;

use windlass_object::{Map, Value};

use crate::schema::Schema;

/// The directive kustomize knows.
const DIRECTIVE: &str = "$patch";

/// Directives of Kubernetes' strategic merge that kustomize would write into the object as fields.
const FOREIGN_DIRECTIVES: [&str; 3] = [
    "$setElementOrder/",
    "$deleteFromPrimitiveList/",
    "$retainKeys",
];

/// Why a patch does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Patch and object have values of different types in one place.
    #[error("{path} is {found} in the object and {patched} in the patch")]
    Types {
        /// The field.
        path: String,
        /// The type in the object.
        found: &'static str,
        /// The type in the patch.
        patched: &'static str,
    },
    /// `$patch` says something else than `delete`, `replace` or `merge`.
    #[error("{path}: $patch must be delete, replace or merge, not {value:?}")]
    UnknownDirective {
        /// The field.
        path: String,
        /// What it says.
        value: String,
    },
    /// A directive that kustomize does not know.
    #[error("{path}: kustomize does not know the directive {directive}; use $patch")]
    ForeignDirective {
        /// The field.
        path: String,
        /// The directive.
        directive: String,
    },
    /// An element of a list that is merged by key lacks the key.
    #[error("{path}: an element has no {key}, by which the list is merged")]
    NoKey {
        /// The list.
        path: String,
        /// The key.
        key: String,
    },
}

/// What a merge left of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Merged {
    /// It is gone.
    Removed,
    /// It was changed where it is.
    Kept,
    /// Another value takes its place; null removes it.
    Replaced(Value),
}

/// What a `$patch` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into an object; an object that the patch deletes becomes null.
///
/// # Errors
/// Types differ, or a directive is not known.
pub(crate) fn merge(object: &mut Value, patch: &Value) -> Result<(), MergeError> {
    let mut path = Vec::new();
    match walk(Some(object), Some(patch), None, &mut path)? {
        Merged::Kept => {}
        Merged::Removed => *object = Value::Null,
        Merged::Replaced(value) => *object = value,
    }
    Ok(())
}

fn walk(
    object: Option<&mut Value>,
    patch: Option<&Value>,
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Merged, MergeError> {
    let schema = schema
        .or_else(|| schema_of(object.as_deref()))
        .or_else(|| schema_of(patch));
    let shape = [object.as_deref(), patch]
        .into_iter()
        .flatten()
        .find(|value| !value.is_null());
    match shape {
        Some(Value::Object(_)) | None => {
            check_types(object.as_deref(), patch, Value::is_object, path)?;
            walk_map(object, patch, schema, path)
        }
        Some(Value::Array(_)) => {
            check_types(object.as_deref(), patch, Value::is_array, path)?;
            match schema.and_then(|schema| schema.merge_keys) {
                Some(keys) => list::merge(object, patch, keys, schema, path),
                None => Ok(patch.map_or(Merged::Kept, |patch| Merged::Replaced(patch.clone()))),
            }
        }
        Some(_) => {
            check_types(object.as_deref(), patch, is_scalar, path)?;
            Ok(patch.map_or(Merged::Kept, |patch| Merged::Replaced(patch.clone())))
        }
    }
}

fn walk_map(
    object: Option<&mut Value>,
    patch: Option<&Value>,
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Merged, MergeError> {
    let there = matches!(object.as_deref(), Some(value) if !value.is_null());
    let patch = match patch {
        Some(Value::Object(fields)) => fields,
        // A null in the object that the patch does not mention stays as it was written.
        None => {
            return match object {
                None => Ok(Merged::Removed),
                Some(object) if there => merge_fields(object, &Map::new(), schema, path),
                Some(_) => Ok(Merged::Kept),
            };
        }
        Some(_) => return Ok(Merged::Removed),
    };
    let patch_without = || {
        let mut fields = patch.clone();
        fields.remove(DIRECTIVE);
        fields
    };
    match (directive_of(patch, path)?, object) {
        (Directive::Delete, _) => Ok(Merged::Removed),
        (Directive::Merge, Some(object)) if there => {
            merge_fields(object, &patch_without(), schema, path)
        }
        // What is added is merged with itself: directives and nulls deep in it take effect.
        (Directive::Merge | Directive::Replace, _) => {
            let fields = patch_without();
            let mut added = Value::Object(fields.clone());
            merge_fields(&mut added, &fields, schema, path)?;
            Ok(Merged::Replaced(added))
        }
    }
}

fn merge_fields(
    object: &mut Value,
    patch: &Map<String, Value>,
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Merged, MergeError> {
    let Some(fields) = object.as_object_mut() else {
        return Ok(Merged::Kept);
    };
    let names: BTreeSet<String> = fields.keys().chain(patch.keys()).cloned().collect();
    for name in names {
        check_foreign(&name, path)?;
        let field_schema = schema.and_then(|schema| schema.field(&name));
        path.push(name.clone());
        let merged = walk(fields.get_mut(&name), patch.get(&name), field_schema, path)?;
        path.pop();
        match merged {
            Merged::Kept => {}
            Merged::Removed | Merged::Replaced(Value::Null) => {
                fields.remove(&name);
            }
            Merged::Replaced(value) => {
                fields.insert(name, value);
            }
        }
    }
    Ok(Merged::Kept)
}

fn check_foreign(name: &str, path: &[String]) -> Result<(), MergeError> {
    if FOREIGN_DIRECTIVES
        .iter()
        .any(|directive| name.starts_with(directive))
    {
        return Err(MergeError::ForeignDirective {
            path: path_text(path),
            directive: name.to_owned(),
        });
    }
    Ok(())
}

fn directive_of(patch: &Map<String, Value>, path: &[String]) -> Result<Directive, MergeError> {
    match patch.get(DIRECTIVE) {
        None | Some(Value::Null) => Ok(Directive::Merge),
        Some(value) => parse_directive(value, path),
    }
}

fn parse_directive(value: &Value, path: &[String]) -> Result<Directive, MergeError> {
    match value.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => Err(MergeError::UnknownDirective {
            path: path_text(path),
            value: crate::resource::scalar_text(value),
        }),
    }
}

/// The schema of a value that says its own type (an object inside an object, too).
fn schema_of(value: Option<&Value>) -> Option<Schema> {
    let text = |field: &str| value?.get(field)?.as_str();
    Schema::of_kind(text("apiVersion")?, text("kind")?)
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn check_types(
    object: Option<&Value>,
    patch: Option<&Value>,
    fits: fn(&Value) -> bool,
    path: &[String],
) -> Result<(), MergeError> {
    let wrong = |value: Option<&Value>| value.is_some_and(|value| !value.is_null() && !fits(value));
    if !wrong(object) && !wrong(patch) {
        return Ok(());
    }
    Err(MergeError::Types {
        path: path_text(path),
        found: object.map_or("absent", type_name),
        patched: patch.map_or("absent", type_name),
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a map",
        Value::Array(_) => "a list",
        Value::Null => "null",
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "a single value",
    }
}

fn path_text(path: &[String]) -> String {
    if path.is_empty() {
        "the object".to_owned()
    } else {
        path.join(".")
    }
}

#[cfg(test)]
mod tests;
