//! `windlass diff kustomization` beside the real flux, against one API server: the same objects in the
//! same order, and the same exit status.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use windlass_cli::Outcome;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;

use crate::build::flux;
use crate::cluster::{Ran, plane, run, together};

const FILES: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: kept, namespace: NS}
data: {a: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: changed, namespace: NS}
data: {a: \"${VALUE}\", new: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fresh, namespace: NS}
data: {a: one}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: alone
  namespace: NS
  annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}
data: {a: two}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: NS}
stringData: {word: hunter3, same: s}
";

fn kustomization(namespace: &str) -> Value {
    let id = |name: &str| json!({"id": format!("{namespace}_{name}__ConfigMap"), "v": "v1"});
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "interval": "10m", "prune": true, "path": "./",
            "sourceRef": {"kind": "GitRepository", "name": "s"},
            "postBuild": {"substitute": {"VALUE": "after"}},
        },
        "status": {"inventory": {"entries": [id("changed"), id("stale")]}},
    })
}

/// A namespace with the Kustomization and what it is said to have applied.
fn prepare(namespace: &str) {
    let admin = plane().admin();
    admin.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    let owner = json!({
        "kustomize.toolkit.fluxcd.io/name": "app",
        "kustomize.toolkit.fluxcd.io/namespace": namespace,
    });
    for (name, value) in [
        ("kept", "one"),
        ("changed", "before"),
        ("alone", "one"),
        ("stale", "x"),
    ] {
        applied(&json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": owner}, "data": {"a": value},
        }));
    }
    applied(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "key", "namespace": namespace, "labels": owner},
        "data": {"word": "aHVudGVyMg==", "same": "cw=="},
    }));
    let object = kustomization(namespace);
    admin.apply(&object);
    let status = json!({"status": object["status"]});
    admin.patch_subresource(&ObjectRef::of(&object), "status", &status);
}

/// In the name under which the agent applies, and Flux.
fn applied(object: &Value) {
    let answer = plane().admin().apply_as("kustomize-controller", object);
    assert!(answer.expect_success("applying").is_object());
}

fn ours(namespace: &str, path: &Path, further: &[&str]) -> Ran {
    let line = [
        "diff",
        "ks",
        "app",
        "-n",
        namespace,
        "--path",
        path.to_str().unwrap(),
    ];
    run(&[&line[..], further].concat())
}

/// What flux prints, and its exit status.
fn theirs(program: &Path, namespace: &str, path: &Path, further: &[&str]) -> (String, Option<i32>) {
    let kubeconfig = plane().kubeconfig(User::Admin);
    let ran = Command::new(program)
        .args([
            "diff",
            "ks",
            "app",
            "--progress-bar=false",
            "-n",
            namespace,
            "--path",
        ])
        .arg(path)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(further)
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
    (text, ran.status.code())
}

fn code(outcome: Outcome) -> Option<i32> {
    Some(match outcome {
        Outcome::Done => 0,
        Outcome::Failed => 1,
        Outcome::Unclear => 2,
    })
}

/// The lines that say what becomes of an object.
fn verdicts(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with("► "));
    lines.filter(|line| !line.contains(" skipped")).collect()
}

fn folder(namespace: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("all.yaml"),
        text.replace("NS", namespace),
    )
    .unwrap();
    folder
}

#[test]
fn it_finds_what_flux_finds_and_hides_secrets() {
    let _together = together();
    prepare("diff-all");
    let files = folder("diff-all", FILES);
    let ran = ours("diff-all", files.path(), &[]);
    assert_eq!(
        verdicts(&ran.results),
        [
            "► ConfigMap/diff-all/changed drifted",
            "► ConfigMap/diff-all/fresh created",
            "► Secret/diff-all/key drifted",
            "► ConfigMap/diff-all/stale deleted",
        ],
        "{}",
        ran.progress
    );
    assert!(
        !ran.results.contains("hunter") && !ran.results.contains("aHVud"),
        "{}",
        ran.results
    );
    let ran = ran.failed().says(&[
        "\ndata\n  + one map entry added:\n    new: x\n",
        "\ndata.a\n  ± value change\n    - before\n    + after\n",
        "data.word\n  ± value change\n    - '***** (before)'\n    + '***** (after)'\n",
        "alone skipped",
        "identified at least one change",
    ]);
    let Some(program) = flux() else { return };
    let (text, status) = theirs(program, "diff-all", files.path(), &[]);
    assert_eq!(verdicts(&ran.results), verdicts(&text), "{text}");
    assert_eq!(status, code(ran.outcome), "{text}");
}

#[test]
fn nothing_to_change_is_success_and_what_cannot_be_found_out_is_neither() {
    let _together = together();
    prepare("diff-none");
    let same = folder(
        "diff-none",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: NS}\ndata: {a: one}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: changed, namespace: NS}\ndata: {a: before}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stale, namespace: NS}\ndata: {a: x}\n",
    );
    let bad = folder(
        "diff-none",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: NS}\ndata: [one]\n",
    );
    let program = flux();
    for (path, expected) in [(same.path(), Outcome::Done), (bad.path(), Outcome::Unclear)] {
        let ran = ours("diff-none", path, &[]);
        assert_eq!(ran.outcome, expected, "{}{}", ran.results, ran.progress);
        assert_eq!(ran.results, "");
        if let Some(program) = program {
            let (text, status) = theirs(program, "diff-none", path, &[]);
            assert_eq!(status, code(expected), "{text}");
        }
    }
}

#[test]
fn a_kustomization_that_is_not_there_yet_brings_its_namespace_and_kinds() {
    let _together = together();
    plane();
    let files = folder(
        "diff-new",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: NS}\n---\n\
         apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.diff.example}\n\
         spec:\n  group: diff.example\n  scope: Namespaced\n  names: {kind: Thing, plural: things}\n\
         \x20 versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}\n---\n\
         apiVersion: diff.example/v1\nkind: Thing\nmetadata: {name: b, namespace: NS}\n",
    );
    let own = tempfile::NamedTempFile::new().unwrap();
    let mut object = kustomization("diff-new");
    object.as_object_mut().unwrap().remove("status");
    fs::write(own.path(), object.to_string()).unwrap();
    let file = ["--kustomization-file", own.path().to_str().unwrap()];
    let missing = ours("diff-new", files.path(), &file);
    assert_eq!(missing.outcome, Outcome::Unclear, "{}", missing.results);
    let all = [&file[..], &["--ignore-not-found"]].concat();
    let ran = ours("diff-new", files.path(), &all).failed();
    assert_eq!(
        verdicts(&ran.results),
        [
            "► Namespace/diff-new created",
            "► ConfigMap/diff-new/a created",
            "► CustomResourceDefinition/things.diff.example created",
            "► Thing/diff-new/b created",
        ]
    );
}

#[test]
fn nested_kustomizations_are_compared_too_where_asked() {
    let _together = together();
    prepare("diff-deep");
    let inner = kustomization("diff-deep").to_string();
    let outer = inner
        .replace("\"app\"", "\"outer\"")
        .replace("stale", "none");
    let mut object: Value = serde_json::from_str(&outer).unwrap();
    object["status"]["inventory"]["entries"] = json!([]);
    applied(&object);
    let folder = tempfile::tempdir().unwrap();
    let mut within: Value = serde_json::from_str(&inner).unwrap();
    within["spec"]["path"] = json!("./inner");
    within.as_object_mut().unwrap().remove("status");
    for (path, text) in [
        ("outer/app.yaml", within.to_string()),
        ("inner/all.yaml", FILES.replace("NS", "diff-deep")),
    ] {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let path = folder.path().join("outer");
    let sources = format!("GitRepository/diff-deep/s={}", folder.path().display());
    let line = [
        "diff",
        "ks",
        "outer",
        "-n",
        "diff-deep",
        "--recursive",
        "--local-sources",
        &sources,
    ];
    let ran = run(&[&line[..], &["--path", path.to_str().unwrap()]].concat()).failed();
    assert_eq!(
        verdicts(&ran.results),
        [
            "► Kustomization/diff-deep/app drifted",
            "► ConfigMap/diff-deep/changed drifted",
            "► ConfigMap/diff-deep/fresh created",
            "► Secret/diff-deep/key drifted",
            "► ConfigMap/diff-deep/stale deleted",
        ],
        "{}",
        ran.progress
    );
    let Some(program) = flux() else { return };
    let ran_theirs = Command::new(program)
        .args(line)
        .args(["--progress-bar=false", "--path"])
        .arg(&path)
        .arg("--kubeconfig")
        .arg(plane().kubeconfig(User::Admin))
        .output()
        .unwrap();
    let text = String::from_utf8(ran_theirs.stdout).unwrap();
    let words = String::from_utf8(ran_theirs.stderr).unwrap();
    assert_eq!(verdicts(&ran.results), verdicts(&(text + &words)));
    assert_eq!(ran_theirs.status.code(), Some(1), "{words}");
}
