//! Replacements that lead into JSON or YAML text inside a string, as in a ConfigMap's data.

use windlass_object::Value;
use windlass_object::yaml::{Dialect, rewrite};

use super::options::{is_scalar, with_type_of};
use crate::error::{Cause, Step};
use crate::load::parse_manifest;
use crate::object_path::{Create, ObjectPath};
use crate::resource::scalar_text;

/// Writes into the text that a path leads through; says whether it did.
///
/// # Errors
/// The text is YAML, and the value is not a scalar in the place of another one in its line: kustomize
/// would write all of the text out anew.
pub(super) fn write(object: &mut Value, path: &str, create: Create, value: &Value) -> Step<bool> {
    let Some((outer, inner)) = split(object, path) else {
        return Ok(false);
    };
    let mut text = String::new();
    let mut read = |field: &mut Value| {
        text = scalar_text(field);
        Ok(())
    };
    let read = outer.change(object, Create::Nothing, &mut read);
    let Some(before) = read.ok().and_then(|_| parse(&text)) else {
        return Ok(false);
    };
    let mut inside = before.clone();
    let mut set = |field: &mut Value| {
        *field = if is_scalar(field) && is_scalar(value) {
            with_type_of(field, &scalar_text(value))?
        } else {
            value.clone()
        };
        Ok(())
    };
    if !matches!(inner.change(&mut inside, create, &mut set), Ok(count) if count > 0) {
        return Ok(false);
    }
    let written = if text.trim_start().starts_with(['{', '[']) {
        print(&inside, &text).map_err(|error| Cause::invalid(error.to_string()))?
    } else {
        let written = rewrite(&text, Dialect::Kustomize, &before, &inside);
        let written = written.ok_or_else(|| Cause::NotImplemented {
            what: format!("{path}: a replacement that adds to YAML text, or changes its blocks"),
            instead: "write the field into the text, in one line, or the text as JSON",
        })?;
        written.trim().to_owned()
    };
    let mut set = |field: &mut Value| {
        *field = Value::from(written.as_str());
        Ok(())
    };
    outer
        .change(object, Create::Nothing, &mut set)
        .map_err(Cause::invalid)?;
    Ok(true)
}

/// The path to the first string on the way, and the rest of the path behind it.
fn split(object: &Value, path: &str) -> Option<(ObjectPath, ObjectPath)> {
    let parts = ObjectPath::parse(path);
    parts
        .splits()
        .find(|(outer, _)| matches!(outer.look_up(object), Ok(Some(found)) if is_scalar(found)))
}

fn parse(text: &str) -> Option<Value> {
    let mut documents = parse_manifest(text.as_bytes()).ok()?;
    documents.pop().map(|document| document.value)
}

/// JSON as Go prints it: in lines when the text was in lines, and escaped for HTML.
fn print(value: &Value, before: &str) -> Result<String, serde_json::Error> {
    let text = if before.contains('\n') && before.contains("  ") {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    Ok(crate::hash::escape_html(&text))
}
