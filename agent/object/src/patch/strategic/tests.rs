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
fn directives_that_kustomize_would_write_into_the_object_are_refused() {
    for directive in [
        "$setElementOrder/containers",
        "$deleteFromPrimitiveList/x",
        "$retainKeys",
    ] {
        let change = json!({"spec": {directive: [], "hostname": "a"}});
        let text = refused(containers(&["a"]), change);
        assert!(
            text.contains(&format!(
                "\"spec\": kustomize does not know the directive {directive}"
            )),
            "{text}"
        );
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
