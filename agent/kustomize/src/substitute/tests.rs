use std::collections::BTreeMap;

use serde_json::json;
use windlass_object::Object;

use super::{Options, Strategy, SubstituteError, Unset, expression::evaluate, substitute};
use crate::build::Built;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn check(text: &str, expected: &str) {
    let values = variables(&[
        ("name", "value"),
        ("domain", "a.example.com"),
        ("path", "/usr/local/lib.tar.gz"),
        ("empty", ""),
        ("big", "ABC"),
        ("umlaut", "äb"),
    ]);
    let evaluated = evaluate(text, &|name| values.get(name).cloned());
    assert_eq!(evaluated.as_deref(), Ok(expected), "{text}");
}

fn error_of(text: &str) -> String {
    evaluate(text, &|name| (name == "name").then(|| "value".to_owned()))
        .unwrap_err()
        .to_string()
}

#[test]
fn text_and_names_stand_for_themselves_and_their_values() {
    for (text, expected) in [
        ("", ""),
        ("a $name b", "a $name b"),
        ("a ${name} b", "a value b"),
        ("${name}${name}", "valuevalue"),
        ("$${name}", "${name}"),
        ("cost: 5$$", "cost: 5$"),
        ("$", "$"),
        ("a$$$${name}", "a$${name}"),
        ("${empty}", ""),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_default_counts_when_the_variable_is_missing_or_empty() {
    for (text, expected) in [
        ("${missing:=x}", "x"),
        ("${missing:-x}", "x"),
        ("${missing=x}", "x"),
        ("${empty:=x}", "x"),
        ("${missing:=}", ""),
        ("${name:=x}", "value"),
        ("${name:+x}", "value"),
        ("${missing:?x}", "x"),
        ("${missing:=a${name}b${other:=c}}", "avaluebc"),
        ("${missing:=http://x/y}", "http://x/y"),
    ] {
        check(text, expected);
    }
}

#[test]
fn operators_change_the_value() {
    for (text, expected) in [
        ("${#name}", "5"),
        ("${#umlaut}", "3"),
        ("${name^}", "Value"),
        ("${name^^}", "VALUE"),
        ("${big,}", "aBC"),
        ("${big,,}", "abc"),
        ("${name:1}", "alue"),
        ("${name:1:2}", "al"),
        ("${name:-1}", "value"),
        ("${name:1:-1}", "alu"),
        ("${name:9}", ""),
        ("${name:2:99}", "lue"),
        ("${domain/./-}", "a-example.com"),
        ("${domain//./-}", "a-example-com"),
        ("${domain/#a./b.}", "b.example.com"),
        ("${domain/%.com/.org}", "a.example.org"),
        ("${domain//.example/}", "a.com"),
        ("${path//\\//_}", "_usr_local_lib.tar.gz"),
        ("${path#*/}", "usr/local/lib.tar.gz"),
        ("${path##*/}", "lib.tar.gz"),
        ("${path%.*}", "/usr/local/lib.tar"),
        ("${path%%.*}", "/usr/local/lib"),
        ("${path#?usr}", "/local/lib.tar.gz"),
        ("${name#[a-z]}", "alue"),
        ("${name#[^a-z]}", "value"),
        ("${name/${name}/x}", "x"),
    ] {
        check(text, expected);
    }
}

#[test]
fn malformed_expressions_and_missing_variables_are_errors() {
    for (text, part) in [
        ("${name", "closing brace"),
        ("${name-x}", "closing brace"),
        ("${}", "variable name"),
        ("${ name}", "variable name"),
        ("${name:=x", "arguments"),
        ("${name/x}", "arguments"),
        ("${missing}", "\"missing\" is not set"),
        ("${missing^^}", "\"missing\" is not set"),
        ("${#missing}", "\"missing\" is not set"),
        ("${name:=${missing}}", "\"missing\" is not set"),
    ] {
        let error = error_of(text);
        assert!(error.contains(part), "{text}: {error}");
    }
    let deep = "${a:=".repeat(100) + &"}".repeat(100);
    assert!(error_of(&deep).contains("nested"));
}

#[test]
fn values_cannot_grow_a_text_without_bound() {
    let long = "x".repeat(1 << 20);
    let lookup = |_: &str| Some(long.clone());
    let error = evaluate(&"${a}".repeat(100), &lookup).unwrap_err();
    assert!(error.to_string().contains("bytes together"), "{error}");
    assert_eq!(
        evaluate(&"${a:0:1}".repeat(10), &lookup).unwrap(),
        "x".repeat(10)
    );
}

fn built(value: serde_json::Value) -> Built {
    Built {
        cluster_scoped: false,
        object: Object::from_value(value).unwrap(),
        origin: "a.yaml".to_owned(),
        line: 3,
    }
}

fn config_map(data: serde_json::Value) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}, "data": data})
}

#[test]
fn the_object_is_read_again_after_substitution() {
    let mut objects = [built(config_map(
        json!({"port": "${port}", "text": "x${text}"}),
    ))];
    let values = variables(&[("port", "8080"), ("text", "two\nlines")]);
    substitute(&mut objects, &values, Options::default()).unwrap();
    let expected = config_map(json!({"port": 8080, "text": "xtwolines"}));
    assert_eq!(*objects[0].object.as_value(), expected);
}

#[test]
fn a_switch_keeps_an_object_as_it_is() {
    for field in ["labels", "annotations"] {
        let mut value = config_map(json!({"a": "${missing}"}));
        value["metadata"][field] = json!({"kustomize.toolkit.fluxcd.io/substitute": "disabled"});
        let mut objects = [built(value.clone())];
        substitute(&mut objects, &variables(&[("a", "b")]), Options::default()).unwrap();
        assert_eq!(*objects[0].object.as_value(), value);
    }
}

#[test]
fn without_variables_there_is_nothing_to_do_unless_always() {
    let value = config_map(json!({"a": "${missing:=x}"}));
    let mut objects = [built(value.clone())];
    substitute(&mut objects, &BTreeMap::new(), Options::default()).unwrap();
    assert_eq!(*objects[0].object.as_value(), value);
    let options = Options {
        strategy: Strategy::Always,
        unset: Unset::Error,
    };
    substitute(&mut objects, &BTreeMap::new(), options).unwrap();
    assert_eq!(objects[0].object.as_value()["data"]["a"], "x");
}

#[test]
fn errors_name_the_object_and_its_file_but_no_value() {
    let mut objects = [built(config_map(json!({"a": "${missing}"})))];
    let values = variables(&[("secret", "hunter2")]);
    let error = substitute(&mut objects, &values, Options::default())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("a.yaml:3: ConfigMap/b/a: "), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let options = Options {
        unset: Unset::Empty,
        ..Options::default()
    };
    substitute(&mut objects, &values, options).unwrap();
    let error = substitute(&mut [], &variables(&[("a-b", "c")]), Options::default()).unwrap_err();
    assert!(
        matches!(error, SubstituteError::InvalidName { .. }),
        "{error}"
    );
}

#[test]
fn a_value_that_breaks_the_yaml_is_an_error() {
    let mut objects = [built(config_map(json!({"a": "${a}"})))];
    let values = variables(&[("a", "{x: ")]);
    let error = substitute(&mut objects, &values, Options::default()).unwrap_err();
    assert!(matches!(error, SubstituteError::Yaml { .. }), "{error}");
}
