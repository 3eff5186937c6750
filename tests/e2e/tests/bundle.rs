//! A history carried to a node on a stick or over ssh while the forge is gone: verified as what is fetched.

use std::path::Path;
use std::process::Output;

use windlass_kit::agent::{Agent, windlass};
use windlass_kit::api::condition;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::directory::Directory;
use windlass_kit::repo::{Repo, Signer};
use windlass_kit::ssh::SshServer;

use crate::house::{House, root_source};
use crate::person::{Person, done, words};
use crate::ratchet::witnessed;
use crate::rotation::node;
use crate::tenant::map;

fn one(value: &str) -> String {
    map("default", "root", value)
}

fn bundle(house: &House, agent: &Agent, arguments: &[&str]) -> Output {
    let config = agent.config();
    let all = [
        &["bundle"],
        arguments,
        &["--config", config.to_str().unwrap()],
    ]
    .concat();
    windlass(&house.control_plane.kubeconfig(User::Admin), &all)
}

/// Lets the node take a bundle; gives what it says of it.
#[track_caller]
fn taken(house: &House, agent: &Agent, file: &Path) -> String {
    done(&bundle(house, agent, &["import", file.to_str().unwrap()]))
}

#[track_caller]
fn not_taken(house: &House, file: &Path, why: &[&str]) {
    let output = bundle(house, &house.agent, &["import", file.to_str().unwrap()]);
    assert!(!output.status.success());
    let said = words(&output);
    for part in why.iter().chain(&["not taken"]) {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Lets git make a bundle in a repository.
fn by_git(repo: &Repo, place: &Directory, name: &str, arguments: &[&str]) -> std::path::PathBuf {
    let file = place.join(name);
    let create = ["bundle", "create", "--quiet", file.to_str().unwrap()];
    repo.git(&[&create, arguments].concat());
    file
}

fn said(house: &House, kind: &str, part: &str) -> String {
    let source = house
        .admin()
        .wait_for("the source to say so", &root_source(), |source| {
            condition(source, kind).is_some_and(|said| said.to_string().contains(part))
        });
    condition(&source, kind).unwrap()["message"].to_string()
}

#[test]
fn a_bundle_reaches_a_node_whose_forge_is_gone_and_the_forge_is_behind_until_it_is_pushed_there() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let mut second = house.second_agent();
    second.start();
    witnessed(&house, "node-b", &first);
    let place = Directory::new("stick");
    house.git.stop();
    house.repo.write("root.yaml", one("two"));
    let new = house.repo.commit("Two", &house.signer);
    let news = by_git(
        &house.repo,
        &place,
        "news.bundle",
        &["main", &format!("^{first}")],
    );
    let answer = taken(&house, &house.agent, &news);
    assert!(
        answer.contains(&new) && answer.contains("signed by"),
        "{answer}"
    );
    house.applied(&new);
    assert!(taken(&house, &house.agent, &news).contains("already"));

    // The forge comes back without it: that is told as what it is, on no node as an alarm.
    house.git.restart();
    let behind = said(&house, "NodeTrust", "ForgeBehind");
    for part in ["forge is 1 commit behind", &first, &new] {
        assert!(behind.contains(part), "{part}: {behind}");
    }
    let asked = house.git.requests().len();
    while house.git.requests().len() < asked + 6 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(!second.log().contains("does not show"), "{}", second.log());
    assert!(!house.agent.log().contains("NotFastForward"));

    // The other node gets it from the first one's state.
    let carried = place.join("carried.bundle");
    let output = carried.to_str().unwrap();
    done(&bundle(&house, &house.agent, &["create", "-o", output]));
    house.repo.git(&["bundle", "verify", output]);
    let cloned = place.join("cloned");
    house
        .repo
        .git(&["clone", "--quiet", output, cloned.to_str().unwrap()]);
    taken(&house, &second, &carried);
    witnessed(&house, "node-b", &new);

    house.repo.push();
    house
        .admin()
        .wait_for("the forge to be level", &root_source(), |source| {
            condition(source, "NodeTrust").is_none()
        });
}

/// What lies before the introduction is on no node, and no node asks for it.
#[test]
fn a_node_gives_another_one_what_it_keeps_since_the_introduction_or_since_a_commit() {
    let files = [("root.yaml", one("one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let before = house.repo.id("HEAD");
    let begins = [("root.yaml", &*one("two"))];
    let begins = house.repo.publish(&begins, "Two", &house.signer);
    house.agent.set("root", "introduction", &begins);
    house.agent.start();
    house.root_ready();
    let new = house.push(&[("root.yaml", &one("three"))], "Three");
    house.applied(&new);
    house.git.stop();
    let place = Directory::new("stick");
    let kept = place.join("kept.bundle");
    let output = kept.to_str().unwrap();
    let written = bundle(&house, &house.agent, &["create", "-o", output]);
    done(&written);
    assert!(words(&written).contains("before the introduction"));
    let verified = house.repo.git(&["bundle", "verify", output]);
    assert!(verified.contains(&before), "{verified}");
    let mut second = house.second_agent();
    second.set("root", "introduction", &begins);
    second.start();
    witnessed(&house, "node-a", &new);
    assert!(taken(&house, &second, &kept).contains(&new));
    witnessed(&house, "node-b", &new);

    let since = place.join("since.bundle");
    let output = since.to_str().unwrap();
    done(&bundle(
        &house,
        &house.agent,
        &["create", "--since", &begins, "-o", output],
    ));
    let verified = house.repo.git(&["bundle", "verify", output]);
    assert!(
        verified.contains(&begins) && !verified.contains(&before),
        "{verified}"
    );
    let size = |file: &Path| std::fs::metadata(file).unwrap().len();
    assert!(size(&since) < size(&kept));
    let nothing = bundle(
        &house,
        &house.agent,
        &["create", "--since", &new, "-o", output],
    );
    assert!(!nothing.status.success() && words(&nothing).contains("nothing since then"));
}

#[test]
fn what_is_no_news_of_a_trusted_history_is_not_taken_from_a_stick_either() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let first = house.repo.id("HEAD");
    let place = Directory::new("stick");
    let older = by_git(&house.repo, &place, "older.bundle", &["main"]);
    let accepted = house.push(&[("root.yaml", &one("two"))], "Two");
    house.applied(&accepted);
    house.git.stop();
    not_taken(&house, &older, &["NotFastForward", "1 commit behind"]);

    house.repo.write("root.yaml", one("three"));
    house.repo.commit_unsigned("Three");
    let unsigned = by_git(&house.repo, &place, "unsigned.bundle", &["main"]);
    not_taken(&house, &unsigned, &["Unsigned"]);

    // It builds on a commit that the node never got.
    house.repo.git(&["reset", "--quiet", "--hard", &accepted]);
    house.repo.write("root.yaml", one("four"));
    let unknown = house.repo.commit("Four", &house.signer);
    house.repo.write("root.yaml", one("five"));
    house.repo.commit("Five", &house.signer);
    let since = ["main", &format!("^{unknown}")];
    let lacking = by_git(&house.repo, &place, "lacking.bundle", &since);
    not_taken(&house, &lacking, &[&unknown]);

    let whole = std::fs::read(&unsigned).unwrap();
    let cut = place.join("cut.bundle");
    std::fs::write(&cut, &whole[..whole.len() - 30]).unwrap();
    not_taken(&house, &cut, &["copy it again"]);
    let garbage = place.join("garbage.bundle");
    std::fs::write(&garbage, vec![7; 100_000]).unwrap();
    not_taken(&house, &garbage, &["no Git bundle"]);

    // Somebody else's house, signed by somebody else.
    let stranger = Signer::new("stranger@example.com");
    let mut other = Repo::new(&house.git.create("other.git"));
    other.write("root.yaml", one("theirs"));
    other.commit("Theirs", &stranger);
    let other = by_git(&other, &place, "other.bundle", &["main"]);
    not_taken(
        &house,
        &other,
        &["no source of this node", "refs/heads/main"],
    );

    let revision =
        house.admin().get(&root_source()).unwrap()["status"]["artifact"]["revision"].clone();
    assert!(
        revision.as_str().unwrap().ends_with(&accepted),
        "{revision}"
    );
    assert_ne!(first, accepted);
}

#[test]
fn push_gives_a_node_over_ssh_what_it_does_not_have() {
    let mut house = House::start(&[("root.yaml", &one("one"))]);
    let person = Person::of(&house);
    let sshd = node(&house.agent);
    house.git.stop();
    house.repo.write("root.yaml", one("two"));
    let new = house.repo.commit("Two", &house.signer);
    // The person's clone has it, and the forge does not.
    let from = house.repo.path();
    person.git(&["pull", "--quiet", from.to_str().unwrap(), "main"]);
    let push = |sshd: &SshServer| {
        let (known, config) = (person.home().join("known"), person.home().join("ssh"));
        std::fs::write(&known, sshd.known_hosts()).unwrap();
        std::fs::write(&config, sshd.host("a", &known)).unwrap();
        let ssh = format!("/usr/bin/ssh -F {}", config.display());
        let clone = person.clone();
        let clone = clone.to_str().unwrap();
        let all = ["push", "a", "--ssh", &ssh, "--repository", clone];
        windlass(&house.control_plane.kubeconfig(User::Admin), &all)
    };
    let output = push(&sshd);
    done(&output);
    assert!(words(&output).contains(&new), "{}", words(&output));
    house.applied(&new);
    let again = push(&sshd);
    done(&again);
    assert!(words(&again).contains("already"), "{}", words(&again));
}
