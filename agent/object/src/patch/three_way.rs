//! Three-way merge: what an object becomes when whoever wrote it wants something else now, and others have changed
//! it meanwhile. Its lists are merged as in a strategic merge patch; `kubectl apply --server-side=false` and Helm's
//! client-side apply come to the same object by way of a patch.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::patch::strategic::{Identity, Lists, MergeKeys, Schema, identity, used_keys};

/// Fields that are alternatives to each other: what the new object does not name goes, whoever set it
/// (`patchStrategy: retainKeys` in Kubernetes' types).
const ALTERNATIVES: [(&str, &[&str]); 2] = [
    ("Deployment", &["spec", "strategy"]),
    ("", &["spec", "volumes"]),
];

/// Gives what `live` becomes: with all of `new`, without what `old` said and `new` does not, and with all that others
/// added.
#[must_use]
pub fn three_way(old: &Value, new: &Value, live: &Value) -> Value {
    let kind = new.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut merge = Merge {
        kind,
        path: Vec::new(),
    };
    merge.value(old, new, live, Schema::unknown(MergeKeys::built_in()))
}

struct Merge<'v> {
    kind: &'v str,
    path: Vec<&'v str>,
}

// === impl Merge ===

impl<'v> Merge<'v> {
    fn value(&mut self, old: &Value, new: &'v Value, live: &Value, schema: Schema<'_>) -> Value {
        match (new, live) {
            (Value::Object(new), Value::Object(live)) => {
                Value::Object(self.map(old, new, live, schema))
            }
            (Value::Array(new), Value::Array(live)) => match schema.lists() {
                Lists::Replaced => without_nulls(new.clone().into()),
                Lists::Set => set(items(old), new, live).into(),
                Lists::Keyed(keys) => self.keyed(items(old), (new, live), keys, schema),
            },
            _ => without_nulls(new.clone()),
        }
    }

    fn map(
        &mut self,
        old: &Value,
        new: &'v Map<String, Value>,
        live: &Map<String, Value>,
        schema: Schema<'_>,
    ) -> Map<String, Value> {
        let schema = schema.or_of(new);
        let dropped = old.as_object().into_iter().flat_map(Map::keys);
        let dropped: HashSet<&String> = dropped.filter(|key| !new.contains_key(*key)).collect();
        let alternatives = self.is_of_alternatives();
        let mut merged = live.clone();
        merged.retain(|key, _| !dropped.contains(key) && (!alternatives || new.contains_key(key)));
        for (key, value) in new {
            if value.is_null() {
                merged.remove(key);
                continue;
            }
            self.path.push(key);
            let (old, live) = (field(old, key), live.get(key).unwrap_or(&Value::Null));
            let value = self.value(old, value, live, schema.field(key));
            self.path.pop();
            merged.insert(key.clone(), value);
        }
        merged
    }

    fn is_of_alternatives(&self) -> bool {
        let mut known = ALTERNATIVES.iter();
        known.any(|(kind, path)| {
            let of_kind = kind.is_empty() || (*kind == self.kind && self.path.len() == path.len());
            of_kind && self.path.ends_with(path)
        })
    }

    fn keyed(
        &mut self,
        old: &[Value],
        (new, live): (&'v [Value], &[Value]),
        keys: &[String],
        schema: Schema<'_>,
    ) -> Value {
        let named: Vec<&Value> = new.iter().collect();
        let keys = used_keys(live, &named, keys);
        let of = |items: &[Value]| -> Vec<Identity> {
            let ids = items.iter().map(|item| identity(item, &keys));
            ids.map(|id| with_protocol(id, &keys)).collect()
        };
        let (old_ids, new_ids, live_ids) = (of(old), of(new), of(live));
        // Two items with one identity cannot be told apart: the list is as the new object has it.
        let distinct: HashSet<&Identity> = new_ids.iter().collect();
        if distinct.len() < new_ids.len() {
            return without_nulls(new.to_vec().into());
        }
        let find = |ids: &[Identity], id: &Identity| ids.iter().position(|one| one == id);
        let mut merged: Vec<(&Identity, Value)> = Vec::new();
        for (id, item) in live_ids.iter().zip(live) {
            if find(&new_ids, id).is_none() && find(&old_ids, id).is_none() {
                merged.push((id, item.clone()));
            }
        }
        let others = merged.len();
        for (id, item) in new_ids.iter().zip(new) {
            let of = |ids: &[Identity], items: &[Value]| {
                let found = find(ids, id).and_then(|at| items.get(at));
                found.cloned().unwrap_or(Value::Null)
            };
            let (old, live) = (of(&old_ids, old), of(&live_ids, live));
            let value = self.value(&old, item, &live, schema.items());
            merged.push((id, value));
        }
        in_order(merged, others, (&new_ids, &live_ids))
    }
}

/// The API server writes the protocol of a port out.
fn with_protocol(mut id: Identity, keys: &[&str]) -> Identity {
    let protocols = id
        .iter_mut()
        .zip(keys)
        .filter(|(_, key)| **key == "protocol");
    for (value, _) in protocols.filter(|(value, _)| value.is_empty()) {
        "TCP".clone_into(value);
    }
    id
}

/// Puts the items of others, which come first, between those of the new object, where they were.
fn in_order(
    mut merged: Vec<(&Identity, Value)>,
    others: usize,
    (new, live): (&[Identity], &[Identity]),
) -> Value {
    let mut ordered: Vec<(&Identity, Value)> = merged.split_off(others);
    for (id, item) in merged.into_iter().rev() {
        let at = live.iter().position(|one| one == id).unwrap_or_default();
        // Before the one that followed it; where nothing did that is still there, at the end.
        let next = live
            .iter()
            .skip(at + 1)
            .find(|one| ordered.iter().any(|(known, _)| known == one) || new.contains(one));
        let place = next.and_then(|next| ordered.iter().position(|(known, _)| *known == next));
        ordered.insert(place.unwrap_or(ordered.len()), (id, item));
    }
    ordered.into_iter().map(|(_, item)| item).collect()
}

fn set(old: &[Value], new: &[Value], live: &[Value]) -> Vec<Value> {
    let kept = live
        .iter()
        .filter(|item| new.contains(item) || !old.contains(item));
    let added = new.iter().filter(|item| !live.contains(item));
    kept.chain(added).cloned().collect()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn field<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// A field that is null is a field that is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            let fields = fields.map(|(key, value)| (key, without_nulls(value)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "spec": spec})
    }

    fn check(old: Value, new: Value, live: Value, expected: Value) {
        let merged = three_way(&pod(old), &pod(new), &pod(live));
        assert_eq!(merged, pod(expected));
    }

    #[test]
    fn what_was_ours_and_is_not_wanted_goes_and_what_others_added_stays() {
        check(
            json!({"a": 1, "b": 1, "c": {"x": 1, "y": 1}}),
            json!({"a": 2, "c": {"x": 1, "z": null}}),
            json!({"a": 1, "b": 1, "c": {"x": 5, "y": 1, "z": 1}, "theirs": true}),
            json!({"a": 2, "c": {"x": 1}, "theirs": true}),
        );
    }

    #[test]
    fn items_are_known_by_their_keys_and_those_of_others_stay_where_they_were() {
        check(
            json!({"containers": [{"name": "a", "image": "1", "tty": true}, {"name": "b"}]}),
            json!({"containers": [{"name": "a", "image": "2"}, {"name": "c"}]}),
            json!({"containers": [
                {"name": "proxy"}, {"name": "a", "image": "1", "tty": true, "theirs": 1}, {"name": "b"}]}),
            json!({"containers": [
                {"name": "proxy"}, {"name": "a", "image": "2", "theirs": 1}, {"name": "c"}]}),
        );
    }

    #[test]
    fn a_list_without_keys_is_replaced_and_a_set_keeps_what_others_put_in() {
        let with = |args: Value, finalizers: Value| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": finalizers},
                "spec": {"containers": [{"name": "a", "args": args}]}})
        };
        let merged = three_way(
            &with(json!(["1"]), json!(["old"])),
            &with(json!(["2"]), json!(["new"])),
            &with(json!(["1", "x"]), json!(["theirs", "old"])),
        );
        assert_eq!(merged, with(json!(["2"]), json!(["theirs", "new"])));
    }

    #[test]
    fn alternatives_give_way_to_each_other() {
        let with = |strategy: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": strategy}});
        let live = with(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
        let recreate = with(json!({"type": "Recreate"}));
        assert_eq!(three_way(&with(json!({})), &recreate, &live), recreate);
        check(
            json!({"volumes": [{"name": "v"}]}),
            json!({"volumes": [{"name": "v", "configMap": {"name": "m"}}]}),
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "v", "configMap": {"name": "m"}}]}),
        );
    }

    #[test]
    fn a_port_is_the_same_port_once_the_server_has_written_its_protocol() {
        let with = |ports: Value| {
            let ports = json!({"ports": ports});
            json!({"apiVersion": "v1", "kind": "Service", "spec": ports})
        };
        let merged = three_way(
            &with(json!([{"port": 80}, {"port": 81}])),
            &with(json!([{"port": 80, "targetPort": 8080}, {"port": 80, "protocol": "UDP"}])),
            &with(
                json!([{"port": 80, "protocol": "TCP", "targetPort": 80}, {"port": 81, "protocol": "TCP"}]),
            ),
        );
        let expected = json!([
            {"port": 80, "protocol": "TCP", "targetPort": 8080}, {"port": 80, "protocol": "UDP"}]);
        assert_eq!(merged, with(expected));
    }

    #[test]
    fn of_two_items_with_one_key_both_are_wanted() {
        let twice = json!({"containers": [{"name": "a", "env": [
            {"name": "X", "value": "1"}, {"name": "X", "value": "2"}]}]});
        check(
            twice.clone(),
            twice.clone(),
            json!({"containers": [{"name": "a"}]}),
            twice,
        );
    }
}
