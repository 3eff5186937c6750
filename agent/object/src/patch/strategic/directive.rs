//! The directives of strategic merge patches: keys and list items that start with `$`.
//!
//! Source: Kubernetes, sig-api-machinery/strategic-merge-patch.md.

use serde_json::{Map, Value};

/// The directive kustomize knows.
pub(super) const PATCH: &str = "$patch";

/// How the directives start that `kubectl` knows beside it; kustomize would write them into the
/// object as fields.
const FOREIGN: [&str; 3] = [
    "$retainKeys",
    "$setElementOrder/",
    "$deleteFromPrimitiveList/",
];

/// What `$patch` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

// === impl Directive ===

impl Directive {
    fn parse(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("merge") => Ok(Self::Merge),
            Some("replace") => Ok(Self::Replace),
            Some("delete") => Ok(Self::Delete),
            _ => Err(format!(
                "$patch must be merge, replace or delete, not {value}"
            )),
        }
    }
}

/// What a map says of itself.
pub(super) fn of_map(patch: &Map<String, Value>) -> Result<Directive, String> {
    let foreign = |key: &&String| FOREIGN.iter().any(|start| key.starts_with(start));
    if let Some(key) = patch.keys().find(foreign) {
        return Err(format!(
            "kustomize does not know the directive {key}; use {PATCH}"
        ));
    }
    patch
        .get(PATCH)
        .map_or(Ok(Directive::Merge), Directive::parse)
}

/// What an item with nothing but `$patch` says of its list, and the other items.
pub(super) fn of_list(items: &[Value]) -> Result<(Directive, Vec<&Value>), String> {
    let own = |item: &Value| match item {
        Value::Object(fields) if fields.len() == 1 => fields.get(PATCH).cloned(),
        _ => None,
    };
    let directive = match items.iter().find_map(own) {
        Some(value) => Directive::parse(&value)?,
        None => Directive::Merge,
    };
    Ok((
        directive,
        items.iter().filter(|item| own(item).is_none()).collect(),
    ))
}
