//! Every directory under `cases` is built and compared with what kustomize 5.8.1 made of it
//! (`make_expected.sh`), as parsed values and in order.

use std::fs;
use std::path::{Path, PathBuf};

use windlass_kustomize::{Overlay, build};
use windlass_object::Value;
use windlass_object::yaml::{Limits, parse_documents, to_string};

use crate::support::Directory;

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn expected(case: &Path) -> Vec<Value> {
    let text = fs::read(case.join("expected.yaml")).unwrap();
    let documents = parse_documents(&text, &Limits::DEFAULT).unwrap();
    documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

/// What differs, or nothing.
fn check(case: &Path) -> Option<String> {
    let path = if case.join("tree/overlay").is_dir() {
        "overlay"
    } else {
        ""
    };
    let built = match build(&Directory(case.join("tree")), path, &Overlay::default()) {
        Ok(built) => built,
        Err(error) => return Some(format!("{}: {error}", case.display())),
    };
    let expected = expected(case);
    let got: Vec<Value> = built
        .into_iter()
        .map(|built| built.object.into_value())
        .collect();
    if got == expected {
        return None;
    }
    let all = |values: &[Value]| {
        values
            .iter()
            .map(to_string)
            .collect::<Vec<_>>()
            .join("---\n")
    };
    Some(format!(
        "{}:\n=== got\n{}=== expected\n{}",
        case.display(),
        all(&got),
        all(&expected)
    ))
}

#[test]
fn every_case_builds_what_kustomize_builds() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases were found", cases.len());
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case)).collect();
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{count} of {} differ:\n{}",
        cases.len(),
        failures.join("\n")
    );
}
