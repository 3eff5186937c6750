//! What a kustomization names of other places: pinned in `windlass.lock`, fetched once, and then this node's own.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::controlplane::Options;
use windlass_kit::git::{self, GitServer};
use windlass_kit::repo::Repo;
use windlass_kit::ssh::SshServer;

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

/// Another repository, which nobody signs, with a base in it; its commit.
fn other(git: &GitServer, value: &str) -> (Repo, String) {
    let mut repo = Repo::new(&git.create("other.git"));
    let commit = publish(&mut repo, value);
    (repo, commit)
}

fn publish(repo: &mut Repo, value: &str) -> String {
    repo.write(
        "base/kustomization.yaml",
        "resources: [../far]\nnamePrefix: ''\n",
    );
    repo.write("far/kustomization.yaml", "resources: [map.yaml]\n");
    repo.write("far/map.yaml", map(value));
    let commit = repo.commit_unsigned(value);
    repo.push();
    commit
}

fn lock_base(url: &str, commit: &str) -> String {
    format!("version = 1\n\n[[base]]\nurl = \"{url}\"\nref = \"main\"\ncommit = \"{commit}\"\n")
}

#[test]
fn a_base_of_another_repository_is_built_at_its_pin_also_without_that_repository() {
    let git = GitServer::start(&git::Options::default());
    let (mut repo, commit) = other(&git, "one");
    let url = git.url("other.git");
    let base = format!("{url}//base?ref=main");
    let mut house = House::start(&[
        ("kustomization.yaml", &kustomization(&base, "")),
        ("windlass.lock", &lock_base(&url, &commit)),
    ]);
    assert_eq!(value(&house), "one");

    // The branch moves, the pin does not; then the server goes, and a restart does without it.
    let next = publish(&mut repo, "two");
    git.stop();
    house.agent.stop();
    house.agent.start();
    let labels = kustomization(&base, "commonLabels: {again: yes-please}\n");
    let change = house.push(&[("kustomization.yaml", &labels)], "Label it");
    house.applied(&change);
    assert_eq!(value(&house), "one");

    house.push(
        &[("windlass.lock", &lock_base(&url, &next))],
        "Move the pin",
    );
    fails(&house, "could not be fetched");
    git.restart();
    let again = lock_base(&url, &next) + "\n";
    let change = house.push(&[("windlass.lock", &again)], "Try again");
    house.applied(&change);
    assert_eq!(value(&house), "two");

    house.push(&[("windlass.lock", "version = 1\n")], "Pin nothing");
    let message = fails(&house, "windlass.lock does not pin it");
    assert!(message.contains(&base), "{message}");
    // A full commit is a pin by itself: it stands in a signed file.
    let itself = format!("{url}//base?ref={commit}");
    let change = house.push(
        &[("kustomization.yaml", &kustomization(&itself, ""))],
        "Name it",
    );
    house.applied(&change);
    assert_eq!(value(&house), "one");
    for (reference, part) in [
        (
            format!("file://{}//base", git.path().display()),
            "a repository on a node",
        ),
        (
            format!("{url}//base?ref={commit}&submodules=true"),
            "submodules are not fetched",
        ),
        (
            "ssh://git@127.0.0.1/other.git//base?ref=main".to_owned(),
            "ssh needs a key",
        ),
    ] {
        house.push(
            &[("kustomization.yaml", &kustomization(&reference, ""))],
            "Refused",
        );
        fails(&house, part);
    }
}

#[test]
fn a_branch_that_moves_after_it_was_met_is_held_and_told() {
    let git = GitServer::start(&git::Options::default());
    let (mut repo, first) = other(&git, "one");
    let url = git.url("other.git");
    let base = format!("{url}//base?ref=main");
    let files = [("kustomization.yaml", &kustomization(&base, "") as &str)];
    let mut house = House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("remote", "unpinned", "first-seen");
    });
    assert_eq!(value(&house), "one");
    let next = publish(&mut repo, "two");
    let labels = kustomization(&base, "commonLabels: {again: yes-please}\n");
    let change = house.push(&[("kustomization.yaml", &labels)], "Label it");
    let object = house.applied(&change);
    assert_eq!(value(&house), "one");
    let conditions = object["status"]["conditions"].to_string();
    assert!(
        conditions.contains("RemoteContent")
            && conditions.contains(&first)
            && conditions.contains(&next),
        "{conditions}"
    );
}

#[test]
fn a_base_on_the_server_of_the_source_is_fetched_with_the_key_of_the_source() {
    let server = SshServer::start();
    let mut house = House::prepare(&Options::api_server(), &[("README.md", "A house")]);
    let (_repo, commit) = other(&house.git, "one");
    let url = server.url(&house.git.path().join("other.git"));
    let base = format!("{url}//base?ref=main");
    let files = [
        ("kustomization.yaml", &kustomization(&base, "") as &str),
        ("windlass.lock", &lock_base(&url, &commit)),
    ];
    house.repo.publish(&files, "Name it", &house.signer);
    let known_hosts = house.agent.path().join("known_hosts");
    std::fs::write(&known_hosts, server.known_hosts()).unwrap();
    for (key, text) in [
        ("url", server.url(&house.git.path().join("house.git"))),
        ("identity_file", server.identity().display().to_string()),
        ("known_hosts_file", known_hosts.display().to_string()),
    ] {
        house.agent.set("root", key, &text);
    }
    house.agent.start();
    house.root_ready();
    assert_eq!(value(&house), "one");
}
