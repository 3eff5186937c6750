//! The values of a HelmRelease; what Flux's own tests say of them (fluxcd/pkg chartutil) holds here too.

use serde_json::{Value, json};
use windlass_helm::{Target, ValuesPart, compose_values};

/// A part as text and target path; with `true` it is literal.
type Part<'p> = (&'p str, &'p str, bool);

fn compose(parts: &[Part<'_>], own: &Value) -> Result<Value, String> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(data, path, literal)| ValuesPart {
            data: data.as_bytes().to_vec(),
            target: (!path.is_empty()).then(|| Target {
                path: (*path).to_owned(),
                literal: *literal,
            }),
        })
        .collect();
    let own = own.as_object().cloned().unwrap_or_default();
    compose_values(&parts, &own)
        .map(Value::Object)
        .map_err(|error| format!("{}: {error}", error.part))
}

/// Numbers as floats, as JSON from Go has them.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, one): (&String, &Value)| {
                other.get(key).is_some_and(|other| same(one, other))
            };
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

#[test]
fn later_parts_win_and_the_releases_own_values_win_over_all() {
    let parts = [
        ("a: 1\nb: {p: 1, q: 1}\nlist: [1, 2]\n", "", false),
        ("b: {q: 2, r: 2}\nlist: [3]\nc: 2\n", "", false),
    ];
    let own = json!({"b": {"r": 3}, "a": 3});
    let expected = json!({"a": 3, "b": {"p": 1, "q": 2, "r": 3}, "c": 2, "list": [3]});
    assert!(same(&compose(&parts, &own).unwrap(), &expected));
}

#[test]
fn a_part_with_a_target_is_one_value() {
    let value = |text, path, literal| compose(&[(text, path, literal)], &json!({})).unwrap();
    assert_eq!(value("7", "a.b", false), json!({"a": {"b": 7}}));
    assert_eq!(value("\"7\"", "a.b", false), json!({"a": {"b": "7"}}));
    assert_eq!(value("'true'", "a[1]", false), json!({"a": [null, "true"]}));
    assert_eq!(value("x,y={1}", "a", true), json!({"a": "x,y={1}"}));
    assert_eq!(value("x", "a\\.b", false), json!({"a.b": "x"}));
}

#[test]
fn a_target_beats_the_releases_own_values_only_in_maps_that_are_theirs_alone() {
    let own = json!({"top": "own", "db": {"password": "own"}});
    let secret = ("found", "db.password", false);
    let alone = compose(&[secret], &own).unwrap();
    assert_eq!(alone, json!({"top": "own", "db": {"password": "found"}}));
    let scalar = compose(&[("found", "top", false)], &own).unwrap();
    assert_eq!(scalar, own);
    let earlier = compose(&[("db: {host: h}", "", false), secret], &own).unwrap();
    assert_eq!(earlier["db"], json!({"host": "h", "password": "own"}));
}

#[test]
fn a_part_that_does_not_fit_is_named() {
    let wrong = |parts: &[Part<'_>]| compose(parts, &json!({"a": {"b": 1}})).unwrap_err();
    let error = wrong(&[("ok: 1", "", false), ("[1]", "", false)]);
    assert_eq!(error, "1: the YAML is no map");
    assert!(wrong(&[("{", "", false)]).starts_with("0: line 1"));
    assert!(wrong(&[("x", "a[0]", false)]).starts_with("0: "));
}

#[test]
fn what_flux_tests_of_target_paths_holds() {
    let list = json!({"nested": {"configuration": ["list", "item", "option"]}});
    let map = "flat: value\nnested:\n  configuration: [one, two, three]\n";
    let parts = [
        ("value", "nested.configuration[0]", false),
        (map, "", false),
    ];
    let composed = compose(&parts, &list).unwrap();
    let expected = json!({
        "flat": "value", "nested": {"configuration": ["value", "item", "option"]},
    });
    assert_eq!(composed, expected);

    let parts = [(map, "", false), ("foo", "nested.configuration[1]", false)];
    let composed = compose(&parts, &json!({"other": "values"})).unwrap();
    let expected = json!({
        "flat": "value", "nested": {"configuration": ["one", "foo", "three"]}, "other": "values",
    });
    assert_eq!(composed, expected);

    let brokers = "kafka01.net:9092,kafka02.net:9092";
    assert!(compose(&[(brokers, "kafka.brokers", false)], &json!({})).is_err());
    let composed = compose(&[(brokers, "kafka.brokers", true)], &json!({})).unwrap();
    assert_eq!(composed, json!({"kafka": {"brokers": brokers}}));

    let text = "kafka {\n  bootstrap = \"b-1:9098,b-2:9098\"\n  paths = [a\\b]\n}\n";
    let path = "external.application\\.conf.content";
    let composed = compose(&[(text, path, true)], &json!({})).unwrap();
    let expected = json!({"external": {"application.conf": {"content": text}}});
    assert_eq!(composed, expected);
    assert!(compose(&[("endpoints: [a,b,c]", path, false)], &json!({})).is_err());
}
