use serde_json::{Value, json};

use super::rewrite;
use crate::yaml::{Dialect, Limits, parse_documents_as};

/// Rewrites a text after a change of what it says.
fn changed(text: &str, change: impl FnOnce(&mut Value)) -> Option<String> {
    let dialect = Dialect::Kustomize;
    let read = parse_documents_as(dialect, text.as_bytes(), &Limits::DEFAULT);
    let before = read.expect("the text is YAML").remove(0).value;
    let mut after = before.clone();
    change(&mut after);
    rewrite(text, dialect, &before, &after)
}

fn set<'v>(pointer: &'v str, value: impl Into<Value> + 'v) -> impl FnOnce(&mut Value) + 'v {
    move |document| *document.pointer_mut(pointer).expect("the field is there") = value.into()
}

const VALUES: &str = r#"# how it is served
image:
  repository: "registry.example/web"   # ours
  tag: '1.0'

  pull:   Always
ports: [80, {name: a, port: 443}]
list:
    - x
    - y: no # not yes
empty:
"#;

#[test]
fn only_the_scalar_changes() {
    let cases: [(&str, Value, &str, &str); 8] = [
        (
            "/image/repository",
            json!("other"),
            "\"registry.example/web\"",
            "\"other\"",
        ),
        ("/image/tag", json!("it's"), "'1.0'", "'it''s'"),
        ("/image/tag", json!("a\tb\n"), "'1.0'", "\"a\\tb\\n\""),
        ("/image/pull", json!("Never"), "Always", "Never"),
        ("/image/pull", json!("12"), "Always", "\"12\""),
        ("/ports/1/port", json!(8443), "443", "8443"),
        ("/ports/1/name", json!("a,b"), "name: a", "name: 'a,b'"),
        ("/list/1/y", json!("on: it"), "no #", "'on: it' #"),
    ];
    for (pointer, value, from, to) in cases {
        let expected = VALUES.replacen(from, to, 1);
        let written = changed(VALUES, set(pointer, value));
        assert_eq!(written.as_deref(), Some(expected.as_str()), "{pointer}");
    }
}

#[test]
fn several_changes_and_text_of_many_bytes() {
    let text = "ä: ö # ü\nb: \"ß\"\n";
    let written = changed(text, |document| {
        set("/ä", "é")(document);
        set("/b", "ñ")(document);
    });
    assert_eq!(written.as_deref(), Some("ä: é # ü\nb: \"ñ\"\n"));
}

#[test]
fn what_needs_another_layout_is_not_written() {
    let add = |document: &mut Value| document["new"] = json!(1);
    assert_eq!(changed("a: 1\n", add), None);
    assert_eq!(changed("a: 1\n", set("/a", json!({"b": 1}))), None);
    assert_eq!(changed("a: |\n  text\n", set("/a", "other")), None);
    assert_eq!(changed("a:\nb: 1\n", set("/a", "other")), None);
    assert_eq!(changed("a: &x 1\nb: *x\n", set("/a", 2)), None);
    assert_eq!(changed("a: &x 1\nb: *x\n", set("/b", 2)), None);
    assert_eq!(changed("a: !!str 1\n", set("/a", 2)), None);
}
