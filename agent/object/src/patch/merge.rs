//! JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

/// Merges `patch` into `target` as RFC 7386 says: maps are merged, null deletes a field, anything
/// else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (field, change) in changes {
        if change.is_null() {
            fields.remove(field);
        } else {
            merge(fields.entry(field.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// Makes the patch that turns one object into another; none where they are equal.
#[must_use]
pub fn difference(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (from, to) else {
        return Some(to.clone());
    };
    let gone = before.keys().filter(|field| !after.contains_key(*field));
    let mut patch: Map<String, Value> = gone.map(|field| (field.clone(), Value::Null)).collect();
    for (field, after) in after {
        let change = match before.get(field) {
            Some(before) => difference(before, after),
            None => Some(after.clone()),
        };
        patch.extend(change.map(|change| (field.clone(), change)));
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut target: Value, patch: Value, expected: Value) {
        let before = target.clone();
        merge(&mut target, &patch);
        assert_eq!(target, expected, "{before} patched with {patch}");
    }

    /// The table of RFC 7386, appendix A.
    #[test]
    fn every_row_of_the_table_in_the_rfc_holds() {
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        );
        check(json!({"a": "b"}), json!({"a": null}), json!({}));
        check(
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        );
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]}));
        check(
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        );
        check(
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        );
        check(json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"]));
        check(json!({"a": "b"}), json!(["c"]), json!(["c"]));
        check(json!({"a": "foo"}), Value::Null, Value::Null);
        check(json!({"a": "foo"}), json!("bar"), json!("bar"));
        check(
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        );
        check(
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        );
        check(
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        );
    }

    #[test]
    fn a_difference_is_the_patch_that_makes_it() {
        let from = json!({"a": 1, "b": {"c": 1, "d": [1]}, "e": {"f": 1}, "same": {"g": 1}});
        let to = json!({"a": 2, "b": {"d": [1, 2]}, "e": 5, "same": {"g": 1}, "new": {"h": {}}});
        let patch = difference(&from, &to).unwrap();
        let expected = json!({"a": 2, "b": {"c": null, "d": [1, 2]}, "e": 5, "new": {"h": {}}});
        assert_eq!(patch, expected);
        check(from.clone(), patch, to);
        assert_eq!(difference(&from, &from), None);
    }
}
