//! A node from its installation over an upgrade to a power cut.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::wait;

use crate::node::Node;

/// What needs a restart of the agent or a fetch is there in 5 s; twice as long when two cores compile.
const SOON: Duration = Duration::from_secs(30);

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: blue\n";

/// The units answer a forbidden system call with an error, which a program may swallow. Here it is death.
const STRICT: &str = "[Service]\nSystemCallErrorNumber=kill\n";

/// After a power cut the Lease of the boot before must run out. As a drop-in of the settings, which is read too.
const SHORT_LEASE: &str =
    "[leadership]\nlease_duration = \"5s\"\nrenew_deadline = \"3s\"\nretry_period = \"1s\"\n";

/// A homelab of one node.
struct House {
    node: Node,
    repo: Repo,
    git: GitServer,
    signer: Signer,
    control_plane: ControlPlane,
}

#[test]
fn a_node_is_installed_upgraded_and_survives_a_power_cut_without_a_network() {
    let Some(node) = Node::boot("node-1") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    house.the_units_hold(&first);
    house.the_journal_has_fields(&first);
    house.the_network_process_comes_and_goes();
    house.a_hanging_agent_is_restarted();
    house.a_missing_kubeconfig_is_waited_for();
    house.an_upgrade_keeps_what_is_there();
    house.a_refused_setting_leaves_the_running_agent_alone();
    house.a_power_cut_without_a_network_is_survived();
}

impl House {
    fn around(node: Node) -> Self {
        let control_plane = ControlPlane::start(&Options::api_server());
        let git = GitServer::start(&git::Options::default());
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

    fn publish(&mut self, colour: &str) -> String {
        let settings = SETTINGS.replace("blue", colour);
        self.repo
            .publish(&[("settings.yaml", &settings)], colour, &self.signer)
    }

    fn install(&self, commit: &str) {
        let kubeconfig = std::fs::read_to_string(self.control_plane.kubeconfig(User::Agent));
        let kubeconfig = kubeconfig.expect("the kit writes it");
        self.node.put("/etc/rancher/k3s/k3s.yaml", &kubeconfig);
        self.node
            .put("/root/signers", &self.signer.allowed_signers());
        self.drop_in("windlass.service", "strict", STRICT);
        self.drop_in("windlass-net.service", "strict", STRICT);
        self.node
            .put("/etc/windlass/config.d/short.toml", SHORT_LEASE);
        self.node.sh("chmod 0644 /etc/windlass/config.d/short.toml");
        let url = self.git.url("house.git");
        let arguments = format!("--binary /opt/windlass --repo {url} --signers /root/signers");
        let answer = self.node.install(&arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        assert!(answer.output.contains(commit), "{}", answer.output);
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is("blue");
    }

    /// The first line of `systemctl status` for a person, and that systemd was told that the service is up.
    fn status_is(&self, text: &str) {
        wait::until(&format!("the status to be {text}"), SOON, || {
            let status = self.node.property("windlass", "StatusText");
            if status == text { Ok(()) } else { Err(status) }
        });
        assert_eq!(self.node.property("windlass", "Type"), "notify");
        assert_eq!(self.node.property("windlass", "ActiveState"), "active");
    }

    fn colour_is(&self, colour: &str) {
        let what = format!("the colour to be {colour}");
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        let admin = self.control_plane.admin();
        admin.wait_for(&what, &settings, |found| found["data"]["colour"] == colour);
    }

    fn agent(&self) -> String {
        self.node.property("windlass", "MainPID")
    }

    /// Neither process has a right it does not need, and none of what is taken away is missed.
    fn the_units_hold(&self, commit: &str) {
        let node = &self.node;
        for unit in ["windlass", "windlass-net"] {
            let pid = node.property(unit, "MainPID");
            assert_ne!(pid, "0", "{unit} runs");
            assert_eq!(node.sh(&format!("stat -c %U /proc/{pid}")), unit);
            let status = node.sh(&format!("cat /proc/{pid}/status"));
            for line in [
                "CapEff:\t0000000000000000",
                "CapBnd:\t0000000000000000",
                "NoNewPrivs:\t1",
                "Seccomp:\t2",
            ] {
                assert!(status.contains(line), "{unit}: {line} in {status}");
            }
            let no_core = "grep -q 'Max core file size *0 *0'";
            node.sh(&format!(
                "{no_core} /proc/{pid}/limits; grep -q windlass /proc/{pid}/cmdline"
            ));
            node.sh(&format!(
                "systemd-analyze security --threshold=20 {unit}.service"
            ));
            node.sh(&format!("systemd-analyze verify {unit}.service"));
        }
        let (agent, net) = (self.agent(), node.property("windlass-net", "MainPID"));
        // What each of the two sees at these paths.
        assert_eq!(
            node.sh(&format!("cd /proc/{agent}/root && ls -A root home")),
            "home:\n\nroot:"
        );
        let hidden = "etc/windlass var/lib/windlass etc/rancher root";
        assert_eq!(
            node.sh(&format!("cd /proc/{net}/root && stat -c %a {hidden}")),
            "0\n0\n0\n0"
        );
        assert_eq!(node.sh("stat -c '%a %U' /var/lib/windlass"), "700 windlass");
        assert_eq!(
            node.sh("stat -c '%a %U' /var/cache/windlass-net"),
            "700 windlass-net"
        );
        assert_eq!(
            node.sh("stat -c '%a %U:%G' /run/windlass/net.sock"),
            "660 root:windlass"
        );
        assert_eq!(
            node.sh("stat -c '%a %U:%G' /etc/windlass/trust.d"),
            "750 root:windlass"
        );
        let complaints = "journalctl --quiet --priority=warning --output=cat -u 'windlass*'";
        assert_eq!(node.sh(complaints), "", "at {commit}");
    }

    /// What happened to one object is found by its kind and name.
    fn the_journal_has_fields(&self, commit: &str) {
        let entries = |kind: &str| {
            let lines = self.node.sh(&format!(
                "journalctl --output=json --unit=windlass WINDLASS_KIND={kind} WINDLASS_NAME=flux-system/flux-system"
            ));
            let parsed = lines
                .lines()
                .map(|line| serde_json::from_str(line).expect("journalctl prints JSON"));
            parsed.collect::<Vec<Value>>()
        };
        let accepted = entries("GitRepository");
        let revision = format!("main@sha1:{commit}");
        assert!(
            accepted
                .iter()
                .any(|entry| entry["WINDLASS_REVISION"] == *revision),
            "{accepted:?}"
        );
        let applied = entries("Kustomization");
        let success = |entry: &Value| {
            entry["WINDLASS_REASON"] == "ReconciliationSucceeded" && entry["PRIORITY"] == "6"
        };
        assert!(applied.iter().any(success), "{applied:?}");
    }

    /// It ends when nobody asks it, and its socket brings it back.
    fn the_network_process_comes_and_goes(&mut self) {
        wait::until(
            "the network process to end",
            Duration::from_secs(45),
            || match self.node.property("windlass-net", "ActiveState").as_str() {
                "inactive" => Ok(()),
                other => Err(other.to_owned()),
            },
        );
        assert_eq!(self.node.property("windlass-net", "Result"), "success");
        let commit = self.publish("green");
        let kubeconfig = self.control_plane.kubeconfig(User::Admin);
        let answer = windlass(
            &kubeconfig,
            &["reconcile", "kustomization", "flux-system", "--with-source"],
        );
        assert!(answer.status.success(), "{answer:?}");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is("green");
        assert_eq!(self.node.property("windlass-net", "ActiveState"), "active");
    }

    fn drop_in(&self, unit: &str, name: &str, content: &str) {
        self.node.put(
            &format!("/etc/systemd/system/{unit}.d/{name}.conf"),
            content,
        );
    }

    fn a_hanging_agent_is_restarted(&self) {
        self.drop_in("windlass.service", "short", "[Service]\nWatchdogSec=3\n");
        self.node
            .sh("systemctl daemon-reload && systemctl restart windlass");
        let before = self.agent();
        self.node.sh(&format!("kill -STOP {before}"));
        wait::until("systemd to start it again", SOON, || {
            let (now, state) = (self.agent(), self.node.property("windlass", "ActiveState"));
            if now != before && now != "0" && state == "active" {
                Ok(())
            } else {
                Err(format!("{now} {state}"))
            }
        });
        self.node
            .sh("journalctl -u windlass | grep 'Watchdog timeout'");
        self.node
            .sh("rm /etc/systemd/system/windlass.service.d/short.conf && systemctl daemon-reload");
    }

    /// k3s writes its kubeconfig when it has started, which may be later than us.
    fn a_missing_kubeconfig_is_waited_for(&self) {
        self.node.sh("mv /etc/rancher/k3s/k3s.yaml /root/away");
        self.node
            .sh("! systemctl restart windlass && mv /root/away /etc/rancher/k3s/k3s.yaml");
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
    }

    /// A newer binary by the same command, without the settings said again.
    fn an_upgrade_keeps_what_is_there(&self) {
        let node = &self.node;
        let settings = "cd /etc/windlass && stat -c '%n %Y %a' * */* && cat config.toml trust.d/*";
        let before = (
            self.agent(),
            node.sh(settings),
            node.property("windlass-net", "MainPID"),
        );
        node.sh("cp /opt/windlass /root/newer && echo >> /root/newer");
        let answer = node.install("--binary /root/newer");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        node.sh("cmp /root/newer /usr/bin/windlass");
        let programs = "for pid in $(systemctl show --value --property=MainPID windlass windlass-net); do \
                        [ $pid = 0 ] || cmp /root/newer /proc/$pid/exe; done";
        node.sh(programs);
        assert_ne!(self.agent(), before.0);
        assert_ne!(node.property("windlass-net", "MainPID"), before.2);
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));

        let answer = node.install("--binary /root/newer");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        let kept = "config.toml and keys, to the second";
        let without_example = |text: &str| {
            let lines = text
                .lines()
                .filter(|line| !line.starts_with("config.toml.example"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            without_example(&node.sh(settings)),
            without_example(&before.1),
            "{kept}"
        );
    }

    fn a_refused_setting_leaves_the_running_agent_alone(&self) {
        let before = (self.agent(), self.node.sh("cat /etc/windlass/config.toml"));
        let answer = self.node.install(
            "--binary /opt/windlass --repo https://git.example.com/a.git --introduction 1",
        );
        assert_ne!(answer.code, Some(0));
        assert!(answer.output.contains("introduction"), "{}", answer.output);
        assert_eq!(
            (self.agent(), self.node.sh("cat /etc/windlass/config.toml")),
            before
        );
    }

    fn a_power_cut_without_a_network_is_survived(&mut self) {
        let commit = self.repo.id("HEAD");
        self.git.stop();
        self.node.power_off();
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        let admin = self.control_plane.admin();
        admin.patch(&settings, &json!({"data": {"colour": "red"}}));
        self.node.power_on();
        self.colour_is("green");
        wait::until("the status to say so", SOON, || {
            let status = self.node.property("windlass", "StatusText");
            let begin = format!("leader, main@sha1:{commit}, 1/1 ready, offline since ");
            if status.starts_with(&begin) {
                Ok(())
            } else {
                Err(status)
            }
        });
        admin.patch(&settings, &json!({"data": {"colour": "red"}}));
        self.colour_is("green");
    }
}
