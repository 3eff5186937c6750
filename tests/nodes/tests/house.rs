//! A homelab of one node: a control plane, a private Git server, and a machine to install windlass on.

use std::time::Duration;

use serde_json::json;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::wait;

use crate::node::Node;

/// What needs a restart of the agent or a fetch is there in 5 s; twice as long when two cores compile.
pub(crate) const SOON: Duration = Duration::from_secs(30);

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: blue\n";

const USER: &str = "git";
const PASSWORD: &str = "a token of the house";

/// How `install.sh` is told of the private repository.
pub(crate) const PRIVATE: &str =
    "--username git --password-file /root/password --ca /root/authority.pem";

/// The units answer a forbidden system call with an error, which a program may swallow. Here it is death.
const STRICT: &str = "[Service]\nSystemCallErrorNumber=kill\n";

/// All of it ends with the test.
pub(crate) struct House {
    pub(crate) node: Node,
    pub(crate) repo: Repo,
    pub(crate) git: GitServer,
    pub(crate) signer: Signer,
    pub(crate) control_plane: ControlPlane,
}

impl House {
    pub(crate) fn around(node: Node) -> Self {
        let control_plane = ControlPlane::start(&Options::api_server());
        let git = GitServer::start(&git::Options {
            tls: true,
            credentials: Some((USER.to_owned(), PASSWORD.to_owned())),
        });
        let signer = Signer::new("owner@house.example");
        let repo = Repo::new(&git.create("house.git"));
        Self {
            node,
            repo,
            git,
            signer,
            control_plane,
        }
    }

    pub(crate) fn publish(&mut self, colour: &str) -> String {
        let settings = SETTINGS.replace("blue", colour);
        self.repo
            .publish(&[("settings.yaml", &settings)], colour, &self.signer)
    }

    /// Puts what every node has before windlass comes: the kubeconfig of k3s and the owner's list of keys.
    pub(crate) fn prepare(&self) {
        let kubeconfig = std::fs::read_to_string(self.control_plane.kubeconfig(User::Agent));
        let kubeconfig = kubeconfig.expect("the kit writes it");
        self.node.put("/etc/rancher/k3s/k3s.yaml", &kubeconfig);
        self.node
            .put("/root/signers", &self.signer.allowed_signers());
    }

    pub(crate) fn install(&self, commit: &str) {
        self.put_what_a_node_has();
        self.drop_in("windlass.service", "strict", STRICT);
        self.drop_in("windlass-net.service", "strict", STRICT);
        let answer = self.node.install(&self.arguments());
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        assert!(answer.output.contains(commit), "{}", answer.output);
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is("blue");
    }

    /// As [`House::prepare`], and what opens the private repository.
    pub(crate) fn put_what_a_node_has(&self) {
        self.prepare();
        self.node.put("/root/password", &format!("{PASSWORD}\n"));
        let authority = self.git.authority().expect("it serves https");
        self.node.put("/root/authority.pem", authority);
    }

    /// How `install.sh` is told of all that.
    pub(crate) fn arguments(&self) -> String {
        let url = self.git.url("house.git");
        format!("--binary /opt/windlass --repo {url} --signers /root/signers {PRIVATE}")
    }

    /// The first line of `systemctl status` for a person, and that systemd was told that the service is up.
    pub(crate) fn status_is(&self, text: &str) {
        wait::until(&format!("the status to be {text}"), SOON, || {
            let status = self.node.property("windlass", "StatusText");
            if status == text { Ok(()) } else { Err(status) }
        });
        assert_eq!(self.node.property("windlass", "Type"), "notify");
        assert_eq!(self.node.property("windlass", "ActiveState"), "active");
    }

    pub(crate) fn colour_is(&self, colour: &str) {
        let what = format!("the colour to be {colour}");
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        let admin = self.control_plane.admin();
        admin.wait_for(&what, &settings, |found| found["data"]["colour"] == colour);
    }

    pub(crate) fn agent(&self) -> String {
        self.node.property("windlass", "MainPID")
    }

    pub(crate) fn drop_in(&self, unit: &str, name: &str, content: &str) {
        self.node.put(
            &format!("/etc/systemd/system/{unit}.d/{name}.conf"),
            content,
        );
    }

    /// Changes the colour in the cluster, behind the agent's back.
    pub(crate) fn repaint(&self, colour: &str) {
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        let admin = self.control_plane.admin();
        admin.patch(&settings, &json!({"data": {"colour": colour}}));
    }
}
