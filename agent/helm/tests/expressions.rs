//! Single templates: what each prints, as golden files and against the running oracle.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Oracle, Request, agree, root};

/// The cases of a file: `### ` and a name, then the template.
struct Cases {
    path: PathBuf,
    cases: Vec<(String, String)>,
}

fn all_cases() -> Vec<Cases> {
    let folder = root().join("tests/expressions");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    paths.into_iter().map(read_cases).collect()
}

fn read_cases(path: PathBuf) -> Cases {
    let text = std::fs::read_to_string(&path).unwrap();
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("### "), cases.last_mut()) {
            (Some(name), _) => cases.push((name.to_owned(), String::new())),
            (None, Some((_, template))) => {
                if !template.is_empty() {
                    template.push('\n');
                }
                template.push_str(line);
            }
            (None, None) => {}
        }
    }
    Cases { path, cases }
}

fn values() -> String {
    std::fs::read_to_string(root().join("tests/expressions/values.yaml")).unwrap()
}

#[test]
fn templates_print_what_helm_printed() {
    let values = values();
    let mut wrong = Vec::new();
    for file in all_cases() {
        let golden = file.path.with_extension("jsonl");
        let golden = std::fs::read_to_string(&golden)
            .unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        let answers: Vec<Value> = golden
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), file.cases.len(), "{}", file.path.display());
        for ((name, template), helm) in file.cases.iter().zip(answers) {
            let ours = Request::of_template(template, &values).answer();
            if !agree(&helm, &ours) {
                wrong.push(format!(
                    "{name}: {template}\n  helm: {helm}\n  ours: {ours}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Holds the golden files to the real Helm; with `WINDLASS_WRITE_EXPECTED` set, writes them.
#[test]
fn the_golden_files_are_what_helm_prints() {
    let Some(mut oracle) = Oracle::start() else {
        return;
    };
    let values = values();
    let write = std::env::var_os("WINDLASS_WRITE_EXPECTED").is_some();
    for file in all_cases() {
        let mut answers = String::new();
        for (_, template) in &file.cases {
            let request = Request::of_template(template, &values);
            let answer = oracle.ask(&request.to_json());
            answers.push_str(&answer.to_string());
            answers.push('\n');
        }
        let golden = file.path.with_extension("jsonl");
        if write {
            std::fs::write(&golden, &answers).unwrap();
        }
        let known = std::fs::read_to_string(&golden).unwrap();
        assert!(known == answers, "{} is out of date", golden.display());
    }
}
