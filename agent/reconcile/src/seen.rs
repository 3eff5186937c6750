//! Our own kinds as the watch shows them: parsed object by object, so that a malformed one holds up no other.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::named::Named;

/// One object of our API. What does not parse is kept as the reason, for its condition.
#[derive(Clone, Debug)]
pub(crate) struct Seen<Spec, Status> {
    pub(crate) meta: Meta,
    pub(crate) spec: Result<Spec, String>,
    pub(crate) status: Status,
}

/// The metadata that decides whether a pass is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Meta {
    pub(crate) name: Named,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    pub(crate) deleting: bool,
    pub(crate) finalizers: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl<Spec: DeserializeOwned, Status: DeserializeOwned + Default> Seen<Spec, Status> {
    /// Takes a whole object as the API server sent it. `None` when it has no name.
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        let meta = Meta::parse(object)?;
        let spec = object.get("spec").cloned().unwrap_or_default();
        let status = object.get("status").cloned().unwrap_or_default();
        Some(Seen {
            meta,
            spec: serde_json::from_value(spec).map_err(|error| format!("spec: {error}")),
            status: serde_json::from_value(status).unwrap_or_default(),
        })
    }
}

impl Meta {
    /// Reads `metadata`; `None` when there is no name.
    pub(crate) fn parse(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let name = text(metadata, "name")?;
        Some(Meta {
            name: Named {
                namespace: text(metadata, "namespace").unwrap_or_default(),
                name,
            },
            uid: text(metadata, "uid").unwrap_or_default(),
            resource_version: text(metadata, "resourceVersion").unwrap_or_default(),
            generation: metadata
                .get("generation")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            deleting: metadata
                .get("deletionTimestamp")
                .is_some_and(|time| !time.is_null()),
            finalizers: strings(metadata.get("finalizers")),
            labels: pairs(metadata.get("labels")),
            annotations: pairs(metadata.get("annotations")),
        })
    }

    /// The value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// Whether something changed that a pass has to look at: everything but status and our own notes.
    pub(crate) fn asks_for_a_pass(&self, before: &Meta, watched_annotations: &[&str]) -> bool {
        self.uid != before.uid
            || self.generation != before.generation
            || self.deleting != before.deleting
            || self.finalizers != before.finalizers
            || watched_annotations
                .iter()
                .any(|name| self.annotation(name) != before.annotation(name))
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().map(str::to_owned)
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn pairs(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Clone, Debug, Deserialize)]
    struct Spec {
        interval: String,
    }

    type Object = Seen<Spec, BTreeMap<String, String>>;

    #[test]
    fn a_malformed_spec_is_kept_as_a_reason_and_does_not_hide_the_object() {
        let object = json!({"metadata": {"name": "a", "namespace": "b"}, "spec": {"interval": 1}});
        let seen = Object::parse(&object).unwrap();
        assert_eq!(seen.meta.name, Named::new("b", "a"));
        assert!(seen.spec.unwrap_err().starts_with("spec: invalid type"));
    }

    #[test]
    fn a_status_write_asks_for_no_pass_but_a_request_does() {
        let before =
            Meta::parse(&json!({"metadata": {"name": "a", "resourceVersion": "1"}})).unwrap();
        let status =
            Meta::parse(&json!({"metadata": {"name": "a", "resourceVersion": "2"}})).unwrap();
        let request =
            Meta::parse(&json!({"metadata": {"name": "a", "annotations": {"ask": "now"}}}))
                .unwrap();
        assert!(!status.asks_for_a_pass(&before, &["ask"]));
        assert!(request.asks_for_a_pass(&before, &["ask"]));
    }

    #[test]
    fn a_good_spec_is_parsed() {
        let object = json!({"metadata": {"name": "a"}, "spec": {"interval": "1m"}});
        assert_eq!(Object::parse(&object).unwrap().spec.unwrap().interval, "1m");
    }
}
