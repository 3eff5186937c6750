//! A node from its installation to its upgrade.

use std::time::Duration;

use serde_json::Value;
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::House;
use crate::node::Node;

/// It ends 20 s after the last request.
const IDLE: Duration = Duration::from_secs(45);

#[test]
fn a_node_is_installed_and_upgraded_and_its_units_hold() {
    let Some(node) = Node::boot("node-1") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    house.the_units_hold();
    house.a_compromised_network_process_reaches_nothing();
    house.the_journal_has_fields(&first);
    house.the_network_process_comes_and_goes();
    house.an_upgrade_keeps_what_is_there();
    house.an_upgrade_that_does_not_start_goes_back();
    house.a_refused_setting_leaves_the_running_agent_alone();
    house.it_is_removed_and_nothing_else_is();
}

impl House {
    /// Neither process has a right it does not need, and none of what is taken away is missed.
    fn the_units_hold(&self) {
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
        let private = "cd /etc/windlass && stat -c '%n %a %U' git-*";
        assert_eq!(
            node.sh(private),
            "git-ca.pem 644 root\ngit-password 600 windlass"
        );
        // A pass may come before the first fetch has ended, and says so. A kernel may have no Landlock. On a machine that
        // compiles beside, the API server may be late.
        let complaints = "journalctl --quiet --priority=warning --output=cat -u 'windlass*' | \
                          grep -v -e reason=ArtifactFailed -e 'files NOT CONFINED' -e 'no answer within' || true";
        assert_eq!(node.sh(complaints), "", "something failed quietly");
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
        // The queries of the guide.
        let found = |query: &str| {
            self.node
                .sh(&format!("journalctl --output=cat -u windlass {query}"))
        };
        let succeeded = found("WINDLASS_REASON=ReconciliationSucceeded");
        assert!(succeeded.contains("Reconciliation finished"), "{succeeded}");
        let of_commit = found(&format!("WINDLASS_REVISION={revision}"));
        assert!(of_commit.contains("accepted"), "{of_commit}");
        let reasons = found("-F WINDLASS_REASON");
        let mut reasons = reasons.lines();
        assert!(reasons.any(|reason| reason == "ReconciliationSucceeded"));
    }

    /// It ends when nobody asks it, and its socket brings it back.
    fn the_network_process_comes_and_goes(&mut self) {
        wait::until("the network process to end", IDLE, || {
            match self.node.property("windlass-net", "ActiveState").as_str() {
                "inactive" => Ok(()),
                other => Err(other.to_owned()),
            }
        });
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

    /// A newer binary by the same command, without the settings said again.
    fn an_upgrade_keeps_what_is_there(&self) {
        let node = &self.node;
        let settings =
            "cd /etc/windlass && stat -c '%n %Y %a' * */* && cat config.toml git-* trust.d/*";
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

        let again = "--binary /root/newer --password-file /etc/windlass/git-password";
        let answer = node.install(again);
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

    /// The check of the settings is all that this newer program can do.
    fn an_upgrade_that_does_not_start_goes_back(&self) {
        let node = &self.node;
        let broken = "#!/bin/sh\n[ \"$1\" = check ] || exit 1\nexec /opt/windlass \"$@\"\n";
        node.put("/root/broken", broken);
        node.sh(
            "chmod 0755 /root/broken; echo '# of before' >>/etc/systemd/system/windlass.service",
        );
        let units = "cat /etc/systemd/system/windlass*.service; cat /etc/windlass/config.toml";
        let before = node.sh(units);
        let answer = node.install("--binary /root/broken");
        assert_eq!(answer.code, Some(1), "{}", answer.output);
        let back = "the agent does not start; the log above says why; program, units and settings are those of before";
        assert!(answer.output.contains(back), "{}", answer.output);
        node.sh("cmp /root/newer /usr/bin/windlass; ! ls /usr/bin/windlass.before");
        assert_eq!(node.sh(units), before);
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
    }

    fn a_refused_setting_leaves_the_running_agent_alone(&self) {
        let settings =
            "cd /etc/windlass && tail -v -n +1 config.toml git-* && stat -c '%n %a %U' *";
        let before = (self.agent(), self.node.sh(settings));
        self.node.put("/root/other", "another token\n");
        let answer = self.node.install(
            "--binary /opt/windlass --repo https://git.example.com/a.git --introduction 1 \
             --username other --password-file /root/other --identity /root/other",
        );
        assert_ne!(answer.code, Some(0));
        for word in ["introduction", "identity_file is for ssh"] {
            assert!(answer.output.contains(word), "{word}: {}", answer.output);
        }
        let answer = self
            .node
            .install("--binary /opt/windlass --identity /root/other");
        assert!(answer.output.contains("does not name"), "{answer:?}");
        assert_eq!((self.agent(), self.node.sh(settings)), before);

        // A token that has expired is replaced alone.
        self.node.sh("printf x > /etc/windlass/git-password");
        let answer = self
            .node
            .install("--binary /opt/windlass --password-file /root/password");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        assert_eq!(self.node.sh(settings), before.1);
    }

    fn it_is_removed_and_nothing_else_is(&self) {
        let answer = self.node.install("--uninstall --dry-run");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        assert!(answer.output.contains("nothing was done"), "{answer:?}");
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));

        let answer = self.node.install("--uninstall");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        let left = self
            .node
            .sh("find / -xdev -name '*windlass*' -not -path '/var/log/*' -not -path '/opt/*'");
        assert_eq!(left, "", "nothing is left");
        self.colour_is("green");
        let admin = self.control_plane.admin();
        let definition = "kustomizations.kustomize.toolkit.fluxcd.io";
        let api = "apiextensions.k8s.io/v1";
        admin.wait_gone(&ObjectRef::new(
            api,
            "CustomResourceDefinition",
            "",
            definition,
        ));
        let leases = admin.list("coordination.k8s.io/v1", "Lease", "flux-system", "");
        assert!(leases.is_empty(), "{leases:?}");
        self.colour_is("green");
    }
}
