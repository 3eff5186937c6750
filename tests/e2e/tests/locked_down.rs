//! Flux's lock-down for clusters that several people share: `[tenancy]` in the node's config.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};

use crate::house::{House, KUSTOMIZATION, kustomization, ready};
use crate::tenant::bare_map;

/// The root makes the tenant's namespace and its Kustomizations: one of the root's own source, which is in another
/// namespace.
fn root() -> String {
    let across = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "across", "namespace": "team"},
        "spec": {"interval": "10m", "prune": true, "path": "./team", "targetNamespace": "team",
            "sourceRef": {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"}},
    });
    let mut own = across.clone();
    own["metadata"] = json!({"name": "own", "namespace": "flux-system"});
    own["spec"]["sourceRef"] = json!({"kind": "GitRepository", "name": "flux-system"});
    own["spec"]["retryInterval"] = "1s".into();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    [namespace, across, own]
        .map(|object| object.to_string())
        .join("\n---\n")
}

fn condition_of(house: &House, object: &ObjectRef, reason: &str) -> Value {
    let found = house
        .admin()
        .wait_for(reason, object, |found| ready(found)["reason"] == reason);
    ready(&found)
}

#[test]
fn sources_of_other_namespaces_are_denied_and_objects_are_applied_as_the_default_account() {
    let files = [
        ("cluster/root.yaml", &root() as &str),
        ("team/map.yaml", &bare_map("a", "one")),
    ];
    let mut house = House::prepare(&Options::api_server(), &files);
    house.agent.set("root", "path", "cluster");
    house
        .agent
        .set_raw("tenancy", "no_cross_namespace_refs", "true");
    house
        .agent
        .set("tenancy", "default_service_account", "default");
    let mark = house.control_plane.audit().mark();
    house.agent.start();
    // The root itself is the agent's own: it makes a namespace, which no account of its own could.
    house.root_ready();
    let denied = condition_of(&house, &kustomization("team", "across"), "AccessDenied");
    let message = denied["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("can't access 'GitRepository/flux-system/flux-system', cross-namespace"),
        "{message}"
    );
    let refused = condition_of(
        &house,
        &kustomization("flux-system", "own"),
        "ReconciliationFailed",
    );
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("system:serviceaccount:flux-system:default"),
        "{message}"
    );
    let asked = house.control_plane.audit().requests(User::Agent, mark);
    let as_itself = asked
        .iter()
        .filter(|record| record.namespace == "team" && record.resource == "configmaps")
        .filter(|record| record.impersonated.is_empty())
        .collect::<Vec<_>>();
    assert!(
        as_itself.is_empty(),
        "asked as the agent itself: {as_itself:?}"
    );
}
