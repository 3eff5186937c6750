//! `windlass uninstall` leaves nothing of windlass in a cluster, and does the last of it with rights that go by it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{Options, Parts};
use windlass_kit::ports::Port;
use windlass_kit::wait;

use crate::house::{House, config_map, namespace};
use crate::identity::mint;
use crate::leadership::TERM;
use crate::tenant::map;

const ADDRESS: &str = "192.0.2.10";
const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// Where anything of windlass's own may be.
const KINDS: [(&str, &str, &str); 10] = [
    ("v1", "ConfigMap", "flux-system"),
    ("v1", "Secret", "flux-system"),
    ("v1", "Service", "flux-system"),
    ("v1", "ServiceAccount", "flux-system"),
    ("discovery.k8s.io/v1", "EndpointSlice", "flux-system"),
    ("coordination.k8s.io/v1", "Lease", "flux-system"),
    (RBAC, "Role", "flux-system"),
    (RBAC, "RoleBinding", "flux-system"),
    (RBAC, "ClusterRoleBinding", ""),
    (RBAC, "ClusterRole", ""),
];

/// Kind and name of all that is called or held by windlass; who wrote a field of it does not count.
fn of_windlass(admin: &Client) -> Vec<String> {
    let mut found = Vec::new();
    for (api_version, kind, namespace) in KINDS {
        for mut object in admin.list(api_version, kind, namespace, "") {
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.remove("managedFields");
            let name = metadata["name"].as_str().unwrap().to_owned();
            // The kit's own role for whoever uses its kubeconfig of the agent.
            let is_the_kits = kind.starts_with("ClusterRole") && name == "windlass";
            if object.to_string().contains("windlass") && !is_the_kits {
                found.push(format!("{kind} {name}"));
            }
        }
    }
    found
}

fn identity(house: &House, node: &str, rights: &str) -> PathBuf {
    let minted = mint(house, &house.agent, node, &["--rights", rights]);
    let kept = house.agent.path().join(format!("identity-of-{node}"));
    std::fs::rename(minted, &kept).unwrap();
    kept
}

fn account(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "ServiceAccount", "flux-system", name)
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", "flux-system", name)
}

/// A house whose node listens for webhooks and metrics, has an identity of its own and, where root runs this, manifests.
fn house() -> House {
    let options = Options {
        parts: Parts::Controllers,
        ..Options::api_server()
    };
    let mut house = House::prepare(&options, &[("map.yaml", &map("default", "root", "one"))]);
    let own = identity(&house, "node-a", "full");
    let listens = [Port::claim(), Port::claim()].map(|port| format!("127.0.0.1:{}", port.number()));
    let agent = &mut house.agent;
    agent.set("cluster", "kubeconfig", &own.display().to_string());
    agent.set("metrics", "listen", &listens[0]);
    agent.set("receiver", "listen", &listens[1]);
    agent.set("node", "address", ADDRESS);
    let manifests = agent.path().join("manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    std::fs::write(manifests.join("own.yaml"), map("default", "own", "one")).unwrap();
    house
}

fn uninstall(kubeconfig: &Path, arguments: &[&str]) -> String {
    let all = [&["uninstall", "--silent", "--if-last"], arguments].concat();
    let answer = windlass(kubeconfig, &all);
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(answer.status.success(), "{said}");
    said
}

/// UIDs of what lives on: what Git and, where root runs this, the node's folder brought.
fn workloads(admin: &Client) -> Vec<Option<Value>> {
    let names = ["root", "own"];
    let uid = |name| Some(admin.get(&config_map("default", name))?["metadata"]["uid"].take());
    names.into_iter().map(uid).collect()
}

/// Services and record of manifests, once the node has made them.
fn wait_until_settled(house: &House) {
    house.root_ready();
    let admin = house.admin();
    for name in ["webhook-receiver", "windlass"] {
        let slice = ObjectRef::new(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "flux-system",
            &format!("{name}-node-a"),
        );
        admin.wait_for("its slice", &slice, |_| true);
    }
    if nix::unistd::geteuid().is_root() {
        let own = config_map("default", "own");
        admin.wait_for("its label", &own, |own| {
            own["metadata"]["labels"]["windlass.dev/manifests"] == "node-a"
        });
        let record = config_map("flux-system", "windlass-manifests-node-a");
        admin.wait_for("the record of manifests", &record, |map| {
            map.to_string().contains("default_own")
        });
        admin.wait_for("the object", &config_map("default", "own"), |_| true);
    }
}

#[test]
fn nothing_of_windlass_is_left_and_who_has_no_other_rights_goes_by_its_own() {
    let mut house = house();
    house.agent.start();
    wait_until_settled(&house);
    let before = workloads(house.admin());
    assert!(before[0].is_some(), "{before:?}");
    let second = identity(&house, "node-b", "full");
    let worker = identity(&house, "worker", "cache");
    identity(&house, "node-c", "impersonate");
    house.admin().apply_all(&[
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "windlass-of-somebody", "namespace": "flux-system"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "windlass-manifests-node-b", "namespace": "flux-system"}}),
    ]);

    // While one node leads, another one takes what is its own, where it may.
    let said = uninstall(&worker, &["--node", "worker"]);
    assert!(said.contains("windlass identity revoke worker"), "{said}");
    let said = uninstall(&second, &["--node", "node-b"]);
    assert!(said.contains("stays as it is"), "{said}");
    house.admin().wait_gone(&account("windlass-node-b"));
    let left = of_windlass(house.admin());
    assert!(!left.iter().any(|one| one.contains("node-b")), "{left:?}");
    for kept in [
        "ServiceAccount windlass-node-a",
        "ServiceAccount windlass-worker",
        "Service windlass",
        "ClusterRole windlass-cache",
    ] {
        assert!(left.contains(&kept.to_owned()), "{kept}: {left:?}");
    }

    house.agent.stop();
    let own = house.agent.path().join("identity-of-node-a");
    let said = uninstall(&own, &["--dry-run"]);
    assert!(said.contains("goes with ClusterRoleBinding"), "{said}");
    assert_eq!(of_windlass(house.admin()), left);
    uninstall(&own, &["--node", "node-a"]);
    let admin = house.admin();
    wait::until(
        "nothing of windlass to be left",
        TERM * 4,
        || match of_windlass(admin).as_slice() {
            [theirs] if theirs == "ServiceAccount windlass-of-somebody" => Ok(()),
            left => Err(format!("{left:?}")),
        },
    );
    assert_eq!(workloads(admin), before);
    if let Some(own) = admin.get(&config_map("default", "own")) {
        assert_eq!(own.pointer("/metadata/labels"), None, "{own}");
    }
    assert!(admin.get(&namespace("flux-system")).is_some());
}

#[test]
fn a_service_of_flux_leads_to_its_pods_again() {
    let mut house = house();
    let admin = house.control_plane.admin();
    let labels = json!({"app.kubernetes.io/part-of": "flux"});
    let spec = json!({"selector": {"app": "notification-controller"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http-webhook"}]});
    admin.apply(&json!({"apiVersion": "v1", "kind": "Service", "spec": spec,
        "metadata": {"name": "webhook-receiver", "namespace": "flux-system", "labels": labels}}));
    house.agent.start();
    wait_until_settled(&house);
    let taken = house.admin().get(&service("webhook-receiver")).unwrap();
    assert!(taken["spec"].get("selector").is_none(), "{taken}");
    house.agent.stop();
    let own = house.agent.path().join("identity-of-node-a");
    uninstall(&own, &["--keep-api"]);
    let admin = house.admin();
    let back = admin.get(&service("webhook-receiver")).unwrap();
    assert_eq!(back["spec"]["selector"], spec["selector"]);
    assert_eq!(back["spec"]["ports"][0]["targetPort"], "http-webhook");
    assert_eq!(back["metadata"]["labels"], labels);
    assert!(admin.get(&service("windlass")).is_none());
    admin.wait_gone(&account("windlass-node-a"));
    assert!(admin.get(&crate::house::root()).is_some());
}
