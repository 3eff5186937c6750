use serde_json::{Value, json};
use windlass_api::node::NodeStatus;

use super::*;

const REVISION: &str = "main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9";

fn object(kind: Kind, name: &str, spec: Value, status: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": kind.gvk().api_version(), "kind": kind.name(),
        "metadata": { "name": name, "namespace": "flux-system" },
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ready(status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

fn lead() -> Lead {
    Lead {
        node: "node-1".to_owned(),
        renewed: Some(at("2026-01-01T00:59:58Z")),
        holds_for: 15,
        status: NodeStatus {
            version: Some("0.1.0".to_owned()),
            revision: Some(REVISION.to_owned()),
            fetched_at: Some(at("2026-01-01T00:58:50Z").into()),
            offline_since: Some(at("2026-01-01T00:59:00Z").into()),
            ready: Some((2, 4)),
            ..NodeStatus::default()
        },
    }
}

fn unreachable_source() -> Object {
    let verified = json!({ "type": "SourceVerified", "status": "True", "reason": "Succeeded" });
    let failed = json!({
        "type": "FetchFailed", "status": "True", "reason": "GitOperationFailed",
        "message": "connection refused", "lastTransitionTime": "2026-01-01T00:59:00Z",
    });
    let artifact = json!({ "revision": REVISION, "lastUpdateTime": "2026-01-01T00:30:00Z" });
    let conditions = json!([ready("True", "Succeeded", "stored"), verified, failed]);
    let status = json!({ "artifact": artifact, "conditions": conditions });
    object(Kind::GitRepository, "flux-system", json!({}), status)
}

fn facts() -> Facts {
    let kustomization = |name: &str, ready: Value| {
        object(
            Kind::Kustomization,
            name,
            json!({}),
            json!({ "conditions": [ready] }),
        )
    };
    let broken = ready("False", "BuildFailed", "apps/web.yaml:3: bad indentation");
    Facts {
        server: "https://127.0.0.1:6443".to_owned(),
        version: Some("v1.37.2".to_owned()),
        lead: Some(lead()),
        nodes: Vec::new(),
        sources: vec![
            unreachable_source(),
            object(Kind::GitRepository, "new", json!({}), json!({})),
        ],
        others: vec![
            (
                Kind::HelmRepository,
                vec![
                    object(
                        Kind::HelmRepository,
                        "charts",
                        json!({}),
                        json!({ "conditions": [ready("False", "IndexationFailed", "no such host")] }),
                    ),
                    // Of a registry: nothing is ever said of it.
                    object(
                        Kind::HelmRepository,
                        "registry",
                        json!({ "type": "oci" }),
                        json!({}),
                    ),
                ],
            ),
            (Kind::Bucket, vec![]),
        ],
        kustomizations: vec![
            kustomization(
                "flux-system",
                ready("True", "ReconciliationSucceeded", "Applied"),
            ),
            kustomization("apps", broken),
            object(
                Kind::Kustomization,
                "resting",
                json!({ "suspend": true }),
                json!({}),
            ),
        ],
        observed: None,
        releases: vec![object(
            Kind::HelmRelease,
            "web",
            json!({}),
            json!({ "conditions": [ready("False", "UpgradeFailed", "timeout after 5m0s")] }),
        )],
    }
}

fn shown(facts: &Facts) -> String {
    render(facts, at("2026-01-01T01:00:00Z"))
}

#[test]
fn one_screen_says_who_leads_how_fresh_things_are_and_what_is_not_ready() {
    insta::assert_snapshot!(shown(&facts()), @r"
    Cluster  Kubernetes v1.37.2 at https://127.0.0.1:6443
    Leader   node-1, windlass 0.1.0, renewed 2s ago
    Root     main@sha1:67e2c98a verified, checked 70s ago, offline for 60s
    Ready    3 of 8 (GitRepository 1 of 2, HelmRepository 1 of 2, Kustomization 1 of 3, HelmRelease 0 of 1)

    SOURCE                                 REVISION            SINCE  SIGNATURES  STATE
    GitRepository/flux-system/flux-system  main@sha1:67e2c98a  30m    good        cannot be fetched for 60s: connection refused
    GitRepository/flux-system/new                                     unknown     not ready

    NOT READY                          REASON            FOR  MESSAGE
    GitRepository/flux-system/new      -                      waiting to be reconciled
    HelmRepository/flux-system/charts  IndexationFailed  60m  no such host
    Kustomization/flux-system/apps     BuildFailed       60m  apps/web.yaml:3: bad indentation
    HelmRelease/flux-system/web        UpgradeFailed     60m  timeout after 5m0s

    SUSPENDED
    Kustomization/flux-system/resting  until resumed
    ");
}

#[test]
fn a_cluster_without_an_agent_says_so() {
    let facts = Facts {
        lead: None,
        sources: vec![],
        others: vec![],
        kustomizations: vec![],
        releases: vec![],
        observed: None,
        ..facts()
    };
    insta::assert_snapshot!(shown(&facts), @r"
    Cluster  Kubernetes v1.37.2 at https://127.0.0.1:6443
    Leader   none: no node has ever led (is the agent running? see `windlass check`)
    Root     unknown
    Ready    0 of 0
    ");
}

#[test]
fn a_leader_that_stopped_renewing_is_none() {
    let mut facts = facts();
    facts.lead.as_mut().unwrap().renewed = Some(at("2026-01-01T00:50:00Z"));
    let text = shown(&facts);
    assert!(
        text.contains("none: node-1 led until 10m ago; nothing is written"),
        "{text}"
    );
}

#[test]
fn the_root_is_as_its_object_says_while_the_lease_is_behind() {
    let mut facts = facts();
    let lead = facts.lead.as_mut().unwrap();
    lead.status.revision = None;
    let artifact = json!({ "revision": REVISION });
    let conditions = json!([ready("True", "Succeeded", "stored")]);
    let status = json!({ "artifact": artifact, "conditions": conditions });
    let fetched = object(Kind::GitRepository, "flux-system", json!({}), status);
    facts.sources = vec![fetched];
    let text = shown(&facts);
    let root = "\nRoot     main@sha1:67e2c98a verified, checked 70s ago\n";
    assert!(text.contains(root), "{text}");
}

#[test]
fn the_word_of_a_node_is_shown_as_such() {
    let mut facts = facts();
    let lead = facts.lead.take().unwrap();
    facts.version = None;
    facts.nodes = vec![("node-1".to_owned(), lead.status)];
    let text = shown(&facts);
    let head = text.split("\n\n").next().unwrap();
    insta::assert_snapshot!(head, @r"
    Cluster  not asked: https://127.0.0.1:6443
    Leader   unknown: only the API server knows
    Root     main@sha1:67e2c98a verified, checked 70s ago, offline for 60s
    Ready    3 of 8 (GitRepository 1 of 2, HelmRepository 1 of 2, Kustomization 1 of 3, HelmRelease 0 of 1)
    ");
}
