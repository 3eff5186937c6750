//! T40: going back on purpose. A root's override takes the cluster back once; without it, or a second time, nothing does.

use std::time::Duration;

use windlass_kit::api::condition;
use windlass_kit::repo::Signer;
use windlass_kit::wait;

use crate::house::{House, config_map, root, root_source};
use crate::person::Person;
use crate::ratchet::ratchet_files;
use crate::tenant::map;
use crate::trust::refused;

#[test]
fn t40_an_override_takes_the_cluster_back_once_and_a_stranger_s_does_not() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    let person = Person::of(&house);
    house.repo.push_ref(&first, "refs/heads/main");
    house.request();
    let parts = ["NotFastForward", "windlass trust override"];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);

    let stranger = Signer::new("stranger");
    sign(&person, &stranger, (&second, &first), "I say so");
    let parts = ["OverrideNotTrusted", "not in the allowed signers"];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);

    // Nothing but the tag changes: the branch points where it did.
    sign(
        &person,
        &house.signer,
        (&second, &first),
        "the boiler burns",
    );
    house.applied(&first);
    let name = config_map("default", "root");
    house
        .admin()
        .wait_for("the value to be the old one", &name, |map| {
            map["data"]["value"] == "one"
        });
    let source = house
        .admin()
        .wait_for("the override to be said", &root_source(), |source| {
            condition(source, "NodeTrust").is_some_and(|said| said["reason"] == "RatchetOverridden")
        });
    let said = condition(&source, "NodeTrust").unwrap()["message"].to_string();
    assert!(said.contains("the boiler burns"), "{said}");
    assert!(house.agent.log().contains("signed an override"));

    // What was left may come again, as it goes on from there; and then the same override is worth nothing.
    house.repo.push_ref(&second, "refs/heads/main");
    house.request();
    house.applied(&second);
    house.repo.push_ref(&first, "refs/heads/main");
    house.request();
    let parts = ["OverrideNotTrusted", "only once"];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);
    let stands = house.admin().get(&root()).unwrap();
    let revision = stands["status"]["lastAppliedRevision"].as_str().unwrap();
    assert!(revision.ends_with(&second), "{revision}");
}

/// A crash between the two writes of going back leaves the older head kept and the ratchet where it stood: the override is judged
/// against that again, and followed, also where the branch has gone on meanwhile.
#[test]
fn a_crash_while_going_back_is_made_good_at_the_next_start() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    // The ratchet cannot be written: its temporary file is in the way.
    let in_the_way = ratchet_files(&house).map(|file| file.with_added_extension("tmp"));
    in_the_way
        .iter()
        .for_each(|path| std::fs::create_dir(path).unwrap());
    let person = Person::of(&house);
    sign(
        &person,
        &house.signer,
        (&second, &first),
        "the boiler burns",
    );
    house.repo.push_ref(&first, "refs/heads/main");
    house.request();
    let said = "the ratchet did not move";
    wait::until_true("the ratchet to stay", Duration::from_secs(30), || {
        house.agent.log().contains(said)
    });
    house.agent.kill();
    in_the_way
        .iter()
        .for_each(|path| std::fs::remove_dir(path).unwrap());
    house.repo.git(&["reset", "--quiet", "--hard", &first]);
    let files = [("root.yaml", map("default", "root", "three"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let third = house.repo.publish(&files, "Three", &house.signer);
    house.agent.start();
    house.applied(&third);
    let log = house.agent.log();
    assert!(log.contains("signed an override"), "{log}");
}

/// Signs an override in somebody's clone and pushes its tag.
pub(crate) fn sign(person: &Person, signer: &Signer, (from, to): (&str, &str), reason: &str) {
    let signers = person.home().join("allowed_signers");
    std::fs::write(&signers, signer.allowed_signers()).unwrap();
    person.windlass(&format!(
        "trust override {to} --from {from} --reason '{reason}' --yes --key {} --signers {}",
        signer.key().display(),
        signers.display()
    ));
    let tag = format!("refs/tags/windlass-override/{to}");
    person.git(&["push", "--quiet", "--force", "origin", &tag]);
}
