//! What only a real unit shows: whom the agent answers, and whose manifests it takes.

use windlass_kit::api::ObjectRef;
use windlass_kit::wait;

use crate::house::{House, SOON};
use crate::node::Node;

const OWN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own\n  namespace: default\ndata:\n  colour: blue\n";

#[test]
fn the_agent_answers_root_and_its_group_alone_and_applies_what_is_roots() {
    let Some(node) = Node::boot("local") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    house.its_group_may_ask_and_strangers_may_not();
    house.what_root_puts_there_is_applied();
    house.control_plane.kill_api_server();
    wait::until("the agent to answer instead", SOON, || {
        let screen = house.node.sh("windlass get all -A 2>&1 || true");
        match screen.contains("does not answer: this is what")
            && screen.contains("kustomization/flux-system")
        {
            true => Ok(()),
            false => Err(screen),
        }
    });
}

impl House {
    fn its_group_may_ask_and_strangers_may_not(&self) {
        let node = &self.node;
        let socket = "/run/windlass-agent/control.sock";
        assert_eq!(
            node.sh(&format!("stat -c '%a %U:%G' {socket}")),
            "660 windlass:windlass"
        );
        // Nobody but root can ask the API server.
        node.sh("chmod 0600 /etc/rancher/k3s/k3s.yaml");
        let ask = |group: &str| {
            node.sh(&format!(
                "cd / && setpriv --reuid=nobody --regid={group} --clear-groups env HOME=/nonexistent \
                 windlass get kustomizations 2>&1 || true"
            ))
        };
        let member = ask("windlass");
        assert!(
            member.contains("by the word of the agent on") && member.contains("flux-system"),
            "{member}"
        );
        let stranger = ask("nogroup");
        assert!(
            !stranger.contains("Applied revision") && !stranger.contains("by the word"),
            "{stranger}"
        );
    }

    fn what_root_puts_there_is_applied(&self) {
        let (node, admin) = (&self.node, self.control_plane.admin());
        let file = "/var/lib/windlass/manifests/own.yaml";
        node.put("/root/own.yaml", OWN);
        node.sh(&format!("install -m 0644 /root/own.yaml {file}"));
        let own = ObjectRef::new("v1", "ConfigMap", "default", "own");
        admin.wait_for("the node's own to be applied", &own, |own| {
            own["data"]["colour"] == "blue"
        });
        // As somebody else's it does not count, and takes nothing away.
        node.sh(&format!("sed -i s/blue/red/ {file} && chown nobody {file}"));
        wait::until("the file to be named", SOON, || {
            let status = node.sh("windlass status");
            match status.contains("only what is root's counts here") {
                true => Ok(()),
                false => Err(status),
            }
        });
        assert_eq!(
            admin.get(&own).unwrap_or_default()["data"]["colour"],
            "blue"
        );
        node.sh(&format!("chown root {file} && rm {file}"));
        admin.wait_gone(&own);
    }
}
