//! `windlass kustomize build` beside the real kustomize: the same bytes and the same exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use windlass_cli::{Outcome, run_on};

/// What `kustomize.sh` ends with when Go cannot fetch the modules.
const UNFETCHED: i32 = 77;

/// The golden trees of the kustomize room that are compared: every so many-th, as each costs a process.
const EVERY: usize = 4;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The real kustomize; none, loudly, where it cannot be built here.
fn kustomize() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let script = top().join("tests/oracles/kustomize.sh");
        let built = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        if built.status.code() == Some(UNFETCHED) {
            // The script has said so.
            return None;
        }
        assert!(built.status.success(), "{built:?}");
        let folder = String::from_utf8(built.stdout).unwrap();
        Some(Path::new(folder.trim()).join("kustomize"))
    });
    program.as_deref()
}

/// What was printed, and whether it went well.
fn ours(arguments: &[&str]) -> (String, bool) {
    let (mut results, mut progress) = (Vec::new(), Vec::new());
    let line = ["windlass", "kustomize", "build"].iter().chain(arguments);
    let outcome = run_on(line, &mut results, &mut progress).unwrap();
    (
        String::from_utf8(results).unwrap(),
        outcome == Outcome::Done,
    )
}

fn theirs(program: &Path, arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(program);
    let ran = command.arg("build").args(arguments).output().unwrap();
    (String::from_utf8(ran.stdout).unwrap(), ran.status.success())
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let file = directory.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n";

#[test]
fn golden_trees_print_the_same_bytes_under_both_restrictions() {
    let Some(program) = kustomize() else { return };
    let cases = top().join("agent/kustomize/tests/cases");
    let mut trees: Vec<PathBuf> = fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("tree"))
        .collect();
    trees.sort();
    assert!(trees.len() > 50, "{} trees", trees.len());
    for tree in trees.iter().step_by(EVERY) {
        let overlay = tree.join("overlay");
        let directory = if overlay.is_dir() { &overlay } else { tree };
        let directory = directory.to_str().unwrap();
        for restrictor in ["LoadRestrictionsNone", "LoadRestrictionsRootOnly"] {
            let arguments = ["--load-restrictor", restrictor, directory];
            assert_eq!(
                ours(&arguments),
                theirs(program, &arguments),
                "{arguments:?}"
            );
        }
    }
}

#[test]
fn links_and_files_outside_are_judged_as_kustomize_does() {
    let Some(program) = kustomize() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        &[
            ("outside.yaml", MAP),
            ("up/kustomization.yaml", "resources: [../outside.yaml]\n"),
            ("link/kustomization.yaml", "resources: [link.yaml]\n"),
            ("inside/kustomization.yaml", "resources: [link.yaml]\n"),
            ("inside/real.yaml", MAP),
            (
                "files/kustomization.yaml",
                "configMapGenerator:\n- name: g\n  files: [../outside.yaml]\n",
            ),
            ("base/kustomization.yaml", "resources: [m.yaml]\n"),
            ("base/m.yaml", MAP),
            (
                "over/kustomization.yaml",
                "resources: [../linked-base]\nnamePrefix: p-\n",
            ),
            ("round/kustomization.yaml", "resources: [../round]\n"),
            ("empty/kustomization.yaml", "{}\n"),
            ("none/readme", "no kustomization\n"),
        ],
    );
    std::os::unix::fs::symlink("../outside.yaml", root.join("link/link.yaml")).unwrap();
    std::os::unix::fs::symlink("real.yaml", root.join("inside/link.yaml")).unwrap();
    std::os::unix::fs::symlink("base", root.join("linked-base")).unwrap();
    for case in [
        "up", "link", "inside", "files", "over", "round", "empty", "none", "missing",
    ] {
        let directory = root.join(case);
        let directory = directory.to_str().unwrap();
        for restrictor in ["LoadRestrictionsNone", "LoadRestrictionsRootOnly"] {
            let arguments = ["--load-restrictor", restrictor, directory];
            assert_eq!(
                ours(&arguments),
                theirs(program, &arguments),
                "{arguments:?}"
            );
        }
    }
}

#[test]
fn output_goes_to_a_file_or_to_one_file_for_each_object() {
    let Some(program) = kustomize() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: R\n";
    write(
        root,
        &[
            (
                "in/kustomization.yaml",
                "resources: [m.yaml, n.yaml, r.yaml]\n",
            ),
            ("in/m.yaml", MAP),
            (
                "in/n.yaml",
                &MAP.replace("name: a", "name: a\n  namespace: other"),
            ),
            ("in/r.yaml", role),
        ],
    );
    let directory = root.join("in");
    let directory = directory.to_str().unwrap();
    for side in ["ours", "theirs"] {
        fs::create_dir(root.join(side)).unwrap();
        for target in ["", "/all.yaml"] {
            let target = format!("{}{target}", root.join(side).display());
            let arguments = ["-o", &target, directory];
            let ran = if side == "ours" {
                ours(&arguments)
            } else {
                theirs(program, &arguments)
            };
            assert_eq!(ran, (String::new(), true), "{arguments:?}");
        }
    }
    let written = |side: &str| -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = fs::read_dir(root.join(side))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    assert_eq!(written("ours"), written("theirs"));
    assert_eq!(written("ours").len(), 4);
}

#[test]
fn what_would_start_a_program_is_refused_by_name() {
    for flag in ["--enable-helm", "--enable-alpha-plugins", "--enable-exec"] {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let line = ["windlass", "kustomize", "build", flag, "."];
        let outcome = run_on(line, &mut results, &mut progress).unwrap();
        assert_eq!(outcome, Outcome::Failed);
        let progress = String::from_utf8(progress).unwrap();
        assert!(progress.contains(flag), "{progress}");
    }
}

#[test]
fn flags_that_mean_nothing_without_a_program_are_taken_as_kustomize_takes_them() {
    let Some(program) = kustomize() else { return };
    let folder = tempfile::tempdir().unwrap();
    let kustomization = [
        ("kustomization.yaml", "resources: [m.yaml]\n"),
        ("m.yaml", MAP),
    ];
    write(folder.path(), &kustomization);
    let mut arguments = vec!["--helm-command", "helm3", "--helm-kube-version", "1.36"];
    arguments.extend(["--helm-api-versions", "a/v1", "--helm-api-versions", "b/v1"]);
    arguments.extend([
        "--helm-debug",
        "--as-current-user",
        "-e",
        "A=b",
        "--network",
    ]);
    arguments.push(folder.path().to_str().unwrap());
    let (text, went_well) = ours(&arguments);
    assert!(went_well && text.starts_with("apiVersion: v1"), "{text}");
    assert_eq!((text, went_well), theirs(program, &arguments));
}
