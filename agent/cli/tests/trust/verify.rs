//! A history is judged as nodes judge it, commit by commit.

use serde_json::json;

use super::{Place, text, verdicts};

#[test]
fn the_data_says_of_each_commit_who_signed_and_why_it_counts() {
    let mut place = Place::new();
    let begin = place.unsigned("Begin");
    let good = place.signed("Good");
    place.repo.git(&["checkout", "--quiet", "-b", "side"]);
    let side = place.unsigned("From the side");
    place.repo.git(&["checkout", "--quiet", "main"]);
    place
        .repo
        .git(&["merge", "--quiet", "--no-ff", "-S", "-m", "Merge", "side"]);
    let merge = place.repo.id("HEAD");
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..")]);
    let key = &data["signers"][0]["key"];
    assert!(key.as_str().unwrap().starts_with("SHA256:"), "{data}");
    let signer = json!({ "principal": "me@example.org", "key": key, "kind": "ssh" });
    let author = "Test <me@example.org>";
    assert_eq!(
        data,
        json!({
            "head": merge, "since": begin, "mode": "path", "accepted": true, "refusal": null,
            "signers": [{ "principal": "me@example.org", "key": key, "commits": 2 }],
            "commits": [
                { "commit": good, "subject": "Good", "author": author, "verdict": "signed",
                  "vouchedForBy": null, "signer": signer, "reason": null },
                { "commit": side, "subject": "From the side", "author": "Test <test@example.org>", "verdict": "vouched-for",
                  "vouchedForBy": merge, "signer": null, "reason": data["commits"][1]["reason"] },
                { "commit": merge, "subject": "Merge", "author": "Me <me@example.org>", "verdict": "signed",
                  "vouchedForBy": null, "signer": signer, "reason": null },
            ],
        })
    );
    assert_eq!(data["commits"][1]["reason"]["code"], "Unsigned");
}

#[test]
fn a_refused_commit_is_named_with_reason_rule_and_next_command() {
    let mut place = Place::new();
    let begin = place.signed("Begin");
    let bad = place.unsigned("Forgotten");
    let top = place.signed("On top");
    let range = format!("{begin}..");
    let data = place.verified(&place.repo.path(), &[&range]);
    assert_eq!(
        (&data["accepted"], &data["head"]),
        (&json!(false), &json!(top))
    );
    assert_eq!(verdicts(&data), ["refused", "signed"]);
    let refusal = &data["refusal"];
    assert_eq!(
        (&refusal["commit"], &refusal["code"]),
        (&json!(bad), &json!("Unsigned"))
    );
    let next = refusal["next"].as_str().unwrap();
    assert!(
        next.contains(&format!("windlass trust countersign --from {begin}")),
        "{next}"
    );

    let signers = place.signers();
    let words = ["verify", ".", &range, "--signers", text(&signers)];
    let ran = place.trust(&words).failed();
    assert_eq!(
        ran.results,
        format!(
            "✗ {}  Unsigned  Forgotten\n✔ {}  me@example.org  On top\n",
            &bad[..8],
            &top[..8]
        )
    );
    let ran = place.trust(&[&words[..], &["--quiet"]].concat()).failed();
    assert_eq!(
        ran.results,
        format!("✗ {}  Unsigned  Forgotten\n", &bad[..8])
    );
    ran.says(&[&format!("✗ commit {bad} \"Forgotten\"")]);
}

#[test]
fn each_mode_asks_for_what_it_says() {
    let mut place = Place::new();
    let begin = place.signed("Begin");
    place.repo.git(&["checkout", "--quiet", "-b", "mine"]);
    place.signed("Mine");
    place.repo.git(&["checkout", "--quiet", "main"]);
    place.unsigned("Theirs");
    // As `git pull` merges: the signed way is the second parent.
    place
        .repo
        .git(&["merge", "--quiet", "--no-ff", "-S", "-m", "Merge", "mine"]);
    let range = format!("{begin}..main");
    for (mode, accepted) in [("path", true), ("first-parent", false), ("all", false)] {
        let data = place.verified(&place.repo.path(), &[&range, "--mode", mode]);
        assert_eq!(data["accepted"], accepted, "{mode}: {data}");
        assert_eq!(data["mode"], mode);
    }
}

#[test]
fn a_range_is_written_as_git_writes_it() {
    let mut place = Place::new();
    let ids: Vec<String> = (0..5)
        .map(|number| place.signed(&format!("Commit {number}")))
        .collect();
    place.repo.git(&["tag", "-m", "first", "v1", &ids[1]]);
    place.repo.git(&["branch", "early", &ids[2]]);
    let newest = &ids[4];
    let check = |range: &str, since: &str, head: &str, commits: usize| {
        let data = place.verified(&place.repo.path(), &[range]);
        assert_eq!(
            (&data["since"], &data["head"], verdicts(&data).len()),
            (&json!(since), &json!(head), commits),
            "{range}: {data}"
        );
    };
    check("v1..early", &ids[1], &ids[2], 1);
    check(&format!("{}..", &ids[0]), &ids[0], newest, 4);
    check(
        &format!("{}..{}", &ids[0][..9], &newest[..9]),
        &ids[0],
        newest,
        4,
    );
    check("HEAD~2..main", &ids[2], newest, 2);
    check("main^^1~1..@", &ids[1], newest, 3);
    check("refs/heads/early..heads/main", &ids[2], newest, 2);
    check("main..main", newest, newest, 0);
    // Where nothing is pinned, the first commit counts by its own signature.
    check("main", &ids[0], newest, 5);
    check("..early", &ids[0], &ids[2], 3);

    let signers = place.signers();
    let fails = |range: &str, part: &str| {
        place
            .trust(&["verify", "--signers", text(&signers), ".", range])
            .failed()
            .says(&[part]);
    };
    fails("v1...main", "write v1..main");
    fails("nothing..main", "nothing is no commit, branch or tag");
    fails("main~9..main", "main~9 is no commit");
    fails("main^2..main", "main^2 is no commit");
    fails(&format!("{}..main", "0".repeat(40)), "is missing");
    fails("main..early", "does not descend from");
    fails("../../etc/passwd..", "is no commit, branch or tag");
}

#[test]
fn the_first_commit_of_all_must_be_signed_where_nothing_is_pinned() {
    let mut place = Place::new();
    let first = place.unsigned("Begin");
    place.signed("Good");
    let data = place.verified(&place.repo.path(), &[]);
    assert_eq!(
        (&data["accepted"], &data["refusal"]["commit"]),
        (&json!(false), &json!(first))
    );
    let data = place.verified(&place.repo.path(), &["--introduction", &first]);
    assert_eq!(data["accepted"], true, "{data}");
}

#[test]
fn keys_are_asked_for_and_never_taken_from_the_history() {
    let mut place = Place::new();
    let list = place.me.allowed_signers();
    place.repo.write("allowed_signers", list);
    place.signed("Me, I say");
    place
        .trust(&["verify", "."])
        .failed()
        .says(&["which keys may sign is not known", "--signers FILE"]);
    place
        .trust(&["verify", ".", "--signers", "/nowhere"])
        .failed()
        .says(&["/nowhere: No such file"]);
    let broken = place.directory.join("broken");
    std::fs::write(&broken, "# keys\nme@example.org ssh-dss AAAA\n").unwrap();
    place
        .trust(&["verify", ".", "--signers", text(&broken)])
        .failed()
        .says(&["broken", "line 2"]);
}
