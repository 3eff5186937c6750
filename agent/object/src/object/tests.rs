use serde_json::json;

use super::*;

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

#[test]
fn a_value_without_api_version_kind_or_with_wrong_types_is_refused() {
    let message = |value| Object::from_value(value).unwrap_err().to_string();
    assert!(message(json!([])).contains("a list"));
    assert!(message(json!({"kind": "A"})).starts_with("apiVersion is missing"));
    assert!(message(json!({"apiVersion": "v1", "kind": ""})).starts_with("kind is missing"));
    assert!(message(json!({"apiVersion": 1, "kind": "A"})).contains("apiVersion must be a string"));
    assert!(message(json!({"apiVersion": "v1", "kind": "A", "metadata": []})).contains("metadata"));
    let named_by_number = json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": 5}});
    assert!(message(named_by_number).contains("metadata.name must be a string; quote it"));
}

#[test]
fn the_key_leaves_the_version_out_and_an_empty_namespace_is_none() {
    let deployment = object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "front", "namespace": ""},
    }));
    assert_eq!(deployment.namespace(), None);
    assert_eq!(deployment.key().to_string(), "Deployment/front");
    assert_eq!(deployment.key().group, "apps");
    assert_eq!(deployment.gvk().version, "v1");
}

#[test]
fn setting_a_label_makes_the_maps_and_removing_the_last_one_removes_the_map() {
    let mut config = object(json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    assert_eq!(config.name(), "");
    config.set_label("app", "web");
    config.set_annotation("note", "x");
    config.set_annotation("other", "y");
    config.set_name("settings");
    config.set_namespace(Some("web"));
    assert_eq!(config.label("app"), Some("web"));
    assert_eq!(config.annotations().len(), 2);
    config.remove_label("app");
    config.remove_annotation("note");
    config.set_namespace(None);
    config.remove_label("never there");
    assert_eq!(
        config.into_value(),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "annotations": {"other": "y"}},
        })
    );
}

#[test]
fn labels_that_are_null_become_a_map_when_one_is_set() {
    let mut config = object(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": null},
    }));
    assert!(config.labels().is_empty());
    config.set_label("a", "b");
    assert_eq!(config.pointer("/metadata/labels/a"), Some(&json!("b")));
}

#[test]
fn what_the_server_gives_is_read() {
    let live = object(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"uid": "u", "resourceVersion": "7", "generation": 3},
    }));
    assert_eq!(
        (live.uid(), live.resource_version()),
        (Some("u"), Some("7"))
    );
    assert_eq!(live.generation(), Some(3));
}
