use serde_json::json;

use super::*;

const REVISION: &str = "main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9";

fn kustomization(name: &str, spec: Value, status: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": name, "namespace": "flux-system" },
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn facts() -> Facts {
    let spec = json!({
        "interval": "10m", "prune": true, "wait": true, "path": "./apps", "timeout": "5m",
        "retryInterval": "2m",
        "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
        "dependsOn": [{ "name": "infra" }, { "name": "gone" }],
    });
    let status = json!({
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "HealthCheckFailed",
            "message": "Deployment/apps/web: 0 of 1 replicas are ready",
            "lastTransitionTime": "2026-01-01T00:57:00Z",
        }],
        "lastAppliedRevision": REVISION, "lastAttemptedRevision": REVISION,
        "inventory": { "entries": [{ "id": "apps_web_apps_Deployment", "v": "v1" }, { "id": "?", "v": "v1" }] },
        "history": [{
            "digest": "sha256:00", "firstReconciled": "2026-01-01T00:40:00Z",
            "lastReconciled": "2026-01-01T00:50:00Z",
            "lastReconciledDuration": "1.2s", "lastReconciledStatus": "ReconciliationSucceeded",
            "metadata": { "revision": REVISION }, "totalReconciliations": 4,
        }],
    });
    let ready = json!({ "conditions": [{
        "type": "Ready", "status": "True", "message": format!("Applied revision: {REVISION}"),
    }] });
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e" },
        "involvedObject": { "kind": "Kustomization", "name": "apps" }, "type": "Warning",
        "reason": "HealthCheckFailed", "message": "timeout",
        "firstTimestamp": "2026-01-01T00:57:00Z",
    });
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": { "name": "flux-system", "namespace": "flux-system" },
        "status": { "artifact": { "revision": REVISION } },
    });
    Facts {
        kustomization: kustomization("apps", spec, status),
        source: Some(Object::from_value(source).unwrap()),
        dependencies: vec![
            (
                "Kustomization/flux-system/infra".to_owned(),
                Some(kustomization("infra", json!({}), ready)),
            ),
            ("Kustomization/flux-system/gone".to_owned(), None),
        ],
        events: vec![Object::from_value(event).unwrap()],
    }
}

fn shown(facts: &Facts) -> String {
    render(facts, "2026-01-01T01:00:00Z".parse().unwrap())
}

#[test]
fn a_description_shows_settings_state_and_history() {
    insta::assert_snapshot!(shown(&facts()), @r#"
    Kustomization/flux-system/apps
      Source        GitRepository/flux-system/flux-system at main@sha1:67e2c98a
      Path          ./apps
      Applied       main@sha1:67e2c98a
      Attempted     main@sha1:67e2c98a
      Interval      10m0s
      Retry         2m0s
      Timeout       5m0s
      When deleted  Delete
      Switched on   prune, wait

    Conditions
      Ready  False  HealthCheckFailed  3m  Deployment/apps/web: 0 of 1 replicas are ready

    Depends on
      Kustomization/flux-system/infra  True     Applied revision: main@sha1:67e2c98a
      Kustomization/flux-system/gone   missing

    Applied objects (1)
      Deployment/apps/web

    Unreadable inventory
      inventory id "?" is not namespace_name_group_kind; the object is left alone

    History
      main@sha1:67e2c98a  ReconciliationSucceeded  10m ago  4×, last took 1.2s

    Events
      3m  Warning  HealthCheckFailed  timeout
    "#);
}

#[test]
fn a_malformed_kustomization_is_described_as_far_as_it_goes() {
    let spec = json!({ "interval": "soon", "prune": "yes", "sourceRef": 7 });
    let facts = Facts {
        kustomization: kustomization("bad", spec, json!({})),
        source: None,
        dependencies: vec![],
        events: vec![],
    };
    insta::assert_snapshot!(shown(&facts), @r#"
    Kustomization/flux-system/bad
      Malformed  Kustomization/flux-system/bad: spec.interval: "soon" is not a duration; write it like 90s, 10m or 1h30m; correct the field and apply the object again
    "#);
}
