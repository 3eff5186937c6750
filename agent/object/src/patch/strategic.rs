//! Strategic merge patch: maps are merged, and lists of built-in kinds by their merge keys.
//!
//! The result is kustomize's (kyaml's merge2), as Flux users see it, order included: what the
//! patch names comes first. On top of kustomize, the directives `kubectl` writes are understood:
//! `$setElementOrder`, `$deleteFromPrimitiveList` and `$retainKeys`. One thing is stricter: an
//! item without its merge key is refused, where kustomize empties the list.

mod directive;
mod list;
mod table;

use serde_json::{Map, Value};

use crate::key::GroupVersionKind;
use crate::object::type_name;
use crate::patch::strategic::directive::{Directive, ListDirectives};
use crate::patch::strategic::table::{Lists, Schema};

/// Whether the patch took the whole object away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a deleted object must leave the set it came from"]
pub enum Deleted {
    /// The patch deletes the object (`$patch: delete` at its top); the target is null now.
    Yes,
    /// The object is still there, changed.
    No,
}

/// Why a strategic merge patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("strategic merge patch, field {path:?}: {problem}")]
pub struct StrategicError {
    /// The field, as a dotted path; empty for the object itself.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// Merges a strategic merge patch into an object of the given kind. Lists of kinds that are not
/// built into Kubernetes are replaced, and their maps merged.
///
/// # Errors
/// A directive is unknown, an item of a merged list lacks its merge key, or the patch has a list
/// where the object has a map (or any other type). The target is to be dropped then.
pub fn apply(
    target: &mut Value,
    patch: &Value,
    kind: &GroupVersionKind,
) -> Result<Deleted, StrategicError> {
    let mut merge = Merge { path: Vec::new() };
    if !patch.is_object() {
        return Err(merge.error(format!(
            "a patch must be a map, but this is {}",
            type_name(patch)
        )));
    }
    let merged = merge.value(Some(target.take()), patch, table::schema(kind))?;
    let deleted = if merged.is_none() {
        Deleted::Yes
    } else {
        Deleted::No
    };
    *target = merged.unwrap_or(Value::Null);
    Ok(deleted)
}

/// A merge, and how deep in the object it is.
struct Merge<'p> {
    path: Vec<&'p str>,
}

// === impl Merge ===

impl<'p> Merge<'p> {
    /// What becomes of a value under a patch; none when it is deleted.
    fn value(
        &mut self,
        target: Option<Value>,
        patch: &'p Value,
        schema: Schema,
    ) -> Result<Option<Value>, StrategicError> {
        match (target, patch) {
            (_, Value::Null) => Ok(None),
            (None | Some(Value::Null), Value::Object(changes)) => self.map(None, changes, schema),
            (Some(Value::Object(fields)), Value::Object(changes)) => {
                self.map(Some(fields), changes, schema)
            }
            (None | Some(Value::Null), Value::Array(changes)) => {
                self.list(None, changes, schema, ListDirectives::default())
            }
            (Some(Value::Array(items)), Value::Array(changes)) => {
                self.list(Some(items), changes, schema, ListDirectives::default())
            }
            (Some(target @ (Value::Object(_) | Value::Array(_))), _)
            | (Some(target), Value::Object(_) | Value::Array(_)) => Err(self.error(format!(
                "the patch has {} where the object has {}",
                type_name(patch),
                type_name(&target)
            ))),
            (_, patch) => Ok(Some(patch.clone())),
        }
    }

    fn map(
        &mut self,
        target: Option<Map<String, Value>>,
        patch: &'p Map<String, Value>,
        schema: Schema,
    ) -> Result<Option<Value>, StrategicError> {
        let mut fields = match self.directive(patch)? {
            Directive::Delete => return Ok(None),
            Directive::Replace => Map::new(),
            Directive::Merge => target.unwrap_or_default(),
        };
        let retained = directive::retained(patch).map_err(|problem| self.error(problem))?;
        if let Some(retained) = retained {
            fields.retain(|field, _| retained.contains(field.as_str()));
        }
        for (field, change) in patch {
            if directive::is_directive(field) {
                continue;
            }
            self.path.push(field);
            let target = fields.remove(field);
            let schema = schema.field(field);
            let merged = match change {
                Value::Array(items) => self.list_field(target, items, schema, patch)?,
                _ => self.value(target, change, schema)?,
            };
            if let Some(merged) = merged {
                fields.insert(field.clone(), merged);
            }
            self.path.pop();
        }
        for (field, value) in fields
            .iter_mut()
            .filter(|(field, _)| !patch.contains_key(*field))
        {
            list::settle(value, schema.field(field));
        }
        self.lists_named_by_directives_only(&mut fields, patch, schema)?;
        Ok(Some(Value::Object(fields)))
    }

    /// A list with the directives that stand beside it.
    fn list_field(
        &mut self,
        target: Option<Value>,
        changes: &'p [Value],
        schema: Schema,
        patch: &'p Map<String, Value>,
    ) -> Result<Option<Value>, StrategicError> {
        let field = self.path.last().copied().unwrap_or_default();
        let directives =
            ListDirectives::beside(patch, field).map_err(|problem| self.error(problem))?;
        match target {
            None | Some(Value::Null) => self.list(None, changes, schema, directives),
            Some(Value::Array(items)) => self.list(Some(items), changes, schema, directives),
            Some(other) => Err(self.error(format!(
                "the patch has a list where the object has {}",
                type_name(&other)
            ))),
        }
    }

    /// Lists the patch orders or takes values from without a field for the list itself.
    fn lists_named_by_directives_only(
        &mut self,
        fields: &mut Map<String, Value>,
        patch: &'p Map<String, Value>,
        schema: Schema,
    ) -> Result<(), StrategicError> {
        for field in directive::lists_beside(patch) {
            if patch.contains_key(field) {
                continue;
            }
            if let Some(Value::Array(items)) = fields.get_mut(field) {
                let directives =
                    ListDirectives::beside(patch, field).map_err(|problem| self.error(problem))?;
                let keys = schema.field(field).merge_keys();
                let before = directives.names(items, keys);
                directives.apply(items, keys, &before);
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        target: Option<Vec<Value>>,
        changes: &'p [Value],
        schema: Schema,
        directives: ListDirectives<'p>,
    ) -> Result<Option<Value>, StrategicError> {
        let (directive, changes) =
            directive::of_list(changes).map_err(|problem| self.error(problem))?;
        let target = match directive {
            Directive::Delete => return Ok(None),
            Directive::Replace => None,
            Directive::Merge => target,
        };
        let before = directives.names(target.as_deref().unwrap_or_default(), schema.merge_keys());
        let mut merged = match (schema.lists(), target) {
            (Lists::Replaced, _) => changes.into_iter().cloned().collect(),
            (Lists::Set, target) => list::union(target.unwrap_or_default(), &changes),
            (Lists::Keyed(keys), None) => self.new_list(&changes, keys, schema.items())?,
            (Lists::Keyed(keys), Some(items)) => {
                self.keyed_list(items, &changes, keys, schema.items())?
            }
        };
        directives.apply(&mut merged, schema.merge_keys(), &before);
        Ok(Some(Value::Array(merged)))
    }

    fn directive(&self, patch: &Map<String, Value>) -> Result<Directive, StrategicError> {
        directive::of_map(patch).map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: String) -> StrategicError {
        StrategicError {
            path: self.path.join("."),
            problem,
        }
    }
}

#[cfg(test)]
mod tests;
