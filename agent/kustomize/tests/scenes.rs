//! `scenes/*.txt` hold many small trees in one file: `=== name` starts one, `--- path` starts a file in
//! it. Beside each is what kustomize 5.8.1 printed, or that it refused. A directory `overlay` is the one
//! that is built, where there is one. `WINDLASS_WRITE_GOLDENS=1` asks kustomize anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::oracle::{Answer, Oracle, Sources};
use crate::support::{Files, built_text};

/// One tree, and the directory that is built.
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) files: Sources,
}

impl Scene {
    pub(crate) fn path(&self) -> &'static str {
        let overlay = self
            .files
            .keys()
            .any(|path| path.starts_with("overlay/kustomization"));
        if overlay { "overlay" } else { "" }
    }

    fn build(&self) -> Answer {
        let files: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        built_text(&Files::new(&files), self.path())
    }
}

fn topics() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenes");
    let mut topics: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    topics.sort();
    topics
}

fn scenes(text: &str) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    let mut file = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            scenes.push(Scene {
                name: name.to_owned(),
                files: Sources::new(),
            });
            file = None;
            continue;
        }
        let Some(scene) = scenes.last_mut() else {
            continue;
        };
        if let Some(path) = line.strip_prefix("--- ") {
            file = Some(path.to_owned());
            scene.files.insert(path.to_owned(), String::new());
        } else if let Some(file) = &file {
            let text = scene.files.get_mut(file).unwrap();
            text.push_str(line);
            text.push('\n');
        }
    }
    scenes
}

/// What kustomize said, by the names of the scenes.
fn answers(text: &str) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for part in text.split("=== ").skip(1) {
        let (name, output) = part.split_once('\n').unwrap();
        let answer = match output.strip_prefix("refused: ") {
            Some(error) => Err(error.trim_end().to_owned()),
            None => Ok(output.to_owned()),
        };
        assert!(
            answers.insert(name.to_owned(), answer).is_none(),
            "{name} is there twice"
        );
    }
    answers
}

fn write_answers(topic: &Path, scenes: &[Scene]) {
    let oracle = Oracle::start().expect("kustomize cannot be built");
    let mut text = String::new();
    for scene in scenes {
        writeln!(text, "=== {}", scene.name).unwrap();
        match oracle.ask(&scene.files, scene.path()) {
            Ok(output) => text.push_str(&output),
            // Its words are not ours; that it refuses is what counts.
            Err(error) => {
                // Addresses in it differ from run to run.
                let line = error.lines().next().unwrap_or_default();
                let line: String = line
                    .split("&{")
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(160)
                    .collect();
                writeln!(text, "refused: {line}").unwrap();
            }
        }
    }
    fs::write(topic.with_extension("expected"), text).unwrap();
}

#[test]
fn every_scene_builds_what_kustomize_prints_or_is_refused_as_there() {
    let mut count = 0;
    let mut failures = Vec::new();
    for topic in topics() {
        let scenes = scenes(&fs::read_to_string(&topic).unwrap());
        if std::env::var_os("WINDLASS_WRITE_GOLDENS").is_some() {
            write_answers(&topic, &scenes);
        }
        let mut answers = answers(&fs::read_to_string(topic.with_extension("expected")).unwrap());
        for scene in &scenes {
            count += 1;
            let Some(expected) = answers.remove(&scene.name) else {
                failures.push(format!("{}: no answer of kustomize", scene.name));
                continue;
            };
            match (scene.build(), expected) {
                (Err(_), Err(_)) => {}
                (Ok(got), Ok(expected)) if got == expected => {}
                (got, expected) => {
                    let text = |answer: Answer| {
                        answer.unwrap_or_else(|error| format!("refused: {error}\n"))
                    };
                    failures.push(format!(
                        "{} ({}):\n=== got\n{}=== expected\n{}",
                        scene.name,
                        topic.display(),
                        text(got),
                        text(expected)
                    ));
                }
            }
        }
        assert!(
            answers.is_empty(),
            "answers without a scene: {:?}",
            answers.keys()
        );
    }
    let failed = failures.len();
    assert!(
        failures.is_empty(),
        "{failed} of {count} differ:\n{}",
        failures.join("\n")
    );
}
