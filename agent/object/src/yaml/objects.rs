//! The objects of a text of YAML documents.

use crate::object::Object;
use crate::yaml::{Dialect, Limits, parse_documents_as};

/// Reads the objects of a text; lists are taken apart, empty documents passed over.
///
/// # Errors
/// The text is no YAML of this dialect, or a document is no object; the message says where.
pub fn parse_objects(
    dialect: Dialect,
    text: &[u8],
    limits: &Limits,
) -> Result<Vec<Object>, String> {
    let documents = parse_documents_as(dialect, text, limits).map_err(|error| error.to_string())?;
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        if document.value.is_null() {
            continue;
        }
        let kind = document.value.get("kind").and_then(|kind| kind.as_str());
        let listed = kind.is_some_and(|kind| kind.ends_with("List"));
        let items = document.value.get("items");
        match items.and_then(|items| items.as_array()) {
            Some(items) if listed => {
                for item in items {
                    objects.push(Object::from_value(item.clone()).map_err(|e| e.to_string())?);
                }
            }
            _ => objects.push(Object::from_value(document.value).map_err(|e| e.to_string())?),
        }
    }
    Ok(objects)
}
