//! The directives of strategic merge patches: keys and list items that start with `$`.
//!
//! Source: Kubernetes, sig-api-machinery/strategic-merge-patch.md.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::object::type_name;
use crate::patch::strategic::list::{key_text, text};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// What `$patch` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

/// The directives that stand beside a list, in the map that holds it.
#[derive(Default)]
pub(super) struct ListDirectives<'p> {
    order: Option<&'p [Value]>,
    deleted: &'p [Value],
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

/// Whether a key of a patch is no field.
pub(super) fn is_directive(key: &str) -> bool {
    key == PATCH
        || key == RETAIN_KEYS
        || key.starts_with(SET_ELEMENT_ORDER)
        || key.starts_with(DELETE_FROM_PRIMITIVE_LIST)
}

/// The only fields that stay, when the patch names them.
pub(super) fn retained(patch: &Map<String, Value>) -> Result<Option<HashSet<&str>>, String> {
    let Some(keys) = patch.get(RETAIN_KEYS) else {
        return Ok(None);
    };
    let keys: Option<HashSet<&str>> = keys
        .as_array()
        .and_then(|keys| keys.iter().map(Value::as_str).collect());
    match keys {
        Some(keys) => Ok(Some(keys)),
        None => Err(format!("{RETAIN_KEYS} must be a list of field names")),
    }
}

/// The lists that have directives in a map.
pub(super) fn lists_beside(patch: &Map<String, Value>) -> impl Iterator<Item = &str> {
    patch.keys().filter_map(|key| {
        key.strip_prefix(SET_ELEMENT_ORDER)
            .or_else(|| key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST))
    })
}

// === impl ListDirectives ===

impl<'p> ListDirectives<'p> {
    /// The directives of a map for the list in its given field.
    pub(super) fn beside(patch: &'p Map<String, Value>, field: &str) -> Result<Self, String> {
        let list = |prefix: &str| match patch.get(&format!("{prefix}{field}")) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items.as_slice())),
            Some(other) => Err(format!(
                "{prefix}{field} must be a list, but it is {}",
                type_name(other)
            )),
        };
        Ok(Self {
            order: list(SET_ELEMENT_ORDER)?,
            deleted: list(DELETE_FROM_PRIMITIVE_LIST)?.unwrap_or_default(),
        })
    }

    /// Takes values out of the list and puts the others in order; `before` are the names the
    /// list's items had in their old order.
    pub(super) fn apply(&self, items: &mut Vec<Value>, keys: &[String], before: &[String]) {
        items.retain(|item| !self.deleted.contains(item));
        if let Some(order) = self.order {
            set_order(items, order, keys, before);
        }
    }

    /// The names of a list's items, when [`Self::apply`] will ask for them.
    pub(super) fn names(&self, items: &[Value], keys: &[String]) -> Vec<String> {
        match self.order {
            Some(_) => items
                .iter()
                .map(|item| name(item, keys).into_owned())
                .collect(),
            None => Vec::new(),
        }
    }
}

/// The name `$setElementOrder` has for an item: its first merge key, or the plain value.
fn name<'v>(item: &'v Value, keys: &[String]) -> Cow<'v, str> {
    keys.first()
        .map_or_else(|| text(item), |key| key_text(item, key))
}

/// Puts the named items in the given order. An item nobody names stays before the named ones it
/// stood before (Kubernetes' `normalizeElementOrder`).
fn set_order(items: &mut Vec<Value>, order: &[Value], keys: &[String], before: &[String]) {
    let mut ranks = HashMap::new();
    for (rank, item) in order.iter().enumerate() {
        ranks.entry(name(item, keys)).or_insert(rank);
    }
    let mut places = HashMap::new();
    for (place, name) in before.iter().enumerate() {
        places.entry(name.as_str()).or_insert(place);
    }
    let mut named = Vec::new();
    let mut unnamed = Vec::new();
    for item in std::mem::take(items) {
        let name = name(&item, keys);
        let place = places.get(name.as_ref()).copied();
        match ranks.get(&name).copied() {
            Some(rank) => named.push((rank, place, item)),
            None => unnamed.push((place, item)),
        }
    }
    named.sort_by_key(|(rank, ..)| *rank);
    unnamed.sort_by_key(|(place, _)| *place);
    let mut unnamed = unnamed.into_iter().peekable();
    for (_, place, item) in named {
        let stood_before = |earlier: &Option<usize>| earlier.is_some() && *earlier < place;
        while let Some((_, earlier)) = unnamed.next_if(|(earlier, _)| stood_before(earlier)) {
            items.push(earlier);
        }
        items.push(item);
    }
    items.extend(unnamed.map(|(_, item)| item));
}
