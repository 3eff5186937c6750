//! All keys are lost: a person on the node lets trust begin anew, and nobody else can.

use nix::sys::signal::Signal;
use windlass_kit::agent::binary;
use windlass_kit::api::condition;
use windlass_kit::controlplane::Options;
use windlass_kit::repo::Signer;

use crate::house::{House, root_source};
use crate::person::{Person, done, words};
use crate::rotation::{page, program};
use crate::tenant::map;
use crate::trust::refused;

#[test]
fn a_person_on_the_node_lets_trust_begin_anew_and_a_word_alone_does_not() {
    let files = [("root.yaml", map("default", "root", "one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let lost = house.repo.id("HEAD");
    house.agent.set("root", "introduction", &lost);
    house.agent.start();
    house.applied(&lost);

    // Another key, and a history that has nothing to do with the old one.
    let found = Signer::new("found@house.example");
    house.repo.git(&["checkout", "--quiet", "--orphan", "anew"]);
    let files = [("root.yaml", map("default", "root", "anew"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let anew = house.repo.publish(&files, "Begin anew", &found);
    let resets = house.agent.state().join("trust-resets");
    let source = "flux-system/flux-system";
    std::fs::write(
        &resets,
        format!("2026-01-01T00:00:00Z {source} {anew} instead of {lost}\n"),
    )
    .unwrap();
    house.request();
    let parts = ["NotFastForward", &lost];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);

    let person = Person::of(&house);
    let signers = person.home().join("signers");
    std::fs::write(&signers, found.allowed_signers()).unwrap();
    let config = house.agent.config();
    let reset = format!(
        "windlass trust reset --introduction {anew} --signers {} --config {}",
        signers.display(),
        config.display()
    );
    let asked = person.shell(person.home(), &reset, &[]);
    let said = words(&asked);
    assert!(!asked.status.success() && said.contains("--yes"), "{said}");
    assert!(said.contains("found@house.example"), "{said}");
    let before = std::fs::read_to_string(&config).unwrap();
    assert!(before.contains(&lost), "nobody agreed");
    done(&person.shell(person.home(), &format!("{reset} --yes"), &[]));
    let noted = std::fs::read_to_string(&resets).unwrap();
    assert_eq!(noted.lines().count(), 2, "{noted}");
    assert!(
        noted.contains(&format!("{source} {anew} instead of {lost}; keys: found@")),
        "{noted}"
    );

    house.agent.signal(Signal::SIGHUP);
    house.request();
    house.applied(&anew);
    let source = house
        .admin()
        .wait_for("the reset to be said", &root_source(), |source| {
            condition(source, "NodeTrust").is_some_and(|said| said["reason"] == "TrustReset")
        });
    let said = condition(&source, "NodeTrust").unwrap()["message"].to_string();
    assert!(said.contains(&anew) && said.contains(&lost), "{said}");

    // The old history is over, whatever the old key signs.
    house.repo.git(&["checkout", "--quiet", "main"]);
    let files = [("root.yaml", map("default", "root", "two"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    house.repo.publish(&files, "By the lost key", &house.signer);
    house.request();
    refused(
        &house,
        &root_source(),
        "InvalidCommitSignature",
        &["NotFastForward", &anew],
    );
}

/// The page, run as it stands there.
#[test]
fn whoever_lost_all_keys_goes_by_one_page() {
    let files = [("root.yaml", map("default", "root", "one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let lost = house.repo.id("HEAD");
    house.agent.set("root", "introduction", &lost);
    house.agent.start();
    house.applied(&lost);

    let person = Person::of(&house);
    let (found, keys) = (Signer::new("found"), person.home().join(".ssh"));
    std::fs::create_dir_all(&keys).unwrap();
    let key = keys.join("id_ed25519");
    std::fs::copy(found.key(), &key).unwrap();
    std::fs::copy(found.key().with_extension("pub"), key.with_extension("pub")).unwrap();
    // The node is the test's, and has no systemd.
    let bin = person.home().join("bin");
    program(&bin, "sudo", "exec \"$@\"");
    let (pid, _) = house.agent.processes().remove(0);
    program(
        &bin,
        "systemctl",
        &format!("test \"$*\" = 'reload windlass' && kill -HUP {pid}"),
    );
    let programs = binary().parent().unwrap().display().to_string();
    let path = format!("{}:{programs}:/usr/local/bin:/usr/bin:/bin", bin.display());
    let run = |line: &str| done(&person.shell(&person.clone(), line, &[("PATH", &path)]));

    let lines = page("All keys are lost");
    let [init, push, reset, reload] = lines[..] else {
        panic!("{lines:?}");
    };
    run(&format!(
        "{init} --yes --url {}",
        house.git.url("house.git")
    ));
    run(push);
    let anew = person.git(&["rev-parse", "HEAD"]);
    house.request();
    let parts = ["UnknownKey", anew.as_str()];
    refused(&house, &root_source(), "InvalidCommitSignature", &parts);

    let config = house.agent.config().display().to_string();
    let reset = reset.replace("COMMIT", &anew);
    let reset = reset.replace(" allowed_signers", " .git/windlass/allowed_signers");
    run(&format!("{reset} --yes --config {config}"));
    run(reload);
    house.request();
    house.applied(&anew);
    let next = person.commit("root.yaml", &map("default", "root", "two"), &[]);
    run("git push");
    house.request();
    house.applied(&next);
}
