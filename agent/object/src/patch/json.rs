//! JSON patch (RFC 6902), read as evanphx/json-patch v4, kustomize's reader, does.

use serde_json::Value;

use crate::object::type_name;

mod pointer;

use crate::patch::json::pointer::{Pointer, Step};

/// What all copies of one patch may add up to, in values and bytes of text: copying a map into
/// itself doubles it each time, and no manifest comes near (etcd refuses over 1.5 MiB).
const COPY_LIMIT: usize = 64 << 20;

/// A list of operations, checked for its form.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch(Vec<Operation>);

/// Why a patch has no form, or does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is no list.
    #[error("a JSON patch is a list of operations, but this is {found}")]
    NotAList {
        /// What it is instead.
        found: &'static str,
    },
    /// An operation is not one of RFC 6902.
    #[error("operation {index} of the JSON patch: {problem}")]
    Malformed {
        /// Which one, from 1.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An operation does not fit the target.
    #[error("operation {index} of the JSON patch ({name} {path:?}) does not apply: {problem}")]
    DoesNotApply {
        /// Which one, from 1.
        index: usize,
        /// Its `op`.
        name: &'static str,
        /// Its `path`.
        path: String,
        /// What is in the way.
        problem: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Operation {
    path: Pointer,
    action: Action,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Add(Value),
    Remove,
    Replace(Value),
    Move(Pointer),
    Copy(Pointer),
    Test(Value),
}

// === impl Patch ===

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// The value is no list, or an operation has no known `op`, no `path` that starts with `/`,
    /// or lacks the `value` or `from` its `op` needs.
    pub fn parse(patch: &Value) -> Result<Self, PatchError> {
        let Value::Array(operations) = patch else {
            return Err(PatchError::NotAList {
                found: type_name(patch),
            });
        };
        let parsed = operations.iter().enumerate().map(|(index, operation)| {
            Operation::parse(operation).map_err(|problem| PatchError::Malformed {
                index: index + 1,
                problem,
            })
        });
        parsed.collect::<Result<Vec<_>, _>>().map(Self)
    }
}

// === impl Operation ===

impl Operation {
    fn parse(operation: &Value) -> Result<Self, String> {
        let text = |field: &str| match operation.get(field) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err(format!(
                "{field} must be a string, but it is {}",
                type_name(other)
            )),
            None => Err(format!("{field} is missing")),
        };
        let value = || {
            operation
                .get("value")
                .cloned()
                .ok_or("value is missing; write null")
        };
        let name = text("op")?;
        let path = Pointer::parse(text("path")?)?;
        let action = match name {
            "add" => Action::Add(value()?),
            "remove" => Action::Remove,
            "replace" => Action::Replace(value()?),
            "move" => Action::Move(Pointer::parse(text("from")?)?),
            "copy" => Action::Copy(Pointer::parse(text("from")?)?),
            "test" => Action::Test(value()?),
            other => {
                return Err(format!(
                    "op {other:?} is none of add, remove, replace, move, copy, test"
                ));
            }
        };
        Ok(Self { path, action })
    }

    fn name(&self) -> &'static str {
        match self.action {
            Action::Add(_) => "add",
            Action::Remove => "remove",
            Action::Replace(_) => "replace",
            Action::Move(_) => "move",
            Action::Copy(_) => "copy",
            Action::Test(_) => "test",
        }
    }

    fn apply(&self, target: &mut Value, copied: &mut usize) -> Result<(), String> {
        match &self.action {
            Action::Add(value) => add(target, &self.path, value.clone()),
            Action::Remove => remove(target, &self.path).map(drop),
            Action::Replace(value) => replace(target, &self.path, value.clone()),
            Action::Move(from) => {
                let value = remove(target, from)?;
                add(target, &self.path, value)
            }
            Action::Copy(from) => {
                let value = from.get(target)?;
                *copied = copied.saturating_add(weight(value));
                if *copied > COPY_LIMIT {
                    return Err("the copies of this patch are too large".to_owned());
                }
                let value = value.clone();
                add(target, &self.path, value)
            }
            Action::Test(expected) => test(target, &self.path, expected),
        }
    }
}

/// Applies the operations in order; when one fails the target is left as the ones before it made
/// it, so the caller drops it.
///
/// As evanphx/json-patch v4 does, `replace` also sets a map field that is not there, an index may
/// be negative (from the end), and `test` of null holds for an absent field.
///
/// # Errors
/// An operation leads to a place that is not there, or a `test` does not hold.
pub fn apply(target: &mut Value, patch: &Patch) -> Result<(), PatchError> {
    let mut copied = 0;
    for (index, operation) in patch.0.iter().enumerate() {
        operation
            .apply(target, &mut copied)
            .map_err(|problem| PatchError::DoesNotApply {
                index: index + 1,
                name: operation.name(),
                path: operation.path.to_string(),
                problem,
            })?;
    }
    Ok(())
}

fn add(target: &mut Value, path: &Pointer, value: Value) -> Result<(), String> {
    let Some((parent, step)) = path.parent(target)? else {
        *target = value;
        return Ok(());
    };
    match parent {
        Value::Object(fields) => {
            fields.insert(step.name().to_owned(), value);
        }
        Value::Array(items) => {
            let index = step.index_for_insert(items.len())?;
            items.insert(index, value);
        }
        other => return Err(no_container(other, step)),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &Pointer) -> Result<Value, String> {
    let Some((parent, step)) = path.parent(target)? else {
        return Err("the whole object cannot be removed by a JSON patch".to_owned());
    };
    match parent {
        Value::Object(fields) => fields.remove(step.name()).ok_or_else(|| step.missing()),
        Value::Array(items) => Ok(items.remove(step.index(items.len())?)),
        other => Err(no_container(other, step)),
    }
}

fn replace(target: &mut Value, path: &Pointer, value: Value) -> Result<(), String> {
    let Some((parent, step)) = path.parent(target)? else {
        *target = value;
        return Ok(());
    };
    match parent {
        Value::Object(fields) => {
            fields.insert(step.name().to_owned(), value);
        }
        Value::Array(items) => {
            let index = step.index(items.len())?;
            if let Some(item) = items.get_mut(index) {
                *item = value;
            }
        }
        other => return Err(no_container(other, step)),
    }
    Ok(())
}

fn test(target: &mut Value, path: &Pointer, expected: &Value) -> Result<(), String> {
    let found = match path.parent(target)? {
        None => Some(&*target),
        Some((Value::Object(fields), step)) => fields.get(step.name()),
        Some((Value::Array(items), step)) => items.get(step.index(items.len())?),
        Some((other, step)) => return Err(no_container(other, step)),
    };
    // Neither value is printed: it may come from a Secret.
    if found.unwrap_or(&Value::Null) == expected {
        Ok(())
    } else {
        Err("the value there is another one".to_owned())
    }
}

fn no_container(found: &Value, step: &Step) -> String {
    format!("{:?} is looked for in {}", step.name(), type_name(found))
}

fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => {
            1 + fields
                .iter()
                .map(|(key, value)| key.len() + weight(value))
                .sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

#[cfg(test)]
mod tests;
