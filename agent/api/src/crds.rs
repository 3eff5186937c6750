//! The CRDs, generated from the types, and what packaging/crds holds.

use kube::core::CustomResourceExt;
use serde_json::json;
use windlass_object::{Object, Value, yaml};

use crate::alert::Alert;
use crate::bucket::Bucket;
use crate::git_repository::GitRepository;
use crate::helm_chart::HelmChart;
use crate::helm_release::HelmRelease;
use crate::helm_repository::HelmRepository;
use crate::kustomization::Kustomization;
use crate::names;
use crate::oci_repository::OciRepository;
use crate::provider::Provider;
use crate::receiver::Receiver;

/// First line of each file in packaging/crds.
const GENERATED: &str = "# Generated from agent/api: cargo run -p windlass-api --example crds\n";

/// The CRDs that windlass installs, ready to be applied.
pub fn crds() -> Vec<Object> {
    let source = names::SOURCE_CONTROLLER;
    let notification = names::NOTIFICATION_CONTROLLER;
    let generated = [
        (serde_json::to_value(Alert::crd()), notification),
        (serde_json::to_value(Bucket::crd()), source),
        (serde_json::to_value(GitRepository::crd()), source),
        (serde_json::to_value(HelmChart::crd()), source),
        (
            serde_json::to_value(HelmRelease::crd()),
            names::HELM_CONTROLLER,
        ),
        (serde_json::to_value(HelmRepository::crd()), source),
        (serde_json::to_value(OciRepository::crd()), source),
        (
            serde_json::to_value(Kustomization::crd()),
            names::KUSTOMIZE_CONTROLLER,
        ),
        (serde_json::to_value(Provider::crd()), notification),
        (serde_json::to_value(Receiver::crd()), notification),
    ];
    let finished = generated.into_iter();
    finished
        .map(|(value, component)| finish(value, component))
        .collect()
}

fn finish(value: Result<Value, serde_json::Error>, component: &str) -> Object {
    let mut value = value.expect("a generated CRD has only string keys");
    finish_names(&mut value);
    finish_schema(&mut value);
    let mut crd = Object::from_value(value).expect("a generated CRD has apiVersion and kind");
    crd.set_annotation(names::SUBSTITUTE, names::DISABLED);
    crd.set_label(names::PART_OF, "flux");
    crd.set_label(names::INSTANCE, names::FLUX_SYSTEM);
    crd.set_label(names::VERSION, names::FLUX_VERSION);
    crd.set_label(names::COMPONENT, component);
    crd
}

/// File name and text of each CRD in packaging/crds.
pub fn crd_files() -> Vec<(String, String)> {
    let file = |crd: Object| {
        let text = format!("{GENERATED}{}", yaml::to_string(crd.as_value()));
        (format!("{}.yaml", crd.name()), text)
    };
    crds().into_iter().map(file).collect()
}

/// Writes the list kind out, which the API server would otherwise fill in.
fn finish_names(crd: &mut Value) {
    let Some(names) = crd
        .pointer_mut("/spec/names")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let list = names
        .get("kind")
        .and_then(Value::as_str)
        .map(|kind| format!("{kind}List"));
    if let Some(list) = list {
        names.insert("listKind".to_owned(), list.into());
    }
}

/// Turns what the derive gives into the schema Flux has: fields are absent, never null, and the
/// root names the three fields every object has but asks for none.
fn finish_schema(crd: &mut Value) {
    let versions = crd
        .pointer_mut("/spec/versions")
        .and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        if let Some(version) = version.as_object_mut() {
            // Kinds without a status have none, which Flux writes out.
            version.entry("subresources").or_insert_with(|| json!({}));
        }
        let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") else {
            continue;
        };
        tidy(schema);
        if let Some(root) = schema.as_object_mut() {
            root.remove("required");
            root.remove("title");
        }
        let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (name, field) in root_fields() {
            fields.insert(name.to_owned(), field);
        }
    }
}

/// The fields of every object. The API server refuses a description on `metadata`.
fn root_fields() -> [(&'static str, Value); 3] {
    let text = |description| json!({ "type": "string", "description": description });
    [
        (
            "apiVersion",
            text("Group and version of this object's API."),
        ),
        ("kind", text("What this object is.")),
        ("metadata", json!({ "type": "object" })),
    ]
}

/// `Option` fields come out as `nullable`, but Flux's fields may be absent and not null; whole
/// bounds come out as floats.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("nullable").is_some_and(Value::is_boolean) {
                map.remove("nullable");
            }
            if map.get("minimum").and_then(Value::as_f64) == Some(0.0) {
                map.insert("minimum".to_owned(), 0.into());
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
