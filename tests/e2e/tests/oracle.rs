//! Real programs and definitions of Flux, which tests/oracles pins.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the scripts end with when Go cannot fetch a module.
const UNFETCHED: i32 = 77;

pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The programs that a script of tests/oracles builds once; none where Go cannot fetch them, which is said on the
/// terminal.
pub(crate) fn programs(script: &str) -> Option<Vec<PathBuf>> {
    let script = top().join("tests/oracles").join(script);
    let output = Command::new(script).output().expect("a script");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(UNFETCHED) {
        skipped(said.trim());
        return None;
    }
    assert!(output.status.success(), "{said}");
    let paths = String::from_utf8_lossy(&output.stdout);
    Some(paths.lines().map(PathBuf::from).collect())
}

/// Past the test harness, which keeps what a passing test prints.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\n{why}\n");
}

/// The folder of a module that tests/oracles/go.mod requires, in the module cache.
pub(crate) fn module(name: &str) -> PathBuf {
    let oracles = top().join("tests/oracles");
    let go_mod = std::fs::read_to_string(oracles.join("go.mod")).unwrap();
    let version = go_mod
        .lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("tests/oracles/go.mod does not require {name}"));
    let mut command = Command::new("go");
    command
        .current_dir(&oracles)
        .args(["mod", "download", "-json", &format!("{name}@{version}")]);
    let output = command
        .output()
        .expect("go is there; `make test` says how to install it");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{answer}");
    PathBuf::from(answer["Dir"].as_str().unwrap())
}
