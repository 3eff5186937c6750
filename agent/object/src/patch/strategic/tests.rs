use serde_json::json;

use super::*;

fn pod() -> GroupVersionKind {
    GroupVersionKind::new("v1", "Pod")
}

fn patched(mut target: Value, patch: &Value) -> Result<Value, StrategicError> {
    match apply(&mut target, patch, &pod())? {
        Deleted::No => Ok(target),
        Deleted::Yes => Ok(json!("deleted")),
    }
}

fn check(target: Value, patch: Value, expected: Value) {
    assert_eq!(patched(target, &patch).unwrap(), expected, "{patch}");
}

fn refused(target: Value, patch: Value) -> String {
    patched(target, &patch)
        .expect_err(&patch.to_string())
        .to_string()
}

fn containers(names: &[&str]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"spec": {"containers": items}})
}

#[test]
fn the_order_a_patch_sets_is_kept_and_items_it_does_not_name_keep_their_place() {
    let order = |names: &[&str]| {
        let named: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"spec": {"$setElementOrder/containers": named, "containers": [{"name": "new"}]}})
    };
    check(
        containers(&["a", "b", "c"]),
        order(&["c", "new", "a", "b"]),
        containers(&["c", "new", "a", "b"]),
    );
    check(
        containers(&["a", "server", "b"]),
        order(&["a", "new", "b"]),
        containers(&["a", "new", "server", "b"]),
    );
    let only_order =
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}});
    check(containers(&["a", "b"]), only_order, containers(&["b", "a"]));
}

#[test]
fn values_are_deleted_from_lists_of_plain_values() {
    check(
        json!({"metadata": {"finalizers": ["a", "b", "c"]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"], "finalizers": ["d"]}}),
        json!({"metadata": {"finalizers": ["d", "a", "c"]}}),
    );
    check(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}),
        json!({"metadata": {"finalizers": ["a"]}}),
    );
    check(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"$setElementOrder/finalizers": ["b", "a"]}}),
        json!({"metadata": {"finalizers": ["b", "a"]}}),
    );
}

#[test]
fn only_retained_keys_stay() {
    check(
        json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}, "x": 1}]}}),
        json!({"spec": {"volumes": [{
            "name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"},
        }]}}),
        json!({"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}}),
    );
    let wrong = json!({"spec": {"$retainKeys": "name"}});
    assert!(refused(json!({"spec": {}}), wrong).contains("$retainKeys must be a list"));
}

#[test]
fn errors_name_the_field() {
    let target = || containers(&["a"]);
    assert_eq!(
        refused(target(), json!({"spec": {"containers": [{"image": "x"}]}})),
        "strategic merge patch, field \"spec.containers\": an item of the patch has no name, which \
         tells the items of this list apart"
    );
    assert!(
        refused(target(), json!({"spec": {"containers": {"a": 1}}}))
            .contains("\"spec.containers\": the patch has a map where the object has a list")
    );
    assert!(refused(target(), json!({"spec": []})).contains("a list where the object has a map"));
    assert!(refused(target(), json!({"spec": 1})).contains("a number where the object has a map"));
    assert!(refused(target(), json!({"spec": {"$patch": "x"}})).contains("not \"x\""));
    assert!(refused(target(), json!([])).contains("a patch must be a map, but this is a list"));
    let order = json!({"spec": {"$setElementOrder/containers": {}, "containers": []}});
    assert!(refused(target(), order).contains("must be a list, but it is a map"));
}

#[test]
fn a_deleted_object_is_reported() {
    check(
        containers(&["a"]),
        json!({"$patch": "delete"}),
        json!("deleted"),
    );
    check(
        containers(&["a"]),
        json!({"$patch": "replace", "a": 1}),
        json!({"a": 1}),
    );
}
