//! `trust heartbeat`: a signed tag that expires.

use super::{Place, text};

#[test]
fn a_heartbeat_is_signed_and_pushed_over_and_over() {
    let mut place = Place::new();
    let first = place.signed("One");
    place.repo.push();
    let beat = |words: &[&str]| {
        let mut all = vec!["heartbeat", "--repository", "."];
        all.extend(words);
        place.trust(&all)
    };
    for wrong in ["0s", "400d"] {
        beat(&["--for", wrong]).failed().says(&["not good for"]);
    }
    beat(&["--for", "36h"]).done().says(&[
        "signed, good until",
        "once windlass.policy has a table [heartbeat]",
        "git push --force origin refs/tags/windlass-heartbeat",
    ]);
    place
        .repo
        .write("windlass.policy", "version = 1\n[heartbeat]\n");
    let second = place.repo.commit("Ask for a heartbeat", &place.me);
    let beat = |words: &[&str]| {
        let mut all = vec!["heartbeat", "--repository", "."];
        all.extend(words);
        place.trust(&all)
    };
    let ran = beat(&["--for", "7d", "--push"]).done();
    assert!(!ran.results.contains("[heartbeat]"), "{}", ran.results);
    ran.says(&["signed, good until", "pushed to origin"]);
    beat(&["--for", "7d", "--push"]).done();
    let there = place
        .repo
        .git(&["ls-remote", "origin", "refs/tags/windlass-heartbeat^{}"]);
    assert!(there.starts_with(&second) && second != first, "{there}");
    let signers = place.signers();
    let setting = format!("gpg.ssh.allowedSignersFile={}", text(&signers));
    let verify = ["tag", "--verify", "windlass-heartbeat"];
    place
        .repo
        .git(&[["-c", &setting].as_slice(), &verify].concat());
}
