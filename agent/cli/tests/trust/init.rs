//! Trust begins in a clone full of unsigned commits.

use std::time::{Duration, Instant};

use super::{Place, install_line, text};

/// A person waits; the issue allows five minutes, most of which is for the questions.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn five_hundred_unsigned_commits_are_vouched_for_in_one_command() {
    let mut place = Place::new();
    place.unsigned_history(500);
    let before = place.repo.id("HEAD");
    let started = Instant::now();
    let ran = place.trust(&["init", ".", "--yes"]).done();
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    let ran = ran.says(&[
        "500 commits, 20 files",
        "none of them is signed",
        "signed by me@example.org, verified",
    ]);

    let after = place.repo.id("HEAD");
    assert_eq!(place.repo.id("HEAD~1"), before);
    assert_eq!(
        place.repo.id("HEAD^{tree}"),
        place.repo.id(&format!("{before}^{{tree}}"))
    );
    assert_eq!(place.repo.git(&["status", "--porcelain"]), "");
    place.repo.git(&["verify-commit", "HEAD"]);
    let line = install_line(&ran);
    for part in [
        &format!("--introduction {after}"),
        place.me.public_key().split(' ').nth(1).unwrap(),
        "--path ./",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert_eq!(
        line.matches("namespaces=").count(),
        2,
        "the daily key and the spare one: {line}"
    );

    // What comes after is signed by itself, and verified with what the clone pins.
    place.the_next_one_is_signed_and_accepted();
    place.repo.git(&["push", "--quiet", "origin", "main"]);

    // Once more, it reminds and changes nothing.
    let again = place
        .trust(&["init", ".", "--yes"])
        .done()
        .says(&["trust begins at"]);
    assert!(again.results.contains(line), "{}", again.results);
    place.signed("more");
    place.trust(&["verify", "."]).done();
}

#[test]
fn the_spare_key_signs_too() {
    let mut place = Place::new();
    place.unsigned("Begin");
    place.trust(&["init", ".", "--yes"]).done();
    let spare = place.repo.path().join(".git/windlass/spare-key");
    let name = format!("user.signingkey={}", text(&spare));
    place.repo.git(&[
        "-c",
        &name,
        "commit",
        "--quiet",
        "--allow-empty",
        "-S",
        "-m",
        "With the spare key",
    ]);
    place
        .trust(&["verify", "."])
        .done()
        .says(&["me@example.org-spare"]);
}

#[test]
fn every_answer_has_a_flag() {
    let mut place = Place::new();
    place.unsigned("Begin");
    place.repo.write(
        "clusters/home/flux-system/gotk-sync.yaml",
        "path: ./clusters/home",
    );
    place.unsigned("Bootstrap");
    let mine = place.repo.git(&["config", "--list", "--local"]);
    let key = text(&place.me.key()).to_owned() + ".pub";
    let flags = [
        "init",
        ".",
        "--yes",
        "--key",
        &key,
        "--name",
        "daily@example.org",
        "--spare",
        &key,
        "--keep-config",
        "--url",
        "https://git.example.org/fleet.git",
        "--branch",
        "main",
    ];
    let ran = place.trust(&flags).done().says(&[
        "'daily@example.org namespaces=",
        "'daily@example.org-spare namespaces=",
        "--repo https://git.example.org/fleet.git --path ./clusters/home --introduction",
    ]);
    assert!(!ran.results.contains("shred"), "nothing is to be printed");
    assert_eq!(place.repo.git(&["config", "--list", "--local"]), mine);
    let again = place
        .trust(&[
            "init", ".", "--yes", "--again", "--spare", "none", "--path", "./x",
        ])
        .done();
    assert_eq!(again.results.matches("namespaces=").count(), 1);
    again.says(&["--path ./x "]);
}

#[test]
fn nothing_is_done_where_nobody_agrees() {
    let mut place = Place::new();
    let head = place.unsigned("Begin");
    place
        .trust(&["init", "."])
        .failed()
        .says(&["1 commit, 1 file", "give --yes to agree"]);
    assert_eq!(place.repo.id("HEAD"), head);
    assert!(!place.repo.path().join(".git/windlass").exists());
}

#[test]
fn what_keeps_it_from_beginning_is_said() {
    let mut place = Place::new();
    place
        .trust(&["init", ".", "--yes"])
        .failed()
        .says(&["branch main has no commit yet"]);
    place.unsigned("Begin");
    place
        .trust(&["init", ".", "--yes", "--key", "/nowhere"])
        .failed()
        .says(&["/nowhere.pub", "ssh-keygen -t ed25519"]);
    place
        .trust(&["init", ".", "--yes", "--name", "two words"])
        .failed()
        .says(&["must be one word"]);
    place.repo.git(&["checkout", "--quiet", "--detach"]);
    place
        .trust(&["init", ".", "--yes"])
        .failed()
        .says(&["no branch is checked out", "--branch"]);
    place.repo.git(&["checkout", "--quiet", "main"]);
    place.repo.push();
    place.repo.git(&["fetch", "--quiet", "origin"]);
    place.repo.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--no-gpg-sign",
        "-m",
        "Otherwise",
    ]);
    place
        .trust(&["init", ".", "--yes"])
        .failed()
        .says(&["origin/main has commits that main has not", "git pull"]);
}
