//! A node with `role = "cache"`: it fetches, verifies, keeps and bears witness, and that is all it may do.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::Agent;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_object::yaml::{Limits, parse_documents};

use crate::house::{House, root_source};
use crate::leadership::{TERM, holder};
use crate::tenant::map;

const LEASE: &str = "windlass-witness-node-b";

fn lease() -> ObjectRef {
    ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", LEASE)
}

fn said(lease: &Value, what: &str) -> String {
    let said = &lease["metadata"]["annotations"][format!("windlass.dev/{what}")];
    said.as_str().unwrap_or_default().to_owned()
}

/// Gives the tenant what packaging/rbac/cache.yaml gives a node, and nothing else.
fn grant(house: &House) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/rbac/cache.yaml");
    let text = std::fs::read_to_string(file)
        .unwrap()
        .replace("NODE", "node-b");
    for document in parse_documents(text.as_bytes(), &Limits::DEFAULT).unwrap() {
        house.admin().apply(&document.value);
        let role = &document.value;
        let mut metadata = json!({"name": "windlass-cache"});
        if let Some(namespace) = role["metadata"].get("namespace") {
            metadata["namespace"] = namespace.clone();
        }
        house.admin().apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata,
            "kind": format!("{}Binding", role["kind"].as_str().unwrap_or_default()),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": "windlass-cache"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": User::Tenant.name()}],
        }));
    }
}

#[test]
fn a_cache_keeps_and_bears_witness_and_writes_nothing_but_its_own_lease() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    grant(&house);
    let mark = house.control_plane.audit().mark();
    let kubeconfig = house.control_plane.kubeconfig(User::Tenant);
    let mut cache = Agent::prepare(&kubeconfig, &house.git.url("house.git"), &[&house.signer]);
    cache.set("root", "interval", "5s");
    cache.set("node", "name", "node-b");
    cache.set("node", "role", "cache");
    cache.start();
    let first = house.repo.id("HEAD");
    house
        .admin()
        .wait_for("the cache to say what it keeps", &lease(), |lease| {
            said(lease, "role") == "cache" && said(lease, "revision").contains(&first)
        });

    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    house
        .admin()
        .wait_for("the cache to follow", &lease(), |lease| {
            said(lease, "revision").contains(&second) && said(lease, "accepted").contains(&second)
        });

    // Nobody leads rather than a cache.
    house.agent.stop();
    std::thread::sleep(TERM * 4 + Duration::from_secs(5));
    assert_eq!(holder(&house), "");
    assert!(house.admin().get(&root_source()).is_some());
    let requests = house.control_plane.audit().requests(User::Tenant, mark);
    let written: Vec<_> = requests.iter().filter(|one| one.writes()).collect();
    assert!(!written.is_empty());
    for one in written {
        assert_eq!(
            (one.resource.as_str(), one.name.as_str()),
            ("leases", LEASE),
            "{one:?}"
        );
    }
    cache.stop();
}
