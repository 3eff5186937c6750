//! A long past costs a node nothing: it begins at the introduction, and fetches more only when a verdict needs it.

use std::path::Path;

use windlass_kit::controlplane::Options;

use crate::house::House;
use crate::tenant::map;

/// Bytes that do not compress, in as many files as it takes.
const PAST: usize = 4 * 1024 * 1024;

/// All that lies below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.metadata().unwrap() {
            found if found.is_dir() => size(&entry.path()),
            found => found.len(),
        })
        .sum()
}

fn noise() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u8
    };
    (0..PAST).map(|_| next()).collect()
}

#[test]
fn what_is_behind_the_introduction_is_not_fetched_until_a_merge_of_it_needs_it() {
    let mut house = House::prepare(&Options::api_server(), &[("old.yaml", "# once\n")]);
    house.repo.write("noise.bin", noise());
    let past = house.repo.commit_unsigned("A large one");
    house.repo.remove("noise.bin");
    let introduction = house.repo.publish(
        &[("root.yaml", &map("default", "root", "one"))],
        "Introduction",
        &house.signer,
    );
    let first = house.repo.publish(
        &[("root.yaml", &map("default", "root", "two"))],
        "Two",
        &house.signer,
    );
    house.agent.set("root", "introduction", &introduction);
    house.agent.start();
    house.applied(&first);
    let fetched = size(house.agent.path());
    assert!(fetched < PAST as u64 / 2, "{fetched} bytes for a few lines");

    let second = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&second);

    // A branch from before the introduction comes with its past, and that is judged like any other.
    house.repo.git(&["checkout", "--quiet", "-b", "old", &past]);
    house
        .repo
        .write("late.yaml", map("default", "late", "late"));
    house.repo.commit_unsigned("Late");
    house.repo.git(&["checkout", "--quiet", "main"]);
    let key = format!("user.signingkey={}", house.signer.key().display());
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    let signing = ["-c", "gpg.format=ssh", "-c", &key];
    let merge = ["merge", "--quiet", "--no-ff", "-S", "-m", "Merge", "old"];
    house.repo.git(&[&identity[..], &signing, &merge].concat());
    house.repo.push();
    let merged = house.repo.id("HEAD");
    house.request();
    house.applied(&merged);
}
