//! Manifests that root puts on a node: applied without Git, corrected, pruned when their file goes, and never otherwise.

use std::path::PathBuf;

use serde_json::{Value, json};
use windlass_kit::agent::{Agent, windlass};
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::{House, config_map, ready, root};
use crate::leadership::TERM;
use crate::tenant::map;

/// What counts must be root's, and only root can make it so.
fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED, NOT TESTED: manifests on a node are root's");
    }
    root
}

fn file(agent: &Agent, name: &str) -> PathBuf {
    agent.path().join("manifests").join(name)
}

/// Puts a file there as an administrator would: whole.
fn put(agent: &Agent, name: &str, text: &str) {
    std::fs::create_dir_all(agent.path().join("manifests")).unwrap();
    let new = agent.path().join("manifests.new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file(agent, name)).unwrap();
}

fn take_away(agent: &Agent, name: &str) {
    std::fs::remove_file(file(agent, name)).unwrap();
}

fn house() -> House {
    House::start(&[("root.yaml", &map("default", "root", "one"))])
}

fn becomes(house: &House, name: &str, data: &str) -> Value {
    let what = format!("ConfigMap {name} to hold {data}");
    house
        .admin()
        .wait_for(&what, &config_map("default", name), |object| {
            object["data"].to_string().contains(data)
        })
}

fn goes(house: &House, name: &str) {
    wait::until(&format!("ConfigMap {name} to go"), TERM * 2, || match house
        .admin()
        .get(&config_map("default", name))
    {
        None => Ok(()),
        Some(there) => Err(there.to_string()),
    });
}

fn stays(house: &House, name: &str) {
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(
        house.admin().get(&config_map("default", name)).is_some(),
        "{name} went"
    );
}

/// Waits until `windlass status` shows a complaint about a folder.
fn complains(house: &House, about: &str) {
    wait::until(&format!("a complaint about {about}"), TERM * 3, || {
        let status = windlass(&house.control_plane.kubeconfig(User::Admin), &["status"]);
        let screen = String::from_utf8_lossy(&status.stdout).into_owned();
        match screen
            .lines()
            .any(|line| line.starts_with("! manifests of") && line.contains(about))
        {
            true => Ok(()),
            false => Err(screen),
        }
    });
}

#[test]
fn files_are_applied_corrected_and_pruned_when_they_go_and_only_then() {
    if !is_root() {
        return;
    }
    let mut house = house();
    put(&house.agent, "one.yaml", &map("default", "one", "blue"));
    put(&house.agent, "two.yaml", &map("default", "two", "blue"));
    let made = becomes(&house, "one", "blue");
    assert_eq!(
        made["metadata"]["labels"]["windlass.dev/manifests"],
        "node-a"
    );
    becomes(&house, "two", "blue");

    let somebody = json!({"data": {"value": "somebody's"}});
    house
        .admin()
        .patch(&config_map("default", "one"), &somebody);
    becomes(&house, "one", "blue");
    house.admin().delete(&config_map("default", "two"));
    becomes(&house, "two", "blue");

    put(&house.agent, "one.yaml", &map("default", "one", "green"));
    becomes(&house, "one", "green");
    // Half a file takes nothing away, nor does one that is not root's alone.
    put(&house.agent, "one.yaml", "apiVersion: v1\nkind: [");
    complains(&house, "one.yaml");
    stays(&house, "one");
    put(&house.agent, "one.yaml", &map("default", "one", "red"));
    becomes(&house, "one", "red");
    take_away(&house.agent, "one.yaml");
    goes(&house, "one");
    assert!(house.admin().get(&config_map("default", "two")).is_some());

    // Gone while nobody watched, from a folder that is there: removed as well.
    put(&house.agent, "three.yaml", &map("default", "three", "blue"));
    becomes(&house, "three", "blue");
    house.agent.stop();
    take_away(&house.agent, "two.yaml");
    house.agent.start();
    goes(&house, "two");
    stays(&house, "three");
}

#[test]
fn an_empty_folder_at_the_start_or_one_that_is_gone_takes_nothing_away() {
    if !is_root() {
        return;
    }
    let mut house = house();
    put(&house.agent, "one.yaml", &map("default", "one", "blue"));
    becomes(&house, "one", "blue");
    house.agent.stop();
    take_away(&house.agent, "one.yaml");
    house.agent.start();
    complains(&house, "the folder is empty");
    stays(&house, "one");
    // A disk that is mounted over the folder, or is not any more, is another folder.
    let folder = house.agent.path().join("manifests");
    put(&house.agent, "one.yaml", &map("default", "one", "green"));
    becomes(&house, "one", "green");
    std::fs::rename(&folder, house.agent.path().join("away")).unwrap();
    complains(&house, "the folder is empty");
    std::fs::create_dir(&folder).unwrap();
    stays(&house, "one");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(house.agent.path().join("away"), &folder).unwrap();
    // The same folder again: now its last file is removed.
    put(&house.agent, "one.yaml", &map("default", "one", "red"));
    becomes(&house, "one", "red");
    take_away(&house.agent, "one.yaml");
    goes(&house, "one");
}

#[test]
fn each_node_applies_its_own_whoever_leads_and_the_first_owner_keeps_what_two_have() {
    if !is_root() {
        return;
    }
    let mut house = house();
    let mut second = house.second_agent();
    second.start();
    put(&house.agent, "own.yaml", &map("default", "one", "blue"));
    becomes(&house, "one", "blue");
    put(&second, "own.yaml", &map("default", "other", "blue"));
    becomes(&house, "other", "blue");

    put(&second, "same.yaml", &map("default", "one", "green"));
    complains(
        &house,
        "ConfigMap/default/one is kept by the manifests of node node-a",
    );
    becomes(&house, "one", "blue");
    put(
        &house.agent,
        "git.yaml",
        &map("default", "root", "folder's"),
    );
    complains(&house, "is kept by Kustomization flux-system/flux-system");
    becomes(&house, "root", "one");
    house.push(&[("one.yaml", &map("default", "one", "git's"))], "Take it");
    house
        .admin()
        .wait_for("Git to be told of the owner", &root(), |object| {
            ready(object)["message"]
                .to_string()
                .contains("is kept by the manifests of node node-a")
        });
    becomes(&house, "one", "blue");

    // The leader goes for good: what is its own stays, and the other node's work goes on.
    house.agent.stop();
    house.admin().patch(
        &config_map("default", "other"),
        &json!({"data": {"value": "somebody's"}}),
    );
    becomes(&house, "other", "blue");
    take_away(&second, "own.yaml");
    goes(&house, "other");
    stays(&house, "one");
    second.stop();
}
