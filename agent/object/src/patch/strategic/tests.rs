use serde_json::json;

use super::*;

fn patched(mut target: Value, patch: &Value) -> Result<Value, StrategicError> {
    target["apiVersion"] = json!("v1");
    target["kind"] = json!("Pod");
    match apply(&mut target, patch)? {
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
}

#[test]
fn a_directive_that_does_not_fit_says_what_to_change() {
    for (change, message) in [
        (
            json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}),
            "\"spec\": the patch has the item b, which is not in its $setElementOrder/containers",
        ),
        (
            json!({"$setElementOrder/containers": "a"}),
            "$setElementOrder/containers must be a list",
        ),
        (
            json!({"$setElementOrder/unknown": ["a"]}),
            "the list unknown, which is not merged",
        ),
        (
            json!({"$deleteFromPrimitiveList/containers": ["a"]}),
            "use $patch: delete",
        ),
        (
            json!({"$retainKeys": ["containers"], "hostname": "a"}),
            "the patch has hostname, which is not among its $retainKeys",
        ),
        (
            json!({"$retainKeys": [1]}),
            "$retainKeys must be a list of names of fields",
        ),
    ] {
        let text = refused(containers(&["a"]), json!({"spec": change}));
        assert!(text.contains(message), "{text}");
    }
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

#[test]
fn directives_are_no_part_of_a_map_that_is_new() {
    check(
        json!({}),
        json!({"spec": {"$retainKeys": ["hostname"], "hostname": "a"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"hostname": "a"}}),
    );
}
