//! Lists whose items are merged, in the order kustomize gives them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::patch::strategic::table::{Lists, Schema};
use crate::patch::strategic::{Merge, StrategicError};

/// The values of an item's merge keys; empty where it has none.
pub(in crate::patch) type Identity = Vec<String>;

/// The items of the object's list, with the merge keys that tell them apart.
struct Items {
    values: Vec<Option<Value>>,
    identities: Vec<Identity>,
    /// Where the first item of each identity is.
    places: HashMap<Identity, usize>,
}

// === impl Merge ===

impl<'p> Merge<'p> {
    /// Merges the items of a list by their merge keys (kyaml's `walkAssociativeSequence`).
    ///
    /// Three things kustomize does are kept although they may surprise: of two items of the
    /// object with one identity the last stays, `$patch: replace` in an item that is there changes
    /// nothing, and an item of the patch without its second key (`protocol`) changes nothing
    /// where the object has that key.
    pub(super) fn keyed_list(
        &mut self,
        items: Vec<Value>,
        changes: &[&'p Value],
        keys: &[String],
        schema: Schema<'_>,
    ) -> Result<Vec<Value>, StrategicError> {
        self.check_keys(changes, keys)?;
        let keys = used_keys(&items, changes, keys);
        let mut items = Items::new(items, &keys);
        let mut first_change = HashMap::new();
        for change in changes {
            first_change
                .entry(identity(change, &keys))
                .or_insert(*change);
        }
        items.settle_others(&first_change, schema);
        let order = order(changes, &items, &keys);
        let mut added = HashMap::new();
        for identity in &order {
            let Some(change) = first_change.get(identity) else {
                continue;
            };
            if let Some(value) = self.item(&mut items, identity, change, schema)? {
                added.insert(identity.clone(), value);
            }
        }
        Ok(items.with(order, added))
    }

    /// Gives the items of a list the object does not have.
    pub(super) fn new_list(
        &mut self,
        changes: &[&'p Value],
        keys: &[String],
        schema: Schema<'_>,
    ) -> Result<Vec<Value>, StrategicError> {
        self.check_keys(changes, keys)?;
        let mut items = Vec::with_capacity(changes.len());
        for change in changes {
            items.extend(self.value(None, change, schema)?);
        }
        let keys = used_keys(&items, &[], keys);
        let items = Items::new(items, &keys);
        let order = order(&[], &items, &keys);
        Ok(items.with(order, HashMap::new()))
    }

    /// Merges one item of the patch; what is given is new to the list.
    fn item(
        &mut self,
        items: &mut Items,
        identity: &Identity,
        change: &'p Value,
        schema: Schema<'_>,
    ) -> Result<Option<Value>, StrategicError> {
        let place = items.places.get(identity).copied();
        let Some(item) = place.and_then(|place| items.values.get_mut(place)) else {
            return self.value(None, change, schema);
        };
        let replaces = change.get("$patch").and_then(Value::as_str) == Some("replace");
        match self.value(item.clone(), change, schema)? {
            Some(value) if !replaces => *item = Some(value),
            Some(_) => {}
            None => items.remove(identity),
        }
        Ok(None)
    }

    fn check_keys(&self, changes: &[&Value], keys: &[String]) -> Result<(), StrategicError> {
        let Some(key) = keys.first() else {
            return Ok(());
        };
        if changes
            .iter()
            .all(|change| !key_text(change, key).is_empty())
        {
            return Ok(());
        }
        Err(self.error(format!(
            "an item of the patch has no {key}, which tells the items of this list apart"
        )))
    }
}

// === impl Items ===

impl Items {
    fn new(values: Vec<Value>, keys: &[&str]) -> Self {
        let identities: Vec<Identity> = values.iter().map(|value| identity(value, keys)).collect();
        let mut places = HashMap::new();
        for (place, identity) in identities.iter().enumerate() {
            places.entry(identity.clone()).or_insert(place);
        }
        Self {
            values: values.into_iter().map(Some).collect(),
            identities,
            places,
        }
    }

    /// Brings what the patch does not name into kustomize's form.
    fn settle_others(&mut self, changes: &HashMap<Identity, &Value>, schema: Schema<'_>) {
        for (value, identity) in self.values.iter_mut().zip(&self.identities) {
            if let Some(value) = value
                && !changes.contains_key(identity)
            {
                settle(value, schema);
            }
        }
    }

    /// Deletes an item; one that lacks a key others have is not found by kustomize.
    fn remove(&mut self, identity: &Identity) {
        if identity.iter().any(String::is_empty) {
            return;
        }
        for (value, known) in self.values.iter_mut().zip(&self.identities) {
            if known == identity {
                *value = None;
            }
        }
    }

    /// All items in kustomize's order, which depends on the number of keys.
    fn with(self, order: Vec<Identity>, added: HashMap<Identity, Value>) -> Vec<Value> {
        if self
            .identities
            .iter()
            .chain(&order)
            .any(|identity| identity.len() > 1)
        {
            self.behind(order, added)
        } else {
            self.in_order(order, added)
        }
    }

    /// The items in the order of their identities; those without any come last.
    fn in_order(self, order: Vec<Identity>, mut added: HashMap<Identity, Value>) -> Vec<Value> {
        let mut nameless = Vec::new();
        for (value, identity) in self.values.into_iter().zip(self.identities) {
            match value {
                Some(value) if identity.iter().all(String::is_empty) => nameless.push(value),
                Some(value) => {
                    added.insert(identity, value);
                }
                None => {}
            }
        }
        let ordered = order.iter().filter_map(|identity| added.remove(identity));
        ordered.chain(nameless).collect()
    }

    /// What is new, and behind it the items that were there, in their order.
    fn behind(self, order: Vec<Identity>, mut added: HashMap<Identity, Value>) -> Vec<Value> {
        let mut later = HashSet::new();
        let mut later_incomplete: HashSet<String> = HashSet::new();
        let mut kept = Vec::new();
        for (value, identity) in self.values.into_iter().zip(self.identities).rev() {
            let Some(value) = value else {
                continue;
            };
            let primary = identity.first().cloned().unwrap_or_default();
            let nameless = primary.is_empty();
            let overridden = later.contains(&identity) || later_incomplete.contains(&primary);
            if nameless || !overridden {
                kept.push(value);
            }
            if identity.iter().any(String::is_empty) {
                later_incomplete.insert(primary);
            }
            later.insert(identity);
        }
        kept.reverse();
        let new = order.iter().filter_map(|identity| {
            let primary = identity.first().map_or("", String::as_str);
            let value = added.remove(identity)?;
            (!later.contains(identity) && !later_incomplete.contains(primary)).then_some(value)
        });
        new.chain(kept).collect()
    }
}

/// Brings a value no patch names into the form kustomize gives every object it patches: of the
/// items with one identity it keeps the last.
pub(super) fn settle(value: &mut Value, schema: Schema<'_>) {
    match (value, schema.lists()) {
        (Value::Object(fields), _) => {
            let schema = schema.or_of(fields);
            for (field, value) in fields {
                settle(value, schema.field(field));
            }
        }
        (Value::Array(items), Lists::Set) => *items = union(std::mem::take(items), &[]),
        (Value::Array(items), Lists::Keyed(keys)) => {
            for item in items.iter_mut() {
                settle(item, schema.items());
            }
            let keys = used_keys(items, &[], keys);
            let settled = Items::new(std::mem::take(items), &keys);
            let order = order(&[], &settled, &keys);
            *items = settled.with(order, HashMap::new());
        }
        _ => {}
    }
}

/// The patch's plain values and behind them those that were there, each once.
pub(super) fn union(items: Vec<Value>, changes: &[&Value]) -> Vec<Value> {
    let mut seen = HashSet::new();
    let all = changes.iter().map(|change| (*change).clone()).chain(items);
    all.filter(|value| seen.insert(text(value).into_owned()))
        .collect()
}

/// The value of a merge key as text; empty when it is not there.
pub(super) fn key_text<'v>(item: &'v Value, key: &str) -> Cow<'v, str> {
    item.get(key).map_or(Cow::Borrowed(""), text)
}

/// A plain value as text.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}

/// The merge keys that any item has; the first one is always used.
pub(in crate::patch) fn used_keys<'k>(
    items: &[Value],
    changes: &[&Value],
    keys: &'k [String],
) -> Vec<&'k str> {
    let any_has = |key: &str| {
        let mut all = items.iter().chain(changes.iter().copied());
        all.any(|item| !key_text(item, key).is_empty())
    };
    let keys = keys.iter().map(String::as_str).enumerate();
    keys.filter(|(place, key)| *place == 0 || any_has(key))
        .map(|(_, key)| key)
        .collect()
}

pub(in crate::patch) fn identity(item: &Value, keys: &[&str]) -> Identity {
    keys.iter()
        .map(|key| key_text(item, key).into_owned())
        .collect()
}

/// The identities of all items: the patch's first, each once. Where there are two keys, one
/// without its second key is the same as one with it (kyaml's `mergeValues`).
fn order(changes: &[&Value], items: &Items, keys: &[&str]) -> Vec<Identity> {
    let mut seen = HashSet::new();
    let changed = changes.iter().map(|change| identity(change, keys));
    let all = changed.chain(items.identities.iter().cloned());
    let mut order: Vec<Identity> = all
        .filter(|identity| identity.iter().any(|value| !value.is_empty()))
        .filter(|identity| seen.insert(identity.clone()))
        .collect();
    if keys.len() > 1 {
        let complete: HashSet<String> = order
            .iter()
            .filter(|identity| identity.iter().all(|value| !value.is_empty()))
            .filter_map(|identity| identity.first().cloned())
            .collect();
        order.retain(|identity| {
            identity.iter().all(|value| !value.is_empty())
                || identity
                    .first()
                    .is_none_or(|primary| !complete.contains(primary))
        });
    }
    order
}
