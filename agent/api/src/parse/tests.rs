use serde_json::json;

use super::*;

fn kustomization_object(spec: Value, status: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "apps", "namespace": "flux-system", "generation": 3 },
        "spec": spec,
        "status": status,
    }))
    .unwrap()
}

fn spec() -> Value {
    json!({
        "interval": "10m",
        "prune": true,
        "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
    })
}

#[test]
fn fields_that_a_later_flux_may_add_are_passed_over() {
    let mut spec = spec();
    spec["fromTheFuture"] = json!({ "a": [1] });
    spec["sourceRef"]["alsoNew"] = json!(true);
    let status = json!({ "observedGeneration": -1, "somethingNew": "x" });
    let parsed = kustomization(&kustomization_object(spec, status)).unwrap();
    assert_eq!(parsed.spec.interval.0.as_secs(), 600);
    assert_eq!(parsed.status.unwrap().observed_generation, Some(-1));
    assert_eq!(parsed.metadata.generation, Some(3));
}

#[test]
fn a_status_that_flux_wrote_survives_reading_and_writing() {
    let status = json!({
        "conditions": [{
            "lastTransitionTime": "2026-11-01T10:00:00Z",
            "message": "Applied revision: main@sha1:0123456789012345678901234567890123456789",
            "observedGeneration": 3,
            "reason": "ReconciliationSucceeded",
            "status": "True",
            "type": "Ready",
        }],
        "history": [{
            "digest": "sha256:ab",
            "firstReconciled": "2026-11-01T10:00:00Z",
            "lastReconciled": "2026-11-01T11:00:00Z",
            "lastReconciledDuration": "1.234567891s",
            "lastReconciledStatus": "ReconciliationSucceeded",
            "metadata": { "revision": "main@sha1:01" },
            "totalReconciliations": 7,
        }],
        "inventory": { "entries": [{ "id": "_apps__Namespace", "v": "v1" }] },
        "lastAppliedRevision": "main@sha1:01",
        "lastAttemptedRevision": "main@sha1:01",
        "lastHandledReconcileAt": "2026-11-01 10:00:00.5 +0000 UTC m=+7.25",
        "observedGeneration": 3,
    });
    let parsed = kustomization(&kustomization_object(spec(), status.clone())).unwrap();
    assert_eq!(serde_json::to_value(parsed.status).unwrap(), status);
    assert_eq!(
        serde_json::to_value(parsed.spec).unwrap(),
        json!({
            "interval": "10m0s",
            "prune": true,
            "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
        })
    );
}

#[test]
fn a_malformed_object_is_named_with_its_field() {
    let broken = |field: &str, value: Value| {
        let mut spec = spec();
        spec[field] = value;
        kustomization(&kustomization_object(spec, Value::Null))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        broken("interval", json!("soon")),
        "Kustomization/flux-system/apps: spec.interval: \"soon\" is not a duration; write it like \
         90s, 10m or 1h30m; correct the field and apply the object again"
    );
    assert!(broken("prune", json!("yes")).contains("spec.prune: invalid type: string"));
    let source = broken("sourceRef", json!({ "name": "x" }));
    assert!(
        source.contains("spec.sourceRef: missing field `kind`"),
        "{source}"
    );
    let second = broken("dependsOn", json!([{ "name": "a" }, { "name": 7 }]));
    assert!(
        second.contains("spec.dependsOn[1].name: invalid type: integer `7`"),
        "{second}"
    );
}

#[test]
fn an_older_version_is_read_like_the_current_one_and_another_kind_is_not() {
    let mut value = kustomization_object(spec(), Value::Null).into_value();
    value["apiVersion"] = json!("kustomize.toolkit.fluxcd.io/v1beta2");
    let old = Object::from_value(value).unwrap();
    assert!(kustomization(&old).unwrap().spec.prune);
    assert_eq!(
        git_repository(&old).unwrap_err().to_string(),
        "kustomize.toolkit.fluxcd.io/v1beta2, Kind=Kustomization is not a GitRepository"
    );
}

#[test]
fn a_git_repository_keeps_every_field_it_has() {
    let spec = json!({
        "ignore": "/*\n!/deploy\n",
        "include": [{ "fromPath": "a", "repository": { "name": "other" }, "toPath": "b" }],
        "interval": "1m0s",
        "provider": "azure",
        "proxySecretRef": { "name": "proxy" },
        "recurseSubmodules": true,
        "ref": { "branch": "main", "commit": "c", "name": "refs/heads/main", "semver": "1", "tag": "t" },
        "secretRef": { "name": "credentials" },
        "serviceAccountName": "puller",
        "sparseCheckout": ["deploy"],
        "suspend": true,
        "timeout": "20s",
        "url": "https://git.example.com/fleet",
        "verify": { "mode": "TagAndHEAD", "secretRef": { "name": "keys" } },
    });
    let object = Object::from_value(json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "name": "fleet", "namespace": "flux-system" },
        "spec": spec,
    }))
    .unwrap();
    let parsed = git_repository(&object).unwrap();
    assert_eq!(parsed.spec.effective_timeout().as_secs(), 20);
    assert_eq!(serde_json::to_value(parsed.spec).unwrap(), spec);
}

#[test]
fn a_malformed_status_is_made_anew_but_a_malformed_inventory_is_an_error() {
    let status = json!({
        "conditions": [{ "type": "Ready" }, {
            "lastTransitionTime": "2026-11-01T10:00:00Z", "message": "", "reason": "Good",
            "status": "True", "type": "Healthy",
        }],
        "history": "none",
        "inventory": { "entries": [] },
    });
    let parsed = kustomization(&kustomization_object(spec(), status))
        .unwrap()
        .status
        .unwrap();
    let types: Vec<_> = parsed
        .conditions
        .iter()
        .map(|found| found.type_.as_str())
        .collect();
    assert_eq!((types, parsed.history.len()), (vec!["Healthy"], 0));

    let broken = json!({ "inventory": { "entries": [{ "id": "_a__Namespace" }] } });
    let error = kustomization(&kustomization_object(spec(), broken))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("status.inventory.entries[0]: missing field `v`"),
        "{error}"
    );
}
