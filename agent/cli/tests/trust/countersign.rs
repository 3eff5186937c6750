//! Forgotten signatures are made good without a forced push.

use super::{Place, text, verdicts};

/// A place where trust began and two commits were not signed.
fn forgotten() -> (Place, String) {
    let mut place = Place::new();
    place.unsigned("Begin");
    place.trust(&["init", ".", "--yes"]).done();
    place.repo.git(&["config", "commit.gpgsign", "false"]);
    let accepted = place.signed("Good");
    place.unsigned("Forgotten");
    place.unsigned("Forgotten, too");
    place.repo.push();
    place.repo.git(&["fetch", "--quiet", "origin"]);
    (place, accepted)
}

#[test]
fn a_forgotten_signature_is_refused_countersigned_and_pushed_without_force() {
    let (place, accepted) = forgotten();
    let head = place.repo.id("HEAD");
    place.trust(&["verify", "."]).failed().says(&[
        "\"Forgotten\"",
        "it is not signed",
        "► run `windlass trust countersign",
    ]);

    place.trust(&["countersign", "."]).failed().says(&[
        "2 commits",
        "Forgotten, too",
        "b.yaml",
        "give --yes",
    ]);
    assert_eq!(place.repo.id("HEAD"), head, "nobody agreed");

    place
        .trust(&["countersign", ".", "--yes"])
        .done()
        .says(&["signed, verified", "git push origin main"]);
    assert_eq!(place.repo.id("HEAD^1"), accepted);
    assert_eq!(place.repo.id("HEAD^2"), head);
    assert_eq!(
        place.repo.id("HEAD^{tree}"),
        place.repo.id(&format!("{head}^{{tree}}"))
    );
    place.repo.git(&["push", "--quiet", "origin", "main"]);
    for mode in ["path", "first-parent"] {
        place
            .trust(&["verify", ".", "--mode", mode])
            .done()
            .says(&["2 came in from the side"]);
    }
    place.trust(&["verify", ".", "--mode", "all"]).failed();
    place
        .trust(&["countersign", ".", "--yes"])
        .done()
        .says(&["nothing to vouch for"]);
}

#[test]
fn from_is_where_the_nodes_stand() {
    let (place, _) = forgotten();
    let introduction =
        std::fs::read_to_string(place.repo.path().join(".git/windlass/introduction")).unwrap();
    let introduction = introduction.trim();
    place
        .trust(&["countersign", ".", "--yes", "--from", introduction])
        .done()
        .says(&["has 3 commits"]);
    assert_eq!(place.repo.id("HEAD^1"), introduction);
    let data = place.verified(&place.repo.path(), &[&format!("{introduction}..")]);
    assert_eq!(
        verdicts(&data),
        ["vouched-for", "vouched-for", "vouched-for", "signed"]
    );
}

#[test]
fn a_rewritten_branch_goes_on_from_where_nodes_stand() {
    let (place, accepted) = forgotten();
    place
        .repo
        .git(&["reset", "--quiet", "--hard", &format!("{accepted}~1")]);
    place.repo.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "--no-gpg-sign",
        "-m",
        "Another past",
    ]);
    place
        .repo
        .git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    place
        .trust(&["verify", ".", &format!("{accepted}..")])
        .failed()
        .says(&[&format!("countersign --from {accepted}")]);
    place
        .trust(&["countersign", ".", "--yes", "--from", &accepted])
        .done()
        .says(&["The branch was rewritten"]);
    place
        .trust(&["verify", ".", &format!("{accepted}..")])
        .done();
}

#[test]
fn what_a_merge_cannot_make_good_is_said() {
    let (mut place, _) = forgotten();
    place
        .trust(&["countersign", ".", "--mode", "all", "--yes"])
        .failed()
        .says(&["mode is all", "mode = \"path\""]);
    let other = windlass_kit::repo::Signer::new("other@example.org");
    let key = other.key();
    place
        .trust(&["countersign", ".", "--yes", "--key", text(&key)])
        .failed()
        .says(&["not in the allowed signers"]);
    place.repo.git(&["config", "user.signingkey", "/nowhere"]);
    place
        .trust(&["countersign", ".", "--yes"])
        .failed()
        .says(&["git commit-tree -S", "git config user.signingkey"]);
    place.unsigned("Later");
    place.repo.push();
    place.repo.git(&["fetch", "--quiet", "origin"]);
    place.repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    place
        .trust(&["countersign", ".", "--yes"])
        .failed()
        .says(&["git pull"]);
}
