//! What an attacker gets who has taken over the network process of an installed node.

use crate::house::House;

/// All of these fail; `AGENT` is the agent's process.
const ATTEMPTS: [&str; 26] = [
    "read /etc/windlass/config.toml",
    "list /etc/windlass/trust.d",
    "read /etc/windlass/trust.d/allowed_signers",
    "read /etc/rancher/k3s/k3s.yaml",
    "list /var/lib/windlass",
    "write /var/lib/windlass/mine",
    "write /etc/windlass/trust.d/mine",
    "write /usr/lib/windlass-mine",
    "write /tmp/mine",
    "list /root",
    "read /proc/AGENT/environ",
    "connect-unix /run/systemd/private",
    "connect-unix /run/windlass/net.sock",
    "execute /usr/bin/windlass",
    "execute /bin/true",
    "signal-parent",
    "trace-parent",
    "memory-of-parent",
    "raw-socket",
    "packet-socket",
    "netlink-socket",
    "listen 0.0.0.0:80",
    "listen 0.0.0.0:8080",
    "mount",
    "load-module",
    "namespace",
];

const CACHE: &str = "/var/cache/windlass-net";

impl House {
    /// In the unit of windlass-net and inside its own walls, an attacker gets nothing that is not the network's.
    pub(crate) fn a_compromised_network_process_reaches_nothing(&self) {
        let node = &self.node;
        let program = windlass_kit::agent::binary();
        let program = program.with_file_name("examples").join("compromised");
        node.put_program("/opt/compromised", &program);
        let agent = self.agent();
        // The unit as it is, with another program under the name of ours. Each attempt is a start of its own: systemd
        // may take the cgroup away between two commands of one start.
        node.sh(&format!(
            "sed -e 's|^Type=.*|Type=oneshot|; /^Requires=/d; /^After=/d' \
             -e 's|^\\[Unit\\]|&\\nStartLimitIntervalSec=0|' \
             -e 's|^ExecStart=.*|BindReadOnlyPaths=/opt/compromised:/usr/bin/windlass\\n\
             EnvironmentFile=/run/attempt\\nExecStart=/usr/bin/windlass {CACHE} $ATTEMPT|' \
             /etc/systemd/system/windlass-net.service >/etc/systemd/system/compromised.service
             systemctl daemon-reload"
        ));
        let start = |attempt: &str| {
            let attempt = attempt.replace("AGENT", &agent);
            format!("echo 'ATTEMPT={attempt}' >/run/attempt; systemctl start compromised")
        };
        for attempt in ATTEMPTS {
            node.sh(&format!("! {{ {}; }}", start(attempt)));
        }
        node.sh(&start(&format!("write {CACHE}/reached")));
        let said = node.sh("journalctl --output=cat --identifier=windlass --unit=compromised");
        let tried = said.matches("system calls confined (seccomp)").count();
        assert_eq!(tried, ATTEMPTS.len() + 1, "every attempt was made: {said}");
        assert_eq!(said.matches(": done").count(), 1, "{said}");
        assert!(said.contains("write: done"), "its cache is its own: {said}");
        let unit = "/etc/systemd/system/compromised.service";
        node.sh(&format!("rm {CACHE}/reached {unit} /opt/compromised"));
    }
}
