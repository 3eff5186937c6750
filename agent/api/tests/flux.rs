//! The generated CRDs against those in the modules of Flux's controllers (tests/oracles/go.mod),
//! read from the Go module cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use windlass_object::{Object, Value, yaml};

/// Where ours differ on purpose: the path in the CRD and why.
const INTENDED: &[(&str, &str)] = &[
    (
        "/metadata/annotations/controller-gen.kubebuilder.io~1version",
        "ours come from Rust",
    ),
    (
        "/metadata/labels",
        "theirs get the labels of the distribution at install time",
    ),
];

/// Module, file of the definition there, and its name.
const DEFINITIONS: &[(&str, &str, &str)] = &[
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_gitrepositories.yaml",
        "gitrepositories.source.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_buckets.yaml",
        "buckets.source.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_helmcharts.yaml",
        "helmcharts.source.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_helmrepositories.yaml",
        "helmrepositories.source.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_ocirepositories.yaml",
        "ocirepositories.source.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/kustomize-controller",
        "kustomize.toolkit.fluxcd.io_kustomizations.yaml",
        "kustomizations.kustomize.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/helm-controller",
        "helm.toolkit.fluxcd.io_helmreleases.yaml",
        "helmreleases.helm.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/notification-controller",
        "notification.toolkit.fluxcd.io_alerts.yaml",
        "alerts.notification.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/notification-controller",
        "notification.toolkit.fluxcd.io_providers.yaml",
        "providers.notification.toolkit.fluxcd.io",
    ),
    (
        "github.com/fluxcd/notification-controller",
        "notification.toolkit.fluxcd.io_receivers.yaml",
        "receivers.notification.toolkit.fluxcd.io",
    ),
];

fn oracles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles")
}

/// The directory of a module that tests/oracles/go.mod requires, in the module cache.
fn module_directory(module: &str) -> PathBuf {
    let go_mod = std::fs::read_to_string(oracles().join("go.mod")).unwrap();
    let version = go_mod
        .lines()
        .find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("tests/oracles/go.mod does not require {module}"));
    let output = Command::new("go")
        .current_dir(oracles())
        .args(["mod", "download", "-json", &format!("{module}@{version}")])
        .output()
        .expect("go is there; `make test` says how to install it");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{answer}");
    PathBuf::from(answer["Dir"].as_str().unwrap())
}

fn flux_crd(module: &str, file: &str) -> Object {
    let path = module_directory(module).join("config/crd/bases").join(file);
    let text = std::fs::read(path).unwrap();
    let mut documents = yaml::parse_documents(&text, &yaml::Limits::DEFAULT).unwrap();
    assert_eq!(documents.len(), 1);
    Object::from_value(documents.remove(0).value).unwrap()
}

/// Every place where the two differ, as a JSON pointer with both values. Descriptions are ours;
/// `required` and `enum` are sets.
fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    if INTENDED.iter().any(|(intended, _)| path == *intended) {
        return;
    }
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let is_schema = !path.ends_with("/properties");
            let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for key in keys
                .into_iter()
                .filter(|key| !(is_schema && *key == "description"))
            {
                let null = Value::Null;
                let below = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                let (left, right) = (left.get(key), right.get(key));
                let (left, right) = (left.unwrap_or(&null), right.unwrap_or(&null));
                differences(&below, left, right, found);
            }
        }
        (Value::Array(left), Value::Array(right))
            if path.ends_with("/required") || path.ends_with("/enum") =>
        {
            let sorted = |list: &[Value]| {
                let mut texts: Vec<_> = list.iter().map(Value::to_string).collect();
                texts.sort();
                texts
            };
            let (left, right) = (sorted(left), sorted(right));
            if left != right {
                found.push(format!("{path}: {left:?} in Flux, {right:?} here"));
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}/{index}"), left, right, found);
            }
        }
        _ if theirs == ours => {}
        _ => found.push(format!("{path}: {theirs} in Flux, {ours} here")),
    }
}

#[test]
fn the_crds_are_flux_crds_apart_from_the_listed_differences() {
    let mut found = Vec::new();
    for (module, file, name) in DEFINITIONS {
        let ours = windlass_api::crds()
            .into_iter()
            .find(|crd| crd.name() == *name)
            .unwrap();
        differences(
            "",
            flux_crd(module, file).as_value(),
            ours.as_value(),
            &mut found,
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_change_anywhere_in_a_schema_is_a_difference() {
    let mut crds = windlass_api::crds().into_iter();
    let ours = crds.find(|crd| crd.name().starts_with("kustomizations."));
    let ours = ours.unwrap().into_value();
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties";
    let changes: [(&str, Value); 6] = [
        ("/spec/properties/interval/pattern", "^.*$".into()),
        ("/spec/properties/force/default", true.into()),
        ("/spec/required/0", "path".into()),
        ("/spec/properties/wait", Value::Null),
        (
            "/spec/properties/kubeConfig/x-kubernetes-validations/0/rule",
            "true".into(),
        ),
        ("/status/default/observedGeneration", 0.into()),
    ];
    for (path, value) in changes {
        let mut changed = ours.clone();
        *changed.pointer_mut(&format!("{schema}{path}")).unwrap() = value;
        let mut found = Vec::new();
        differences("", &ours, &changed, &mut found);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
    }
}
