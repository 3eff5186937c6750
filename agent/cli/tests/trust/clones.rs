//! Every shape in which a repository lies on a disk.

use std::path::Path;

use super::{Place, text};

/// Whether the range since `begin` is accepted in that clone.
fn accepts(place: &Place, clone: &Path, begin: &str) {
    let data = place.verified(clone, &[&format!("{begin}..main")]);
    assert_eq!(
        (&data["accepted"], data["commits"].as_array().unwrap().len()),
        (&true.into(), 3),
        "{data}"
    );
}

fn three() -> (Place, String) {
    let mut place = Place::new();
    let begin = place.unsigned("Begin");
    for number in 1..=3 {
        place.signed(&format!("Commit {number}"));
    }
    place.repo.push();
    (place, begin)
}

#[test]
fn bare_linked_packed_and_loose_are_all_read() {
    let (place, begin) = three();
    let clone = place.repo.path();
    accepts(&place, &clone, &begin);
    accepts(&place, &place.directory.join("origin.git"), &begin);
    std::fs::create_dir_all(clone.join("deep/er")).unwrap();
    accepts(&place, &clone.join("deep/er"), &begin);

    let linked = place.directory.join("linked");
    place
        .repo
        .git(&["worktree", "add", "--quiet", "-b", "other", text(&linked)]);
    accepts(&place, &linked, &begin);
    let signers = place.signers();
    place
        .trust_in(
            &linked,
            &[
                "verify",
                ".",
                &format!("{begin}..HEAD~1"),
                "--signers",
                text(&signers),
            ],
        )
        .done();

    place.repo.git(&["gc", "--quiet"]);
    place.repo.git(&["pack-refs", "--all"]);
    accepts(&place, &clone, &begin);
    place
        .repo
        .git(&["repack", "--quiet", "-a", "-d", "--write-midx"]);
    accepts(&place, &clone, &begin);
}

#[test]
fn a_shallow_clone_says_what_it_lacks() {
    let (place, begin) = three();
    let shallow = place.directory.join("shallow");
    let url = format!("file://{}", text(&place.directory.join("origin.git")));
    place
        .repo
        .git(&["clone", "--quiet", "--depth", "2", &url, text(&shallow)]);
    let signers = place.signers();
    let signers = text(&signers);
    for range in [
        "HEAD",
        "HEAD~5..HEAD",
        &format!("{begin}..HEAD"),
        &format!("..{begin}"),
    ] {
        place
            .trust_in(&shallow, &["verify", "--signers", signers, ".", range])
            .failed()
            .says(&["git fetch --unshallow", "fetch-depth: 0"]);
    }
    // What it has is enough for this.
    place
        .trust_in(
            &shallow,
            &["verify", "--signers", signers, ".", "HEAD~1..HEAD"],
        )
        .done();
    let countersign = ["countersign", ".", "--signers", signers, "--from", &begin];
    for words in [&countersign[..], &["init", ".", "--yes"]] {
        place
            .trust_in(&shallow, words)
            .failed()
            .says(&["shallow", "git fetch --unshallow"]);
    }
}

#[test]
fn replaced_and_grafted_history_is_not_believed() {
    let (mut place, begin) = three();
    let bad = place.unsigned("Forgotten");
    let good = place.repo.id("HEAD~1");
    place.repo.git(&["replace", &bad, &good]);
    std::fs::write(
        place.repo.path().join(".git/info/grafts"),
        format!("{bad}\n"),
    )
    .unwrap();
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{bad}")]);
    assert_eq!(data["refusal"]["commit"], bad.as_str(), "{data}");
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let (place, begin) = three();
    let signers = place.signers();
    let refuses = |clone: &Path, part: &str| {
        place
            .trust_in(
                clone,
                &[
                    "verify",
                    "--signers",
                    text(&signers),
                    ".",
                    &format!("{begin}.."),
                ],
            )
            .failed()
            .says(&[part]);
    };
    let borrowing = place.directory.join("borrowing");
    place.repo.git(&[
        "clone",
        "--quiet",
        "--shared",
        text(&place.repo.path()),
        text(&borrowing),
    ]);
    refuses(&borrowing, "git repack -a -d");
    let sha256 = place.directory.join("sha256");
    place
        .repo
        .git(&["init", "--quiet", "--object-format=sha256", text(&sha256)]);
    refuses(&sha256, "SHA-256");
    let reftable = place.directory.join("reftable");
    place.repo.git(&["init", "--quiet", text(&reftable)]);
    std::fs::create_dir(reftable.join(".git/reftable")).unwrap();
    refuses(&reftable, "git refs migrate");
    let empty = place.directory.join("empty");
    std::fs::create_dir(&empty).unwrap();
    refuses(&empty, "is in no Git repository");
    refuses(&place.directory.join("absent"), "No such file");
}

#[test]
fn a_changed_object_is_found() {
    let (place, begin) = three();
    let head = place.repo.id("HEAD");
    let (folder, file) = head.split_at(2);
    let objects = place.repo.path().join(".git/objects");
    let parent = place.repo.id("HEAD~1");
    let other = objects.join(&parent[..2]).join(&parent[2..]);
    let here = objects.join(folder).join(file);
    std::fs::remove_file(&here).unwrap();
    std::fs::copy(other, here).unwrap();
    let signers = place.signers();
    place
        .trust(&[
            "verify",
            "--signers",
            text(&signers),
            ".",
            &format!("{begin}..{head}"),
        ])
        .failed()
        .says(&["was changed where it is kept"]);
}
