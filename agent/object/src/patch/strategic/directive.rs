//! The directives of strategic merge patches: keys and list items that start with `$`.
//!
//! kustomize knows `$patch` and writes the others into the object, where the API server refuses them;
//! here they mean what they mean to Kubernetes.
//!
//! Source: Kubernetes, sig-api-machinery/strategic-merge-patch.md.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// What becomes of a map, a list, or the item of one.
const PATCH: &str = "$patch";

/// The only fields a map has afterwards.
const RETAIN: &str = "$retainKeys";

/// Before the name of a list: the order of its items.
const ORDER: &str = "$setElementOrder/";

/// Before the name of a list: plain values that it loses.
const DELETE: &str = "$deleteFromPrimitiveList/";

/// What `$patch` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

/// A directive of a map about one of its lists, and what it says.
#[derive(Clone, Copy)]
pub(super) enum ListDirective<'p> {
    Order(&'p str, &'p [Value]),
    Delete(&'p str, &'p [Value]),
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
    patch
        .get(PATCH)
        .map_or(Ok(Directive::Merge), Directive::parse)
}

/// Whether a key of a patch is no field.
pub(super) fn is_directive(key: &str) -> bool {
    [PATCH, RETAIN].contains(&key) || [ORDER, DELETE].iter().any(|start| key.starts_with(start))
}

/// Whether an item of a patch says what becomes of the object's.
pub(super) fn says_what_becomes(item: &Value) -> bool {
    item.get(PATCH).is_some()
}

/// What a map says of its lists.
pub(super) fn of_lists(patch: &Map<String, Value>) -> Result<Vec<ListDirective<'_>>, String> {
    let mut directives = Vec::new();
    for (key, value) in patch.iter().filter(|(key, _)| key.starts_with('$')) {
        let made: fn(_, _) -> _ = if key.starts_with(ORDER) {
            ListDirective::Order
        } else if key.starts_with(DELETE) {
            ListDirective::Delete
        } else {
            continue;
        };
        let Value::Array(items) = value else {
            return Err(format!("{key} must be a list"));
        };
        let (_, list) = key.split_once('/').unwrap_or_default();
        directives.push(made(list, items));
    }
    Ok(directives)
}

/// The fields that `$retainKeys` leaves a map; none where it says nothing.
///
/// # Errors
/// It is no list of names, or the patch has a field that is not in it.
pub(super) fn retained(patch: &Map<String, Value>) -> Result<Option<HashSet<&str>>, String> {
    let Some(value) = patch.get(RETAIN) else {
        return Ok(None);
    };
    let names = value.as_array().and_then(|names| {
        let names = names.iter().map(Value::as_str);
        names.collect::<Option<HashSet<&str>>>()
    });
    let Some(names) = names else {
        return Err(format!("{RETAIN} must be a list of names of fields"));
    };
    let mut fields = patch.keys().filter(|key| !is_directive(key));
    match fields.find(|field| !names.contains(field.as_str())) {
        Some(field) => Err(format!(
            "the patch has {field}, which is not among its {RETAIN}; add it there"
        )),
        None => Ok(Some(names)),
    }
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
