//! Replacements that lead into JSON text inside a string, as in a ConfigMap's data.

use windlass_object::Value;

use super::options::{is_scalar, with_type_of};
use crate::error::{Cause, Step};
use crate::load::parse_manifest;
use crate::object_path::{Create, ObjectPath};
use crate::resource::scalar_text;

/// Writes into the text that a path leads through; says whether it did.
///
/// # Errors
/// The text is YAML: kustomize would write it out anew with comments and style kept, which is not
/// done here.
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
    let Some(mut inside) = read.ok().and_then(|_| parse(&text)) else {
        return Ok(false);
    };
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
    if !text.trim_start().starts_with(['{', '[']) {
        return Err(Cause::NotImplemented {
            what: format!("{path}: a replacement into YAML text"),
            instead: "write the text as JSON, or replace all of it",
        });
    }
    let written = print(&inside, &text).map_err(|error| Cause::invalid(error.to_string()))?;
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
