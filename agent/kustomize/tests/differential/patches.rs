//! Random patches of all kinds, most of them for an object that is there.

use serde_json::{Map, Value, json};
use windlass_object::yaml::to_string;

use super::kinds::{NAMES, NAMESPACES, TEXTS, map};
use super::random::Random;

/// What tells an object apart: its `apiVersion`, kind, name and namespace.
fn identity(random: &mut Random, object: &Value) -> Value {
    let mut identity = json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"],
        "metadata": {"name": object["metadata"]["name"]},
    });
    if let Some(namespace) = object["metadata"].get("namespace")
        && !random.chance(5)
    {
        identity["metadata"]["namespace"] = namespace.clone();
    }
    identity
}

/// A strategic merge patch for an object.
pub(crate) fn strategic(random: &mut Random, object: &Value) -> Value {
    let mut patch = identity(random, object);
    let fields = patch.as_object_mut().unwrap();
    if random.chance(6) {
        fields.insert("$patch".to_owned(), json!("delete"));
        return patch;
    }
    for (field, value) in object.as_object().unwrap() {
        if !["apiVersion", "kind", "metadata"].contains(&field.as_str()) && random.chance(75) {
            fields.insert(field.clone(), changed(random, value, 0));
        }
    }
    if random.chance(40) {
        patch["metadata"]["labels"] = map(random, &["app", "patched"]);
    }
    if random.chance(20) {
        patch["metadata"]["annotations"] = json!({"note": null, "more": random.word(TEXTS)});
    }
    patch
}

fn changed(random: &mut Random, value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) => changed_map(random, fields, depth),
        Value::Array(items) => changed_list(random, items, depth),
        _ if random.chance(12) => Value::Null,
        Value::Number(_) => json!(random.below(90)),
        Value::Bool(value) => json!(!value),
        _ => random.value(NAMES),
    }
}

fn changed_map(random: &mut Random, fields: &Map<String, Value>, depth: usize) -> Value {
    let mut patch = Map::new();
    for (field, value) in fields {
        let key =
            ["name", "kind", "key", "port", "containerPort", "protocol"].contains(&field.as_str());
        if random.chance(55) && !key {
            patch.insert(field.clone(), changed(random, value, depth + 1));
        }
    }
    if random.chance(15) {
        patch.insert("added".to_owned(), random.value(TEXTS));
    }
    if random.chance(4) && depth > 0 {
        let directive = random.word(&["replace", "delete", "merge"]);
        patch.insert("$patch".to_owned(), json!(directive));
    }
    Value::Object(patch)
}

fn changed_list(random: &mut Random, items: &[Value], depth: usize) -> Value {
    let mut patch = Vec::new();
    for item in items {
        if !random.chance(60) {
            continue;
        }
        let Value::Object(fields) = item else {
            patch.push(item.clone());
            continue;
        };
        let mut change = changed_map(random, fields, depth + 1);
        for key in ["name", "port", "containerPort", "protocol"] {
            if let Some(value) = fields.get(key) {
                change[key] = value.clone();
            }
        }
        if random.chance(8) {
            change["$patch"] = json!("delete");
        }
        patch.push(change);
    }
    if random.chance(30) {
        match items.first() {
            Some(Value::Object(_)) => patch.push(json!({"name": "new", "image": "new:1", "containerPort": 99, "port": 99, "protocol": "TCP"})),
            _ => patch.push(json!("new")),
        }
    }
    Value::Array(patch)
}

/// A pointer to something in the object, in most cases.
fn pointer(random: &mut Random, object: &Value) -> String {
    let mut pointer = String::new();
    let mut value = object;
    loop {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let (key, next) = fields.iter().nth(random.below(fields.len())).unwrap();
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                value = next;
            }
            Value::Array(items) if !items.is_empty() => {
                let index = random.below(items.len());
                pointer.push_str(&format!("/{index}"));
                value = &items[index];
            }
            _ => return pointer,
        }
        if pointer.len() > 9 && random.chance(30) {
            return pointer;
        }
    }
}

/// Operations of a JSON patch for an object.
pub(crate) fn operations(random: &mut Random, object: &Value) -> Value {
    let one = |random: &mut Random| {
        let mut path = pointer(random, object);
        // kustomize keeps notes of its own among the annotations; whole maps of them are of no interest.
        // Nor are objects and items of lists without a name.
        if ["/metadata", "/metadata/annotations"].contains(&path.as_str())
            || path.ends_with("/name")
        {
            path = "/metadata/labels/app".to_owned();
        }
        match random.below(6) {
            0 => json!({"op": "remove", "path": path}),
            1 => json!({"op": "add", "path": "/metadata/annotations", "value": {"from": "json"}}),
            2 => json!({"op": "test", "path": "/kind", "value": object["kind"]}),
            3 => json!({"op": "copy", "from": path, "path": "/metadata/copied"}),
            4 => {
                json!({"op": "add", "path": "/metadata/labels", "value": map(random, &["app", "json"])})
            }
            _ => json!({"op": "replace", "path": path, "value": random.word(NAMES)}),
        }
    };
    Value::Array((0..1 + random.below(2)).map(|_| one(random)).collect())
}

/// A selector that fits the object, or some of its kind.
pub(crate) fn selector(random: &mut Random, object: &Value) -> Value {
    let mut selector = Map::new();
    if random.chance(85) {
        selector.insert("kind".to_owned(), object["kind"].clone());
    } else {
        selector.insert("kind".to_owned(), json!("Deploy.*|Service"));
    }
    if random.chance(50) {
        selector.insert("name".to_owned(), object["metadata"]["name"].clone());
    }
    if random.chance(10) {
        selector.insert("namespace".to_owned(), random.value(NAMESPACES));
    }
    if random.chance(10) {
        selector.insert("version".to_owned(), json!("v1"));
    }
    if random.chance(8) {
        selector.insert(
            "labelSelector".to_owned(),
            random.value(&["app", "app=plain", "!tier", "app in (on, plain)"]),
        );
    }
    if random.chance(4) {
        selector.insert("annotationSelector".to_owned(), json!("note"));
    }
    Value::Object(selector)
}

/// An entry of `patches`.
pub(crate) fn entry(random: &mut Random, object: &Value) -> Value {
    match random.below(5) {
        0 | 1 => json!({"patch": to_string(&strategic(random, object))}),
        2 => {
            let mut patch = strategic(random, object);
            if random.chance(30) {
                patch["metadata"]["name"] = random.value(NAMES);
            }
            let mut entry = json!({"patch": to_string(&patch), "target": selector(random, object)});
            if random.chance(25) {
                entry["options"] = json!({"allowNameChange": random.chance(70), "allowKindChange": random.chance(30)});
            }
            entry
        }
        _ => {
            json!({"patch": to_string(&operations(random, object)), "target": selector(random, object)})
        }
    }
}
