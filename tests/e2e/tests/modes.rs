//! What must be signed under each mode, with the merges that the real git makes.

use serde_json::Value;
use windlass_kit::controlplane::Options;

use crate::house::{House, config_map, ready, root_source};

fn settings(colour: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: default\ndata:\n  colour: {colour}\n"
    )
}

fn start(mode: &str) -> House {
    House::start_with(
        &Options::api_server(),
        &[("settings.yaml", &settings("blue"))],
        |agent| agent.set("root", "mode", mode),
    )
}

/// Runs git as the owner, who signs what it commits.
pub(crate) fn owner(house: &House, arguments: &[&str]) {
    let key = format!("user.signingkey={}", house.signer.key().display());
    let mut all = vec!["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    all.extend([
        "-c",
        "gpg.format=ssh",
        "-c",
        &key,
        "-c",
        "commit.gpgSign=true",
    ]);
    all.extend(arguments);
    house.repo.git(&all);
}

fn commit_unsigned(house: &mut House, colour: &str) -> String {
    house.repo.write("settings.yaml", settings(colour));
    house.repo.commit_unsigned(&format!("Make it {colour}"))
}

fn push(house: &House) -> String {
    house.repo.push();
    house.request();
    house.repo.id("HEAD")
}

fn refused(house: &House, commit: &str, code: &str) -> String {
    let source = house
        .admin()
        .wait_for("the refusal", &root_source(), |source| {
            let condition = ready(source);
            condition["reason"] == "InvalidCommitSignature"
                && condition["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(commit) && message.contains(code))
        });
    ready(&source)["message"].to_string()
}

fn colour(house: &House) -> Value {
    let object = house.admin().get(&config_map("default", "settings"));
    object.unwrap()["data"]["colour"].clone()
}

#[test]
fn t41_under_path_a_signed_merge_mends_a_forgotten_signature_without_a_force_push() {
    let mut house = start("path");
    let accepted = house.repo.id("HEAD");
    let forgotten = commit_unsigned(&mut house, "red");
    let later = house.repo.commit("Signed, on top", &house.signer);
    push(&house);
    let message = refused(&house, &forgotten, "Unsigned");
    assert!(message.contains("windlass trust countersign"), "{message}");
    assert!(
        message.contains(&format!("mode path since the accepted {accepted}")),
        "{message}"
    );
    assert_eq!(colour(&house), "blue");

    // What countersigning makes: first parent the accepted commit, the tree of the branch.
    owner(&house, &["checkout", "--quiet", "-B", "main", &accepted]);
    owner(
        &house,
        &["merge", "--quiet", "--no-ff", "-m", "Countersign", &later],
    );
    let merge = push(&house);
    house.applied(&merge);
    assert_eq!(colour(&house), "red");
}

#[test]
fn t40_a_branch_set_back_to_an_older_signed_commit_is_refused_and_goes_on_from_where_it_was() {
    let mut house = start("path");
    let old = house.repo.id("HEAD");
    let green = house.push(&[("settings.yaml", &settings("green"))], "Make it green");
    house.applied(&green);
    house.repo.git(&["reset", "--quiet", "--hard", &old]);
    let sibling = house.push(&[("settings.yaml", &settings("grey"))], "A signed sibling");
    let message = refused(&house, &sibling, "NotFastForward");
    assert!(message.contains(&green), "{message}");
    assert_eq!(colour(&house), "green");
    // A restart does not forget it.
    house.agent.stop();
    house.agent.start();
    refused(&house, &sibling, "NotFastForward");
    assert_eq!(colour(&house), "green");
    house.repo.git(&["reset", "--quiet", "--hard", &green]);
    let red = house.push(&[("settings.yaml", &settings("red"))], "Make it red");
    house.applied(&red);
    assert_eq!(colour(&house), "red");
}

#[test]
fn t41_under_all_a_merged_side_branch_must_be_signed_too() {
    let mut house = start("all");
    let accepted = house.repo.id("HEAD");
    house.repo.git(&["checkout", "--quiet", "-b", "side"]);
    let side = commit_unsigned(&mut house, "red");
    house.repo.git(&["checkout", "--quiet", "main"]);
    owner(
        &house,
        &[
            "merge",
            "--quiet",
            "--no-ff",
            "-m",
            "Merge branch 'side'",
            "side",
        ],
    );
    push(&house);
    let message = refused(&house, &side, "Unsigned");
    assert!(message.contains("git rebase --exec"), "{message}");
    assert_eq!(colour(&house), "blue");
    // The command of the message.
    house.repo.git(&["reset", "--quiet", "--hard", &side]);
    owner(
        &house,
        &[
            "rebase",
            "--quiet",
            "--exec",
            "git commit --quiet --amend --no-edit -S",
            &accepted,
        ],
    );
    let signed = push(&house);
    house.applied(&signed);
    assert_eq!(colour(&house), "red");
}

#[test]
fn t41_under_first_parent_a_pull_that_swaps_the_parents_is_refused_and_a_rebase_is_not() {
    let mut house = start("first-parent");
    house.repo.git(&["branch", "mine"]);
    let theirs = house.push(
        &[(
            "theirs.yaml",
            &settings("blue").replace("settings", "theirs"),
        )],
        "Theirs",
    );
    house.applied(&theirs);
    house.repo.git(&["checkout", "--quiet", "mine"]);
    house.repo.write("settings.yaml", settings("red"));
    let mine = house.repo.commit("Mine", &house.signer);
    owner(
        &house,
        &[
            "merge",
            "--quiet",
            "--no-ff",
            "-m",
            "Merge branch 'main' of the server",
            &theirs,
        ],
    );
    let pulled = push(&house);
    refused(&house, &pulled, "NotOnFirstParents");
    assert_eq!(colour(&house), "blue");
    house.repo.git(&["reset", "--quiet", "--hard", &mine]);
    owner(&house, &["rebase", "--quiet", &theirs]);
    let rebased = push(&house);
    house.applied(&rebased);
    assert_eq!(colour(&house), "red");
}
