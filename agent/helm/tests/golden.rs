//! Cases in files: what the room answers, against what Helm answered (beside them) and answers now.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Oracle, Request, agree, root};

/// One case of a file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Request,
}

/// The cases of a file, by the file's text.
pub(crate) type Read = fn(&str) -> Vec<Case>;

fn files(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("tests").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {folder}");
    paths
}

fn cases(path: &Path, read: Read) -> Vec<Case> {
    let cases = read(&std::fs::read_to_string(path).unwrap());
    assert!(!cases.is_empty(), "no case in {}", path.display());
    cases
}

/// Holds the room to what Helm answered.
pub(crate) fn hold(folder: &str, read: Read) {
    let mut wrong = Vec::new();
    for path in files(folder) {
        let golden = path.with_extension("jsonl");
        let golden = std::fs::read_to_string(&golden).unwrap();
        let answers: Vec<Value> = golden
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let cases = cases(&path, read);
        assert_eq!(answers.len(), cases.len(), "{}", path.display());
        for (case, helm) in cases.iter().zip(answers) {
            let ours = case.request.answer();
            if !agree(&helm, &ours, case.request.loose) {
                let name = &case.name;
                wrong.push(format!("{name}\n  helm: {helm}\n  ours: {ours}"));
            }
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differ:\n{}", wrong.join("\n"));
}

/// Holds the golden files to the real Helm; with `WINDLASS_WRITE_EXPECTED` set, writes them.
pub(crate) fn hold_golden_files(folder: &str, read: Read) {
    let Some(mut oracle) = Oracle::start() else {
        return;
    };
    let write = std::env::var_os("WINDLASS_WRITE_EXPECTED").is_some();
    for path in files(folder) {
        let cases = cases(&path, read);
        let answers: Vec<Value> = cases
            .iter()
            .map(|case| oracle.ask(&case.request.to_json()))
            .collect();
        let golden = path.with_extension("jsonl");
        let same = |known: &str| {
            let known: Vec<Value> = known
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            known.len() == answers.len()
                && (cases.iter().zip(&known).zip(&answers))
                    .all(|((case, one), other)| agree(one, other, case.request.loose))
        };
        let known = std::fs::read_to_string(&golden).unwrap_or_default();
        if write && !same(&known) {
            let lines = answers.iter().map(|answer| format!("{answer}\n"));
            std::fs::write(&golden, lines.collect::<String>()).unwrap();
        } else {
            assert!(same(&known), "{} is out of date", golden.display());
        }
    }
}
