//! The options of a replacement's source and targets, and how a value is written by them.

use serde::Deserialize;
use windlass_object::Value;
use windlass_object::yaml::Document;

use crate::error::{Cause, Step};
use crate::load::parse_manifest;
use crate::resource::scalar_text;

/// Texts that are no value when nobody says that they are texts.
const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// Which part of a text counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FieldOptions {
    /// Splits the text; empty leaves it whole.
    pub(super) delimiter: String,
    /// The part that counts.
    pub(super) index: i64,
    pub(super) encoding: String,
    pub(super) create: bool,
}

// === impl FieldOptions ===

impl FieldOptions {
    pub(super) fn check(&self) -> Step<()> {
        if self.encoding.is_empty() {
            return Ok(());
        }
        Err(Cause::NotImplemented {
            what: "options.encoding".to_owned(),
            instead: "kustomize ignores it; remove it",
        })
    }

    /// The part of the source's text that the options name.
    pub(super) fn part_of(&self, value: &Value) -> Step<Value> {
        self.check()?;
        if self.delimiter.is_empty() {
            return Ok(value.clone());
        }
        let text = self.text_of(value).map_err(Cause::invalid)?;
        let parts: Vec<&str> = text.split(&self.delimiter).collect();
        let part = usize::try_from(self.index)
            .ok()
            .and_then(|index| parts.get(index));
        match part {
            Some(part) => with_type_of(value, part).map_err(Cause::invalid),
            None => Err(Cause::invalid(format!(
                "{text:?} has no part {}",
                self.index
            ))),
        }
    }

    fn text_of(&self, value: &Value) -> Result<String, String> {
        if !is_scalar(value) {
            return Err("a delimiter is for single values only".to_owned());
        }
        Ok(scalar_text(value))
    }

    /// Writes a value into a field: a scalar keeps its type. As in kustomize, a list or map has no text,
    /// so that it empties a field that holds one.
    pub(super) fn set(&self, field: &mut Value, value: &Value) -> Result<(), String> {
        if !is_scalar(field) {
            if !self.delimiter.is_empty() {
                return Err("a delimiter is for single values only".to_owned());
            }
            *field = value.clone();
            return Ok(());
        }
        let text = if self.delimiter.is_empty() {
            scalar_text(value)
        } else {
            self.joined(&scalar_text(field), &scalar_text(value))
        };
        *field = if field.is_null() {
            untyped(&text)
        } else {
            with_type_of(field, &text)?
        };
        Ok(())
    }

    /// A position before the first part puts the value in front, one behind the last at the end.
    fn joined(&self, field: &str, value: &str) -> String {
        let mut parts: Vec<&str> = field.split(&self.delimiter).collect();
        match usize::try_from(self.index) {
            Err(_) => parts.insert(0, value),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = value,
                None => parts.push(value),
            },
        }
        parts.join(&self.delimiter)
    }
}

/// A field that was made for the value has no type: kustomize reads the text anew, so that `"1.25"`
/// becomes a number.
pub(crate) fn untyped(text: &str) -> Value {
    if NULLS.contains(&text) {
        return Value::Null;
    }
    match parse_manifest(text.as_bytes())
        .ok()
        .and_then(|mut documents| documents.pop())
    {
        Some(Document {
            value: typed @ (Value::Number(_) | Value::Bool(_)),
            ..
        }) => typed,
        _ => Value::from(text),
    }
}

pub(super) fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// A text in the type of another scalar.
///
/// # Errors
/// It cannot be read as that type.
pub(super) fn with_type_of(value: &Value, text: &str) -> Result<Value, String> {
    let typed = match value {
        Value::Number(_) | Value::Bool(_) => untyped(text),
        _ => return Ok(Value::from(text)),
    };
    match (value, &typed) {
        (Value::Bool(_), Value::Bool(_)) => Ok(typed),
        (Value::Number(old), Value::Number(new)) if old.is_f64() || !new.is_f64() => Ok(typed),
        _ => Err(format!("{text:?} cannot take the place of {value}")),
    }
}
