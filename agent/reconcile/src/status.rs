//! The one place that writes the status of our kinds.

use serde::Serialize;
use serde_json::{Map, Value, json};
use windlass_cluster::{Authority, Cluster, Leadership, PatchOptions, RequestError, Resource};
use windlass_object::Object;

use crate::named::Named;

/// Writes what differs between two statuses, if anything does. Returns the object after the write.
pub(crate) async fn write<Status: Serialize>(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    name: &Named,
    (old, new): (&Status, &Status),
    manager: &str,
) -> Result<Option<Object>, RequestError> {
    let changed = difference(&fields(old), &fields(new));
    if changed.is_empty() {
        return Ok(None);
    }
    let body = json!({ "status": changed });
    let authority = Authority::Leader(leadership);
    let options = PatchOptions {
        subresource: Some("status"),
        manager,
    };
    let (namespace, name) = (&name.namespace, &name.name);
    cluster
        .patch_merge(authority, resource, namespace, name, &body, &options)
        .await
        .map(Some)
}

fn fields<Status: Serialize>(status: &Status) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        // A status is a struct of plain fields: it always becomes a map.
        _ => Map::new(),
    }
}

/// The merge patch (RFC 7386) between two statuses, field by field; what is gone becomes null.
fn difference(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let changed = new
        .iter()
        .filter(|(field, value)| old.get(*field) != Some(value));
    let gone = old.keys().filter(|field| !new.contains_key(*field));
    let changed = changed.map(|(field, value)| (field.clone(), replacing(old.get(field), value)));
    changed
        .chain(gone.map(|field| (field.clone(), Value::Null)))
        .collect()
}

/// A map is merged by the server, so members that are gone have to be named.
fn replacing(old: Option<&Value>, new: &Value) -> Value {
    match (old, new) {
        (Some(Value::Object(old)), Value::Object(new)) => Value::Object(difference(old, new)),
        _ => new.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: Value, new: Value, patch: Value) {
        assert_eq!(
            Value::Object(difference(&fields(&old), &fields(&new))),
            patch
        );
    }

    #[test]
    fn only_what_changed_is_sent_and_what_is_gone_becomes_null() {
        check(
            json!({"a": 1, "b": 2}),
            json!({"a": 1, "b": 3}),
            json!({"b": 3}),
        );
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), json!({"b": null}));
        check(json!({"a": 1}), json!({"a": 1}), json!({}));
    }

    #[test]
    fn members_that_left_a_map_are_named() {
        check(
            json!({"artifact": {"size": 1, "path": "x"}}),
            json!({"artifact": {"path": "x"}}),
            json!({"artifact": {"size": null}}),
        );
    }
}
