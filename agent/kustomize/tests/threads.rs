//! Bases that are gathered on several threads give what they give in order.

use windlass_kustomize::{Crew, DefaultOrder, build_directory};
use windlass_object::yaml::to_string;

use crate::support::{Files, crew};

/// Enough to be gathered in another order than they are named in.
const BASES: usize = 40;

/// A root that names bases, each with a kustomization made for its number and an object of its own.
fn tree(kustomization: impl Fn(usize) -> String) -> Files {
    let mut files = Files::default();
    let mut root = String::from("resources:\n");
    for number in 0..BASES {
        root.push_str(&format!("- bases/{number}\n"));
        let object = format!(
            "apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t{number}}}\nspec:\n  items: [{{id: a, size: 1}}]\n"
        );
        files.add(&format!("bases/{number}/object.yaml"), &object);
        let text = format!("resources: [object.yaml]\n{}", kustomization(number));
        files.add(&format!("bases/{number}/kustomization.yaml"), &text);
    }
    files.add("kustomization.yaml", &root);
    files
}

fn build(files: &Files, crew: Option<&Crew>) -> Result<String, String> {
    let built = build_directory(files, "", DefaultOrder::Kept, crew);
    let texts = built
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|built| to_string(built.object.as_value()));
    Ok(texts.collect::<Vec<_>>().join("---\n"))
}

#[test]
fn the_objects_of_bases_come_in_the_order_of_the_bases() {
    let files = tree(|number| format!("namePrefix: p{number}-\n"));
    let text = build(&files, Some(&crew)).unwrap();
    let expected: Vec<String> = (0..BASES)
        .map(|number| format!("name: p{number}-t{number}"))
        .collect();
    let names = text.lines().map(str::trim);
    let names: Vec<&str> = names.filter(|line| line.starts_with("name: ")).collect();
    assert_eq!(names, expected);
}

#[test]
fn the_error_is_that_of_the_first_base_that_has_one() {
    let files = tree(|number| match number {
        0..7 => String::new(),
        _ => format!("nameless{number}: true\n"),
    });
    for _ in 0..20 {
        let error = build(&files, Some(&crew)).unwrap_err();
        assert!(error.starts_with("bases/7/kustomization.yaml:2"), "{error}");
    }
}

#[test]
fn a_schema_that_a_base_brings_holds_for_those_behind_it_and_not_for_those_before() {
    let patch = "patches:\n- target: {kind: Thing}\n  patch: |-\n    apiVersion: example.com/v1\n    kind: Thing\n    \
         metadata: {name: any}\n    spec:\n      items: [{id: b}]\n";
    let mut files = tree(|number| match number {
        5 => format!("{patch}openapi: {{path: schema.json}}\n"),
        _ => patch.to_owned(),
    });
    files.add(
        "bases/5/schema.json",
        r#"{"definitions": {"com.example.v1.Thing": {
            "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Thing"}],
            "properties": {"spec": {"properties": {"items": {"type": "array",
                "x-kubernetes-patch-merge-key": "id", "x-kubernetes-patch-strategy": "merge",
                "items": {"properties": {"id": {"type": "string"}}}}}}}}}}"#,
    );
    let alone = build(&files, None).unwrap();
    let merged = alone.matches("id: a").count();
    assert_eq!(merged, BASES - 5, "lists are merged from the sixth base on");
    for _ in 0..20 {
        assert_eq!(build(&files, Some(&crew)).unwrap(), alone);
    }
}
