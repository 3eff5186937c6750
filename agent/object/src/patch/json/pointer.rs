//! JSON pointers (RFC 6901) that are walked for changing.

use std::fmt;

use serde_json::Value;

use crate::object::type_name;

/// A path into a value; no step is the value itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pointer(Vec<Step>);

/// A field name or a list index.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step(String);

// === impl Pointer ===

impl Pointer {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(steps) = text.strip_prefix('/') else {
            return Err(format!(
                "path {text:?} must start with a slash: \"/{text}\""
            ));
        };
        let unescape = |step: &str| Step(step.replace("~1", "/").replace("~0", "~"));
        Ok(Self(steps.split('/').map(unescape).collect()))
    }

    /// What the path leads to.
    pub(super) fn get<'v>(&self, target: &'v Value) -> Result<&'v Value, String> {
        self.0.iter().try_fold(target, |value, step| match value {
            Value::Object(fields) => fields.get(step.name()).ok_or_else(|| step.missing()),
            Value::Array(items) => items
                .get(step.index(items.len())?)
                .ok_or_else(|| step.missing()),
            other => Err(step.no_way(other)),
        })
    }

    /// The value that holds what the path leads to, and the last step; none for the root.
    pub(super) fn parent<'v, 's>(
        &'s self,
        target: &'v mut Value,
    ) -> Result<Option<(&'v mut Value, &'s Step)>, String> {
        let Some((last, steps)) = self.0.split_last() else {
            return Ok(None);
        };
        let mut value = target;
        for step in steps {
            value = match value {
                Value::Object(fields) => {
                    fields.get_mut(step.name()).ok_or_else(|| step.missing())?
                }
                Value::Array(items) => {
                    let index = step.index(items.len())?;
                    items.get_mut(index).ok_or_else(|| step.missing())?
                }
                other => return Err(step.no_way(other)),
            };
        }
        Ok(Some((value, last)))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| {
            write!(
                formatter,
                "/{}",
                step.name().replace('~', "~0").replace('/', "~1")
            )
        })
    }
}

// === impl Step ===

impl Step {
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    pub(super) fn missing(&self) -> String {
        format!("{:?} is not there", self.0)
    }

    fn no_way(&self, found: &Value) -> String {
        format!("{:?} is looked for in {}", self.0, type_name(found))
    }

    /// The place of an item that is there.
    pub(super) fn index(&self, length: usize) -> Result<usize, String> {
        match self.place(length) {
            Some(index) if index < length => Ok(index),
            _ => Err(format!("{:?} is no index of a list of {length}", self.0)),
        }
    }

    /// The place where an item is put in: before the one that is there, or at the end.
    pub(super) fn index_for_insert(&self, length: usize) -> Result<usize, String> {
        if self.0 == "-" {
            return Ok(length);
        }
        match self.place(length + 1) {
            Some(index) if index <= length => Ok(index),
            _ => Err(format!(
                "{:?} is no index of a list of {length}; \"-\" appends",
                self.0
            )),
        }
    }

    fn place(&self, length: usize) -> Option<usize> {
        let index: isize = self.0.parse().ok()?;
        if index < 0 {
            length.checked_add_signed(index)
        } else {
            usize::try_from(index).ok()
        }
    }
}
