//! Random kustomizations, built here and by the real kustomize: the same objects, order, values and
//! hashes, to the byte, or refused by both. What differs is made as small as it goes before it is shown.
//!
//! `WINDLASS_KUSTOMIZE_CASES=20000` makes a longer run, `WINDLASS_KUSTOMIZE_SEED=7` another one.

mod kinds;
mod kustomizations;
mod patches;
pub(crate) mod random;
mod shrink;
mod transformers;

use std::fmt::Write as _;

use windlass_object::Value;
use windlass_object::yaml::to_string;

use self::kustomizations::tree;
use self::random::Random;
use self::shrink::shrink;
use crate::oracle::{Answer, Oracle, Sources};
use crate::support::{Files, built_text};

/// How many cases an ordinary run has: about ten seconds, and thirty on a machine that does much else.
const CASES: u64 = 500;

/// Stops when this many cases differ: the rest says the same.
const FAILURES: usize = 6;

/// Files as values: a list holds documents, a text is a file as it is.
pub(crate) type Model = std::collections::BTreeMap<String, Value>;

/// How far two programs agree on a case.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    /// Refused here for a reason that docs/kustomize.md lists.
    OnPurpose,
    Differs(Kind),
}

/// In what way they differ; shrinking keeps to it, and to the reason of the one that refuses.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    OnlyWeRefuse(String),
    OnlyTheyRefuse(String),
    Output,
}

/// What the errors here say that kustomize does not mind, each named in docs/kustomize.md.
const ON_PURPOSE: &[&str] = &[
    "is not supported by windlass",
    "which tells the items of this list apart",
    "apiVersion is missing",
    "must be a string; quote it",
    "metadata.name is missing",
    "cannot take the place of",
    // A copy from where nothing is.
    "(copy \"/metadata/copied\") does not apply",
];

fn sources(model: &Model) -> Sources {
    let text = |value: &Value| match value {
        Value::Array(documents) => documents
            .iter()
            .map(to_string)
            .collect::<Vec<_>>()
            .join("---\n"),
        Value::String(text) => text.clone(),
        other => to_string(other),
    };
    model
        .iter()
        .map(|(path, value)| (path.clone(), text(value)))
        .collect()
}

fn ours(files: &Sources) -> Answer {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    built_text(&Files::new(&files), "overlay")
}

fn verdict(oracle: &Oracle, model: &Model) -> Verdict {
    let files = sources(model);
    match (ours(&files), oracle.ask(&files, "overlay")) {
        (Err(_), Err(_)) => Verdict::Same,
        (Ok(ours), Ok(theirs)) if ours == theirs => Verdict::Same,
        (Err(error), Ok(_)) if ON_PURPOSE.iter().any(|reason| error.contains(reason)) => {
            Verdict::OnPurpose
        }
        (Err(error), Ok(_)) => Verdict::Differs(Kind::OnlyWeRefuse(reason(&error))),
        // A type that kustomize takes for granted is another; docs/kustomize.md.
        (Ok(_), Err(error)) if error.starts_with("panic: interface conversion") => {
            Verdict::OnPurpose
        }
        (Ok(_), Err(error)) => Verdict::Differs(Kind::OnlyTheyRefuse(reason(&error))),
        // A directive that kustomize leaves in the object: docs/decisions/0012.
        (Ok(_), Ok(theirs)) if theirs.contains("$patch: ") => Verdict::OnPurpose,
        (Ok(_), Ok(_)) => Verdict::Differs(Kind::Output),
    }
}

/// The end of a message, where the reason stands; the names in it change as the case gets smaller.
fn reason(error: &str) -> String {
    let words = error.trim().rsplit(": ").next().unwrap_or_default();
    words
        .chars()
        .filter(|character| character.is_alphabetic())
        .take(24)
        .collect()
}

fn report(oracle: &Oracle, seed: u64, model: &Model) -> String {
    let files = sources(model);
    let mut text = format!("=== seed {seed}\n");
    for (path, content) in &files {
        write!(text, "--- {path}\n{content}").unwrap();
    }
    let shown = |answer: Answer| answer.unwrap_or_else(|error| format!("refused: {error}\n"));
    write!(text, "*** ours\n{}", shown(ours(&files))).unwrap();
    write!(
        text,
        "*** kustomize\n{}",
        shown(oracle.ask(&files, "overlay"))
    )
    .unwrap();
    text
}

fn mentions(model: &Model, word: &str) -> usize {
    sources(model)
        .values()
        .map(|text| text.matches(word).count())
        .sum()
}

fn number_from(variable: &str, absent: u64) -> u64 {
    std::env::var(variable).map_or(absent, |value| value.parse().unwrap())
}

#[test]
fn random_kustomizations_build_what_kustomize_builds() {
    let Some(oracle) = Oracle::start() else {
        eprintln!("SKIPPED: nothing is compared with the real kustomize");
        return;
    };
    let first = number_from("WINDLASS_KUSTOMIZE_SEED", 1);
    let count = number_from("WINDLASS_KUSTOMIZE_CASES", CASES);
    let mut failures = Vec::new();
    let (mut refused, mut on_purpose, mut run) = (0, 0, 0);
    for seed in first..first + count {
        let model = tree(&mut Random::new(seed));
        run += 1;
        match verdict(&oracle, &model) {
            Verdict::Same => {
                if let Err(error) = ours(&sources(&model)) {
                    refused += 1;
                    if std::env::var_os("WINDLASS_KUSTOMIZE_REASONS").is_some() {
                        eprintln!("refused by both: {error}");
                    }
                }
            }
            Verdict::OnPurpose => on_purpose += 1,
            Verdict::Differs(kind) => {
                let first = Verdict::Differs(kind);
                // Without paths, replacements mean another field, which is another case.
                let paths = mentions(&model, "fieldPaths:\n");
                let differs = |smaller: &Model| {
                    let same = paths == 0
                        || mentions(smaller, "fieldPaths:\n") > 0
                        || mentions(smaller, "targets") == 0;
                    same && verdict(&oracle, smaller) == first
                };
                failures.push(report(&oracle, seed, &shrink(model, &differs)));
                if failures.len() >= FAILURES {
                    break;
                }
            }
        }
    }
    eprintln!("{run} cases, {refused} refused by both, {on_purpose} refused here on purpose");
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    // A generator that only makes mistakes would compare nothing.
    assert!(refused * 2 < run, "{refused} of {run} cases are refused");
    assert!(
        on_purpose * 20 < run,
        "{on_purpose} of {run} cases are refused on purpose"
    );
}
