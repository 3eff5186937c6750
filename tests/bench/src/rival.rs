//! What the rows share that measure whole processes beside those of a real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The folder with what a script of tests/oracles builds; without it there is nothing to measure against.
pub(crate) fn built(script: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../oracles")
        .join(script);
    let built = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(
        built.status.success(),
        "{} builds nothing",
        script.display()
    );
    PathBuf::from(String::from_utf8_lossy(&built.stdout).trim())
}

/// Runs a program to its end, which has to be a good one.
pub(crate) fn timed(command: &mut Command) -> (Duration, Vec<u8>) {
    let start = Instant::now();
    let ran = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    (time, ran.stdout)
}

/// Writes a file, and the folders above it.
pub(crate) fn write(path: &Path, text: &str) {
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
