//! The rows of the threat matrix that are about charts.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use windlass_helm::{Setting, set};

use crate::support::Request;

/// What rendering a template, or a chart with further files, fails with; it takes seconds on a loaded machine, and minutes
/// or all memory where nothing holds it.
fn error_of(mut request: Request, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        request.files.retain(|(known, _)| known != name);
        let file = ((*name).to_owned(), text.as_bytes().to_vec());
        request.files.push(file);
    }
    let start = Instant::now();
    let answer = request.answer();
    assert!(start.elapsed() < Duration::from_secs(120));
    let error = answer.get("error").and_then(Value::as_str);
    error.unwrap_or_default().to_owned()
}

fn schema(text: &str, values: &str) -> String {
    let request = Request::of_template("", values);
    error_of(request, &[("values.schema.json", text)])
}

#[test]
fn t24_a_schema_in_circles_or_very_deep_ends_and_none_asks_anybody() {
    let circle = r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}"##;
    assert_ne!(schema(circle, "a: 1"), "");
    let deep = format!(
        "{}{{}}{}",
        r#"{"properties": {"a": "#.repeat(10_000),
        "}}".repeat(10_000)
    );
    assert_ne!(schema(&deep, "a: 1"), "");
    let deep = format!("{}{}", "{a: ".repeat(10_000), "}".repeat(10_000));
    assert_ne!(schema("{}", &deep), "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let remote = format!(
        r#"{{"$ref": "http://{}/a.json"}}"#,
        listener.local_addr().unwrap()
    );
    assert!(schema(&remote, "a: 1").contains("no schema is fetched"));
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn t25_what_made_helm_panic_is_an_error_and_the_next_chart_renders() {
    let mut values = Map::new();
    assert!(set(&mut values, Setting::Typed, "a[99999999]=1").is_err());
    assert!(set(&mut values, Setting::Typed, "a[-1]=1").is_err());
    let chart = "apiVersion: v2\nname: probe\nversion: 1.2.3\n";
    let nothing = Request::of_template("fine", "");
    for (name, text) in [
        ("Chart.yaml", ""),
        ("Chart.yaml", "null\n"),
        ("Chart.yaml", "[]\n"),
        ("Chart.yaml", "apiVersion: v2\nname: null\nversion: null\n"),
        ("values.yaml", "[1]\n"),
        ("values.yaml", "a: &a [*a]\n"),
        ("values.schema.json", "null"),
        ("charts/part/Chart.yaml", ""),
        ("templates/null.yaml", "- null\n"),
        ("templates/null.yaml", "kind: []\n"),
    ] {
        // An error or not, as Helm has it by now: it returns.
        error_of(nothing.clone(), &[(name, text)]);
    }
    for dependencies in ["[null]", "null", "[{}]", "[{name: null, version: null}]"] {
        let text = format!("{chart}dependencies: {dependencies}\nmaintainers: [null]\n");
        error_of(nothing.clone(), &[("Chart.yaml", &text)]);
    }
    assert_eq!(error_of(nothing, &[]), "");
}

#[test]
fn t26_a_template_reads_nothing_of_the_machine_and_takes_what_it_may() {
    let fails = |template: &str, part: &str| {
        let error = error_of(Request::of_template(template, ""), &[]);
        assert!(error.contains(part), "{template}: {error}");
    };
    for function in ["env \"HOME\"", "expandenv \"$HOME\""] {
        fails(&format!("{{{{ {function} }}}}"), "not defined");
    }
    fails("{{ range until 1000000000 }}{{ end }}", "");
    assert_ne!(
        error_of(
            Request::of_template("{{ until 1000000000 | len }}", ""),
            &[]
        ),
        ""
    );
    assert_ne!(
        error_of(
            Request::of_template("{{ repeat 1000000000 \"xxxxxxxx\" }}", ""),
            &[]
        ),
        ""
    );
    fails(
        "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        "nested reference",
    );
    let recursion = "{{ tpl .Values.t . }}";
    let error = error_of(
        Request::of_template(recursion, "t: '{{ tpl .Values.t . }}'\n"),
        &[],
    );
    assert_ne!(error, "");
    // The name of a host is not asked for, and what is looked up is what the world passed in has: nothing here.
    let template = "{{ getHostByName \"localhost\" | quote }}{{ lookup \"v1\" \"Secret\" \"kube-system\" \"\" | len }}";
    let answer = Request::of_template(template, "").answer();
    assert_eq!(answer["notes"], "\"\"0", "{answer}");
}
