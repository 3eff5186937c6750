//! A cluster that does not know its node any more: another authority, and an etcd put back to before.

use std::path::Path;

use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::House;
use crate::node::Node;
use crate::town::PATIENCE;

#[test]
fn another_authority_and_an_etcd_of_before_end_with_a_new_identity_and_all_applied() {
    let Some(node) = Node::boot("node-a") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    let backup = house.control_plane.back_up();
    house.install(&first);
    house.the_authority_is_replaced();
    house.etcd_is_put_back_to_before_the_installation(&backup);
    let second = house.publish("green");
    house.reconciles();
    house.status_is(&format!("leader, main@sha1:{second}, 1/1 ready"));
    house.colour_is("green");
}

impl House {
    fn minted(&self) -> usize {
        let query = "journalctl --output=cat -u windlass-identity | grep -c '✔' || true";
        self.node.sh(query).parse().unwrap_or_default()
    }

    /// As `k3s certificate rotate-ca` and a restart of k3s leave it: the admin's kubeconfig names the new one, the agent's
    /// own identity the old one.
    fn the_authority_is_replaced(&self) {
        let before = self.minted();
        self.control_plane.replace_authority();
        let kubeconfig = std::fs::read_to_string(self.control_plane.kubeconfig(User::Agent));
        self.node.put(
            "/etc/rancher/k3s/k3s.yaml",
            &kubeconfig.expect("the kit writes it"),
        );
        self.goes_on_with_an_identity_after(before);
    }

    /// Nothing of Flux or windlass is in the cluster then, and no account of the node.
    fn etcd_is_put_back_to_before_the_installation(&self, backup: &Path) {
        let before = self.minted();
        self.control_plane.restore(backup);
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        assert!(self.control_plane.admin().get(&settings).is_none());
        self.goes_on_with_an_identity_after(before);
    }

    fn goes_on_with_an_identity_after(&self, before: usize) {
        let commit = self.repo.id("HEAD");
        wait::until("a new identity, and all applied by it", PATIENCE, || {
            let status = self.node.property("windlass", "StatusText");
            let is_well = status == format!("leader, main@sha1:{commit}, 1/1 ready");
            match self.minted() > before && is_well {
                true => Ok(()),
                false => Err(status),
            }
        });
        self.colour_is("blue");
        self.repaint("red");
        self.colour_is("blue");
    }
}
