//! Manifests that root puts on a node: applied without Git, corrected, pruned when their file goes, and never otherwise.

use std::path::PathBuf;

use serde_json::{Value, json};
use windlass_kit::agent::{Agent, windlass};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, config_map, ready, root};
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

fn source(name: &str, url: &str, commit: &str) -> Value {
    json!({"apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "10m", "url": url, "ref": {"commit": commit}}})
}

fn kustomization(name: &str) -> Value {
    json!({"apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "10m", "path": "./", "prune": true,
            "sourceRef": {"kind": "GitRepository", "name": name}}})
}

/// A repository of somebody, whose keys nobody here lists.
#[test]
fn root_vouches_for_the_sources_in_its_folder_and_for_nothing_that_others_make_of_them() {
    if !is_root() {
        return;
    }
    let house = house();
    let somebody = Signer::new("somebody@example.com");
    let mut repo = Repo::new(&house.git.create("other.git"));
    let mut publish = |value: &str| {
        let files = [("app.yaml", &*map("default", "app", value))];
        repo.publish(&files, value, &somebody)
    };
    let (first, second) = (publish("first"), publish("second"));
    let url = house.git.url("other.git");

    // What is in the cluster counts for nothing by itself.
    let admin = house.admin();
    let strange = source("strange", &url, &first);
    admin.apply_all(&[strange.clone(), kustomization("strange")]);
    admin.wait_for("it to be refused", &ObjectRef::of(&strange), |found| {
        let said = ready(found)["message"].to_string();
        said.contains("three ways to allow this source")
    });
    assert!(admin.get(&config_map("default", "app")).is_none());

    let ours = source("other", &url, &first);
    let both = format!("{ours:#}\n---\n{:#}\n", kustomization("other"));
    put(&house.agent, "other.yaml", &both);
    becomes(&house, "app", "first");
    // Somebody points it elsewhere: it is put back, and what it pointed to is never applied.
    let elsewhere = json!({"spec": {"ref": {"commit": second}}});
    admin.patch(&ObjectRef::of(&ours), &elsewhere);
    admin.wait_for("it to be put back", &ObjectRef::of(&ours), |found| {
        found["spec"]["ref"]["commit"] == *first && ready(found)["status"] == "True"
    });
    assert!(
        becomes(&house, "app", "first")
            .to_string()
            .contains("first")
    );
    // Root points it there.
    put(&house.agent, "other.yaml", &both.replace(&first, &second));
    becomes(&house, "app", "second");
    // With the file goes the Kustomization, and what it applied.
    take_away(&house.agent, "other.yaml");
    goes(&house, "app");
}
