//! `trust override`: a root signs that nodes go back.

use windlass_kit::repo::Signer;

use super::{Place, text};

/// A place where trust began, with two signed commits after it, pushed: the place, and the two.
fn begun(threshold: usize) -> (Place, String, String) {
    let mut place = Place::new();
    let policy = format!("version = 1\nthreshold = {threshold}\n");
    place.repo.write("windlass.policy", policy);
    place.unsigned("Begin");
    let words = ["init", ".", "--yes", "--spare", "none"];
    place.trust(&words).done();
    let first = place.signed("One");
    let second = place.signed("Two");
    place.repo.push();
    place.repo.git(&["fetch", "--quiet", "origin"]);
    (place, first, second)
}

fn tag(place: &Place, to: &str) -> String {
    place
        .repo
        .git(&["tag", "--list", &format!("windlass-override/{to}")])
}

#[test]
fn an_override_is_shown_signed_and_says_how_to_push_it() {
    let (place, first, second) = begun(1);
    let in_clone = |words: &[&str]| {
        let mut all = vec!["override"];
        all.extend(words);
        all.extend(["--repository", "."]);
        place.trust(&all)
    };
    in_clone(&[&first])
        .failed()
        .says(&["an override says why", "--reason"]);
    in_clone(&[&first, "--reason", "the boiler burns"])
        .failed()
        .says(&["1 commit is left", "the boiler burns", "a.yaml", "--yes"]);
    assert_eq!(tag(&place, &first), "", "nobody agreed");
    in_clone(&[&second, "--reason", "nothing"])
        .failed()
        .says(&["does not lie behind", "--from"]);

    in_clone(&[&first, "--reason", "the boiler burns", "--yes"])
        .done()
        .says(&[
            "signed by me@example.org, verified",
            &format!("git push --force origin refs/tags/windlass-override/{first}"),
            &format!("git push --force-with-lease origin {first}:refs/heads/main"),
        ]);
    let name = format!("windlass-override/{first}");
    let signers = place.signers();
    let setting = format!("gpg.ssh.allowedSignersFile={}", text(&signers));
    place.repo.git(&["-c", &setting, "tag", "--verify", &name]);
    let message = place
        .repo
        .git(&["tag", "--list", "--format=%(contents)", &name]);
    let said = format!("Go back to {first}\n\nthe boiler burns\n\nfrom {second}");
    assert!(message.starts_with(&said), "{message}");
}

#[test]
fn a_key_that_is_no_root_makes_no_override() {
    let (place, first, _) = begun(1);
    let stranger = Signer::new("stranger");
    let key = stranger.key();
    let words = [
        "override",
        &first,
        "--reason",
        "I say so",
        "--yes",
        "--key",
        text(&key),
    ];
    place
        .trust(&[words.as_slice(), &["--repository", "."]].concat())
        .failed()
        .says(&["not in the allowed signers"]);
    assert_eq!(tag(&place, &first), "", "it is taken back");
}

#[test]
fn a_second_root_signs_the_override_of_the_first() {
    let (place, first, _) = begun(2);
    let spare = Signer::new("spare@example.org");
    let signers = place.directory.join("roots");
    let lines = format!("{}{}", place.me.allowed_signers(), spare.allowed_signers());
    std::fs::write(&signers, lines).unwrap();
    let sign = |words: &[&str]| {
        let fixed = ["override", &first, "--signers", text(&signers), "--yes"];
        place.trust(&[&fixed, words, &["--repository", "."]].concat())
    };
    sign(&["--reason", "the boiler burns"])
        .done()
        .says(&["signed by 1 of 2 roots", "let another root run"]);
    let key = spare.key();
    sign(&["--key", text(&key)])
        .done()
        .says(&["signed by spare@example.org and me@example.org, verified"]);
}
