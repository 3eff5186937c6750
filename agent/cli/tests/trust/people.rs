//! Who comes into a policy and goes out of it, and how its file is changed, from a laptop.

use windlass_kit::gpg::Gpg;
use windlass_kit::repo::Signer;

use super::{Place, text, verdicts};

const POLICY: &str = "windlass.policy";

fn written(place: &Place) -> String {
    std::fs::read_to_string(place.repo.path().join(POLICY)).unwrap()
}

/// A clone that pins its person's key.
fn pinned() -> (Place, String) {
    let mut place = Place::new();
    place.unsigned("Begin");
    place
        .trust(&["init", ".", "--yes", "--spare", "none"])
        .done();
    let begin = place.repo.id("HEAD");
    (place, begin)
}

/// The file of somebody's public key.
fn public(signer: &Signer) -> String {
    text(&signer.key()).to_owned() + ".pub"
}

/// The fingerprint as ssh-keygen prints it.
fn fingerprint(signer: &Signer) -> String {
    let keys = windlass_trust::Signers::parse([("x", signer.allowed_signers().as_bytes())]);
    keys.unwrap().keys().remove(0).key
}

#[test]
fn somebody_comes_in_gets_a_second_key_and_retires() {
    let (mut place, begin) = pinned();
    let (grace, second) = (Signer::new("grace"), Signer::new("grace"));
    let in_clone = |place: &Place, words: &[&str]| {
        let mut all = words.to_vec();
        all.extend(["--repository", "."]);
        place.trust(&all)
    };
    in_clone(
        &place,
        &[
            "add",
            "grace",
            "--key",
            &public(&grace),
            "--paths",
            "apps/**,docs/**",
        ],
    )
    .done()
    .says(&[
        "windlass.policy is version 1 now",
        "git commit -S -m 'Let grace in' windlass.policy",
    ]);
    let remark = format!("# who is who\n{}", written(&place));
    place.repo.write(POLICY, remark);
    place.repo.commit("Let grace in", &place.me);
    in_clone(&place, &["add", "grace", "--key", &public(&second)])
        .done()
        .says(&["version 2"]);
    assert!(
        written(&place).starts_with("# who is who\nversion = 2\n"),
        "{}",
        written(&place)
    );
    in_clone(
        &place,
        &["add", "grace", "--key", &public(&second), "--role", "bump"],
    )
    .failed()
    .says(&["grace stands in windlass.policy already"]);
    place.repo.commit("A second key", &place.me);
    place.repo.write("apps/a.yaml", "a: 1");
    place.repo.commit("By the second key", &second);
    place.trust(&["verify", "."]).done();

    in_clone(&place, &["retire", &fingerprint(&second)])
        .done()
        .says(&["is out of windlass.policy", "version 3"]);
    place.repo.commit("Retire a key", &place.me);
    place.trust(&["verify", "."]).done();
    in_clone(&place, &["retire", "grace"])
        .done()
        .says(&["version 4"]);
    in_clone(&place, &["retire", "nobody"])
        .failed()
        .says(&["nobody is neither a name nor a key's fingerprint"]);
    place.repo.commit("Retire grace", &place.me);
    place.repo.write("apps/a.yaml", "a: 2");
    let late = place.repo.commit("Too late", &grace);
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{late}")]);
    assert_eq!(
        verdicts(&data),
        ["signed", "signed", "signed", "signed", "signed", "refused"]
    );
    assert_eq!(data["refusal"]["code"], "UnknownKey");
}

#[test]
fn a_stolen_key_is_revoked_for_all_that_is_new() {
    let (mut place, begin) = pinned();
    let grace = Signer::new("grace");
    let words = [
        "add",
        "grace",
        "--key",
        &public(&grace),
        "--repository",
        ".",
    ];
    place.trust(&words).done();
    place.repo.commit("Let grace in", &place.me);
    place.repo.write("apps/a.yaml", "a: 1");
    let slipped = place.repo.commit("Slipped in", &grace);
    place.trust(&["verify", "."]).done();
    let how = ["--hard", "--reason", "laptop stolen", "--repository", "."];
    let revoke = |place: &Place, who: &str| place.trust(&[&["revoke", who][..], &how].concat());
    revoke(&place, "grace").done().says(&[
        "nothing that it signed and no node has accepted counts any more",
        "version 2",
    ]);
    revoke(&place, "SHA256:short")
        .failed()
        .says(&["is no fingerprint"]);
    let pinned = fingerprint(&place.me);
    revoke(&place, &pinned)
        .done()
        .says(&["is pinned as a root: take it out of the trust files of the nodes too"]);
    place.repo.git(&["checkout", "--quiet", "--", POLICY]);
    revoke(&place, "grace").done();
    assert!(written(&place).contains("as = \"hard\"\nreason = \"laptop stolen\"\n"));
    let head = place.repo.commit("Revoke grace", &place.me);
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{head}")]);
    assert_eq!(data["refusal"]["code"], "RevokedByPolicy");
    assert_eq!(data["refusal"]["commit"], slipped);
}

#[test]
fn the_file_is_changed_in_an_editor_and_checked_before_it_is_written() {
    let (mut place, _) = pinned();
    let editor = |place: &Place, script: &str| {
        place.repo.git(&["config", "core.editor", script]);
    };
    let sed = |expression: &str| format!("sed -i -e '{expression}'");
    editor(&place, "true");
    place
        .trust(&["policy", "edit", "."])
        .done()
        .says(&["nothing was changed"]);
    assert!(!place.repo.path().join(POLICY).exists());
    editor(&place, &sed("$a unrendered = [\"docs/**\"]"));
    place
        .trust(&["policy", "edit", "."])
        .done()
        .says(&["version 1"]);
    place.repo.commit("Policy", &place.me);
    editor(&place, &sed("s/docs/notes/"));
    place
        .trust(&["policy", "edit", "."])
        .done()
        .says(&["version 2"]);
    assert!(written(&place).contains("unrendered = [\"notes/**\"]"));
    let before = written(&place);
    editor(&place, &sed("s/unrendered/unfinished/"));
    let ran = place.trust(&["policy", "edit", "."]).failed();
    ran.says(&["unknown field `unfinished`", "windlass.policy is as it was"]);
    assert_eq!(written(&place), before);
    editor(&place, "false");
    place
        .trust(&["policy", "edit", "."])
        .failed()
        .says(&["`false` failed"]);
}

#[test]
fn two_people_sign_a_policy_that_asks_for_two() {
    let (place, _) = pinned();
    let gpg = Gpg::new();
    let key = gpg.key("Bob <bob@example.org>");
    place
        .repo
        .git(&["config", "gpg.program", text(&gpg.program())]);
    place.repo.write(POLICY, "version = 1\nthreshold = 2\n");
    let certificate = place.directory.join("bob.asc");
    std::fs::write(&certificate, gpg.certificate(&key)).unwrap();
    let signers = place.signers();
    let roots = ["--signers", text(&signers), "--signers", text(&certificate)];
    let sign = |more: &[&str]| place.trust(&[&["policy", "sign", "."][..], &roots, more].concat());
    sign(&[])
        .done()
        .says(&["me@example.org signed windlass.policy: 1 key of the 2 that it asks for"]);
    sign(&[]).done().says(&["1 key of the 2"]);
    sign(&["--key", &key]).done().says(&["2 keys of the 2"]);
    let stranger = Signer::new("eve");
    sign(&["--key", text(&stranger.key())])
        .failed()
        .says(&["nodes would not count this signature"]);
    // A changed file needs new signatures.
    place.repo.write(POLICY, "version = 2\nthreshold = 2\n");
    sign(&[]).done().says(&["1 key of the 2"]);
}
