//! What a bot may do alone: raise versions, and nothing else (decision 0301).
//!
//! A file is judged twice. Line by line, so that nothing comes, goes or moves and each line that differs does so in one
//! word; and field by field, so that the word is a version where versions stand. Lines that are marked for a bot need only
//! the first.

mod fields;
mod lines;
mod value;

use windlass_object::Value;
use windlass_object::yaml::{Dialect, Limits, parse_documents_as};

use self::fields::{File, only_bumped};
use crate::lock::LOCK_FILE;

/// The largest file that is compared; a bot that changes a larger one needs somebody's word.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Whether a file differs from what it was in versions that rose, and nothing else.
///
/// # Errors
/// Why it does not: where, and what it says instead.
pub(crate) fn raises_only(path: &[u8], old: &[u8], new: &[u8]) -> Result<(), String> {
    if old.len().max(new.len()) > MAX_BYTES {
        return Err(format!(
            "it is larger than the {MAX_BYTES} bytes that are compared"
        ));
    }
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned());
    let (old, new) = (text(old)?, text(new)?);
    let old = lines::take_marked(old, new)?;
    let (file, before, now) = match path == LOCK_FILE.as_bytes() {
        true => (File::Lock, toml_of(&old)?, toml_of(new)?),
        false => (File::Manifests, yaml_of(&old)?, yaml_of(new)?),
    };
    if before.len() != now.len() {
        return Err("it has another number of documents".to_owned());
    }
    for (before, now) in before.iter().zip(&now) {
        only_bumped(file, before, now)?;
    }
    Ok(())
}

fn yaml_of(text: &str) -> Result<Vec<Value>, String> {
    let documents = parse_documents_as(Dialect::Kustomize, text.as_bytes(), &Limits::DEFAULT)
        .map_err(|error| format!("it is no YAML: {error}"))?;
    Ok(documents
        .into_iter()
        .map(|document| document.value)
        .collect())
}

fn toml_of(text: &str) -> Result<Vec<Value>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("it is no TOML: {error}");
    let table: toml::Table = toml::from_str(text).map_err(|error| wrong(&error))?;
    let value = serde_json::to_value(table).map_err(|error| wrong(&error))?;
    Ok(vec![value])
}
