//! `$setElementOrder` and `$deleteFromPrimitiveList`: the order of a merged list, and what leaves it.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::patch::strategic::directive::{ListDirective, says_what_becomes};
use crate::patch::strategic::list::{key_text, text};
use crate::patch::strategic::table::{Lists, Schema};

/// The order that one list is to get.
pub(super) struct Order<'p> {
    list: &'p str,
    /// The merge key of its items; none where they are plain values.
    key: Option<String>,
    /// Places in the order of the patch, and in that of the object before it was patched.
    wanted: HashMap<String, usize>,
    before: HashMap<String, usize>,
}

/// Reads what a patch says of the lists of a map, and takes out of them what it deletes.
///
/// # Errors
/// A list is not merged, or the order lacks an item that the patch has.
pub(super) fn prepare<'p>(
    directives: &[ListDirective<'p>],
    patch: &Map<String, Value>,
    fields: &mut Map<String, Value>,
    schema: Schema<'_>,
) -> Result<Vec<Order<'p>>, String> {
    let mut orders = Vec::new();
    for directive in directives {
        match *directive {
            ListDirective::Order(list, wanted) => {
                let key = key_of(list, schema)?;
                let before = items(fields.get(list));
                let order = Order {
                    list,
                    wanted: places(wanted, key.as_deref()),
                    before: places(before, key.as_deref()),
                    key,
                };
                order.check(items(patch.get(list)))?;
                orders.push(order);
            }
            ListDirective::Delete(list, values) => {
                if key_of(list, schema)?.is_some() {
                    return Err(format!(
                        "$deleteFromPrimitiveList/{list}: the items of {list} are no plain values; use $patch: delete"
                    ));
                }
                let gone: HashSet<_> = values.iter().map(text).collect();
                if let Some(Value::Array(items)) = fields.get_mut(list) {
                    items.retain(|item| !gone.contains(&text(item)));
                }
            }
        }
    }
    Ok(orders)
}

// === impl Order ===

impl Order<'_> {
    fn check(&self, changes: &[Value]) -> Result<(), String> {
        let named = |item: &&Value| !says_what_becomes(item);
        let mut names = changes.iter().filter(named).map(|item| self.name(item));
        match names.find(|name| !self.wanted.contains_key(name)) {
            Some(name) => Err(format!(
                "the patch has the item {name}, which is not in its $setElementOrder/{}; add it there",
                self.list
            )),
            None => Ok(()),
        }
    }

    /// Puts the merged list in order. What the order does not name comes before the first named item
    /// that it came before in the object.
    pub(super) fn arrange(&self, fields: &mut Map<String, Value>) {
        let Some(Value::Array(items)) = fields.get_mut(self.list) else {
            return;
        };
        let (mut named, mut others): (Vec<Value>, Vec<Value>) = std::mem::take(items)
            .into_iter()
            .partition(|item| self.wanted.contains_key(&self.name(item)));
        named.sort_by_key(|item| self.wanted.get(&self.name(item)).copied());
        let place = |item: &Value| self.before.get(&self.name(item)).copied();
        others.sort_by_key(place);
        let mut named = named.into_iter().peekable();
        for other in others {
            let own = place(&other);
            let is_earlier = |item: &Value| match (own, place(item)) {
                (Some(own), Some(its)) => own < its,
                _ => false,
            };
            while let Some(item) = named.next_if(|item| !is_earlier(item)) {
                items.push(item);
            }
            items.push(other);
        }
        items.extend(named);
    }

    fn name(&self, item: &Value) -> String {
        name(item, self.key.as_deref())
    }
}

/// The merge key of a list; none where its items are plain values.
fn key_of(list: &str, schema: Schema<'_>) -> Result<Option<String>, String> {
    match schema.field(list).lists() {
        Lists::Set => Ok(None),
        Lists::Keyed(keys) => Ok(keys.first().cloned()),
        Lists::Replaced => Err(format!(
            "a directive is about the list {list}, which is not merged: write the whole list"
        )),
    }
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn name(item: &Value, key: Option<&str>) -> String {
    key.map_or_else(|| text(item), |key| key_text(item, key))
        .into_owned()
}

fn places(items: &[Value], key: Option<&str>) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        places.entry(name(item, key)).or_insert(place);
    }
    places
}
