//! A node's own identity: what `windlass identity mint` gives it, and what comes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::{Agent, windlass};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::audit::AuditRecord;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::house::{House, config_map, kustomization, nested, ready};
use crate::tenant::{bare_map, map};

const SOON: Duration = Duration::from_secs(30);

/// Whom the audit log shows.
pub(crate) fn user(node: &str) -> String {
    format!("system:serviceaccount:flux-system:windlass-{node}")
}

/// Has a person with all rights mint an identity; gives its kubeconfig, which is in the agent's folder.
pub(crate) fn mint(house: &House, agent: &Agent, node: &str, more: &[&str]) -> PathBuf {
    let file = agent.path().join("identity");
    let to = file.display().to_string();
    let mut arguments = vec!["identity", "mint", node, "--to", &to];
    arguments.extend(more);
    let minted = windlass(&house.control_plane.kubeconfig(User::Admin), &arguments);
    assert!(minted.status.success(), "{minted:?}");
    let shown = String::from_utf8_lossy(&minted.stderr).into_owned();
    assert!(shown.contains(&format!("windlass-{node}")), "{shown}");
    assert!(!shown.contains(&token(&file)), "{shown}");
    file
}

pub(crate) fn token(kubeconfig: &Path) -> String {
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let token = value.pointer("/users/0/user/token").unwrap();
    token.as_str().unwrap().to_owned()
}

/// A house whose agent has an identity of its own. Not started yet.
fn prepare(rights: &str, files: &[(&str, &str)]) -> House {
    let mut house = House::prepare(&Options::api_server(), files);
    let file = mint(&house, &house.agent, "node-a", &["--rights", rights]);
    let file = file.display().to_string();
    house.agent.set("cluster", "kubeconfig", &file);
    house
}

fn account(node: &str) -> ObjectRef {
    let name = format!("windlass-{node}");
    ObjectRef::new("v1", "ServiceAccount", "flux-system", &name)
}

#[test]
fn a_node_applies_by_its_own_identity_and_goes_on_with_a_new_one_when_that_is_taken_away() {
    let mut house = prepare("full", &[("map.yaml", &map("default", "a", "one"))]);
    let mark = house.control_plane.audit().mark();
    // On a server the admin's kubeconfig lies beside the config, and systemd waits for the file that asks.
    std::fs::write(house.agent.path().join("admin-kubeconfig"), "").unwrap();
    house.agent.start();
    house.root_ready();
    let records = house.control_plane.audit().all(mark);
    let writes = |user: &str| {
        let by = |record: &&AuditRecord| record.user == user && record.writes();
        records.iter().filter(by).count()
    };
    assert!(writes(&user("node-a")) > 0);
    assert_eq!(writes(User::Agent.name()), 0);

    let admin = house.control_plane.kubeconfig(User::Admin);
    let revoked = windlass(&admin, &["identity", "revoke", "node-a"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert!(house.admin().get(&account("node-a")).is_none());
    let commit = house.push(&[("map.yaml", &map("default", "a", "two"))], "Two");
    let wanted = house.agent.path().join("identity-wanted");
    // The API server remembers for 10 s that a token was good.
    wait::until_true("a new identity to be asked for", SOON, || wanted.exists());
    assert!(house.agent.log().contains("minted anew"));
    let old = house.admin().get(&config_map("default", "a")).unwrap();
    assert_eq!(
        old["data"]["value"], "one",
        "whoever is refused does nothing"
    );

    mint(&house, &house.agent, "node-a", &["--rights", "full"]);
    house.applied(&commit);
    assert!(house.agent.stop().success());
}

#[test]
fn an_identity_that_impersonates_writes_nothing_of_its_own_but_flux_objects() {
    let applier = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "applier", "namespace": "flux-system"}});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "applier", "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "applier", "namespace": "flux-system"}]});
    let named = json!({"targetNamespace": "default", "serviceAccountName": "applier"});
    let bare = json!({"targetNamespace": "default", "retryInterval": "1s"});
    let root = [
        nested("named", "./named", named),
        nested("bare", "./bare", bare),
    ]
    .join("\n---\n");
    let files = [
        ("cluster/root.yaml", root.as_str()),
        ("named/map.yaml", &bare_map("named", "one")),
        ("bare/map.yaml", &bare_map("bare", "one")),
    ];
    let mut house = prepare("impersonate", &files);
    house.admin().apply_all(&[applier, binding]);
    house.agent.set("root", "path", "cluster");
    let mark = house.control_plane.audit().mark();
    house.agent.start();
    house.root_ready();
    house.ready("flux-system", "named");
    let refused = house.admin().wait_for(
        "the refusal",
        &kustomization("flux-system", "bare"),
        |found| ready(found)["reason"] == "ReconciliationFailed",
    );
    let message = ready(&refused)["message"].to_string();
    assert!(message.contains(&user("node-a")), "{message}");
    assert!(house.admin().get(&config_map("default", "bare")).is_none());

    // Drift is seen and corrected all the same.
    let object = config_map("default", "named");
    house
        .admin()
        .patch(&object, &json!({"data": {"value": "theirs"}}));
    let corrected = |live: &Value| live["data"]["value"] == "one";
    house.admin().wait_for("the correction", &object, corrected);

    let records = house.control_plane.audit().all(mark);
    let own =
        |record: &&AuditRecord| record.user == user("node-a") && record.impersonated.is_empty();
    for record in records.iter().filter(own) {
        let is_flux = record.group.ends_with(".toolkit.fluxcd.io");
        let is_tried = record.namespace == "default" && record.name == "bare";
        assert!(
            record.status != 403 || is_tried,
            "a right is missing: {record:?}"
        );
        if record.writes() && record.status < 300 {
            let is_ours = record.namespace == "flux-system"
                && ["leases", "configmaps", "services", "endpointslices"]
                    .contains(&&*record.resource);
            let is_definition = record.resource == "customresourcedefinitions";
            let is_event = record.resource == "events";
            assert!(
                is_flux || is_ours || is_definition || is_event,
                "{record:?}"
            );
        }
    }
    assert!(house.agent.stop().success());
}

#[test]
fn a_node_without_the_admins_credential_says_what_to_do_and_follows_what_is_done() {
    let mut house = prepare("full", &[("map.yaml", &map("default", "a", "one"))]);
    house.agent.start();
    house.root_ready();
    house.admin().delete(&account("node-a"));
    let told = "windlass identity mint node-a";
    wait::until_true("the advice", SOON, || house.agent.log().contains(told));
    assert!(!house.agent.path().join("identity-wanted").exists());
    // Whoever mints it with other rights takes the former ones away.
    mint(&house, &house.agent, "node-a", &["--rights", "cache"]);
    let binding = ObjectRef::new(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "",
        "windlass-node-a",
    );
    let binding = house.admin().get(&binding).unwrap();
    assert_eq!(binding["roleRef"]["name"], "windlass-cache");
    let kept = house.agent.state().join("kubeconfig");
    assert!(!kept.exists(), "nothing could be renewed");
    house.agent.stop();
}

#[test]
fn of_several_servers_the_one_that_answers_is_used() {
    let mut house = House::prepare(
        &Options::api_server(),
        &[("map.yaml", &map("default", "a", "one"))],
    );
    // Nothing listens on the first.
    let url = house.control_plane.url();
    let servers = ["--server", "https://127.0.0.1:1", "--server", &url];
    let file = mint(&house, &house.agent, "node-a", &servers);
    house
        .agent
        .set("cluster", "kubeconfig", &file.display().to_string());
    house.agent.set("node", "role", "external");
    house.agent.start();
    house.root_ready();
    let shown = windlass(&file, &["status"]);
    let text = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
    assert!(shown.status.success() && text.contains("node-a"), "{text}");
    assert!(house.agent.stop().success());
}
