//! Properties of any value, text and patch.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value};
use windlass_object::patch;
use windlass_object::patch::strategic::Deleted;
use windlass_object::yaml::{Dialect, Limits, parse_documents_as, to_string};

/// Text with everything in it that YAML gives a meaning.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,12}",
        2 => "[-+.0-9eExob_:]{1,8}",
        3 => prop::sample::select(vec![
            " ", "  ", "\n", "\n\n", "\t", "\r", ":", ": ", "#", " #", "- ", "-", "?", "? ", "'",
            "\"", "\\", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "---",
            "...", "<<", "=", "~", "null", "yes", "on", "y", "2001-01-01", ".inf", "é", "😀",
            "\u{85}", "\u{2028}", "\u{feff}", "\0", "\u{7f}", "\u{a0}", "$", "/",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has no such float", |value| {
            // Kubernetes has no integral floats that fit an integer.
            (value.is_finite() && value.fract() != 0.0).then(|| Value::from(value))
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => number(),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Maps and lists under the names that mean something to a strategic merge patch of a Pod.
fn object() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "metadata",
        "finalizers",
        "spec",
        "containers",
        "ports",
        "env",
        "name",
        "containerPort",
        "protocol",
        "volumes",
        "args",
        "$patch",
    ]);
    let leaf = prop::sample::select(vec![
        Value::Null,
        Value::from(1),
        Value::from("a"),
        Value::from("b"),
        Value::from("delete"),
        Value::from("replace"),
        Value::from("merge"),
    ]);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(name.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn read(dialect: Dialect, text: &str) -> Result<Value, TestCaseError> {
    let mut documents =
        parse_documents_as(dialect, text.as_bytes(), &Limits::DEFAULT).map_err(|error| {
            TestCaseError::fail(format!(
                "{error} in
{text}"
            ))
        })?;
    prop_assert!(
        documents.len() <= 1,
        "one value is one document:
{}",
        text
    );
    Ok(documents
        .pop()
        .map_or(Value::Null, |document| document.value))
}

/// JSON with escapes for the characters that YAML does not print and JSON leaves as they are.
fn escaped(json: &str) -> String {
    let mut escaped = String::new();
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Enough to meet most pairs of the pieces above; 30,000 were run once without a finding.
const CASES: u32 = 1000;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn what_is_written_is_read_back_by_both_dialects(value in value()) {
        let written = to_string(&value);
        prop_assert_eq!(&read(Dialect::Kubernetes, &written)?, &value, "{}", written);
        prop_assert_eq!(&read(Dialect::Kustomize, &written)?, &value, "{}", written);
    }

    #[test]
    fn json_is_yaml(value in value()) {
        let written = escaped(&value.to_string());
        prop_assert_eq!(&read(Dialect::Kubernetes, &written)?, &value, "{}", written);
        let pretty = escaped(&serde_json::to_string_pretty(&value).unwrap());
        prop_assert_eq!(&read(Dialect::Kubernetes, &pretty)?, &value, "{}", pretty);
    }

    #[test]
    fn no_text_stops_the_reader(text in text()) {
        let _outcome = parse_documents_as(Dialect::Kustomize, text.as_bytes(), &Limits::DEFAULT);
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in vec(any::<u8>(), 0..64)) {
        let _outcome = parse_documents_as(Dialect::Kubernetes, &bytes, &Limits::DEFAULT);
    }

    #[test]
    fn a_broken_text_stops_no_reader(value in value(), cut in any::<prop::sample::Index>(), put in text()) {
        let mut text = to_string(&value);
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = places[cut.index(places.len())];
        text.insert_str(place, &put);
        let _outcome = parse_documents_as(Dialect::Kustomize, text.as_bytes(), &Limits::DEFAULT);
    }

    #[test]
    fn no_patch_stops_the_merge(target in object(), change in object()) {
        let mut target = target;
        if let Some(fields) = target.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::from("v1"));
            fields.insert("kind".to_owned(), Value::from("Pod"));
        }
        let outcome = patch::strategic::apply(&mut target, &change);
        prop_assert!(outcome != Ok(Deleted::Yes) || target.is_null());
    }

    #[test]
    fn a_merge_patch_of_a_value_onto_nothing_has_no_nulls_in_maps(value in value()) {
        let mut target = Value::Null;
        patch::merge(&mut target, &value);
        prop_assert!(!has_null_field(&target) || !value.is_object());
        let once = target.clone();
        patch::merge(&mut target, &value);
        prop_assert_eq!(target, once);
    }
}

fn has_null_field(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .values()
            .any(|value| value.is_null() || has_null_field(value)),
        _ => false,
    }
}
