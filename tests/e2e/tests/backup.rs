//! `windlass backup` and `restore`: what nobody else could give a node again.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use windlass_kit::agent::windlass;
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::wait;

use crate::house::{House, config_map, root_source};
use crate::tenant::map;

fn run(house: &House, words: &[&str]) -> Output {
    windlass(&house.control_plane.kubeconfig(User::Admin), words)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn after_a_restore_the_ratchet_holds_on_the_state_alone() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    let config = house.agent.config().display().to_string();
    let file = house.git.path().join("node-a.backup").display().to_string();
    let made = run(&house, &["backup", &file, "--config", &config]);
    assert!(made.status.success(), "{}", said(&made));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&second), "{text}");
    // A name that is taken is left alone, and nothing secret is in it.
    let again = run(&house, &["backup", &file, "--config", &config]);
    assert!(!again.status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let kubeconfig = std::fs::read_to_string(house.control_plane.kubeconfig(User::Agent)).unwrap();
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "));
    assert!(!text.contains(token.unwrap_or("PRIVATE KEY")));

    // Nothing is put back under a running agent, nor over what was accepted since.
    let running = run(&house, &["restore", &file]);
    assert!(
        said(&running).contains("stop it first"),
        "{}",
        said(&running)
    );
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);
    house.agent.stop();
    let newer = run(&house, &["restore", &file]);
    assert!(
        !newer.status.success() && said(&newer).contains("--over-newer"),
        "{}",
        said(&newer)
    );

    // The disk is gone, and the cluster with every memory of it; the forge goes back.
    std::fs::remove_dir_all(house.agent.state()).unwrap();
    std::fs::remove_file(house.agent.config()).unwrap();
    std::fs::remove_file(house.agent.path().join("allowed_signers")).unwrap();
    house.control_plane = ControlPlane::pooled(&Options::api_server());
    house.repo.push_ref(&first, "refs/heads/main");
    let restored = run(&house, &["restore", &file]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(house.agent.config().exists());
    let kubeconfig = house.control_plane.kubeconfig(User::Agent);
    house
        .agent
        .set("cluster", "kubeconfig", &kubeconfig.display().to_string());
    house.agent.start();
    let source = house.admin().wait_for(
        "the rewound forge to be refused",
        &root_source(),
        |source| {
            let conditions = source["status"]["conditions"].as_array();
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|one| one["type"] == "Ready" && one["status"] == "False")
        },
    );
    assert_eq!(source["status"]["artifact"], Value::Null, "{source}");
    assert!(house.admin().get(&config_map("default", "root")).is_none());

    // What the backup knew lets the node go on.
    house.repo.push_ref(&second, "refs/heads/main");
    house.request();
    house.applied(&second);
    house.agent.stop();

    // Without it nobody would know better: it was the ratchet that held.
    std::fs::remove_dir_all(house.agent.state()).unwrap();
    house.control_plane = ControlPlane::pooled(&Options::api_server());
    house.repo.push_ref(&first, "refs/heads/main");
    let kubeconfig = house.control_plane.kubeconfig(User::Agent);
    house
        .agent
        .set("cluster", "kubeconfig", &kubeconfig.display().to_string());
    house.agent.start();
    house.applied(&first);
    wait::until_true(
        "the older one to be applied",
        Duration::from_secs(60),
        || house.admin().get(&config_map("default", "root")).is_some(),
    );
}
