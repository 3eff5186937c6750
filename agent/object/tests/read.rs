//! YAML is read as the Go libraries read it.

use serde_json::Value;
use windlass_object::yaml::{Dialect, Limits, parse_documents_as, to_string};

use crate::golden::{bytes, cases};

/// Cases where we differ on purpose, with the reason.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("{1: a, \"1\": b}", "a key twice is an error"),
    ("a: 1\na: 2\n", "a key twice is an error"),
    ("a: 1\nb:\n  c: 1\n  d", "a key twice is an error"),
    ("&k key: 1\nother: *k\n*k : 2", "a key twice is an error"),
    (
        "a: |\n  one",
        "YAML 1.2 allows a tab behind the indentation",
    ),
    (
        "a: \"\\t\\n\\r",
        "YAML 1.2, as JSON, allows an escaped slash",
    ),
    ("- a\n-\tb", "YAML 1.2 allows a tab behind a dash"),
    (
        "{\"a\":\"\\ud83d",
        "JSON writes characters as two surrogates",
    ),
    (
        "a: \\xC2\\x85b",
        "YAML 1.2 has no line breaks but LF and CR",
    ),
    (
        "a: \\xE2\\x80\\xA8b",
        "YAML 1.2 has no line breaks but LF and CR",
    ),
    ("[a]b", "what follows a complete value is not ignored"),
    ("[-]", "YAML 1.2: a dash alone is no text in a flow list"),
];

/// More such cases, of kustomize's reader only.
const ON_PURPOSE_OF_KUSTOMIZE: &[(&str, &str)] = &[
    ("{1: a, 1.5: b", "a key without quotes is its text"),
    (
        "over: {\"<<\": {a: 1}}",
        "a key in quotes is no merge key, and is not dropped",
    ),
    ("{!!merge x", "a tag makes no merge key of another text"),
    (
        "\\xEF\\xBB\\xBFa: 1",
        "a byte order mark is no part of the first key",
    ),
    ("a: !\n", "an empty text with a tag is text"),
];

fn read(dialect: Dialect, text: &[u8]) -> Result<Value, String> {
    match parse_documents_as(dialect, text, &Limits::DEFAULT) {
        Ok(mut documents) => Ok(documents
            .pop()
            .map_or(Value::Null, |document| document.value)),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn yaml_is_written_as_sigs_yaml_writes_it() {
    let mut differences = Vec::new();
    for (case, expected) in cases("write", "write") {
        let value: Value = serde_json::from_str(&case).expect("a case is JSON");
        let found = to_string(&as_kubernetes(&value));
        if Ok(Value::from(found.as_str())) != expected {
            let expected = expected.expect("the reference writes every case");
            let expected = expected.as_str().expect("it writes text");
            for (one, other) in found.lines().zip(expected.lines()).filter(|(a, b)| a != b) {
                differences.push(format!("found {one:?}\nwant  {other:?}\n"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn is_on_purpose(dialect: Dialect, case: &str) -> bool {
    let listed = |list: &[(&str, &str)]| list.iter().any(|(start, _)| case.starts_with(start));
    listed(ON_PURPOSE) || dialect == Dialect::Kustomize && listed(ON_PURPOSE_OF_KUSTOMIZE)
}

fn differences(dialect: Dialect, answers: &str) -> Vec<String> {
    let mut differences = Vec::new();
    for (case, expected) in cases("read", answers) {
        let found = read(dialect, &bytes(&case));
        let same = match (&found, &expected) {
            (Ok(found), Ok(expected)) => *found == as_kubernetes(expected),
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !same && !is_on_purpose(dialect, &case) {
            differences.push(format!(
                "{case}  found: {found:?}\n  reference: {expected:?}\n"
            ));
        }
    }
    differences
}

#[test]
fn t30_yaml_is_read_as_kustomize_reads_it() {
    let differences = differences(Dialect::Kustomize, "read-kustomize");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn t30_kubernetes_yaml_is_read_as_sigs_yaml_reads_it() {
    let differences = differences(Dialect::Kubernetes, "read-kubernetes");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Go prints a float over the largest `i64` without an exponent; here it becomes a float again.
fn as_kubernetes(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            Value::from(number.as_f64().expect("a number"))
        }
        Value::Array(items) => items.iter().map(as_kubernetes).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), as_kubernetes(value)))
            .collect(),
        other => other.clone(),
    }
}
