//! The commands on a node whose API server is gone: what its agent saw last, and how old that is.

use std::process::Command;

use windlass_kit::agent::{binary, windlass};
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::{House, config_map, nested};
use crate::leadership::TERM;
use crate::tenant::map;

/// What a command printed and said, and whether it did what was asked.
struct Said {
    out: String,
    err: String,
    done: bool,
}

fn ask(house: &House, arguments: &[&str]) -> Said {
    let socket = house.agent.path().join("control.sock");
    let socket = socket.to_str().expect("plain names");
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--agent-socket", socket])
        .collect();
    let output = windlass(&house.control_plane.kubeconfig(User::Admin), &arguments);
    Said {
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        done: output.status.success(),
    }
}

fn start() -> House {
    let apps = nested("apps", "./apps", serde_json::json!({}));
    let files = [
        ("kustomization.yaml", "resources: [apps.yaml]\n"),
        ("apps.yaml", apps.as_str()),
        ("apps/map.yaml", &map("default", "settings", "blue")),
    ];
    let house = House::start(&files);
    house.ready("flux-system", "apps");
    house.admin().wait_for(
        "it to be applied",
        &config_map("default", "settings"),
        |_| true,
    );
    house
}

/// Waits until the node knows that nobody answers it.
fn silent(house: &House) {
    wait::until("the agent to notice", TERM * 4, || {
        let said = ask(house, &["get", "all", "-A"]);
        match said.err.contains("does not answer") && said.done {
            true => Ok(()),
            false => Err(format!("{}{}", said.out, said.err)),
        }
    });
}

fn answers(house: &House) {
    let all = ask(house, &["get", "all", "-A"]);
    for shown in [
        "gitrepository/flux-system",
        "kustomization/flux-system",
        "kustomization/apps",
    ] {
        assert!(all.out.contains(shown), "{}{}", all.out, all.err);
    }
    assert!(
        all.err.contains("does not answer: this is what node-a saw"),
        "{}",
        all.err
    );
    assert!(all.err.contains(" ago"), "{}", all.err);
    let one = ask(house, &["get", "kustomizations", "apps", "-o", "yaml"]);
    assert!(
        one.done && one.out.contains("./apps"),
        "{}{}",
        one.out,
        one.err
    );
    let none = ask(house, &["get", "kustomizations", "-n", "elsewhere"]);
    assert!(!none.done, "{}", none.out);

    let status = ask(house, &["status"]);
    assert!(status.done, "{}", status.err);
    let commit = house.repo.id("HEAD");
    for shown in [
        "Ready    3 of 3",
        "unknown: only the API server knows",
        &commit[..8],
        "node-a",
    ] {
        assert!(status.out.contains(shown), "{shown}: {}", status.out);
    }
    let events = ask(house, &["events", "--for", "Kustomization/apps"]);
    assert!(
        events.out.contains("ReconciliationSucceeded"),
        "{}{}",
        events.out,
        events.err
    );
    let described = ask(house, &["describe", "kustomization", "apps"]);
    assert!(
        described.out.contains("ConfigMap/default/settings"),
        "{}{}",
        described.out,
        described.err
    );
    let tree = ask(house, &["tree", "kustomization", "flux-system"]);
    assert!(
        tree.out.contains("ConfigMap/default/settings"),
        "{}{}",
        tree.out,
        tree.err
    );
    trust_is_told(house, &commit);
}

/// The agent says what the files say, and needs no configuration to be read for it.
fn trust_is_told(house: &House, commit: &str) {
    let config = house.agent.config();
    let config = config.to_str().expect("plain names");
    let nowhere = "/nonexistent/config.toml";
    for config in [config, nowhere] {
        let log = ask(house, &["trust", "log", "--config", config]);
        let is_told = log.done && log.out.contains(&commit[..8]) && log.out.contains("signed by");
        assert!(is_told, "{}{}", log.out, log.err);
    }
    for what in ["log", "show"] {
        let asked = ["trust", what, "--config", config, "-o", "json"];
        let told = ask(house, &asked);
        let nobody = ["--agent-socket", "/nonexistent/control.sock"];
        let kubeconfig = house.control_plane.kubeconfig(User::Admin);
        let read = windlass(&kubeconfig, &[&asked[..], &nobody].concat());
        assert!(told.done && read.status.success(), "{} {read:?}", told.err);
        assert_eq!(told.out, String::from_utf8_lossy(&read.stdout));
    }
    let unknown = windlass(
        &house.control_plane.kubeconfig(User::Admin),
        &["trust", "log", "--config", nowhere],
    );
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(said.contains("no agent answers"), "{said}");
}

#[test]
fn with_the_api_server_gone_the_commands_answer_from_the_node_and_say_how_old_it_is() {
    let mut house = start();
    let there = ask(&house, &["get", "all", "-A"]);
    assert!(there.done && !there.err.contains("saw"), "{}", there.err);

    house.control_plane.kill_api_server();
    silent(&house);
    answers(&house);
    // Only what looks is answered; what would change something is not.
    let suspended = ask(&house, &["suspend", "kustomization", "apps"]);
    assert!(!suspended.done, "{}", suspended.out);

    house.agent.kill();
    house.agent.start();
    silent(&house);
    answers(&house);
    house.agent.stop();
    let nobody = ask(&house, &["get", "all", "-A"]);
    assert!(!nobody.done, "{}", nobody.out);

    house.agent.start();
    house.control_plane.start_api_server();
    let commit = house.push(
        &[("apps/map.yaml", &map("default", "settings", "red"))],
        "Red",
    );
    house.applied(&commit);
    let back = ask(&house, &["get", "all", "-A"]);
    assert!(back.done && !back.err.contains("saw"), "{}", back.err);
}

#[test]
fn without_a_kubeconfig_the_agent_of_the_node_is_asked_and_never_that_of_another_cluster() {
    let house = start();
    let socket = house.agent.path().join("control.sock");
    let bare = Command::new(binary())
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("WINDLASS_AGENT_SOCKET", &socket)
        .args(["get", "kustomizations"])
        .output()
        .expect("windlass can be started");
    let (out, err) = (
        String::from_utf8_lossy(&bare.stdout),
        String::from_utf8_lossy(&bare.stderr),
    );
    assert!(
        out.contains("apps") && err.contains("by the word of the agent on node-a"),
        "{out}{err}"
    );

    let nowhere = house.agent.path().join("elsewhere.yaml");
    let kubeconfig = std::fs::read_to_string(house.control_plane.kubeconfig(User::Admin)).unwrap();
    let other = kubeconfig.replace(&house.control_plane.url(), "https://127.0.0.1:1");
    assert_ne!(kubeconfig, other);
    std::fs::write(&nowhere, other).unwrap();
    let kubeconfig = nowhere.to_str().expect("plain names");
    let elsewhere = ask(
        &house,
        &["get", "kustomizations", "--kubeconfig", kubeconfig],
    );
    assert!(
        !elsewhere.done && !elsewhere.out.contains("apps"),
        "{}{}",
        elsewhere.out,
        elsewhere.err
    );
}
