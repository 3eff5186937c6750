//! Sets of fields as `managedFields` writes them (structured-merge-diff, `fieldpath`): `f:NAME`
//! for a field, `k:{KEYS}` for a list item by its keys, `v:VALUE` for an item of a set, `i:INDEX`,
//! and `.` for the thing itself.

use serde_json::{Map, Value};

/// The annotation that `kubectl rollout restart` writes into a pod template.
pub(crate) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Most levels that are followed; the API server allows objects about this deep.
const MAX_DEPTH: usize = 64;

/// The steps to the annotations by which a person asks for something: a pass, as `kubectl annotate` does (Flux's names), or new
/// pods ([`RESTARTED_AT`]).
const REQUESTS: [&[&str]; 4] = [
    &[
        "f:metadata",
        "f:annotations",
        "f:reconcile.fluxcd.io/requestedAt",
    ],
    &[
        "f:metadata",
        "f:annotations",
        "f:reconcile.fluxcd.io/forceAt",
    ],
    &[
        "f:metadata",
        "f:annotations",
        "f:reconcile.fluxcd.io/resetAt",
    ],
    &[
        "f:spec",
        "f:template",
        "f:metadata",
        "f:annotations",
        "f:kubectl.kubernetes.io/restartedAt",
    ],
];

/// Says whether an annotation is what a person asks by: it stays as that person wrote it.
pub(crate) fn is_request(annotation: &str) -> bool {
    let mut names = REQUESTS
        .iter()
        .filter_map(|path| path.last()?.strip_prefix("f:"));
    names.any(|name| name == annotation)
}

/// Adds every field of `other` to `set`.
pub(crate) fn union(set: &mut Value, other: &Value) {
    let (Value::Object(set), Value::Object(other)) = (set, other) else {
        return;
    };
    for (step, below) in other {
        match set.get_mut(step) {
            Some(mine) => union(mine, below),
            None => {
                set.insert(step.clone(), below.clone());
            }
        }
    }
}

/// Takes the annotations by which people ask out of a set; gives what was taken as a set of its own.
pub(crate) fn take_requests(set: &mut Value) -> Option<Value> {
    let mut all: Option<Value> = None;
    for path in REQUESTS {
        let Some(taken) = take(set, path) else {
            continue;
        };
        let taken = path.iter().rev().fold(taken, |below, step| {
            Value::Object(Map::from_iter([((*step).to_owned(), below)]))
        });
        match &mut all {
            Some(all) => union(all, &taken),
            None => all = Some(taken),
        }
    }
    all
}

/// Takes one field out, and every field on the way to it that is then empty.
fn take(set: &mut Value, path: &[&str]) -> Option<Value> {
    let map = set.as_object_mut()?;
    let (step, below) = path.split_first()?;
    if below.is_empty() {
        return map.remove(*step);
    }
    let taken = take(map.get_mut(*step)?, below)?;
    if is_empty(map.get(*step)?) {
        map.remove(*step);
    }
    Some(taken)
}

/// Says whether a set names no field: nothing in it, or only the thing itself.
pub(crate) fn is_empty(set: &Value) -> bool {
    set.as_object()
        .is_none_or(|map| map.keys().all(|step| step == "."))
}

/// Calls `visit` with the steps to each leaf of a set.
pub(crate) fn leaves<'a>(set: &'a Value, visit: &mut impl FnMut(&[&'a str])) {
    fn walk<'a>(set: &'a Value, path: &mut Vec<&'a str>, visit: &mut impl FnMut(&[&'a str])) {
        let Some(map) = set.as_object().filter(|_| path.len() < MAX_DEPTH) else {
            return;
        };
        let below = map.iter().filter(|(step, _)| *step != ".");
        let mut is_leaf = true;
        for (step, set) in below {
            is_leaf = false;
            path.push(step);
            walk(set, path, visit);
            path.pop();
        }
        if is_leaf && !path.is_empty() {
            visit(path);
        }
    }
    walk(set, &mut Vec::new(), visit);
}

/// Says whether a set holds the field at these steps, or something below it.
pub(crate) fn holds(set: &Value, path: &[&str]) -> bool {
    path.iter()
        .try_fold(set, |set, step| set.get(*step))
        .is_some()
}

/// Finds what an object has at these steps.
pub(crate) fn resolve<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter()
        .try_fold(object, |value, step| match step.split_at_checked(2)? {
            ("f:", name) => value.get(name),
            ("k:", keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
                value.as_array()?.iter().find(|item| has_keys(item, &keys))
            }
            ("v:", wanted) => {
                let wanted: Value = serde_json::from_str(wanted).ok()?;
                value.as_array()?.iter().find(|item| **item == wanted)
            }
            ("i:", index) => value.get(index.parse::<usize>().ok()?),
            _ => None,
        })
}

/// Says whether a list item has these keys; a key that is left out may have any default.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter()
        .all(|(key, wanted)| item.get(key).is_none_or(|found| found == wanted))
        && keys.keys().any(|key| item.get(key).is_some())
}

/// Writes steps as people write paths: `spec.template.spec.containers[name=app].image`.
pub(crate) fn shown(path: &[&str]) -> String {
    let mut out = String::new();
    for step in path {
        match step.split_at_checked(2) {
            Some(("f:", name)) if name.contains('.') => out.push_str(&format!("[{name:?}]")),
            Some(("f:", name)) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Some(("k:", keys)) => out.push_str(&format!("[{}]", shown_keys(keys))),
            Some((_, value)) => out.push_str(&format!("[{value}]")),
            None => {}
        }
    }
    out
}

fn shown_keys(keys: &str) -> String {
    let Ok(keys) = serde_json::from_str::<Map<String, Value>>(keys) else {
        return keys.to_owned();
    };
    let shown = keys.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
