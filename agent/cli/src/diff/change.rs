//! What is different between an object as it is and as it would be, in dyff's words.

use std::collections::BTreeSet;

use windlass_api::names;
use windlass_object::yaml::to_string;
use windlass_object::{Map, Value};

use crate::build::mask::is_masked;

/// What stands in the place of a value of a Secret.
const HIDDEN: &str = "*****";

/// Where an object's own description of itself is cut off: what the server writes.
const SERVER_METADATA: [&str; 7] = [
    "managedFields",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "uid",
    "selfLink",
    "deletionGracePeriodSeconds",
];

/// The fields that tell the items of a list apart, the first that all have.
const NAMES: [&str; 2] = ["name", "key"];

/// An object without what the server keeps in it.
pub(super) fn stripped(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(fields) = object.as_object_mut() else {
        return object;
    };
    fields.remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !SERVER_METADATA.contains(&field.as_str()));
        drop_mark(metadata);
    }
    object
}

/// The revision of the last write says nothing of what would change.
fn drop_mark(metadata: &mut Map<String, Value>) {
    let annotations = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations
        && annotations.remove(names::REVISION).is_some()
        && annotations.is_empty()
    {
        metadata.remove("annotations");
    }
}

/// Puts stars in the place of a Secret's values; different ones stay different. What SOPS encrypted in the
/// files is masked, so that nobody knows whether it differs: it counts as the same.
pub(super) fn hide(before: &mut Value, after: &mut Value) {
    for field in ["data", "stringData"] {
        let both = [&*before, &*after].map(|object| entries(object, field));
        let [old, new] = both;
        for key in old.keys().chain(new.keys()) {
            let is_changed = match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => old != new && !new.as_str().is_some_and(is_masked),
                _ => false,
            };
            let shown = |side: &str| match is_changed {
                true => Value::from(format!("{HIDDEN} ({side})")),
                false => Value::from(HIDDEN),
            };
            cover(before, field, key, shown("before"));
            cover(after, field, key, shown("after"));
        }
    }
}

fn entries(object: &Value, field: &str) -> Map<String, Value> {
    let entries = object.get(field).and_then(Value::as_object);
    entries.cloned().unwrap_or_default()
}

fn cover(object: &mut Value, field: &str, key: &str, shown: Value) {
    if let Some(value) = object
        .get_mut(field)
        .and_then(|entries| entries.get_mut(key))
    {
        *value = shown;
    }
}

/// The differences as text, each with its path; empty where there is none.
pub(super) fn report(before: &Value, after: &Value) -> String {
    let mut text = String::new();
    compare(before, after, &mut Vec::new(), &mut text);
    text
}

fn compare(before: &Value, after: &Value, path: &mut Vec<String>, text: &mut String) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => compare_maps(before, after, path, text),
        (Value::Array(before), Value::Array(after)) => compare_lists(before, after, path, text),
        _ => {
            heading(path, text);
            text.push_str("  ± value change\n");
            push(text, "    - ", before);
            push(text, "    + ", after);
            text.push('\n');
        }
    }
}

fn compare_maps(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    path: &mut Vec<String>,
    text: &mut String,
) {
    let only_in = |one: &Map<String, Value>, other: &Map<String, Value>| -> Map<String, Value> {
        let entries = one.iter().filter(|(key, _)| !other.contains_key(*key));
        entries
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let (gone, new) = (only_in(before, after), only_in(after, before));
    if !gone.is_empty() || !new.is_empty() {
        heading(path, text);
        let words = ["map entry", "map entries"];
        counted(
            text,
            '-',
            "removed",
            words,
            gone.len(),
            &Value::Object(gone),
        );
        counted(text, '+', "added", words, new.len(), &Value::Object(new));
        text.push('\n');
    }
    for (key, value) in before {
        if let Some(other) = after.get(key) {
            path.push(key.clone());
            compare(value, other, path, text);
            path.pop();
        }
    }
}

/// Lists whose items have names are compared by them, others as a whole.
fn compare_lists(before: &[Value], after: &[Value], path: &mut Vec<String>, text: &mut String) {
    let name = NAMES
        .into_iter()
        .find(|name| has_names(before, name) && has_names(after, name));
    let same = |one: &Value, other: &Value| match name {
        Some(name) => one.get(name) == other.get(name),
        None => one == other,
    };
    let only_in = |one: &[Value], other: &[Value]| -> Vec<Value> {
        let items = one.iter();
        let items = items.filter(|item| !other.iter().any(|its| same(item, its)));
        items.cloned().collect()
    };
    let (gone, new) = (only_in(before, after), only_in(after, before));
    let is_reordered = gone.is_empty() && new.is_empty() && {
        let pairs = before.iter().zip(after);
        before.len() != after.len() || pairs.into_iter().any(|(one, other)| !same(one, other))
    };
    if is_reordered || !gone.is_empty() || !new.is_empty() {
        heading(path, text);
        if is_reordered {
            text.push_str("  ⇆ order changed\n");
        }
        let words = ["list entry", "list entries"];
        counted(text, '-', "removed", words, gone.len(), &Value::Array(gone));
        counted(text, '+', "added", words, new.len(), &Value::Array(new));
        text.push('\n');
    }
    let Some(name) = name else {
        return;
    };
    for item in before {
        if let Some(other) = after.iter().find(|other| same(item, other)) {
            let shown = item.get(name).and_then(Value::as_str).unwrap_or_default();
            path.push(shown.to_owned());
            compare(item, other, path, text);
            path.pop();
        }
    }
}

fn has_names(items: &[Value], name: &str) -> bool {
    let names: Vec<&str> = items
        .iter()
        .filter_map(|item| item.get(name).and_then(Value::as_str))
        .collect();
    names.len() == items.len() && names.iter().collect::<BTreeSet<_>>().len() == names.len()
}

fn heading(path: &[String], text: &mut String) {
    text.push('\n');
    text.push_str(if path.is_empty() { "(root level)" } else { "" });
    text.push_str(&path.join("."));
    text.push('\n');
}

fn counted(
    text: &mut String,
    sign: char,
    verb: &str,
    [one, many]: [&str; 2],
    count: usize,
    content: &Value,
) {
    match count {
        0 => return,
        1 => text.push_str(&format!("  {sign} one {one} {verb}:\n")),
        _ => text.push_str(&format!("  {sign} {count} {many} {verb}:\n")),
    }
    push(text, "    ", content);
}

/// A value as YAML, each line behind a margin.
fn push(text: &mut String, margin: &str, value: &Value) {
    for line in to_string(value).lines() {
        text.push_str(margin);
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{hide, report, stripped};

    #[test]
    fn each_difference_stands_below_its_path() {
        let before = json!({"data": {"a": "1", "b": "2"}, "spec": {
            "containers": [{"name": "web", "image": "x:1"}, {"name": "old"}], "args": ["a", "b"]}});
        let after = json!({"data": {"a": "1", "c": "3"}, "spec": {
            "containers": [{"name": "web", "image": "x:2"}, {"name": "new"}], "args": ["b", "a"]}});
        assert_eq!(
            report(&before, &after),
            "\ndata\n  - one map entry removed:\n    b: \"2\"\n  + one map entry added:\n    c: \"3\"\n\
             \n\nspec.args\n  ⇆ order changed\n\
             \n\nspec.containers\n  - one list entry removed:\n    - name: old\n  + one list entry added:\n    - name: new\n\
             \n\nspec.containers.web.image\n  ± value change\n    - x:1\n    + x:2\n\n"
        );
        assert_eq!(report(&before, &before), "");
    }

    #[test]
    fn values_of_secrets_are_not_shown_and_still_differ() {
        let mut before = json!({"data": {"same": "czE=", "changed": "czI=", "gone": "czM="}});
        let mut after = json!({"data": {"same": "czE=", "changed": "czQ=", "new": "czU="}});
        hide(&mut before, &mut after);
        let text = report(&before, &after);
        assert!(!text.contains("cz"), "{text}");
        for part in [
            "gone: '*****'",
            "new: '*****'",
            "***** (before)",
            "***** (after)",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("same"), "{text}");
    }

    #[test]
    fn what_the_server_writes_is_no_difference() {
        let live =
            json!({"metadata": {"name": "a", "uid": "1", "managedFields": []}, "status": {}});
        assert_eq!(stripped(&live), json!({"metadata": {"name": "a"}}));
    }

    #[test]
    fn a_mark_of_the_revision_is_no_difference() {
        let mark = json!({"windlass.dev/revision": "main@sha1:1"});
        let marked = json!({"metadata": {"name": "a", "annotations": mark}});
        assert_eq!(stripped(&marked), json!({"metadata": {"name": "a"}}));
        let mut other = mark;
        other["team"] = json!("blue");
        let marked = json!({"metadata": {"annotations": other}});
        let kept = json!({"metadata": {"annotations": {"team": "blue"}}});
        assert_eq!(stripped(&marked), kept);
    }
}
