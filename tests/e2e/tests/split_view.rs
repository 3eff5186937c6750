//! P9: a server that shows two nodes two histories, each of them well signed, is noticed by what the nodes tell each other.

use serde_json::json;
use windlass_kit::api::condition;

use crate::house::{House, config_map, root_source};
use crate::modes::owner;
use crate::person::Person;
use crate::ratchet::witnessed;
use crate::recall::sign;
use crate::tenant::map;
use crate::trust::refused;

fn one(value: &str) -> String {
    map("default", "root", value)
}

#[test]
fn two_histories_are_named_and_a_merge_of_them_ends_it() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let mut second = house.second_agent();
    second.start();
    witnessed(&house, "node-b", &first);

    // One history for the one, another for the other.
    house.agent.stop();
    let theirs = house.repo.publish(
        &[("b.yaml", &map("default", "b", "b"))],
        "For b",
        &house.signer,
    );
    house.applied(&theirs);
    witnessed(&house, "node-b", &theirs);
    second.stop();
    house.repo.git(&["reset", "--quiet", "--hard", &first]);
    let ours = house
        .repo
        .publish(&[("root.yaml", &one("two"))], "For a", &house.signer);
    house.agent.start();
    house.applied(&ours);
    let split = house
        .admin()
        .wait_for("the split to be named", &root_source(), |source| {
            condition(source, "NodeTrust").is_some_and(|said| said["reason"] == "SplitView")
        });
    let message = condition(&split, "NodeTrust").unwrap()["message"].to_string();
    for part in ["node-b", &theirs, &ours, "does not show", "drift goes on"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(condition(&split, "Ready").unwrap()["status"], "True");
    let name = config_map("default", "root");
    let drifted = json!({"data": {"value": "drifted"}});
    house.admin().patch(&name, &drifted);
    house
        .admin()
        .wait_for("drift to be corrected all the same", &name, |map| {
            map["data"]["value"] == "two"
        });

    // What both accept is one history again.
    let merge = ["merge", "--quiet", "--no-ff", "-m", "Merge both", &theirs];
    owner(&house, &merge);
    house.repo.push();
    house.request();
    house.applied(&house.repo.id("HEAD"));
    house
        .admin()
        .wait_for("the alarm to end by itself", &root_source(), |source| {
            condition(source, "NodeTrust").is_none()
        });
}

#[test]
fn a_node_that_was_off_while_the_others_went_back_on_purpose_is_no_split() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let mut second = house.second_agent();
    second.start();
    witnessed(&house, "node-b", &first);
    let left = house.push(&[("root.yaml", &one("two"))], "Two");
    house.applied(&left);
    witnessed(&house, "node-b", &left);
    second.stop();

    let person = Person::of(&house);
    sign(&person, &house.signer, (&left, &first), "the boiler burns");
    house.repo.git(&["reset", "--quiet", "--hard", &first]);
    house.repo.push();
    house.request();
    house.applied(&first);
    let third = house.push(&[("root.yaml", &one("three"))], "Three");
    house.applied(&third);
    for _ in 0..2 {
        let before = house.handled();
        house.request();
        house
            .admin()
            .wait_for("another look", &root_source(), |source| {
                source["status"]["lastHandledReconcileAt"] != before
            });
    }
    let source = house.admin().get(&root_source()).unwrap();
    let said = condition(&source, "NodeTrust").unwrap();
    assert_eq!(said["reason"], "RatchetOverridden", "{said}");
    // A node that came later was told by the others what they left.
    let mut later = house.second_agent();
    later.set("node", "name", "node-c");
    later.start();
    witnessed(&house, "node-c", &third);
    let fetches = house.git.requests().len();
    while house.git.requests().len() < fetches + 8 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(!later.log().contains("node node-b accepted"));
    // The node that was off missed the override: it goes back, and on from there.
    second.start();
    witnessed(&house, "node-b", &third);
    assert!(!house.agent.log().contains("node node-b accepted"));
}

#[test]
fn a_branch_that_was_set_back_to_where_another_node_stands_is_no_split() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let mut second = house.second_agent();
    second.start();
    witnessed(&house, "node-b", &first);
    second.stop();
    let ahead = house.push(&[("root.yaml", &one("two"))], "Two");
    house.applied(&ahead);
    house.repo.push_ref(&first, "refs/heads/main");
    house.request();
    let parts = ["NotFastForward", "it is 1 commit behind"];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);
    let asked = house.handled();
    house.request();
    let source = house
        .admin()
        .wait_for("another look", &root_source(), |source| {
            source["status"]["lastHandledReconcileAt"] != asked
        });
    assert!(condition(&source, "NodeTrust").is_none(), "{source}");
}

/// Both histories are on the server, one after the other: this node refuses what the other one took.
#[test]
fn a_branch_that_was_forced_between_two_fetches_is_named() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let mut second = house.second_agent();
    second.start();
    witnessed(&house, "node-b", &first);
    second.stop();
    let ours = house.push(&[("root.yaml", &one("two"))], "Ours");
    house.applied(&ours);
    house.repo.git(&["reset", "--quiet", "--hard", &first]);
    let files = [("root.yaml", one("three"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let theirs = house.repo.publish(&files, "Theirs", &house.signer);
    second.start();
    witnessed(&house, "node-b", &theirs);
    let split = house
        .admin()
        .wait_for("the split to be named", &root_source(), |source| {
            condition(source, "NodeTrust").is_some_and(|said| said["reason"] == "SplitView")
        });
    let message = condition(&split, "NodeTrust").unwrap()["message"].to_string();
    assert!(
        message.contains(&theirs) && message.contains("neither goes on"),
        "{message}"
    );
}
