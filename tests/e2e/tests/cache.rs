//! A node with `role = "cache"`: it fetches, verifies, keeps and bears witness, and that is all it may do.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::Agent;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;

use crate::house::{House, root_source};
use crate::identity::{mint, token, user};
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

/// What the API server answers to a write with the cache's token.
fn answer(house: &House, token: &str, method: &str, path: &str, body: &Value) -> u16 {
    let client = house.admin().with_token(token);
    let kind = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    client.request(method, path, kind, body).status
}

#[test]
fn a_cache_keeps_and_bears_witness_and_writes_nothing_but_its_own_lease() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let mark = house.control_plane.audit().mark();
    let admin = house.control_plane.kubeconfig(User::Admin);
    let mut cache = Agent::prepare(&admin, &house.git.url("house.git"), &[&house.signer]);
    let kubeconfig = mint(&house, &cache, "node-b", &["--rights", "cache"]);
    cache.set("cluster", "kubeconfig", &kubeconfig.display().to_string());
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
    let requests = house.control_plane.audit().all(mark);
    let by_cache = requests.iter().filter(|one| one.user == user("node-b"));
    let refused: Vec<_> = by_cache.clone().filter(|one| one.status == 403).collect();
    assert!(refused.is_empty(), "a right is missing: {refused:?}");
    let written: Vec<_> = by_cache.filter(|one| one.writes()).collect();
    assert!(!written.is_empty());
    for one in written {
        assert_eq!(
            (one.resource.as_str(), one.name.as_str()),
            ("leases", LEASE),
            "{one:?}"
        );
    }
    cache.stop();

    let token = token(&kubeconfig);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/flux-system/leases";
    let accounts = "/api/v1/namespaces/flux-system/serviceaccounts";
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    for (method, path, body, status) in [
        ("PATCH", format!("{leases}/{LEASE}"), &label, 200),
        (
            "PATCH",
            format!("{leases}/windlass-witness-node-a"),
            &label,
            403,
        ),
        ("PATCH", format!("{leases}/windlass"), &label, 403),
        ("DELETE", format!("{leases}/{LEASE}"), &Value::Null, 403),
        (
            "POST",
            format!("{accounts}/windlass-node-b/token"),
            &ask,
            201,
        ),
        ("POST", format!("{accounts}/default/token"), &ask, 403),
        (
            "POST",
            "/api/v1/namespaces/default/configmaps".to_owned(),
            &map,
            403,
        ),
        (
            "POST",
            "/api/v1/namespaces/flux-system/configmaps".to_owned(),
            &map,
            403,
        ),
        ("GET", "/api/v1/secrets".to_owned(), &Value::Null, 403),
    ] {
        let answered = answer(&house, &token, method, &path, body);
        assert_eq!(answered, status, "{method} {path}");
    }
}
