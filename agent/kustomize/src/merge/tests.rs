use serde_json::{Value, json};

use super::{MergeError, merge};

fn check(object: Value, patch: Value, expected: Value) {
    let mut merged = object;
    merge(&mut merged, &patch).unwrap();
    assert_eq!(merged, expected);
}

#[test]
fn maps_merge_and_null_removes() {
    check(
        json!({"a": 1, "b": {"c": 1, "d": 2}, "e": null}),
        json!({"a": null, "b": {"c": 3, "x": {"y": null, "z": 1}}}),
        json!({"b": {"c": 3, "d": 2, "x": {"z": 1}}, "e": null}),
    );
}

#[test]
fn a_directive_deletes_or_replaces_a_map() {
    check(
        json!({"a": {"b": 1}}),
        json!({"a": {"$patch": "delete"}}),
        json!({}),
    );
    check(
        json!({"a": {"b": 1}}),
        json!({"a": {"$patch": "replace", "c": 1}}),
        json!({"a": {"c": 1}}),
    );
    check(json!({"a": 1}), json!({"$patch": "delete"}), Value::Null);
}

#[test]
fn lists_without_a_schema_are_replaced() {
    check(
        json!({"l": [{"name": "a"}]}),
        json!({"l": [{"name": "b"}]}),
        json!({"l": [{"name": "b"}]}),
    );
}

#[test]
fn what_kustomize_would_write_into_the_object_is_refused() {
    let mut object = json!({"l": [1]});
    let error = merge(&mut object, &json!({"$setElementOrder/l": [1]})).unwrap_err();
    assert!(
        matches!(error, MergeError::ForeignDirective { .. }),
        "{error}"
    );
    let error = merge(&mut object, &json!({"l": {"a": 1}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "l is a list in the object and a map in the patch"
    );
    let error = merge(&mut object, &json!({"m": {"$patch": "drop"}})).unwrap_err();
    assert!(
        matches!(error, MergeError::UnknownDirective { .. }),
        "{error}"
    );
}
