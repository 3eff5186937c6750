//! A node whose repository is behind ssh, installed and mended with the commands of the guide.

use windlass_kit::ssh::SshServer;

use crate::house::House;
use crate::node::Node;

#[test]
fn a_node_follows_a_repository_over_ssh_from_the_host_it_knows_with_the_key_it_was_given() {
    let Some(node) = Node::boot("ssh") else {
        return;
    };
    let mut house = House::around(node);
    let (server, stranger) = (SshServer::start(), SshServer::start());
    let first = house.publish("blue");
    house.prepare();
    house.gives_key_of("/root/key", &server);
    house.gives_key_of("/root/stranger", &stranger);
    house.node.put("/root/known_hosts", &server.known_hosts());
    let url = server.url(&house.git.path().join("house.git"));
    let repository = format!(
        "--repo {url} --identity /root/key --known-hosts /root/known_hosts --signers /root/signers"
    );
    house.installs(&repository);
    house.status_is(&format!("leader, main@sha1:{first}, 1/1 ready"));
    house.colour_is("blue");
    let keys = "cd /etc/windlass && stat -c '%n %a %U' git-key known_hosts";
    assert_eq!(
        house.node.sh(keys),
        "git-key 600 windlass\nknown_hosts 644 root"
    );

    house.does_not_install("--identity /root/stranger", "refuses the key SHA256:");
    assert_eq!(house.node.sh("cmp /etc/windlass/git-key /root/key"), "");
    let second = house.publish("green");
    house.reconciles();
    house.status_is(&format!("leader, main@sha1:{second}, 1/1 ready"));
    house.colour_is("green");

    let other_host_key = stranger.known_hosts();
    let (_, key) = other_host_key.split_once(' ').expect("a host and its key");
    let known = server.known_hosts();
    let (host, _) = known.split_once(' ').expect("a host and its key");
    house
        .node
        .put("/root/known_hosts", &format!("{host} {key}"));
    house.does_not_install(
        "--known-hosts /root/known_hosts",
        "is not one of those in known_hosts",
    );
    let third = house.publish("red");
    house.reconciles();
    house.status_is(&format!("leader, main@sha1:{third}, 1/1 ready"));
}

impl House {
    fn gives_key_of(&self, path: &str, server: &SshServer) {
        let key = std::fs::read_to_string(server.identity()).expect("the kit writes it");
        self.node.put(path, &key);
    }

    fn installs(&self, arguments: &str) {
        let answer = self
            .node
            .install(&format!("--binary /opt/windlass {arguments}"));
        assert_eq!(answer.code, Some(0), "{}", answer.output);
    }

    /// What keeps the repository from being fetched is said, and the node goes on as before.
    fn does_not_install(&self, arguments: &str, why: &str) {
        let answer = self
            .node
            .install(&format!("--binary /opt/windlass {arguments}"));
        assert_eq!(answer.code, Some(1), "{}", answer.output);
        let back = "settings are those of before, and the agent runs with them again";
        for text in [why, "the repository cannot be fetched: ", back] {
            assert!(answer.output.contains(text), "{text}: {}", answer.output);
        }
        assert!(!answer.output.contains("✔ done"), "{}", answer.output);
        let left = "ls /usr/bin/windlass.before /run/windlass-install-* 2>&1 | grep -v 'No such file' || true";
        assert_eq!(self.node.sh(left), "");
    }

    pub(crate) fn reconciles(&self) {
        self.node.run(&[
            "windlass",
            "reconcile",
            "source",
            "git",
            "flux-system",
            "--timeout=5s",
        ]);
    }
}
