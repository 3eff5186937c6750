//! Every target on its kept inputs, on changes of them and on arbitrary bytes: a short run for each `cargo test`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use windlass_fuzz::TARGETS;

/// How many changed inputs each target gets; a run of libFuzzer is for more.
const CASES: u32 = 300;

/// What `cargo fuzz` builds.
const FUZZER: &str = include_str!("../cargo-fuzz/Cargo.toml");

/// Longest piece of arbitrary bytes that is put into an input.
const MAX_PIECE: usize = 64;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The kept inputs of one target, in the order of their names.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(corpus().join(target))
        .unwrap_or_else(|error| panic!("corpus/{target} holds inputs of real use: {error}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn every_folder_of_kept_inputs_belongs_to_a_target_and_each_target_has_a_folder_and_a_program() {
    let mut folders: Vec<_> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(folders, targets);
    for target in targets {
        assert!(!kept(&target).is_empty(), "corpus/{target} is empty");
        assert!(
            FUZZER.contains(&format!("name = \"{target}\"\n")),
            "cargo-fuzz/Cargo.toml has no program {target}"
        );
    }
}

#[test]
fn t18_no_target_panics_on_kept_inputs_or_changes_of_them() {
    for (name, run) in TARGETS {
        let inputs = kept(name);
        for input in &inputs {
            run(input);
        }
        let changed = (
            proptest::sample::select(inputs),
            any::<proptest::sample::Index>(),
            0usize..MAX_PIECE,
            proptest::collection::vec(any::<u8>(), 0..MAX_PIECE),
        );
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, seed);
        let result = runner.run(&changed, |(input, at, cut, piece)| {
            run(&piece);
            let at = at.index(input.len() + 1);
            let (before, after) = input.split_at(at);
            let after = after.get(cut.min(after.len())..).unwrap_or_default();
            run(&[before, &piece, after].concat());
            Ok(())
        });
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}
