//! A node: its configuration, what it tells systemd, its pause, and a source that lies on it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use windlass_kit::agent::{Agent, binary, windlass};
use windlass_kit::controlplane::{Options, User};
use windlass_kit::process::Process;
use windlass_kit::repo::Signer;
use windlass_kit::wait;

use crate::house::{House, config_map};
use crate::tenant::map;

const SOON: Duration = Duration::from_secs(30);

/// The other end of `NOTIFY_SOCKET`: everything that was said.
struct Systemd(Arc<Mutex<Vec<String>>>);

impl Systemd {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                heard
                    .lock()
                    .unwrap()
                    .extend(text.lines().map(str::to_owned));
            }
        });
        Self(said)
    }

    fn said(&self, what: impl Fn(&str) -> bool) -> usize {
        let said = self.0.lock().unwrap();
        said.iter().filter(|line| what(line)).count()
    }

    /// Waits until the newest status line satisfies `test`.
    fn wait_status(&self, what: &str, test: impl Fn(&str) -> bool) {
        wait::until(what, SOON, || {
            let said = self.0.lock().unwrap();
            let last = said
                .iter()
                .rev()
                .find_map(|line| line.strip_prefix("STATUS="));
            match last {
                Some(last) if test(last) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
}

#[test]
fn systemd_learns_readiness_liveness_and_the_state_and_a_pause_ends_by_itself() {
    let settings = map("default", "settings", "one");
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", &settings)]);
    let socket = house.agent.path().join("notify");
    let systemd = Systemd::listen(&socket);
    house
        .agent
        .set_environment("NOTIFY_SOCKET", socket.to_str().unwrap());
    house.agent.set_environment("WATCHDOG_USEC", "2000000");
    // Under systemd the network process has a unit of its own.
    let folder = house.agent.path().to_owned();
    let file = |name: &str| folder.join(name).display().to_string();
    let net = Process::start(
        "windlass-net",
        &binary(),
        [
            "net",
            "--socket",
            &file("net.sock"),
            "--cache",
            &file("net-cache"),
        ],
        &[],
        &folder.join("net.log"),
    );
    wait::until_true("windlass-net to listen", SOON, || {
        folder.join("net.sock").exists()
    });
    house.agent.start();
    house.root_ready();
    let commit = house.repo.id("HEAD");
    assert_eq!(systemd.said(|line| line == "READY=1"), 1);
    systemd.wait_status("the leader's line", |status| {
        status.contains("leader") && status.contains(&commit[..8]) && status.contains("1/1")
    });
    wait::until_true("the watchdog to be fed", SOON, || {
        systemd.said(|line| line == "WATCHDOG=1") >= 3
    });

    // Paused: nothing is written, fetching goes on, and it ends by itself.
    let admin = house.control_plane.kubeconfig(User::Admin);
    let paused = windlass(&admin, &["pause", "--for", "6s", "--reason", "a test"]);
    assert!(paused.status.success(), "{paused:?}");
    systemd.wait_status("the pause", |status| status.contains("paused"));
    let two = map("default", "settings", "two");
    let commit = house.push(&[("settings.yaml", &two)], "Two");
    wait::until_true("the fetch", SOON, || house.agent.log().contains(&commit));
    let shown = windlass(&admin, &["status"]);
    let text = String::from_utf8_lossy(&[shown.stdout, shown.stderr].concat()).into_owned();
    assert!(text.contains("a test"), "{text}");
    wait::holds("the pause", Duration::from_secs(1), || {
        let live = house
            .admin()
            .get(&config_map("default", "settings"))
            .unwrap();
        live["data"]["value"] == "one"
    });
    house.applied(&commit);
    systemd.wait_status("the leader again", |status| status.contains("leader"));

    house.git.stop();
    house.request();
    systemd.wait_status("being offline", |status| status.contains("offline since"));
    house.git.restart();
    house.request();
    systemd.wait_status("being online", |status| !status.contains("offline"));
    assert!(house.agent.stop().success());
    assert_eq!(systemd.said(|line| line == "STOPPING=1"), 1);
    drop(net);
}

#[test]
fn an_unknown_or_wrong_key_is_refused_with_its_line() {
    let signer = Signer::new("owner@house.example");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {"token": "a"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    });
    // The signer's key is a file that only we can read; it makes room for a kubeconfig.
    let kubeconfig = signer.key();
    let mut agent = Agent::prepare(&kubeconfig, "https://git.example.org/a.git", &[&signer]);
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let kubeconfig = kubeconfig.as_path();
    let line_of = |agent: &Agent, key: &str| {
        let text = std::fs::read_to_string(agent.config()).unwrap();
        text.lines().position(|line| line.starts_with(key)).unwrap() + 1
    };
    for (section, key, value) in [
        ("root", "brunch", "main"),
        ("root", "interval", "often"),
        ("leadership", "lease_duration", "1ms"),
    ] {
        agent.set(section, key, value);
        agent.write_config();
        let file = agent.config().display().to_string();
        let line = line_of(&agent, key);
        let checked = windlass(kubeconfig, &["check", "--config", &file]);
        let text = String::from_utf8_lossy(&checked.stderr).into_owned()
            + &String::from_utf8_lossy(&checked.stdout);
        assert!(!checked.status.success(), "{text}");
        assert!(
            text.contains(key) && text.contains(&format!("{line}")),
            "{key} in line {line}: {text}"
        );
        agent.start();
        let status = wait::until("the agent to end", SOON, || {
            agent.ended().ok_or_else(|| "it runs".to_owned())
        });
        assert!(!status.success());
        let log = agent.log();
        assert!(log.contains(key), "{log}");
        agent.stop();
        agent.unset(section, key);
    }
    agent.write_config();
    let file = agent.config().display().to_string();
    let checked = windlass(kubeconfig, &["check", "--config", &file]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_repository_on_the_node_is_followed_and_the_network_process_has_no_credential() {
    let settings = map("default", "settings", "one");
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", &settings)]);
    let path = house.git.path().join("house.git").display().to_string();
    house.git.stop();
    house.agent.set("root", "url", &path);
    house.agent.start();
    house.root_ready();
    let commit = house.push(
        &[("settings.yaml", &map("default", "settings", "two"))],
        "Two",
    );
    house.applied(&commit);
    let patch = json!({"data": {"value": "theirs"}});
    let object = config_map("default", "settings");
    house.admin().patch(&object, &patch);
    house.admin().wait_for("the correction", &object, |live| {
        live["data"]["value"] == "two"
    });

    // Two processes; the one with the network has the kubeconfig neither open nor named.
    let processes = house.agent.processes();
    let net: Vec<_> = processes
        .iter()
        .filter(|(_, command)| command.split('\0').nth(1) == Some("net"))
        .collect();
    assert_eq!((processes.len(), net.len()), (2, 1), "{processes:?}");
    let (pid, command) = net[0];
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!command.contains("kubeconfig") && !environment.contains("KUBECONFIG"));
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
        let target = target.display().to_string();
        assert!(
            !target.contains("kubeconfig") && !target.contains("/state/"),
            "{target}"
        );
    }
}
