//! What a kustomization names of other places: pinned in `windlass.lock`, fetched once, and then this node's own.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::controlplane::Options;

use crate::house::{House, config_map, ready, root};
use crate::repositories::Files;

/// As long as something that must not happen is watched for.
const A_WHILE: Duration = Duration::from_secs(2);

fn map(value: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "far", "namespace": "default"},
        "data": {"value": value}})
    .to_string()
}

/// The digest of a text, by sha256sum(1).
fn digest(text: &str) -> String {
    let place = windlass_kit::directory::Directory::new("digest");
    let file = place.path().join("text");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("sha256sum").arg(&file).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", output.split_whitespace().next().unwrap())
}

fn lock(url: &str, text: &str) -> String {
    let digest = digest(text);
    format!("version = 1\n\n[[file]]\nurl = \"{url}\"\ndigest = \"{digest}\"\n")
}

fn kustomization(url: &str, more: &str) -> String {
    format!("resources: ['{url}']\n{more}")
}

fn value(house: &House) -> Value {
    let object = house.admin().get(&config_map("default", "far"));
    object.unwrap()["data"]["value"].clone()
}

fn fails(house: &House, part: &str) -> String {
    let message = |root: &Value| {
        let ready = ready(root);
        let message = ready["message"].as_str().unwrap_or_default().to_owned();
        (ready["reason"] == "BuildFailed" && message.contains(part)).then_some(message)
    };
    let failed = house
        .admin()
        .wait_for(part, &root(), |root| message(root).is_some());
    message(&failed).unwrap_or_default()
}

#[test]
fn a_pinned_file_is_used_without_the_network_and_what_is_not_pinned_is_refused_by_name() {
    let server = Files::start();
    let url = server.url_of("/far.yaml");
    server.put("/far.yaml", map("one").as_bytes());
    let mut house = House::start(&[
        ("kustomization.yaml", &kustomization(&url, "")),
        ("windlass.lock", &lock(&url, &map("one"))),
    ]);
    assert_eq!(value(&house), "one");

    // What the server says now is nobody's concern: the digest is signed.
    server.put("/far.yaml", map("evil").as_bytes());
    server.take_seen();
    house.agent.stop();
    house.agent.start();
    let labels = kustomization(&url, "commonLabels: {again: yes-please}\n");
    let commit = house.push(&[("kustomization.yaml", &labels)], "Label it");
    house.applied(&commit);
    assert_eq!(value(&house), "one");
    assert!(server.take_seen().is_empty(), "it was here already");

    let nothing = "version = 1\n";
    house.push(&[("windlass.lock", nothing)], "Pin nothing");
    let message = fails(&house, "windlass.lock does not pin it");
    assert!(
        message.contains("kustomization.yaml:1: resources[0]")
            && message.contains(&url)
            && message.contains("`windlass lock`"),
        "{message}"
    );
    house.push(
        &[("windlass.lock", &lock(&url, &map("two")))],
        "Pin what is not there",
    );
    let message = fails(&house, "is not what it has to be");
    assert!(
        message.contains(&digest(&map("two"))) && message.contains(&digest(&map("evil"))),
        "{message}"
    );
    assert_eq!(value(&house), "one", "what runs stays");
    server.put("/far.yaml", map("two").as_bytes());
    let again = lock(&url, &map("two")) + "\n";
    let commit = house.push(&[("windlass.lock", &again)], "Try again");
    house.applied(&commit);
    assert_eq!(value(&house), "two");
}

#[test]
fn what_was_met_first_is_kept_and_a_change_is_held_and_told() {
    let server = Files::start();
    let url = server.url_of("/far.yaml");
    server.put("/far.yaml", map("first").as_bytes());
    let files = [("kustomization.yaml", &kustomization(&url, "") as &str)];
    let mut house = House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("remote", "unpinned", "first-seen");
    });
    assert_eq!(value(&house), "first");

    server.put("/far.yaml", map("another").as_bytes());
    let labels = kustomization(&url, "commonLabels: {again: yes-please}\n");
    let commit = house.push(&[("kustomization.yaml", &labels)], "Label it");
    let object = house.applied(&commit);
    assert_eq!(value(&house), "first");
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let told = conditions.iter().find(|one| one["type"] == "RemoteContent");
    let told = told.unwrap_or_else(|| panic!("{conditions:?}"));
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!("False"), &json!("RemoteChanged"))
    );
    let message = told["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(&url) && message.contains("`windlass lock`"),
        "{message}"
    );
    std::thread::sleep(A_WHILE);
    assert_eq!(value(&house), "first");

    let commit = house.push(
        &[("windlass.lock", &lock(&url, &map("another")))],
        "Take the other",
    );
    let object = house.applied(&commit);
    assert_eq!(value(&house), "another");
    assert!(!object["status"].to_string().contains("RemoteContent"));
}
