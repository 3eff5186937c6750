use serde_json::json;

use super::*;

fn rules(paths: &[&str], target: Value) -> Result<IgnoreRules, String> {
    let rule = json!([{"paths": paths, "target": target}]);
    IgnoreRules::compile(&serde_json::from_value::<Vec<IgnoreRule>>(rule).unwrap())
}

fn deployment(replicas: i64, image: &str, managers: Value) -> Object {
    let value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", "labels": {"tier": "front"},
            "managedFields": managers},
        "spec": {"replicas": replicas, "containers": [
            {"name": "side", "image": "side:1"}, {"name": "main", "image": image}]},
    });
    Object::from_value(value).unwrap()
}

fn manager(name: &str, operation: &str, fields: Value) -> Value {
    json!([{"manager": name, "operation": operation, "fieldsV1": fields}])
}

/// What is sent when Git says 1 replica and image `git`, and these are live.
fn sent(paths: &[&str], live: &Object) -> Object {
    let mut desired = deployment(1, "git", json!([]));
    rules(paths, Value::Null)
        .unwrap()
        .give_way(Applier::Kustomization, &mut desired, live);
    desired
}

#[test]
fn a_field_that_another_manager_owns_is_left_out() {
    let fields = json!({"f:spec": {"f:replicas": {}}});
    for (name, operation) in [("hpa", "Update"), ("other", "Apply")] {
        let live = deployment(5, "git", manager(name, operation, fields.clone()));
        let sent = sent(&["/spec/replicas"], &live);
        assert_eq!(sent.pointer("/spec/replicas"), None);
        assert!(sent.pointer("/spec/containers").is_some());
    }
}

#[test]
fn a_field_that_is_ours_or_kubectls_keeps_the_value_it_has() {
    let fields = json!({"f:spec": {"f:replicas": {}}});
    for (name, operation) in [
        ("kustomize-controller", "Apply"),
        ("kubectl-edit", "Update"),
        ("nobody", "Status"),
    ] {
        let fields = if name == "nobody" {
            json!({})
        } else {
            fields.clone()
        };
        let live = deployment(5, "git", manager(name, operation, fields));
        let sent = sent(&["/spec/replicas"], &live);
        assert_eq!(sent.pointer("/spec/replicas"), Some(&json!(5)));
    }
}

#[test]
fn an_element_of_a_list_goes_by_its_key() {
    let path = &["/spec/containers/1/image"];
    let of = |name: &str| {
        let key = format!("k:{{\"name\":\"{name}\"}}");
        manager(
            "updater",
            "Update",
            json!({"f:spec": {"f:containers": {key: {"f:image": {}}}}}),
        )
    };
    let theirs = sent(path, &deployment(1, "new", of("main")));
    assert_eq!(theirs.pointer("/spec/containers/1/image"), None);
    let of_another = sent(path, &deployment(1, "new", of("side")));
    assert_eq!(
        of_another.pointer("/spec/containers/1/image"),
        Some(&json!("new"))
    );
}

#[test]
fn what_git_does_not_say_is_not_made_up_and_what_is_gone_is_not_sent() {
    let live = deployment(5, "git", json!([]));
    let paths = &[
        "/spec/paused",
        "/metadata/annotations/a~1b",
        "/spec/containers/7",
    ];
    assert_eq!(sent(paths, &live), deployment(1, "git", json!([])));
    let mut live = live;
    live.as_value_mut()["spec"]
        .as_object_mut()
        .unwrap()
        .remove("replicas");
    assert_eq!(
        sent(&["/spec/replicas"], &live).pointer("/spec/replicas"),
        None
    );
}

#[test]
fn a_target_is_met_as_a_whole_and_by_whole_names() {
    let object = deployment(1, "git", json!([]));
    for (target, covers) in [
        (Value::Null, true),
        (
            json!({"kind": "Deployment", "group": "apps", "version": "v1"}),
            true,
        ),
        (json!({"kind": "Deploy"}), false),
        (json!({"name": "w.b"}), true),
        (json!({"name": "we", "namespace": "apps"}), false),
        (json!({"labelSelector": "tier in (front)"}), true),
        (json!({"labelSelector": "tier=back"}), false),
        (json!({"annotationSelector": "a=b"}), false),
    ] {
        let rules = rules(&["/spec/replicas"], target.clone()).unwrap();
        assert_eq!(rules.covers(&object), covers, "{target}");
    }
}

#[test]
fn rules_that_cannot_be_used_are_named() {
    for (path, target, said) in [
        (
            "spec.replicas",
            Value::Null,
            "spec.ignore[0].paths: \"spec.replicas\" is no JSON pointer",
        ),
        ("", Value::Null, "is no JSON pointer to a field"),
        (
            "/metadata/name",
            Value::Null,
            "is no JSON pointer to a field",
        ),
        ("/spec", json!({"name": "("}), "spec.ignore[0].target.name"),
        (
            "/spec",
            json!({"labelSelector": "a b"}),
            "spec.ignore[0].target.labelSelector",
        ),
    ] {
        let error = rules(&[path], target).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
