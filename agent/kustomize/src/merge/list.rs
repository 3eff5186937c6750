//! Lists that are merged by key.
//!
//! The result is: elements of the patch in its order, then the rest of the object's. With several
//! keys (the ports of a container or service) an element may leave all but one out, and kustomize's
//! way of pairing such elements is followed step by step.

use windlass_object::Value;

use super::{DIRECTIVE, Directive, MergeError, Merged, parse_directive, path_text, walk};
use crate::resource::scalar_text;
use crate::schema::Schema;

/// The values of an element's keys, empty where it lacks one.
type KeyValues = Vec<String>;

pub(super) fn merge(
    object: Option<&mut Value>,
    patch: Option<&Value>,
    keys: &[&str],
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Merged, MergeError> {
    let (directive, patched) = match patch {
        None => (Directive::Merge, Vec::new()),
        Some(Value::Array(elements)) => split_directive(elements, path)?,
        Some(_) => return Ok(Merged::Removed),
    };
    let mut elements = match (directive, &object) {
        (Directive::Delete, _) => return Ok(Merged::Removed),
        (Directive::Merge, Some(Value::Array(elements))) => elements.clone(),
        // Added or replaced: the patch is merged with itself.
        (Directive::Merge | Directive::Replace, _) => {
            without_directives(&patched, keys, schema, path)?
        }
    };
    if keys.is_empty() {
        return Ok(Merged::Replaced(Value::Array(merge_scalars(
            &patched, &elements,
        ))));
    }
    let element_schema = schema.and_then(Schema::element);
    let merged = merge_elements(&mut elements, &patched, keys, element_schema, path)?;
    Ok(Merged::Replaced(Value::Array(merged)))
}

/// Elements that are added, their own directives followed.
fn without_directives(
    elements: &[Value],
    keys: &[&str],
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Vec<Value>, MergeError> {
    let mut clean = Vec::with_capacity(elements.len());
    let element_schema = schema.and_then(Schema::element);
    for element in elements {
        match element {
            Value::Object(_) if !keys.is_empty() => {
                if let Merged::Replaced(element) = walk(None, Some(element), element_schema, path)?
                {
                    clean.push(element);
                }
            }
            other => clean.push(other.clone()),
        }
    }
    Ok(clean)
}

/// Takes an element that is nothing but a `$patch` out of a list.
fn split_directive(
    elements: &[Value],
    path: &[String],
) -> Result<(Directive, Vec<Value>), MergeError> {
    let is_directive = |element: &Value| {
        element
            .as_object()
            .is_some_and(|fields| fields.len() == 1 && fields.contains_key(DIRECTIVE))
    };
    let found = elements.iter().find(|element| is_directive(element));
    let directive = match found.and_then(|element| element.get(DIRECTIVE)) {
        None => Directive::Merge,
        Some(value) => parse_directive(value, path)?,
    };
    Ok((
        directive,
        elements
            .iter()
            .filter(|element| !is_directive(element))
            .cloned()
            .collect(),
    ))
}

/// Values of the patch, then those of the object that are not there yet.
fn merge_scalars(patch: &[Value], object: &[Value]) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for value in patch.iter().chain(object) {
        if !merged.contains(value) {
            merged.push(value.clone());
        }
    }
    merged
}

fn merge_elements(
    elements: &mut Vec<Value>,
    patch: &[Value],
    keys: &[&str],
    schema: Option<Schema>,
    path: &mut Vec<String>,
) -> Result<Vec<Value>, MergeError> {
    let all_values = key_values(patch, elements, keys, path)?;
    let keys = used_keys(&all_values, keys);
    let mut merged: Vec<Value> = Vec::new();
    for values in &all_values {
        let values: KeyValues = keys.iter().map(|(index, _)| at(values, *index)).collect();
        let names: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
        let position = elements
            .iter()
            .position(|element| is_element(element, &names, &values));
        let patched = patch
            .iter()
            .find(|element| is_element(element, &names, &values));
        let own = position.and_then(|position| elements.get_mut(position));
        path.push(format!("[{}]", values.join(",")));
        let outcome = walk(own, patched, schema, path)?;
        path.pop();
        let value = match outcome {
            Merged::Removed => Value::Null,
            Merged::Kept => position
                .and_then(|position| elements.get(position))
                .cloned()
                .unwrap_or_default(),
            Merged::Replaced(value) => value,
        };
        if is_nothing(&value) {
            elements.retain(|element| !is_nothing(element) && !has_keys(element, &names, &values));
        } else {
            set(&mut merged, Some(value), &names, &values);
        }
    }
    let names: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
    append(&mut merged, elements, &names);
    Ok(merged)
}

/// The values of all elements' keys, those of the patch first, each once.
fn key_values(
    patch: &[Value],
    object: &[Value],
    keys: &[&str],
    path: &[String],
) -> Result<Vec<KeyValues>, MergeError> {
    let mut all: Vec<KeyValues> = Vec::new();
    for element in patch.iter().chain(object) {
        let values: KeyValues = keys.iter().map(|key| key_text(element, key)).collect();
        if values.iter().all(String::is_empty) {
            let key = keys.join(" or ");
            return Err(MergeError::NoKey {
                path: path_text(path),
                key,
            });
        }
        if !all.contains(&values) {
            all.push(values);
        }
    }
    if keys.len() > 1 {
        for first in 0..all.len() {
            for second in 0..all.len() {
                if let Some(both) = unite(all.get(first), all.get(second)) {
                    for index in [first, second] {
                        if let Some(slot) = all.get_mut(index) {
                            slot.clone_from(&both);
                        }
                    }
                }
            }
        }
    }
    Ok(all)
}

/// Two elements are taken for one when they share a value and differ only where one has none.
fn unite(first: Option<&KeyValues>, second: Option<&KeyValues>) -> Option<KeyValues> {
    let (first, second) = (first?, second?);
    let mut shared = false;
    let mut united = KeyValues::with_capacity(first.len());
    for (one, other) in first.iter().zip(second) {
        shared |= one == other;
        match (one.is_empty(), other.is_empty()) {
            (false, false) if one != other => return None,
            (true, _) => united.push(other.clone()),
            (false, _) => united.push(one.clone()),
        }
    }
    shared.then_some(united)
}

/// The keys that some element has, with their position.
fn used_keys<'a>(all: &[KeyValues], keys: &[&'a str]) -> Vec<(usize, &'a str)> {
    let is_used = |index: usize| all.iter().any(|values| !at(values, index).is_empty());
    keys.iter()
        .copied()
        .enumerate()
        .filter(|(index, _)| is_used(*index))
        .collect()
}

fn at(values: &KeyValues, index: usize) -> String {
    values.get(index).cloned().unwrap_or_default()
}

fn key_text(element: &Value, key: &str) -> String {
    element.get(key).map(scalar_text).unwrap_or_default()
}

/// Whether an element is the one with these keys; keys without a value do not count.
fn is_element(element: &Value, keys: &[&str], values: &[String]) -> bool {
    keys.iter()
        .zip(values)
        .filter(|(_, value)| !value.is_empty())
        .all(|(key, value)| element.get(*key).is_some() && key_text(element, key) == *value)
}

/// Like [`is_element`], but a key without a value must be there, with whatever value; and keys over
/// the number of values count as met.
fn has_keys(element: &Value, keys: &[&str], values: &[String]) -> bool {
    !values.is_empty()
        && keys.iter().zip(values).all(|(key, value)| {
            element
                .get(*key)
                .is_some_and(|own| value.is_empty() || scalar_text(own) == *value)
        })
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Puts an element in the place of every one with its keys, or at the end; without an element, those
/// with the keys are removed.
fn set(list: &mut Vec<Value>, element: Option<Value>, keys: &[&str], values: &[String]) {
    let mut found = false;
    list.retain_mut(|own| {
        if is_nothing(own) {
            return false;
        }
        if !has_keys(own, keys, values) {
            return true;
        }
        found = true;
        match &element {
            None => false,
            Some(element) => {
                own.clone_from(element);
                true
            }
        }
    });
    if let Some(element) = element
        && !found
    {
        list.push(element);
    }
}

/// Adds the object's elements to those of the patch, over the ones with the same keys.
fn append(merged: &mut Vec<Value>, elements: &[Value], keys: &[&str]) {
    for element in elements {
        let mut values = KeyValues::new();
        for key in keys {
            match element.get(*key) {
                Some(own) if !own.is_null() => values.push(scalar_text(own)),
                _ => merged.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set(merged, None, keys, &values);
        }
        set(merged, Some(element.clone()), keys, &values);
    }
}
