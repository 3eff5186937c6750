//! Several booted nodes on a network of their own, with one control plane and one Git host behind their uplinks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{ControlPlane, ELSEWHERE, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::wait;

use crate::network::{GIT_HOST, Names, Network, Relay, Way};
use crate::node::Node;

/// What waits for an interval of the tests, a term of leadership or a deadline of a request is there by then.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The Git host is asked often; everything else is as it is by default.
const OFTEN: &str = "[root]\ninterval = \"10s\"\ntimeout = \"10s\"\n";

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: blue\n";

/// A node's number in the network and its name.
const FIRST_HOST: u8 = 11;

/// Its fields are dropped in this order: nodes before the network that they are in.
pub(crate) struct Town {
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Option<Names>,
    /// To the Git host; without it nothing listens there.
    pub(crate) git_host: Option<Relay>,
    _api_server: Relay,
    pub(crate) network: Network,
    pub(crate) repo: Repo,
    pub(crate) git: GitServer,
    pub(crate) signer: Signer,
    pub(crate) control_plane: ControlPlane,
}

pub(crate) fn name(node: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(node).expect("few nodes"));
    format!("node-{letter}")
}

pub(crate) fn host(node: usize) -> u8 {
    FIRST_HOST + u8::try_from(node).expect("few nodes")
}

impl Town {
    /// A town of so many nodes, each installed, whose first one leads. `None` where the test does not run as root.
    pub(crate) fn of(count: usize) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            // It says so.
            return Node::boot("nobody").and(None);
        }
        let control_plane = ControlPlane::start(&Options::api_server());
        let git = GitServer::start(&git::Options::default());
        let signer = Signer::new("owner@house.example");
        let repo = Repo::new(&git.create("house.git"));
        let network = Network::new();
        let mut town = Self {
            nodes: Vec::new(),
            names: Some(network.names()),
            git_host: None,
            _api_server: network.relay(Way::Lan, port(&control_plane.url())),
            network,
            repo,
            git,
            signer,
            control_plane,
        };
        town.git_host_comes();
        let first = town.publish("blue");
        town.grow(1);
        town.has(0, &["leader", &first, "1/1 ready"]);
        town.grow(count - 1);
        town.all_have(&first);
        Some(town)
    }

    /// Boots and installs so many more nodes, side by side.
    pub(crate) fn grow(&mut self, count: usize) {
        let from = self.nodes.len();
        for node in from..from + count {
            let space = self.network.join(host(node));
            self.declare(node);
            let node = Node::boot_in(Some(space), &name(node)).expect("root was looked for");
            self.nodes.push(node);
        }
        std::thread::scope(|scope| {
            for node in from..from + count {
                let town = &*self;
                scope.spawn(move || town.install(node));
            }
        });
    }

    /// As kubelet does it.
    fn declare(&self, node: usize) {
        let admin = self.control_plane.admin();
        let object = ObjectRef::new("v1", "Node", "", &name(node));
        admin.apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name(node)}}));
        let address = Network::address(host(node)).to_string();
        admin.patch_subresource(
            &object,
            "status",
            &json!({"status": {"addresses": [{"type": "InternalIP", "address": address}]}}),
        );
    }

    fn install(&self, number: usize) {
        let node = self.node(number);
        let kubeconfig = std::fs::read_to_string(self.control_plane.kubeconfig(User::Agent));
        let kubeconfig = kubeconfig.expect("the kit writes it");
        let kubeconfig = kubeconfig.replace("127.0.0.1", &ELSEWHERE.to_string());
        node.put("/etc/rancher/k3s/k3s.yaml", &kubeconfig);
        node.put("/root/signers", &self.signer.allowed_signers());
        node.put("/etc/resolv.conf", &Network::resolv_conf());
        node.put("/etc/windlass/config.d/often.toml", OFTEN);
        node.sh("chmod 0644 /etc/resolv.conf /etc/windlass/config.d/often.toml");
        let url = self.git.url("house.git").replace("127.0.0.1", GIT_HOST);
        let answer = node.install(&format!(
            "--binary /opt/windlass --repo {url} --signers /root/signers"
        ));
        assert_eq!(answer.code, Some(0), "{}: {}", name(number), answer.output);
    }

    pub(crate) fn node(&self, number: usize) -> &Node {
        self.nodes.get(number).expect("it was made")
    }

    pub(crate) fn git_host_goes(&mut self) {
        self.git_host = None;
    }

    pub(crate) fn git_host_comes(&mut self) {
        self.git_host = Some(self.network.relay(Way::Uplink, port(&self.git.url(""))));
    }

    pub(crate) fn publish(&mut self, colour: &str) -> String {
        let settings = SETTINGS.replace("blue", colour);
        self.repo
            .publish(&[("settings.yaml", &settings)], colour, &self.signer)
    }

    pub(crate) fn status(&self, node: usize) -> String {
        self.node(node).property("windlass", "StatusText")
    }

    /// Waits until a node's line says all of this.
    pub(crate) fn has(&self, node: usize, parts: &[&str]) {
        let what = format!("{} to say {parts:?}", name(node));
        wait::until(&what, PATIENCE, || {
            let status = self.status(node);
            match parts.iter().all(|part| status.contains(part)) {
                true => Ok(()),
                false => Err(status),
            }
        });
    }

    pub(crate) fn all_have(&self, commit: &str) {
        for node in 0..self.nodes.len() {
            self.has(node, &[commit]);
        }
    }

    pub(crate) fn says(&self, node: usize, text: &str) {
        wait::until(&format!("{} to say {text}", name(node)), PATIENCE, || {
            let journal = "journalctl --output=cat --no-pager -u windlass -u windlass-net";
            let said = self.node(node).sh(journal);
            match said.contains(text) {
                true => Ok(()),
                false => Err(said),
            }
        });
    }

    fn settings() -> ObjectRef {
        ObjectRef::new("v1", "ConfigMap", "default", "settings")
    }

    /// What is in the cluster, with its version.
    pub(crate) fn written(&self) -> (Value, Value) {
        let found = self.control_plane.admin().get(&Self::settings());
        let found = found.unwrap_or_default();
        let version = found["metadata"]["resourceVersion"].clone();
        (found["data"]["colour"].clone(), version)
    }

    pub(crate) fn colour_is(&self, colour: &str) {
        wait::until(&format!("the colour {colour}"), PATIENCE, || {
            let (found, _) = self.written();
            match found == colour {
                true => Ok(()),
                false => Err(found.to_string()),
            }
        });
    }

    /// What somebody changes in the cluster is put right.
    pub(crate) fn is_corrected(&self, colour: &str) {
        let red = json!({"data": {"colour": "red"}});
        self.control_plane.admin().patch(&Self::settings(), &red);
        self.colour_is(colour);
    }

    /// The number of the node that leads.
    pub(crate) fn leader(&self) -> Option<usize> {
        let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", "windlass");
        let lease = self.control_plane.admin().get(&lease)?;
        let holder = lease.pointer("/spec/holderIdentity")?.as_str()?;
        (0..self.nodes.len()).find(|node| holder.starts_with(&format!("{}_", name(*node))))
    }

    /// Waits until another node than this one leads; gives it, and how long that took since `start`.
    pub(crate) fn another_leads(&self, before: usize, start: Instant) -> (usize, Duration) {
        let next = wait::until("another node to lead", PATIENCE, || match self.leader() {
            Some(node) if node != before => Ok(node),
            found => Err(format!("{found:?}")),
        });
        (next, start.elapsed())
    }

    /// The one node that leads.
    pub(crate) fn led_by(&self) -> usize {
        wait::until("a node to lead", PATIENCE, || {
            self.leader().ok_or_else(|| "nobody".to_owned())
        })
    }
}

fn port(url: &str) -> u16 {
    let port = url.trim_end_matches('/').rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("{url} names no port"))
}
