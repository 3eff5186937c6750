//! Whoever signs with OpenPGP begins and countersigns with that key, through git's own settings.

use std::process::Command;

use windlass_kit::gpg::Gpg;

use super::{Place, install_line, text};

/// A place of somebody who signs with OpenPGP, as git is told.
fn place() -> (Place, Gpg, String) {
    let place = Place::new();
    let gpg = Gpg::new();
    let key = gpg.key("Me <me@example.org>");
    place.repo.git(&["config", "gpg.format", "openpgp"]);
    place.repo.git(&["config", "user.signingkey", &key]);
    place
        .repo
        .git(&["config", "gpg.program", text(&gpg.program())]);
    (place, gpg, key)
}

#[test]
fn the_openpgp_key_that_git_signs_with_begins_and_countersigns() {
    let (mut place, _gpg, key) = place();
    place.unsigned("Begin");
    let ran = place.trust(&["init", ".", "--yes"]).done();
    let line = install_line(&ran);
    for part in [
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        "> me@example.org.asc",
        "sudo install -D -m 0644 me@example.org.asc /etc/windlass/trust.d/me@example.org.asc",
        "me@example.org-spare namespaces=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    place.repo.git(&["verify-commit", "HEAD"]);
    assert_eq!(place.repo.git(&["config", "user.signingkey"]), key);

    place.the_next_one_is_signed_and_accepted();
    place.unsigned("Forgotten");
    place.trust(&["verify", "."]).failed();
    place.trust(&["countersign", ".", "--yes"]).done();
    place.trust(&["verify", "."]).done();

    // The line does on another machine what it says.
    let (files, _) = line.split_once(" && sudo install").unwrap();
    let shell = Command::new("sh")
        .args(["-c", files])
        .current_dir(place.directory.path())
        .status();
    assert!(shell.unwrap().success());
    let certificate = place.directory.join("me@example.org.asc");
    let verified = ["verify", ".", "--signers", text(&certificate)];
    place.trust(&verified).done();

    // Beginning anew with an SSH key takes the certificate out.
    let ssh = text(&place.me.key()).to_owned();
    let again = ["init", ".", "--yes", "--again", "--spare", "none", "--key"];
    place.trust(&[&again[..], &[&ssh]].concat()).done();
    assert!(
        !place
            .repo
            .path()
            .join(".git/windlass/me@example.org.asc")
            .exists()
    );
}

#[test]
fn an_openpgp_key_is_named_by_its_id_and_one_that_gpg_does_not_have_is_said() {
    let (mut place, gpg, _) = place();
    let other = gpg.key("Other <other@example.org>");
    place.unsigned("Begin");
    let nobody = ["init", ".", "--yes", "--key", "nobody@example.org"];
    place.trust(&nobody).failed().says(&[
        "gpg has no key nobody@example.org",
        "gpg --list-secret-keys",
    ]);
    let init = ["init", ".", "--yes", "--spare", "none", "--key", &other];
    place.trust(&init).done();
    place.unsigned("Forgotten");
    let mine = ["countersign", ".", "--yes", "--key", "me@example.org"];
    place
        .trust(&mine)
        .failed()
        .says(&["not in the allowed signers"]);
    place
        .trust(&["countersign", ".", "--yes", "--key", &other])
        .done();
}
