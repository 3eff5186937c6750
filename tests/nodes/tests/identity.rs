//! Who a node is in the cluster: an identity that `install.sh` has made, which renews itself and is replaced where it can be.

use windlass_kit::api::ObjectRef;
use windlass_kit::wait;

use crate::house::{House, SOON};
use crate::node::Node;

/// Only the agent believes it: the token is 20 days old, of 30.
const LATER: &str = "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 FAKETIME=+20d \
                     FAKETIME_DONT_FAKE_MONOTONIC=1\n";

fn account(node: &str) -> ObjectRef {
    let name = format!("windlass-{node}");
    ObjectRef::new("v1", "ServiceAccount", "flux-system", &name)
}

#[test]
fn a_server_node_mints_renews_and_replaces_its_own_identity() {
    let Some(node) = Node::boot("node-a") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    let (node, admin) = (&house.node, house.control_plane.admin());
    node.sh("test ! -L /etc/windlass/kubeconfig; test -L /etc/windlass/admin-kubeconfig; cat /etc/windlass/identity");
    node.sh("grep -q windlass-node-a /etc/windlass/kubeconfig; ! ls /var/lib/windlass/kubeconfig");
    assert_eq!(
        node.property("windlass-identity.path", "ActiveState"),
        "active"
    );

    house.drop_in("windlass.service", "clock", LATER);
    node.sh("systemctl daemon-reload; systemctl restart windlass");
    wait::until_true("the renewal", SOON, || {
        node.run(&["test", "-s", "/var/lib/windlass/kubeconfig"])
            .code
            == Some(0)
    });
    node.sh("rm /etc/systemd/system/windlass.service.d/clock.conf; systemctl daemon-reload; systemctl restart windlass");
    node.sh("! grep -qF \"$(grep token /etc/windlass/kubeconfig)\" /var/lib/windlass/kubeconfig");
    house.status_is(&format!("leader, main@sha1:{first}, 1/1 ready"));
    let screen = node.sh("HOME=/root windlass status");
    assert!(screen.contains("node-a"), "{screen}");

    let before = admin.get(&account("node-a")).expect("install.sh made it");
    let agent = house.agent();
    admin.delete(&account("node-a"));
    wait::until(
        "a new account, and the agent to begin with it",
        SOON,
        || {
            let found = admin.get(&account("node-a")).unwrap_or_default();
            let uid = &found["metadata"]["uid"];
            let is_new = uid.is_string() && *uid != before["metadata"]["uid"];
            let is_up =
                node.property("windlass", "ActiveState") == "active" && house.agent() != agent;
            if is_new && is_up {
                Ok(())
            } else {
                Err(node.sh("journalctl -u windlass-identity -n 5 --no-pager"))
            }
        },
    );
    house.status_is(&format!("leader, main@sha1:{first}, 1/1 ready"));
    house.repaint("red");
    house.colour_is("blue");

    let answer = node.install("--uninstall");
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    assert!(admin.get(&account("node-a")).is_none(), "{}", answer.output);
    node.sh("! ls /etc/windlass /var/lib/windlass /etc/systemd/system/windlass-identity.path");
}

#[test]
fn a_worker_keeps_by_an_identity_that_was_made_on_a_server() {
    let (Some(node), Some(worker)) = (Node::boot("node-a"), Node::boot("worker")) else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    // Nothing listens there: the worker has to find the way by itself.
    let mint = "windlass identity mint worker --rights cache --to /root/worker --kubeconfig /etc/windlass/admin-kubeconfig \
                --server https://127.0.0.1:1";
    let identity = house
        .node
        .sh(&format!("{mint} 2>/dev/null; cat /root/worker"));

    let server = std::mem::replace(&mut house.node, worker);
    house.put_what_a_node_has();
    house.node.sh("rm /etc/rancher/k3s/k3s.yaml");
    house.node.put("/root/identity", &identity);
    // As k3s writes it on a worker, where its balancer listens.
    let balancer = house.control_plane.url();
    let kubelet =
        format!("apiVersion: v1\nclusters:\n- cluster:\n    server: {balancer}\n  name: local\n");
    house
        .node
        .put("/var/lib/rancher/k3s/agent/kubelet.kubeconfig", &kubelet);
    let arguments = format!(
        "{} --role cache --kubeconfig /root/identity",
        house.arguments()
    );
    let answer = house.node.install(&arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    let said = format!("{balancer}, the balancer of this node, then https://127.0.0.1:1");
    assert!(answer.output.contains(&said), "{}", answer.output);
    house.status_is(&format!("cache, main@sha1:{first}, 1/1 ready"));
    house
        .node
        .sh("rm /root/identity; systemctl restart windlass");
    house.status_is(&format!("cache, main@sha1:{first}, 1/1 ready"));
    let screen = server.sh("windlass status");
    assert!(
        screen.contains("worker") && screen.contains("cache"),
        "{screen}"
    );

    let answer = house.node.install("--uninstall");
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    let advice = "on a server: windlass identity revoke worker";
    assert!(answer.output.contains(advice), "{}", answer.output);
    server.sh("windlass identity revoke worker --kubeconfig /etc/windlass/admin-kubeconfig");
    assert!(
        house
            .control_plane
            .admin()
            .get(&account("worker"))
            .is_none()
    );
}
