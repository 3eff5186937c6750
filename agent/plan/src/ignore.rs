//! `spec.ignore`: fields that are set once and then left to others.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;
use windlass_api::kustomization::{IgnoreRule, Selector};
use windlass_object::Object;
use windlass_object::selector::LabelSelector;

use crate::applier::Applier;
use crate::metadata::ManagerEntry;

/// The rules of one Kustomization, read.
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    pointers: Vec<Vec<String>>,
    target: Target,
}

/// Which objects a rule is about; what is `None` matches all.
#[derive(Debug, Clone, Default)]
struct Target {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

// === impl IgnoreRules ===

impl IgnoreRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// Which field of which rule cannot be used, and why.
    pub fn compile(rules: &[IgnoreRule]) -> Result<Self, String> {
        let compiled = rules.iter().enumerate().map(|(number, rule)| {
            compile(rule).map_err(|why| format!("spec.ignore[{number}]{why}"))
        });
        compiled.collect::<Result<_, _>>().map(IgnoreRules)
    }

    /// Whether a rule is about this object.
    pub fn covers(&self, object: &Object) -> bool {
        self.0.iter().any(|rule| rule.target.matches(object))
    }

    /// Makes an object that is there already say of the ignored fields what others say: a field that somebody else owns is
    /// left out, another keeps the value it has now.
    ///
    /// What windlass takes over anyway (`kubectl`'s fields) is nobody else's.
    pub fn give_way(&self, by: Applier, desired: &mut Object, live: &Object) {
        let rules = self.0.iter().filter(|rule| rule.target.matches(live));
        let pointers: Vec<&[String]> = rules
            .flat_map(|rule| rule.pointers.iter().map(Vec::as_slice))
            .collect();
        for pointer in pointers {
            give_way(by, desired.as_value_mut(), pointer, live.as_value());
        }
    }
}

fn compile(rule: &IgnoreRule) -> Result<Rule, String> {
    let pointers = rule.paths.iter().map(|path| {
        pointer(path).ok_or_else(|| {
            format!(".paths: {path:?} is no JSON pointer to a field; write it as /spec/replicas")
        })
    });
    Ok(Rule {
        pointers: pointers.collect::<Result<_, _>>()?,
        target: rule.target.as_ref().map_or(Ok(Target::default()), target)?,
    })
}

/// The segments of a JSON pointer (RFC 6901); the whole object and its identity are no fields.
fn pointer(text: &str) -> Option<Vec<String>> {
    let segments = text.strip_prefix('/')?.split('/');
    let segments: Vec<String> = segments
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    let first = segments.first().map(String::as_str).unwrap_or_default();
    let second = segments.get(1).map(String::as_str).unwrap_or_default();
    let identity = matches!(first, "apiVersion" | "kind" | "")
        || (first == "metadata" && matches!(second, "" | "name" | "namespace"));
    (!identity).then_some(segments)
}

fn target(selector: &Selector) -> Result<Target, String> {
    let pattern = |field: &str, text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        let regex = text.map(|text| Regex::new(&format!("^(?:{text})$")));
        regex
            .transpose()
            .map_err(|error| format!(".target.{field}: {error}"))
    };
    let labels = |field: &str, text: &Option<String>| {
        LabelSelector::parse(text.as_deref().unwrap_or_default())
            .map_err(|error| format!(".target.{field}: {error}"))
    };
    Ok(Target {
        group: pattern("group", &selector.group)?,
        version: pattern("version", &selector.version)?,
        kind: pattern("kind", &selector.kind)?,
        name: pattern("name", &selector.name)?,
        namespace: pattern("namespace", &selector.namespace)?,
        labels: labels("labelSelector", &selector.label_selector)?,
        annotations: labels("annotationSelector", &selector.annotation_selector)?,
    })
}

// === impl Target ===

impl Target {
    fn matches(&self, object: &Object) -> bool {
        let kind = object.gvk();
        let namespace = object.namespace().unwrap_or_default();
        let wanted = [
            (&self.group, kind.group.as_str()),
            (&self.version, &kind.version),
            (&self.kind, &kind.kind),
            (&self.name, object.name()),
            (&self.namespace, namespace),
        ];
        let fits = |(regex, text): &(&Option<Regex>, &str)| {
            regex.as_ref().is_none_or(|regex| regex.is_match(text))
        };
        wanted.iter().all(fits)
            && self.labels.matches(&pairs(object, "/metadata/labels"))
            && self
                .annotations
                .matches(&pairs(object, "/metadata/annotations"))
    }
}

fn pairs(object: &Object, place: &str) -> BTreeMap<String, String> {
    let map = object.pointer(place).and_then(Value::as_object);
    let pairs = map.into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn give_way(by: Applier, desired: &mut Value, pointer: &[String], live: &Value) {
    let Some((last, parents)) = pointer.split_last() else {
        return;
    };
    let theirs = others_own(by, live, pointer);
    let now = at(live, pointer).filter(|_| !theirs).cloned();
    let mut parent = desired;
    for segment in parents {
        let Some(child) = child_mut(parent, segment) else {
            return;
        };
        parent = child;
    }
    match (parent, now) {
        (Value::Object(map), Some(now)) => {
            if let Some(field) = map.get_mut(last) {
                *field = now;
            }
        }
        (Value::Object(map), None) => {
            map.remove(last);
        }
        (Value::Array(list), now) => {
            let index = last.parse::<usize>().ok();
            let index = index.filter(|index| *index < list.len());
            match (index, now) {
                (Some(index), Some(now)) => {
                    if let Some(field) = list.get_mut(index) {
                        *field = now;
                    }
                }
                (Some(index), None) => {
                    list.remove(index);
                }
                (None, _) => {}
            }
        }
        _ => {}
    }
}

fn child_mut<'a>(value: &'a mut Value, segment: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(map) => map.get_mut(segment),
        Value::Array(list) => list.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

fn child<'a>(value: &'a Value, segment: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(segment),
        Value::Array(list) => list.get(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

fn at<'a>(value: &'a Value, pointer: &[String]) -> Option<&'a Value> {
    let mut segments = pointer.iter();
    segments.try_fold(value, |value, segment| child(value, segment))
}

/// Whether a manager that is neither us nor taken over owns the field, or anything in it.
fn others_own(by: Applier, live: &Value, pointer: &[String]) -> bool {
    let metadata = live.get("metadata").unwrap_or(&Value::Null);
    let others = ManagerEntry::all(metadata)
        .filter(|entry| !by.owns(*entry) && !by.takes_over(*entry) && !entry.is_status());
    let mut fields = others.filter_map(ManagerEntry::fields);
    fields.any(|fields| owns(fields, live, pointer))
}

/// Follows a pointer through `fieldsV1`, whose list elements go by their keys or values.
fn owns(fields: &Value, live: &Value, pointer: &[String]) -> bool {
    let Some((segment, rest)) = pointer.split_first() else {
        return true;
    };
    let Some(inner) = child(live, segment) else {
        return false;
    };
    let entries = fields.as_object().into_iter().flatten();
    let mut here = entries.filter(|(key, _)| match live {
        Value::Object(_) => key.strip_prefix("f:") == Some(segment),
        _ => names_element(key, segment, inner),
    });
    here.any(|(_, fields)| owns(fields, inner, rest))
}

fn names_element(key: &str, index: &str, element: &Value) -> bool {
    let Some((how, what)) = key.split_once(':') else {
        return false;
    };
    let read = || serde_json::from_str::<Value>(what).ok();
    match how {
        "i" => what == index,
        "v" => read().as_ref() == Some(element),
        "k" => read().is_some_and(|keys| {
            let mut keys = keys.as_object().into_iter().flatten();
            keys.all(|(key, value)| element.get(key) == Some(value))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
