//! A real API server gives the same verdict, and fills in the same, with our definitions as with Flux's own.

use std::path::Path;

use serde_json::Value;
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{ControlPlane, Options};

use crate::oracle::{module, top};

/// Module, file of the definition there, and its name.
const DEFINITIONS: [(&str, &str, &str); 6] = [
    (
        "github.com/fluxcd/source-controller",
        "source.toolkit.fluxcd.io_gitrepositories.yaml",
        "gitrepositories.source.toolkit.fluxcd.io",
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

fn definition(name: &str) -> ObjectRef {
    ObjectRef::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        name,
    )
}

/// Applies the definition in a file and waits until its kind takes an object.
fn install(admin: &Client, file: &Path, name: &str, valid: &[(String, String)]) {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let reference = definition(name);
    let path = format!("{}?fieldManager=test", admin.path(&reference));
    let answer = admin.try_request("PATCH", &path, "application/apply-patch+yaml", &text);
    let answer = answer.unwrap();
    assert!(answer.status < 300, "{path}: {}", answer.body);
    let kind = match name.split('.').next() {
        Some("gitrepositories") => "git-minimal.yaml",
        Some("helmreleases") => "hr-minimal.yaml",
        Some("alerts") => "alert-minimal.yaml",
        Some("providers") => "provider-minimal.yaml",
        Some("receivers") => "receiver-minimal.yaml",
        _ => "ks-minimal.yaml",
    };
    let minimal: Vec<_> = valid
        .iter()
        .filter(|(file, _)| file == kind)
        .cloned()
        .collect();
    assert_eq!(minimal.len(), 1);
    admin.wait_for("the kind to be served", &reference, |_| {
        verdicts(admin, &minimal)[0].is_ok()
    });
}

fn value_of(yaml: &str, start: &str) -> String {
    let line = yaml.lines().find_map(|line| line.strip_prefix(start));
    line.unwrap_or_else(|| panic!("no {start:?}"))
        .trim()
        .to_owned()
}

fn corpus(verdict: &str) -> Vec<(String, String)> {
    let folder = top().join("tests/fixtures/crd-corpus").join(verdict);
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// What the API server makes of each object: spec and status with their defaults, or its refusal.
fn verdicts(admin: &Client, objects: &[(String, String)]) -> Vec<Result<(Value, Value), String>> {
    let ask = |(name, text): &(String, String)| {
        let plural = match value_of(text, "kind: ").as_str() {
            "Kustomization" => "kustomizations",
            "GitRepository" => "gitrepositories",
            "HelmRelease" => "helmreleases",
            "Alert" => "alerts",
            "Provider" => "providers",
            "Receiver" => "receivers",
            other => panic!("{name}: {other}"),
        };
        let api = value_of(text, "apiVersion: ");
        let path =
            format!("/apis/{api}/namespaces/default/{plural}?dryRun=All&fieldValidation=Ignore");
        let answer = admin
            .try_request("POST", &path, "application/yaml", text.as_bytes())
            .unwrap();
        match answer.status {
            201 => Ok((answer.body["spec"].clone(), answer.body["status"].clone())),
            _ => Err(answer.body["message"].to_string()),
        }
    };
    objects.iter().map(ask).collect()
}

#[test]
fn the_api_server_judges_objects_as_with_flux_definitions() {
    let plane = ControlPlane::start(&Options::api_server());
    let admin = plane.admin();
    let (valid, invalid) = (corpus("valid"), corpus("invalid"));
    assert!(valid.len() > 20 && invalid.len() > 50);
    for (source, file, name) in DEFINITIONS {
        let file = module(source).join("config/crd/bases").join(file);
        install(admin, &file, name, &valid);
    }
    let theirs = (verdicts(admin, &valid), verdicts(admin, &invalid));
    for ((name, _), verdict) in valid.iter().zip(&theirs.0) {
        assert!(verdict.is_ok(), "Flux refuses {name}: {verdict:?}");
    }
    for ((name, _), verdict) in invalid.iter().zip(&theirs.1) {
        assert!(verdict.is_err(), "Flux takes {name}");
    }

    for (_, _, name) in DEFINITIONS {
        admin.delete(&definition(name));
        admin.wait_gone(&definition(name));
    }
    for (_, _, name) in DEFINITIONS {
        let file = top().join("packaging/crds").join(format!("{name}.yaml"));
        install(admin, &file, name, &valid);
    }
    let ours = (verdicts(admin, &valid), verdicts(admin, &invalid));
    for (((name, _), theirs), ours) in valid.iter().zip(&theirs.0).zip(&ours.0) {
        assert_eq!(theirs, ours, "{name}");
    }
    for ((name, _), verdict) in invalid.iter().zip(&ours.1) {
        assert!(
            verdict.is_err(),
            "windlass takes {name}, which Flux refuses"
        );
    }
}
