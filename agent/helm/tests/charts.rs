//! Whole charts: manifests, hooks, notes and errors, as golden files and against the running oracle.

use crate::golden::{Case, hold, hold_golden_files};
use crate::support::Request;

/// The cases of a file: `=== ` and a name, then lines `key: value` that say how the chart is rendered, then its
/// files, each after `--- ` and its path. The file `VALUES` holds the user's values. A chart without Chart.yaml
/// gets one, unless the case says `bare: true`; with `loose: true` Helm and we refuse in words of our own.
fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for part in text
        .split("\n=== ")
        .map(|part| part.trim_start_matches("=== "))
    {
        if part.starts_with("//") {
            continue;
        }
        let mut files = part.split("\n--- ");
        let mut head = files.next().unwrap().lines();
        let name = head.next().unwrap().to_owned();
        let mut request = Request::default();
        for file in files {
            let (path, data) = file.split_once('\n').unwrap_or((file, ""));
            match path {
                "VALUES" => data.clone_into(&mut request.values),
                _ => {
                    let data = format!("{}\n", data.trim_end_matches('\n'));
                    request.files.push((path.to_owned(), data.into_bytes()));
                }
            }
        }
        let mut bare = false;
        for line in head.filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(": ").unwrap();
            match key {
                "bare" => bare = value == "true",
                "loose" => request.loose = value == "true",
                "upgrade" => request.upgrade = value == "true",
                "kube" => request.kube_version = Some(value.to_owned()),
                "api" => request.api_versions.push(value.to_owned()),
                kind => request.settings.push((kind.to_owned(), value.to_owned())),
            }
        }
        if !bare && !request.files.iter().any(|(path, _)| path == "Chart.yaml") {
            let chart = b"apiVersion: v2\nname: probe\nversion: 1.2.3\n".to_vec();
            request.files.insert(0, ("Chart.yaml".to_owned(), chart));
        }
        cases.push(Case { name, request });
    }
    cases
}

#[test]
fn charts_render_as_helm_rendered_them() {
    hold("charts", read);
}

#[test]
fn the_golden_files_of_charts_are_what_helm_renders() {
    hold_golden_files("charts", read);
}

/// What a schema makes of values, with the time it may take.
fn schema_error(schema: String, values: &str) -> String {
    let mut request = Request::default();
    let chart = b"apiVersion: v2\nname: probe\nversion: 1.2.3\n".to_vec();
    request.files = vec![
        ("Chart.yaml".to_owned(), chart),
        ("values.schema.json".to_owned(), schema.into_bytes()),
    ];
    values.clone_into(&mut request.values);
    let start = std::time::Instant::now();
    let answer = request.answer();
    // Minutes less than what the schemas below would take; a loaded machine takes seconds.
    assert!(start.elapsed() < std::time::Duration::from_secs(120));
    let error = answer.get("error").and_then(|error| error.as_str());
    error.unwrap_or_default().to_owned()
}

#[test]
fn schemas_that_would_be_followed_for_ages_are_refused() {
    let doubling = |count: usize| {
        let definitions = (0..count).map(|index| {
            let next = index + 1;
            format!(r##""a{index}": {{"anyOf": [{{"$ref": "#/$defs/a{next}"}}, {{"$ref": "#/$defs/a{next}"}}]}}"##)
        });
        let definitions: Vec<String> = definitions.collect();
        let definitions = definitions.join(",");
        format!(
            r##"{{"$defs": {{{definitions}, "a{count}": {{"type": "boolean"}}}}, "$ref": "#/$defs/a0"}}"##
        )
    };
    let error = schema_error(doubling(60), "a: b");
    assert!(error.contains("more than 20000000 checks"), "{error}");
    let error = schema_error(doubling(4), "a: b");
    assert!(error.contains("got object, want boolean"), "{error}");
    // Along the values, not the schema.
    let tree = r##"{"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["x"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["y"]}]}"##;
    let values = format!("{}{}", "{a: ".repeat(60), "}".repeat(60));
    let error = schema_error(tree.to_owned(), &values);
    assert!(error.contains("more than 20000000 checks"), "{error}");
}

#[test]
fn a_pattern_that_backtracks_elsewhere_takes_no_time() {
    let schema = r#"{"properties": {"a": {"pattern": "^(a+)+$"}}}"#;
    let error = schema_error(schema.to_owned(), &format!("a: {}b", "a".repeat(100_000)));
    assert!(error.contains("does not match pattern"), "{}", error.len());
    let schema = r#"{"properties": {"a": {"pattern": "^((a{1000}){1000}){1000}$"}}}"#;
    let error = schema_error(schema.to_owned(), "a: a");
    assert!(
        error.contains("values.schema.json cannot be used"),
        "{error}"
    );
}

#[test]
fn references_out_of_a_schema_are_refused_by_name() {
    for reference in [
        "http://127.0.0.1:1/a.json#/a",
        "file:///etc/passwd",
        "other.json",
    ] {
        let schema = format!(r#"{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}"#);
        let error = schema_error(schema, "a: b");
        let name = reference.split('#').next().unwrap();
        assert!(error.contains(name), "{error}");
        assert!(
            error.contains("no schema is fetched or read from a file"),
            "{error}"
        );
    }
}
