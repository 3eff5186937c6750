//! Random objects of built-in plugins, replacements and variables.

use serde_json::{Value, json};
use windlass_object::yaml::to_string;

use super::kinds::{NAMES, NAMESPACES, map};
use super::patches::{operations, selector, strategic};
use super::random::Random;

/// A field that the kind has, in most cases.
fn field_path(random: &mut Random, object: &Value) -> String {
    let paths: &[&str] = match object["kind"].as_str().unwrap() {
        "Deployment" | "StatefulSet" | "DaemonSet" => &[
            "spec.template.spec.containers.[name=main].image",
            "spec.template.spec.containers.0.name",
            "spec.template.spec.containers.*.image",
            "spec.replicas",
            "metadata.annotations.note",
        ],
        "Service" => &[
            "spec.ports.0.port",
            "spec.ports.[name=http].port",
            "spec.selector",
        ],
        "ConfigMap" | "Secret" => &[
            "data.a",
            "data.b",
            "metadata.annotations.[example.com/x]",
            "data.[c.d]",
        ],
        "Widget" => &[
            "spec.size",
            "spec.settings.name",
            "spec.items.[name=one].value",
            "spec.words",
            "spec.ratio",
        ],
        _ => &["kind", "metadata.annotations.note"],
    };
    random.word(paths)
}

/// An entry of `replacements`.
pub(crate) fn replacement(random: &mut Random, objects: &[Value]) -> Value {
    let from = random.pick(objects).clone();
    let mut source = json!({"kind": from["kind"], "name": from["metadata"]["name"]});
    if random.chance(70) {
        source["fieldPath"] = json!(field_path(random, &from));
    }
    if random.chance(15) {
        source["options"] =
            json!({"delimiter": random.word(&[":", "e", "."]), "index": random.below(3)});
    }
    let to = random.pick(objects).clone();
    // What becomes of a kind that is a number is of no interest.
    let path = field_path(random, &to).replace("kind", "status.copied");
    let mut target = json!({"select": selector(random, &to), "fieldPaths": [path]});
    if random.chance(40) {
        target["options"] = json!({"create": true});
    } else if random.chance(20) {
        target["options"] = json!({"delimiter": ":", "index": ([-1, 0, 1, 5][random.below(4)])});
    }
    if random.chance(15) {
        target["reject"] = json!([selector(random, &to)]);
    }
    if random.chance(10) {
        return json!({"sourceValue": "given", "targets": [target]});
    }
    json!({"source": source, "targets": [target]})
}

/// An entry of `vars` with the name `WEB`.
pub(crate) fn variable(random: &mut Random, objects: &[Value]) -> Value {
    let object = random.pick(objects);
    let mut variable = json!({"name": "WEB", "objref": {
        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"]}});
    if let Some(namespace) = object["metadata"].get("namespace") {
        variable["objref"]["namespace"] = namespace.clone();
    }
    if random.chance(25) {
        variable["fieldref"] = json!({"fieldpath": random.word(&["metadata.namespace", "kind", "metadata.labels.app"])});
    }
    variable
}

fn specs(random: &mut Random, path: &str) -> Value {
    let mut spec = json!({"path": path, "create": random.chance(70)});
    if random.chance(25) {
        spec["kind"] = random.value(&["Deployment", "Service", "ConfigMap"]);
    }
    json!([spec])
}

/// A built-in transformer and what it is told.
fn settings(random: &mut Random, objects: &[Value], object: &Value) -> (&'static str, Value) {
    let scaled = object["spec"].get("replicas").is_some();
    match random.below(if scaled { 11 } else { 10 }) {
        0 => (
            "PrefixTransformer",
            json!({"prefix": "pre-", "fieldSpecs": specs(random, "metadata/name")}),
        ),
        1 => (
            "SuffixTransformer",
            json!({"suffix": "-suf", "fieldSpecs": specs(random, "metadata/name")}),
        ),
        2 => (
            "LabelTransformer",
            json!({"labels": map(random, &["app", "plugin"]), "fieldSpecs": specs(random, "metadata/labels")}),
        ),
        3 => (
            "AnnotationsTransformer",
            json!({"annotations": map(random, &["note", "plugin"]), "fieldSpecs": specs(random, "metadata/annotations")}),
        ),
        4 => (
            "NamespaceTransformer",
            json!({"unsetOnly": random.chance(50),
            "setRoleBindingSubjects": random.word(&["defaultOnly", "allServiceAccounts", "none"])}),
        ),
        5 => (
            "ImageTagTransformer",
            json!({"imageTag": {"name": "nginx", "newTag": "plugin"}, "fieldSpecs": specs(random, "spec/image")}),
        ),
        6 => (
            "ReplacementTransformer",
            json!({"replacements": [replacement(random, objects)]}),
        ),
        7 => (
            "PatchTransformer",
            json!({"patch": to_string(&operations(random, object)), "target": selector(random, object)}),
        ),
        8 => (
            "PatchStrategicMergeTransformer",
            json!({"patches": to_string(&strategic(random, object))}),
        ),
        9 => (
            "ValueAddTransformer",
            json!({"value": random.word(NAMES), "targets": [{
            "selector": selector(random, object), "fieldPath": random.word(&["metadata/namespace", "metadata/annotations/value", "data/path"]),
            "filePathPosition": random.below(3)}]}),
        ),
        _ => (
            "ReplicaCountTransformer",
            json!({"replica": {"name": object["metadata"]["name"], "count": 7},
            "fieldSpecs": [{"path": "spec/replicas", "create": true}]}),
        ),
    }
}

/// The configuration of a built-in transformer.
pub(crate) fn plugin(random: &mut Random, objects: &[Value], name: &str) -> Value {
    let object = random.pick(objects).clone();
    let (kind, mut settings) = settings(random, objects, &object);
    settings["apiVersion"] = json!("builtin");
    settings["kind"] = json!(kind);
    settings["metadata"] = json!({"name": name});
    if kind == "NamespaceTransformer" {
        settings["metadata"]["namespace"] = random.value(NAMESPACES);
    }
    settings
}
