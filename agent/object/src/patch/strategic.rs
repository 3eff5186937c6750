//! Strategic merge patch, as kustomize applies it: maps are merged, and lists of built-in kinds by
//! their merge keys.
//!
//! The result is kyaml's (merge2), as Flux users see it, order included: what the patch names comes
//! first. Directives that kustomize does not know do what they do in Kubernetes, and some mistakes are
//! refused that kustomize lets pass: docs/decisions/0012 and 0154.

mod directive;
mod list;
mod order;
mod table;

use serde_json::{Map, Value};

use crate::object::type_name;
use crate::patch::strategic::directive::Directive;
pub(super) use crate::patch::strategic::list::{Identity, identity, used_keys};
use crate::patch::strategic::order::Order;
pub use crate::patch::strategic::table::MergeKeys;
pub(super) use crate::patch::strategic::table::{Lists, Schema};

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

/// Merges a strategic merge patch into an object. The kind is the object's own, or the patch's when
/// only that is known. Lists of kinds that are not built into Kubernetes are replaced, and their maps
/// merged; an object inside an object counts as what it says it is.
///
/// # Errors
/// A directive is unknown, an item of a merged list lacks its merge key, or the patch has a list
/// where the object has a map (or any other type). The target is to be dropped then.
pub fn apply(target: &mut Value, patch: &Value) -> Result<Deleted, StrategicError> {
    apply_with(target, patch, MergeKeys::built_in())
}

/// As [`apply`], with merge keys of further kinds.
///
/// # Errors
/// As [`apply`].
pub fn apply_with(
    target: &mut Value,
    patch: &Value,
    keys: &MergeKeys,
) -> Result<Deleted, StrategicError> {
    let mut merge = Merge { path: Vec::new() };
    if !patch.is_object() {
        return Err(merge.error(format!(
            "a patch must be a map, but this is {}",
            type_name(patch)
        )));
    }
    let merged = merge.value(Some(target.take()), patch, Schema::unknown(keys))?;
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
        schema: Schema<'_>,
    ) -> Result<Option<Value>, StrategicError> {
        match (target, patch) {
            (_, Value::Null) => Ok(None),
            (None | Some(Value::Null), Value::Object(changes)) => self.map(None, changes, schema),
            (Some(Value::Object(fields)), Value::Object(changes)) => {
                self.map(Some(fields), changes, schema)
            }
            (None | Some(Value::Null), Value::Array(changes)) => self.list(None, changes, schema),
            (Some(Value::Array(items)), Value::Array(changes)) => {
                self.list(Some(items), changes, schema)
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
        schema: Schema<'_>,
    ) -> Result<Option<Value>, StrategicError> {
        let schema = match &target {
            Some(fields) => schema.or_of(fields),
            None => schema,
        };
        let schema = schema.or_of(patch);
        let directive = directive::of_map(patch).map_err(|problem| self.error(problem))?;
        let mut fields = match directive {
            Directive::Delete => return Ok(None),
            Directive::Replace => Map::new(),
            Directive::Merge => target.unwrap_or_default(),
        };
        let orders = self.apply_directives(patch, &mut fields, schema)?;
        for (field, change) in patch
            .iter()
            .filter(|(field, _)| !directive::is_directive(field))
        {
            self.path.push(field);
            let target = fields.remove(field);
            if let Some(merged) = self.value(target, change, schema.field(field))? {
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
        for order in orders {
            order.arrange(&mut fields);
        }
        Ok(Some(Value::Object(fields)))
    }

    /// Takes out of a map what directives take away before it is merged; gives the orders of its lists.
    fn apply_directives(
        &self,
        patch: &'p Map<String, Value>,
        fields: &mut Map<String, Value>,
        schema: Schema<'_>,
    ) -> Result<Vec<Order<'p>>, StrategicError> {
        let failed = |problem| self.error(problem);
        if let Some(names) = directive::retained(patch).map_err(failed)? {
            fields.retain(|field, _| names.contains(field.as_str()));
        }
        let directives = directive::of_lists(patch).map_err(failed)?;
        order::prepare(&directives, patch, fields, schema).map_err(failed)
    }

    fn list(
        &mut self,
        target: Option<Vec<Value>>,
        changes: &'p [Value],
        schema: Schema<'_>,
    ) -> Result<Option<Value>, StrategicError> {
        let (directive, changes) =
            directive::of_list(changes).map_err(|problem| self.error(problem))?;
        let target = match directive {
            Directive::Delete => return Ok(None),
            Directive::Replace => None,
            Directive::Merge => target,
        };
        let merged = match (schema.lists(), target) {
            (Lists::Replaced, _) => changes.into_iter().cloned().collect(),
            (Lists::Set, target) => list::union(target.unwrap_or_default(), &changes),
            (Lists::Keyed(keys), None) => self.new_list(&changes, keys, schema.items())?,
            (Lists::Keyed(keys), Some(items)) => {
                self.keyed_list(items, &changes, keys, schema.items())?
            }
        };
        Ok(Some(Value::Array(merged)))
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
