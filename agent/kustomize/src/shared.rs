//! Values that several fields of a resource share. A label that kustomize makes in several fields at
//! once (`commonLabels`: metadata, selector, pod template) is one value there: who changes it in one
//! field changes it in all. Clusters that Flux applied to depend on that, so it is followed here.

use windlass_object::Value;

/// The shared values of one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Vec<Group>);

#[derive(Clone, Debug)]
struct Group {
    /// JSON pointers, in the order in which a patch walks the fields.
    places: Vec<String>,
    value: Value,
}

// === impl Shared ===

impl Shared {
    /// Notes that fields which were just made hold one value.
    pub(crate) fn add(&mut self, mut places: Vec<String>, value: Value) {
        places.sort();
        places.dedup();
        if places.len() > 1 {
            self.0.push(Group { places, value });
        }
    }

    /// After fields were changed: every field gets what a field it shares its value with has got; of
    /// several changes the last one.
    pub(crate) fn settle(&mut self, object: &mut Value) {
        for group in &mut self.0 {
            let mut changed = None;
            group.places.retain(|place| {
                let found = at(object, place);
                if found.is_some_and(|value| *value != group.value) {
                    changed = found;
                }
                found.is_some()
            });
            let Some(changed) = changed.cloned() else {
                continue;
            };
            for place in &group.places {
                if let Some(value) = object.pointer_mut(place) {
                    value.clone_from(&changed);
                }
            }
            group.value = changed;
        }
        self.0.retain(|group| group.places.len() > 1);
    }

    /// Before a strategic merge patch: what stands in a map that it replaces is shared no more.
    pub(crate) fn part(&mut self, patch: &Value) {
        if self.0.is_empty() {
            return;
        }
        let mut replaced = Vec::new();
        collect_replaced(patch, "", &mut replaced);
        for map in replaced {
            self.leave(&map);
        }
    }

    /// What stands below a place is shared no more.
    pub(crate) fn leave(&mut self, below: &str) {
        for group in &mut self.0 {
            group.places.retain(|place| !place.starts_with(below));
        }
    }

    /// A JSON patch writes the whole object anew: nothing is shared afterwards.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

fn collect_replaced(patch: &Value, place: &str, replaced: &mut Vec<String>) {
    let Value::Object(fields) = patch else {
        return;
    };
    if fields.get("$patch").and_then(Value::as_str) == Some("replace") {
        replaced.push(format!("{place}/"));
    }
    for (field, value) in fields {
        collect_replaced(value, &below(place, field), replaced);
    }
}

/// The JSON pointer of a field below another.
pub(crate) fn below(place: &str, field: &str) -> String {
    let mut pointer = String::with_capacity(place.len() + field.len() + 1);
    pointer.push_str(place);
    descend(&mut pointer, field);
    pointer
}

/// Makes a JSON pointer that of a field below.
pub(crate) fn descend(pointer: &mut String, field: &str) {
    pointer.push('/');
    for character in field.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// What a JSON pointer leads to. That of serde_json makes two strings of every step, and every change
/// of every resource looks up all that is shared in it.
pub(crate) fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut steps = pointer.split('/');
    steps.next();
    steps.try_fold(object, |value, step| match value {
        Value::Object(fields) if step.contains('~') => {
            fields.get(&step.replace("~1", "/").replace("~0", "~"))
        }
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Shared;

    #[test]
    fn a_change_in_one_field_reaches_the_others_until_they_are_parted() {
        let mut object = json!({"a": "1", "b": "1", "c": "1"});
        let mut shared = Shared::default();
        shared.add(vec!["/a".to_owned(), "/b".to_owned()], json!("1"));
        object["a"] = json!("2");
        shared.settle(&mut object);
        assert_eq!(object, json!({"a": "2", "b": "2", "c": "1"}));
        object.as_object_mut().unwrap().remove("b");
        shared.settle(&mut object);
        object["b"] = json!("2");
        object["a"] = json!("3");
        shared.settle(&mut object);
        assert_eq!(object, json!({"a": "3", "b": "2", "c": "1"}));
    }
}
