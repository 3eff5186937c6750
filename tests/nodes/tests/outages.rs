//! The rows of docs/operating.md about the network and the API server, on a booted node with cables that can be pulled.

use crate::network::Way;
use crate::town::{Town, host};

#[test]
fn the_network_goes_in_every_way_and_the_node_works_on_and_comes_back() {
    let Some(mut town) = Town::of(1) else {
        return;
    };
    let node = host(0);
    for (what, colour) in [
        (Gone::Uplink, "green"),
        (Gone::Names, "yellow"),
        (Gone::GitHost, "white"),
        (Gone::Packets, "black"),
    ] {
        town.without(what, node, colour);
    }
    town.the_api_server_swallows_packets(node, "blue");
    town.everything_is_gone_and_the_node_boots(node, "green");
}

/// What a fetch needs and is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Uplink,
    Names,
    GitHost,
    /// The cable is in, and nothing comes back.
    Packets,
}

impl Town {
    fn take(&mut self, what: Gone, node: u8) {
        match what {
            Gone::Uplink => self.network.unplug(node, Way::Uplink),
            Gone::Names => self.names = None,
            Gone::GitHost => self.git_host_goes(),
            Gone::Packets => self.network.swallow(node, Way::Uplink),
        }
    }

    fn give(&mut self, what: Gone, node: u8) {
        match what {
            Gone::Uplink | Gone::Packets => self.network.connect(node, Way::Uplink),
            Gone::Names => self.names = Some(self.network.names()),
            Gone::GitHost => self.git_host_comes(),
        }
    }

    /// The accepted revision is applied and corrected, also after a restart; the next fetch that succeeds goes on.
    fn without(&mut self, what: Gone, node: u8, next: &str) {
        let before = self.written().0;
        let before = before.as_str().unwrap_or_default();
        self.take(what, node);
        let commit = self.publish(next);
        self.has(0, &["leader", "1/1 ready, offline since "]);
        self.is_corrected(before);
        self.node(0).sh("systemctl restart windlass");
        self.has(0, &["leader", "1/1 ready, offline since "]);
        self.is_corrected(before);
        self.give(what, node);
        self.has(0, &["leader", &commit]);
        self.colour_is(next);
        eprintln!("{what:?}: {}", self.status(0));
    }

    /// News is fetched and verified meanwhile, and applied when there is an answer.
    fn the_api_server_swallows_packets(&mut self, node: u8, next: &str) {
        self.network.swallow(node, Way::Lan);
        self.has(0, &["standby", "API server does not answer"]);
        let commit = self.publish(next);
        self.has(0, &["standby", &commit, "API server does not answer"]);
        let screen = self.node(0).sh("windlass get all -A 2>&1 || true");
        assert!(screen.contains("does not answer: this is what"), "{screen}");
        self.network.connect(node, Way::Lan);
        self.has(0, &["leader", &commit, "1/1 ready"]);
        self.is_corrected(next);
    }

    /// Nothing is there but the disk. What comes back first is the API server.
    fn everything_is_gone_and_the_node_boots(&mut self, node: u8, next: &str) {
        let before = self.written().0;
        let before = before.as_str().unwrap_or_default().to_owned();
        for way in [Way::Lan, Way::Uplink] {
            self.network.unplug(node, way);
        }
        self.has(0, &["API server does not answer"]);
        for node in &mut self.nodes {
            node.power_off();
            node.power_on();
        }
        let kept = self.repo.id("HEAD");
        self.has(0, &["standby", &kept, "API server does not answer"]);
        let commit = self.publish(next);
        self.network.connect(node, Way::Lan);
        self.has(0, &["leader", &kept, "1/1 ready, offline since "]);
        self.is_corrected(&before);
        self.network.connect(node, Way::Uplink);
        self.has(0, &["leader", &commit]);
        self.colour_is(next);
    }
}
