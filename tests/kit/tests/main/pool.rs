//! A control plane that was used before is like a new one.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{ControlPlane, Options};
use windlass_kit::wait::until_true;

const CRDS: &str = "apiextensions.k8s.io/v1";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Flags that no other test asks for, so that the pool has nothing of others.
fn options(flag: &str) -> Options {
    Options {
        api_server_flags: vec![flag.to_owned()],
        ..Options::api_server()
    }
}

#[test]
fn what_a_test_left_is_gone_and_what_it_removed_is_back() {
    let options = options("--event-ttl=2h");
    let plane = ControlPlane::pooled(&options);
    let url = plane.url();
    leave_much(plane.admin());
    drop(plane);

    let plane = ControlPlane::pooled(&options);
    assert_eq!(plane.url(), url, "it is used again");
    let admin = plane.admin();
    let role = ObjectRef::new(RBAC, "ClusterRole", "", "windlass");
    let rules = &admin.get(&role).expect("the removed role is back")["rules"];
    assert!(rules.as_array().is_some_and(|rules| rules.len() > 1));
    let edited = ObjectRef::new(RBAC, "ClusterRole", "", "view");
    let edited = admin.get(&edited).expect("it was only changed");
    assert_eq!(edited.pointer("/metadata/labels/mine"), None);
    for left in left() {
        let object = ObjectRef::of(&left);
        let served = admin.serves(&object.api_version, &object.kind);
        assert!(!served || admin.get(&object).is_none(), "{left}");
    }
    leave_much(admin);
}

#[test]
fn one_that_met_a_fault_is_not_used_again() {
    let options = options("--event-ttl=3h");
    let plane = ControlPlane::pooled(&options);
    let folder = plane.path().to_owned();
    plane.kill_api_server();
    plane.start_api_server();
    drop(plane);
    assert_ne!(ControlPlane::pooled(&options).path(), folder);
}

fn left() -> [Value; 4] {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = json!({"name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": schema}});
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "left"}}),
        json!({"apiVersion": CRDS, "kind": "CustomResourceDefinition",
            "metadata": {"name": "boats.house.example"},
            "spec": {"group": "house.example", "scope": "Namespaced", "versions": [version],
                "names": {"kind": "Boat", "plural": "boats"}}}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "left", "namespace": "left"},
            "spec": {"clusterIP": "10.96.3.3", "ports": [{"port": 80}]}}),
        json!({"apiVersion": "house.example/v1", "kind": "Boat",
            "metadata": {"name": "left", "namespace": "left", "finalizers": ["house.example/stay"]}}),
    ]
}

fn leave_much(admin: &Client) {
    let left = left();
    let (first, boat) = left.split_at(3);
    admin.apply_all(first);
    let crd = ObjectRef::of(&left[1]);
    admin.wait_for("the kind to be served", &crd, |crd| {
        let conditions = crd.pointer("/status/conditions").and_then(Value::as_array);
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|is| is["type"] == "Established" && is["status"] == "True")
    });
    // Discovery follows the condition a moment later.
    until_true("boats to be told of", Duration::from_secs(30), || {
        admin.serves("house.example/v1", "Boat")
    });
    admin.apply_all(boat);
    let labels = json!({"metadata": {"labels": {"mine": "yes"}}});
    admin.patch(&ObjectRef::new(RBAC, "ClusterRole", "", "view"), &labels);
    admin.delete(&ObjectRef::new(RBAC, "ClusterRole", "", "windlass"));
}
