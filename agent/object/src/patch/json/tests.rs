use serde_json::json;

use super::*;

fn patched(mut target: Value, patch: &Value) -> Result<Value, PatchError> {
    apply(&mut target, &Patch::parse(patch)?)?;
    Ok(target)
}

fn check(target: Value, patch: Value, expected: Value) {
    assert_eq!(patched(target, &patch).unwrap(), expected, "{patch}");
}

fn refused(target: Value, patch: Value) -> String {
    patched(target, &patch)
        .expect_err(&patch.to_string())
        .to_string()
}

#[test]
fn add_sets_fields_inserts_into_lists_and_appends_with_a_dash() {
    let add = |path: &str| json!([{"op": "add", "path": path, "value": 9}]);
    check(json!({"a": 1}), add("/b"), json!({"a": 1, "b": 9}));
    check(json!({"a": 1}), add("/a"), json!({"a": 9}));
    check(json!({"a": [1, 2]}), add("/a/1"), json!({"a": [1, 9, 2]}));
    check(json!({"a": [1, 2]}), add("/a/2"), json!({"a": [1, 2, 9]}));
    check(json!({"a": [1, 2]}), add("/a/-"), json!({"a": [1, 2, 9]}));
    check(json!({"a": [1, 2]}), add("/a/-1"), json!({"a": [1, 2, 9]}));
    check(json!({"a": [[1]]}), add("/a/0/-"), json!({"a": [[1, 9]]}));
    check(json!({"a": 1}), add(""), json!(9));
    check(json!({}), add("/a~1b~0c"), json!({"a/b~c": 9}));
    check(json!({}), add("/"), json!({"": 9}));
}

#[test]
fn add_to_a_missing_parent_or_past_the_end_is_an_error() {
    let add = |path: &str| json!([{"op": "add", "path": path, "value": 9}]);
    assert_eq!(
        refused(json!({"a": 1}), add("/b/c")),
        "operation 1 of the JSON patch (add \"/b/c\") does not apply: \"b\" is not there"
    );
    assert!(refused(json!({"a": [1]}), add("/a/2")).contains("no index of a list of 1"));
    assert!(refused(json!({"a": [1]}), add("/a/-3")).contains("no index of a list of 1"));
    assert!(refused(json!({"a": [1]}), add("/a/x")).contains("no index"));
    assert!(refused(json!({"a": [1]}), add("/a/-/b")).contains("no index"));
    assert!(refused(json!({"a": 1}), add("/a/b")).contains("looked for in a number"));
    assert!(refused(json!({"a": null}), add("/a/b")).contains("looked for in null"));
}

#[test]
fn remove_takes_what_is_there_and_only_that() {
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    check(json!({"a": 1, "b": 2}), remove("/a"), json!({"b": 2}));
    check(
        json!({"a": [1, 2, 3]}),
        remove("/a/1"),
        json!({"a": [1, 3]}),
    );
    check(
        json!({"a": [1, 2, 3]}),
        remove("/a/-1"),
        json!({"a": [1, 2]}),
    );
    check(json!({"a": null}), remove("/a"), json!({}));
    assert!(refused(json!({}), remove("/a")).contains("\"a\" is not there"));
    assert!(refused(json!({"a": []}), remove("/a/0")).contains("no index"));
    assert!(refused(json!({"a": [1]}), remove("/a/-")).contains("no index"));
    assert!(refused(json!({}), remove("")).contains("whole object"));
}

#[test]
fn replace_also_sets_a_field_that_is_not_there_as_kustomize_does() {
    let replace = |path: &str| json!([{"op": "replace", "path": path, "value": 9}]);
    check(json!({"a": 1}), replace("/a"), json!({"a": 9}));
    check(json!({}), replace("/a"), json!({"a": 9}));
    check(json!({"a": [1, 2]}), replace("/a/0"), json!({"a": [9, 2]}));
    assert!(refused(json!({"a": [1]}), replace("/a/1")).contains("no index"));
    assert!(refused(json!({}), replace("/a/b")).contains("\"a\" is not there"));
}

#[test]
fn move_and_copy_carry_a_value_to_another_place() {
    let patch = |op: &str| json!([{"op": op, "from": "/a/b", "path": "/c"}]);
    check(
        json!({"a": {"b": 1}}),
        patch("move"),
        json!({"a": {}, "c": 1}),
    );
    check(
        json!({"a": {"b": 1}}),
        patch("copy"),
        json!({"a": {"b": 1}, "c": 1}),
    );
    assert!(refused(json!({"a": {}}), patch("move")).contains("\"b\" is not there"));
    assert!(refused(json!({"a": {}}), patch("copy")).contains("\"b\" is not there"));
    let into_itself = json!([{"op": "move", "from": "/a", "path": "/a/b"}]);
    assert!(refused(json!({"a": {}}), into_itself).contains("\"a\" is not there"));
}

#[test]
fn test_compares_and_the_message_shows_no_value() {
    let test = |path: &str, value: Value| json!([{"op": "test", "path": path, "value": value}]);
    check(json!({"a": [1]}), test("/a", json!([1])), json!({"a": [1]}));
    check(json!({"a": 1}), test("/b", Value::Null), json!({"a": 1}));
    check(json!({"a": 1}), test("", json!({"a": 1})), json!({"a": 1}));
    let message = refused(json!({"a": "hidden"}), test("/a", json!("other")));
    assert!(message.contains("another one"));
    assert!(!message.contains("hidden"));
}

#[test]
fn operations_without_form_are_named_by_their_number() {
    let problem = |patch: Value| Patch::parse(&patch).unwrap_err().to_string();
    assert!(problem(json!({})).contains("but this is a map"));
    let good = json!({"op": "remove", "path": "/a"});
    assert_eq!(
        problem(json!([good, {"op": "add", "path": "/a"}])),
        "operation 2 of the JSON patch: value is missing; write null"
    );
    assert!(problem(json!([{"path": "/a"}])).contains("op is missing"));
    assert!(problem(json!([{"op": "merge", "path": "/a"}])).contains("\"merge\" is none of"));
    assert!(problem(json!([{"op": "remove", "path": "a"}])).contains("\"/a\""));
    assert!(problem(json!([{"op": "remove", "path": 1}])).contains("path must be a string"));
    assert!(problem(json!([{"op": "move", "path": "/a"}])).contains("from is missing"));
    assert!(problem(json!(["add"])).contains("op is missing"));
}

#[test]
fn a_patch_that_doubles_a_value_again_and_again_is_stopped() {
    let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    let patch = Value::Array(vec![double; 64]);
    assert!(refused(json!({"a": ["x".repeat(1000)]}), patch).contains("too large"));
}
