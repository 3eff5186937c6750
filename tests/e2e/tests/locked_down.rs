//! Flux's lock-down for clusters that several people share: `[tenancy]` in the node's config.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::repo::Repo;

use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map, kustomization, ready};
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
fn t33_sources_of_other_namespaces_are_denied_and_objects_are_applied_as_the_default_account() {
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

/// A namespace with a source and a Kustomization of its own, both named after it; `spec` adds to the Kustomization.
fn person(house: &House, name: &str, files: &[(&str, &str)], spec: &Value) -> Repo {
    let git = format!("{name}.git");
    let mut repo = Repo::new(&house.git.create(&git));
    repo.publish(files, "Begin", &house.signer);
    let metadata = json!({"name": name, "namespace": name});
    let source = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "GitRepository", "metadata": metadata,
        "spec": {"interval": "1s", "url": house.git.url(&git), "ref": {"branch": "main"}},
    });
    let mut object = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization", "metadata": metadata,
        "spec": {"interval": "10m", "prune": true, "path": "./",
            "sourceRef": {"kind": "GitRepository", "name": name}},
    });
    let fields = spec.as_object().cloned().unwrap_or_default();
    object["spec"].as_object_mut().unwrap().extend(fields);
    house.admin().apply_all(&[source, object]);
    repo
}

#[test]
fn t33_nobody_keeps_an_object_of_another_namespace_alive_by_claiming_it() {
    let namespaces = ["owner", "thief"].map(|name| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string()
    });
    let files = [("cluster/root.yaml", &*namespaces.join("\n---\n"))];
    let mut house = House::prepare(&Options::api_server(), &files);
    house.agent.set("root", "path", "cluster");
    house
        .agent
        .set_raw("tenancy", "no_cross_namespace_refs", "true");
    house.agent.start();
    house.root_ready();
    let there = json!({"targetNamespace": "owner"});
    let both = [
        ("one.yaml", &*bare_map("one", "1")),
        ("two.yaml", &bare_map("two", "1")),
    ];
    let mut owner = person(&house, "owner", &both, &there);
    house.ready("owner", "owner");
    person(
        &house,
        "thief",
        &[("own.yaml", &*bare_map("own", "1"))],
        &json!({"targetNamespace": "thief"}),
    );
    house.ready("thief", "thief");
    // Flux's own roles let whoever may edit a Kustomization write its status, too.
    let stolen = json!([{"id": "owner_one__ConfigMap", "v": "v1"}]);
    let stolen = json!({"status": {"inventory": {"entries": stolen}}});
    let thief = kustomization("thief", "thief");
    house.admin().patch_subresource(&thief, "status", &stolen);

    owner.remove("one.yaml");
    owner.publish(
        &[("two.yaml", &bare_map("two", "2"))],
        "Without one",
        &house.signer,
    );
    house.admin().wait_gone(&config_map("owner", "one"));
}
