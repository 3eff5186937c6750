//! Versions of Flux's kinds that repositories still hold and no API server serves any more.

use serde_json::{Value, json};

use crate::tenant::{Tenant, map, shared};

fn object(kind: &str, api_version: &str, name: &str, spec: Value) -> String {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec})
        .to_string()
}

#[test]
fn old_versions_from_a_source_are_applied_as_the_ones_that_are_served() {
    let inner = |name: &str, version: &str| {
        let spec = json!({"path": "./inner", "prune": true, "interval": "10m",
            "nameSuffix": format!("-{name}"), "sourceRef": {"kind": "GitRepository", "name": "source"}});
        object(
            "Kustomization",
            &format!("kustomize.toolkit.fluxcd.io/{version}"),
            name,
            spec,
        )
    };
    let files = [
        (
            "inner/map.yaml",
            &map("default", "old-version", "one") as &str,
        ),
        ("app/first.yaml", &inner("first", "v1beta1")),
        ("app/second.yaml", &inner("second", "v1beta2")),
    ];
    let mut tenant = Tenant::start("oldversions", &files);
    let namespace = tenant.namespace.clone();
    let url = shared().git.url(&format!("{namespace}.git"));
    let spec = json!({"url": url, "interval": "10m", "ref": {"branch": "main"}});
    let source = object(
        "GitRepository",
        "source.toolkit.fluxcd.io/v1beta2",
        "again",
        spec,
    );
    let commit = tenant.push(&[("app/source.yaml", &source)], "A source");
    let old = |kind: &str, name: &str| {
        json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1beta2", "kind": kind, "name": name,
            "namespace": namespace})
    };
    let checks = json!([old("Kustomization", "second")]);
    let spec = json!({"targetNamespace": namespace, "healthChecks": checks, "timeout": "1m"});
    tenant.kustomize("app", spec);
    let app = tenant.applied("app", &commit);
    let entries = app["status"]["inventory"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert!(
        entries.iter().all(|entry| entry["v"] == "v1"),
        "{entries:?}"
    );
    for name in ["first", "second"] {
        tenant.ready(name);
    }
    let again = windlass_kit::api::ObjectRef::new(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        &namespace,
        "again",
    );
    tenant.admin().wait_ready(&again, "True");

    tenant.repo.remove("app/first.yaml");
    let commit = tenant.push(&[], "One less");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&tenant.reference("first"));
}
