//! Patches give what kustomize's libraries give.

use serde_json::Value;
use windlass_object::patch;
use windlass_object::patch::strategic::{self, Deleted};
use windlass_object::selector::LabelSelector;
use windlass_object::yaml::{Dialect, Limits, parse_documents_as};

use crate::golden::{cases, parts};

/// Patches where we differ on purpose, with the reason.
const ON_PURPOSE: &[(&str, &str)] = &[
    (
        "containers: [{image: nameless}]",
        "refused: kustomize empties the list",
    ),
    (
        "list: [{$patch: replace}, {name: z}]",
        "kustomize leaves the directive in the object",
    ),
];

/// JSON patches that crash the reference.
const CRASHES: &[(&str, &str)] = &[("[1,\"x\",null]}]", "it compares null with a nil pointer")];

fn read(text: &str) -> Value {
    let documents = parse_documents_as(Dialect::Kustomize, text.as_bytes(), &Limits::DEFAULT);
    documents
        .expect("a case is YAML")
        .pop()
        .expect("a case has a value")
        .value
}

fn strategic(target: &str, patch: &str) -> Result<Value, String> {
    let mut target = read(target);
    match strategic::apply(&mut target, &read(patch)) {
        Ok(Deleted::No) => Ok(target),
        Ok(Deleted::Yes) => Ok(Value::Null),
        Err(error) => Err(error.to_string()),
    }
}

/// The cases in which we and the reference disagree.
fn differences(
    fixture: &str,
    on_purpose: &[(&str, &str)],
    ours: fn(&str, &str) -> Result<Value, String>,
) -> String {
    let mut differences = String::new();
    for (case, expected) in cases(fixture, fixture) {
        let (target, change) = parts(&case);
        let found = ours(target, change);
        let same = match (&found, &expected) {
            (Ok(found), Ok(expected)) => found == expected,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !same && !on_purpose.iter().any(|(text, _)| case.contains(text)) {
            differences.push_str(&format!(
                "{case}  ours: {found:?}\n  theirs: {expected:?}\n\n"
            ));
        }
    }
    differences
}

#[test]
fn strategic_merge_patches_give_what_kustomize_gives() {
    let differences = differences("strategic", ON_PURPOSE, strategic);
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn json_patches_give_what_kustomizes_library_gives() {
    let differences = differences("json-patch", CRASHES, json_patch);
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn selectors_select_what_kubernetes_selects() {
    let differences = differences("selector", &[], |selector, labels| {
        let selector = selector.strip_suffix('\n').expect("a line");
        let selector = LabelSelector::parse(selector).map_err(|error| error.to_string())?;
        let labels = serde_json::from_value(read(labels)).expect("labels are text");
        Ok(Value::from(selector.matches(&labels)))
    });
    assert!(differences.is_empty(), "{differences}");
}

fn json_patch(target: &str, change: &str) -> Result<Value, String> {
    let mut target = serde_json::from_str(target).expect("a case is JSON");
    let change = serde_json::from_str(change).expect("a case is JSON");
    let change = patch::json::Patch::parse(&change).map_err(|error| error.to_string())?;
    patch::json::apply(&mut target, &change).map_err(|error| error.to_string())?;
    Ok(target)
}

/// What a patch directive of Kubernetes does that kustomize does not know (`reference/directives`).
#[test]
fn directives_of_kubernetes_give_what_kubernetes_gives() {
    let text = include_str!("fixtures/strategic-directives.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the fixture is JSON");
    assert!(cases.len() > 10);
    for case in cases {
        let mut found = case["object"].clone();
        let merged = strategic::apply(&mut found, &case["patch"]);
        match &case["result"] {
            Value::Null => assert!(merged.is_err(), "{}", case["patch"]),
            expected => {
                assert_eq!(merged, Ok(Deleted::No), "{}", case["patch"]);
                assert_eq!(found, *expected, "{}", case["patch"]);
            }
        }
    }
}
