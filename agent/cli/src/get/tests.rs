use super::*;

const REVISION: &str = "main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9";

fn flags() -> GetFlags {
    GetFlags {
        all_namespaces: false,
        no_header: false,
        watch: false,
        label_selector: None,
        status_selector: None,
        output: None,
    }
}

fn kustomization(name: &str, suspend: bool, status: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": name, "namespace": "apps", "managedFields": [{ "manager": "x" }] },
        "spec": { "suspend": suspend, "sourceRef": { "kind": "GitRepository", "name": "fleet" } },
        "status": status,
    }))
    .unwrap()
}

fn objects() -> Vec<Object> {
    vec![
        kustomization(
            "web",
            false,
            json!({
                "lastAppliedRevision": REVISION,
                "conditions": [{
                    "type": "Ready", "status": "True", "message": format!("Applied revision: {REVISION}"),
                }],
            }),
        ),
        kustomization("database", true, json!({})),
        kustomization("broken", false, json!({ "conditions": "not a list" })),
    ]
}

#[test]
fn a_table_has_flux_columns_and_takes_malformed_objects() {
    insta::assert_snapshot!(
        render(Kind::Kustomization, &objects(), Columns::default(), &flags()).replace('\t', "|"),
        @r"
    NAME    |REVISION          |SUSPENDED|READY|MESSAGE                              
    web     |main@sha1:67e2c98a|False    |True |Applied revision: main@sha1:67e2c98a|
    database|                  |True     |False|waiting to be reconciled            |
    broken  |                  |False    |False|waiting to be reconciled            |
    "
    );
}

#[test]
fn namespace_source_and_kind_are_columns_when_asked_for() {
    let columns = Columns {
        namespace: true,
        source: true,
        kind: true,
    };
    let flags = GetFlags {
        no_header: true,
        ..flags()
    };
    insta::assert_snapshot!(
        render(Kind::Kustomization, &objects()[..1], columns, &flags).replace('\t', "|"),
        @"apps|kustomization/web|GitRepository/apps/fleet|main@sha1:67e2c98a|False|True|Applied revision: main@sha1:67e2c98a|"
    );
}

#[test]
fn a_status_selector_leaves_the_others_out() {
    let flags = GetFlags {
        status_selector: Some("ready!=true".parse().unwrap()),
        ..flags()
    };
    let names: Vec<String> = picked(objects(), &flags)
        .iter()
        .map(|object| object.name().to_owned())
        .collect();
    assert_eq!(names, ["database", "broken"]);
}

#[test]
fn data_is_one_object_or_a_list_without_managed_fields() {
    let objects = objects();
    insta::assert_snapshot!(data(&objects[1..2], Output::Yaml, true), @r"
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata:
      name: database
      namespace: apps
    spec:
      sourceRef:
        kind: GitRepository
        name: fleet
      suspend: true
    status: {}
    ");
    let list: Value = serde_json::from_str(&data(&objects, Output::Json, false)).unwrap();
    assert_eq!(
        (&list["kind"], list["items"].as_array().unwrap().len()),
        (&json!("List"), 3)
    );
    assert_eq!(
        data(&objects[..2], Output::Name, false),
        "kustomization.kustomize.toolkit.fluxcd.io/web\n\
         kustomization.kustomize.toolkit.fluxcd.io/database\n"
    );
}
