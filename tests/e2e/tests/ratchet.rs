//! A ratchet that was lost, torn or written by a newer program: what a node does then, on a real cluster.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::wait;

use crate::house::{House, config_map, root, root_source};
use crate::person::{Person, done, words};
use crate::tenant::map;
use crate::trust::refused;

pub(crate) fn ratchet_files(house: &House) -> [std::path::PathBuf; 2] {
    ["ratchet.0", "ratchet.1"].map(|name| house.agent.state().join(name))
}

/// Takes the ratchet away from a node that is stopped.
fn lose_the_ratchet(house: &House) {
    for file in ratchet_files(house) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }
}

#[track_caller]
fn remarks(house: &House, reason: &str) -> String {
    let what = format!("the root to say {reason}");
    let source = house.admin().wait_for(&what, &root_source(), |source| {
        condition(source, "NodeTrust").is_some_and(|found| found["reason"] == reason)
    });
    let remark = condition(&source, "NodeTrust").unwrap();
    remark["message"].as_str().unwrap().to_owned()
}

/// T45: a lost ratchet is made again from what the cluster runs, loudly; a rollback meanwhile is refused.
#[test]
fn t45_a_lost_ratchet_is_made_again_from_what_was_applied() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    house.agent.stop();
    lose_the_ratchet(&house);
    house.repo.push_ref(&first, "refs/heads/main");
    house.agent.start();
    remarks(&house, "RatchetHealed");
    refused(
        &house,
        &root_source(),
        "InvalidCommitSignature",
        &["NotFastForward", &first],
    );
    assert!(
        house.agent.log().contains("the ratchet is lost"),
        "the journal says it"
    );
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);

    // A torn one: its other generation is in force, and that is said too.
    house.agent.stop();
    let [torn, _] = ratchet_files(&house);
    let bytes = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    house.agent.start();
    remarks(&house, "RatchetHealed");
    let fourth = house.push(&[("root.yaml", &map("default", "root", "four"))], "Four");
    house.applied(&fourth);
}

/// T45: where memories contradict each other a person decides; meanwhile drift is corrected and nothing new comes in.
#[test]
fn t45_a_lost_ratchet_that_nobody_can_vouch_for_waits_for_a_person() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    house.agent.stop();
    lose_the_ratchet(&house);
    let mut source = house.admin().get(&root_source()).unwrap();
    source["status"]["artifact"]["revision"] = format!("main@sha1:{}", "f".repeat(40)).into();
    let artifact = json!({"status": {"artifact": source["status"]["artifact"]}});
    house
        .admin()
        .patch_subresource(&root_source(), "status", &artifact);
    let second = house.repo.publish(
        &[("root.yaml", &map("default", "root", "two"))],
        "Two",
        &house.signer,
    );
    house.agent.start();
    let message = refused(
        &house,
        &root_source(),
        "RatchetLost",
        &["GitRepository flux-system/flux-system"],
    );
    let command = format!("windlass trust accept flux-system/flux-system {first}");
    assert!(message.contains(&format!("`sudo {command}`")), "{message}");

    house.admin().delete(&config_map("default", "root"));
    let put_back = |map: &Value| map["data"]["value"] == "one";
    house.admin().wait_for(
        "the map to be put back",
        &config_map("default", "root"),
        put_back,
    );

    let person = Person::of(&house);
    let config = house.agent.config();
    let command = format!("{command} --config {}", config.display());
    done(&person.shell(person.home(), &command, &[]));
    house.request();
    house.applied(&second);
    remarks(&house, "RatchetHealed");
    assert!(
        !house.agent.state().join("accept").exists(),
        "the word was for this once"
    );
    let again = person.shell(person.home(), &command, &[]);
    assert!(words(&again).contains("is not lost"), "{}", words(&again));
}

/// T56: an older program does not take the state of a newer one for its own, and leaves it as it is.
#[test]
fn t56_a_ratchet_of_a_newer_format_is_refused_and_left_alone() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    house.agent.stop();
    let files = ratchet_files(&house);
    let before: Vec<_> = files.iter().map(|file| std::fs::read(file).ok()).collect();
    let newer = b"windlass-ratchet 99 of a later windlass\n\0";
    files
        .iter()
        .for_each(|file| std::fs::write(file, newer).unwrap());
    house.agent.start();
    let minute = Duration::from_secs(60);
    let ended = wait::until("the agent to refuse", minute, || {
        house.agent.ended().ok_or_else(|| house.agent.log())
    });
    assert!(!ended.success());
    let log = house.agent.log();
    assert!(log.contains("install the newer windlass again"), "{log}");
    assert!(
        files
            .iter()
            .all(|file| std::fs::read(file).unwrap() == newer)
    );

    house.agent.kill();
    for (file, bytes) in files.iter().zip(before) {
        match bytes {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
    }
    house.agent.start();
    let commit = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&commit);
}

fn witness(node: &str) -> ObjectRef {
    let name = format!("windlass-witness-{node}");
    ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", &name)
}

/// Waits until a node has said that it accepted a commit.
pub(crate) fn witnessed(house: &House, node: &str, commit: &str) {
    let what = format!("{node} to say that it accepted {commit}");
    house.admin().wait_for(&what, &witness(node), |lease| {
        let said = &lease["metadata"]["annotations"]["windlass.dev/accepted"];
        said.as_str().is_some_and(|said| said.contains(commit))
    });
}

/// T45: what another node accepted is enough, where the objects of the cluster say nothing; a rollback meanwhile is refused.
#[test]
fn t45_a_lost_ratchet_is_made_again_from_what_another_node_witnessed() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let mut other = house.second_agent();
    other.start();
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    witnessed(&house, "node-a", &second);
    witnessed(&house, "node-b", &second);
    other.stop();
    house.agent.stop();
    lose_the_ratchet(&house);
    // Nothing is left in the cluster but the word of the other node.
    house.admin().delete(&witness("node-a"));
    let nothing = json!({"status": {"artifact": null, "lastAppliedRevision": null}});
    for object in [root_source(), root()] {
        house.admin().patch_subresource(&object, "status", &nothing);
    }
    house.repo.push_ref(&first, "refs/heads/main");
    house.agent.start();
    let message = remarks(&house, "RatchetHealed");
    assert!(
        message.contains("node node-b") && message.contains(&second),
        "{message}"
    );
    let parts = ["NotFastForward", first.as_str()];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);
    witnessed(&house, "node-a", &third);
}

/// T45: what a node said before it lost its ratchet is not overwritten by what it says after, and counts.
#[test]
fn t45_a_lost_ratchet_and_a_lost_cache_are_made_again_from_the_nodes_own_word() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    witnessed(&house, "node-a", &second);
    house.agent.stop();
    lose_the_ratchet(&house);
    for file in std::fs::read_dir(house.agent.state()).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("store.db") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let nothing = json!({"status": {"artifact": null, "lastAppliedRevision": null}});
    for object in [root_source(), root()] {
        house.admin().patch_subresource(&object, "status", &nothing);
    }
    // The server does not have what the node remembers: it may have been set back, so a person or the commit is waited for.
    house.repo.push_ref(&first, "refs/heads/main");
    house.agent.start();
    refused(&house, &root_source(), "RatchetLost", &["node node-a"]);
    house.repo.push_ref(&second, "refs/heads/main");
    house.request();
    remarks(&house, "RatchetHealed");
    house.applied(&second);
}

/// T39: somebody who can write on the node's disk puts a whole older state back while the agent is stopped, and holds the Git server:
/// nothing of it is applied, and the node goes on by itself once the server shows what was accepted.
#[test]
fn t39_an_older_state_put_back_is_noticed_and_nothing_of_it_is_applied() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    witnessed(&house, "node-a", &first);
    house.agent.stop();
    let older = house.agent.path().join("older");
    copy(&house.agent.state(), &older);
    house.agent.start();
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    witnessed(&house, "node-a", &second);
    house.agent.stop();
    std::fs::remove_dir_all(house.agent.state()).unwrap();
    copy(&older, &house.agent.state());
    house.repo.push_ref(&first, "refs/heads/main");
    let map_of_root = config_map("default", "root");
    let before = house.admin().get(&map_of_root).unwrap();
    house.agent.start();
    let message = remarks(&house, "RollbackSuspected");
    assert!(
        message.contains("step 1") && message.contains("step 2"),
        "{message}"
    );
    refused(&house, &root_source(), "RatchetLost", &["node node-a"]);
    for _ in 0..2 {
        let asked = house.handled();
        house.request();
        house
            .admin()
            .wait_for("another look", &root_source(), |source| {
                source["status"]["lastHandledReconcileAt"] != asked
            });
    }
    let after = house.admin().get(&map_of_root).unwrap();
    assert_eq!(
        after["metadata"]["resourceVersion"],
        before["metadata"]["resourceVersion"]
    );
    assert_eq!(after["data"]["value"], "two");

    house.repo.push_ref(&second, "refs/heads/main");
    house.request();
    remarks(&house, "RatchetHealed");
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);
}

/// A state directory that is taken away with all that is in it is no new node, as long as the cluster remembers.
#[test]
fn t39_a_state_that_was_deleted_does_not_open_the_way_back() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    witnessed(&house, "node-a", &second);
    house.agent.stop();
    std::fs::remove_dir_all(house.agent.state()).unwrap();
    house.repo.push_ref(&first, "refs/heads/main");
    house.agent.start();
    refused(&house, &root_source(), "RatchetLost", &["node node-a"]);
    let value = house.admin().get(&config_map("default", "root")).unwrap();
    assert_eq!(value["data"]["value"], "two");
    house.repo.push_ref(&second, "refs/heads/main");
    house.request();
    remarks(&house, "RatchetHealed");
    house.applied(&second);
}

/// Copies the files of a folder, and those below.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}
