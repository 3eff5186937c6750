//! A node on which things break.

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use windlass_kit::wait;

use crate::house::{House, SOON};
use crate::node::Node;

/// After a power cut the Lease of the boot before must run out. As a drop-in of the settings, which is read too.
const SHORT_LEASE: &str =
    "[leadership]\nlease_duration = \"5s\"\nrenew_deadline = \"3s\"\nretry_period = \"1s\"\n";

#[test]
fn a_node_survives_a_hanging_agent_a_missing_kubeconfig_and_a_power_cut_without_a_network() {
    let Some(node) = Node::boot("node-2") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house
        .node
        .put("/etc/windlass/config.d/short.toml", SHORT_LEASE);
    house
        .node
        .sh("chmod 0644 /etc/windlass/config.d/short.toml");
    house.install(&first);
    house.a_hanging_agent_is_restarted();
    house.a_missing_kubeconfig_is_waited_for();
    house.a_power_cut_without_a_network_is_survived();
}

/// The thread of the event loop held in its tracks; the other threads of the agent run on.
struct Stuck(Pid);

impl Stuck {
    fn make(agent: i32) -> Self {
        let thread = Pid::from_raw(agent);
        ptrace::seize(thread, ptrace::Options::empty()).expect("root may trace the agent");
        ptrace::interrupt(thread).expect("it is traced");
        let stopped = waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        assert!(
            matches!(stopped, WaitStatus::PtraceEvent(..)),
            "{stopped:?}"
        );
        Self(thread)
    }

    /// The end of a traced process reaches systemd only when whoever traces it has seen it.
    fn let_it_die(&self) {
        let _ = waitpid(self.0, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
    }
}

impl House {
    /// A loop that is stuck while all else in the process goes on, which is how a program hangs.
    fn a_hanging_agent_is_restarted(&self) {
        self.drop_in("windlass.service", "short", "[Service]\nWatchdogSec=3\n");
        self.node
            .sh("systemctl daemon-reload && systemctl restart windlass");
        let before = self.agent();
        let stuck = Stuck::make(self.node.outer_pid(&before));
        wait::until("systemd to start it again", SOON, || {
            stuck.let_it_die();
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
        self.node.sh("mv /etc/windlass/kubeconfig /root/away");
        self.node
            .sh("! systemctl restart windlass && mv /root/away /etc/windlass/kubeconfig");
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
    }

    fn a_power_cut_without_a_network_is_survived(&mut self) {
        let commit = self.repo.id("HEAD");
        self.git.stop();
        self.node.power_off();
        self.repaint("red");
        self.node.power_on();
        self.colour_is("blue");
        wait::until("the status to say so", SOON, || {
            let status = self.node.property("windlass", "StatusText");
            let begin = format!("leader, main@sha1:{commit}, 1/1 ready, offline since ");
            if status.starts_with(&begin) {
                Ok(())
            } else {
                Err(status)
            }
        });
        self.repaint("red");
        self.colour_is("blue");
    }
}
