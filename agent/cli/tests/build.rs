//! `windlass build kustomization --dry-run` beside the real flux: the same bytes and the same exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use windlass_cli::{Outcome, run_on};

/// What `flux.sh` ends with when Go cannot fetch the module.
const UNFETCHED: i32 = 77;

/// The real flux; none, loudly, where it cannot be built here.
pub(crate) fn flux() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/flux.sh");
        let built = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        if built.status.code() == Some(UNFETCHED) {
            // The script has said so.
            return None;
        }
        assert!(built.status.success(), "{built:?}");
        let text = String::from_utf8(built.stdout).unwrap();
        Some(PathBuf::from(text.trim()))
    });
    program.as_deref()
}

/// Names of files in the folder of a case, the Kustomization's spec, and further flags.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

const OBJECTS: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  domain: ${DOMAIN}
  port: \"${PORT:=80}\"
  kept: $${NOT}
  missing: a${MISSING}b
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: nginx:1
";

const SECRETS: &str = "apiVersion: v1
kind: Secret
metadata:
  name: whole
data:
  a: RU5DWw==
stringData:
  b: ENC[AES256_GCM,data:x]
sops:
  mac: ENC[AES256_GCM,data:y]
---
apiVersion: v1
kind: Secret
metadata:
  name: docker
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: RU5DWw==
sops:
  mac: ENC[AES256_GCM,data:y]
---
apiVersion: v1
kind: Secret
metadata:
  name: parts
data:
  plain: cGxhaW4=
  file: c29wczogRU5DW3h4XQ==
stringData:
  file: 'sops: ENC[xx]'
";

const CASES: &[Case<'_>] = &[
    (&[("a.yaml", OBJECTS)], "path: ./\n", &[]),
    (
        &[("a.yaml", OBJECTS), ("sub/b.yaml", SECRETS)],
        "targetNamespace: prod\nnamePrefix: p-\n",
        &[],
    ),
    (
        &[
            (
                "kustomization.yaml",
                "resources: [a.yaml]\nnamespace: own\n",
            ),
            ("a.yaml", OBJECTS),
        ],
        "commonMetadata:\n  labels: {team: one}\n  annotations: {note: two}\nimages:\n- name: nginx\n  newTag: '2'\n",
        &[],
    ),
    (
        &[("a.yaml", OBJECTS)],
        "postBuild:\n  substitute: {DOMAIN: example.com}\n  substituteFrom:\n  - {kind: Secret, name: any}\n",
        &[],
    ),
    (
        &[("a.yaml", OBJECTS)],
        "postBuild:\n  substitute: {DOMAIN: example.com}\n",
        &["--strict-substitute"],
    ),
    (
        &[("a.yaml", OBJECTS)],
        "postBuild:\n  substituteStrategy: Always\n",
        &[],
    ),
    (
        &[
            ("kustomization.yaml", "resources: [a.yaml]\n"),
            ("a.yaml", OBJECTS),
            (
                "c/kustomization.yaml",
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n",
            ),
        ],
        "components: [c, absent]\nignoreMissingComponents: true\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /spec/replicas\n      value: 3\n",
        &[],
    ),
    (
        &[
            ("a.yaml", OBJECTS),
            ("out/b.yaml", SECRETS),
            ("c-out.yaml", SECRETS),
        ],
        "path: ./\n",
        &["--ignore-paths", "/out/**/*.yaml,*-out.yaml"],
    ),
    (
        &[
            (
                "kustomization.yaml",
                "resources: [a.yaml, out, c-out.yaml]\n",
            ),
            ("a.yaml", OBJECTS),
            ("out/kustomization.yaml", "resources: [b-out.yaml]\n"),
            ("out/b-out.yaml", SECRETS),
            ("c-out.yaml", SECRETS),
        ],
        "path: ./\n",
        &["--ignore-paths", "*-out.yaml"],
    ),
    (
        &[("kustomization.yaml", "resources: [absent.yaml]\n")],
        "path: ./\n",
        &[],
    ),
    (
        &[("a.yaml", OBJECTS)],
        "postBuild:\n  substitute: {\"1x\": example.com}\n",
        &[],
    ),
];

#[test]
fn a_dry_run_prints_what_flux_prints() {
    let Some(program) = flux() else { return };
    for (number, (files, spec, flags)) in CASES.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for (path, text) in *files {
            let file = tree.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let object = folder.path().join("app.yaml");
        let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let head = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n";
        let text = format!(
            "{head}  name: other\n---\n{head}  name: app\n  namespace: apps\nspec:\n  interval: 10m\n  prune: true\n  sourceRef: {{kind: GitRepository, name: s}}\n{spec}"
        );
        fs::write(&object, text).unwrap();
        let line = [
            "build",
            "kustomization",
            "app",
            "-n",
            "apps",
            "--dry-run",
            "--path",
            tree.to_str().unwrap(),
            "--kustomization-file",
            object.to_str().unwrap(),
        ];
        let line: Vec<&str> = line.into_iter().chain(flags.iter().copied()).collect();
        let theirs = Command::new(program)
            .args(&line)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let ours = run_on(
            ["windlass"].iter().chain(&line),
            &mut results,
            &mut progress,
        )
        .unwrap();
        let words = String::from_utf8_lossy(&progress);
        let problem = String::from_utf8_lossy(&theirs.stderr);
        assert_eq!(
            ours == Outcome::Done,
            theirs.status.success(),
            "case {number}: {words} / {problem}"
        );
        if theirs.status.success() {
            let ours = String::from_utf8(results).unwrap();
            assert_eq!(
                ours,
                String::from_utf8(theirs.stdout).unwrap(),
                "case {number}"
            );
        }
    }
}

#[test]
fn a_dry_run_needs_a_file_and_a_directory() {
    for (arguments, wanted) in [
        (["--path", "/absent", "--dry-run"], "invalid resource path"),
        (
            ["--path", "/", "--dry-run"],
            "requires a kustomization file",
        ),
    ] {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let line = ["windlass", "build", "ks", "app"].iter().chain(&arguments);
        assert_eq!(
            run_on(line, &mut results, &mut progress).unwrap(),
            Outcome::Failed
        );
        let progress = String::from_utf8(progress).unwrap();
        assert!(progress.contains(wanted), "{progress}");
    }
}

/// A Kustomization with two others among its objects, one of which has a third.
fn nested_tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let nested = |name: &str, path: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: apps}}\n\
             spec:\n  interval: 10m\n  prune: true\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: s}}\n"
        )
    };
    let map = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\n"
        )
    };
    for (path, text) in [
        (
            "root/a.yaml",
            nested("one", "./one") + "---\n" + &nested("two", "two") + &map("r"),
        ),
        ("one/a.yaml", nested("three", "./three") + &map("o")),
        ("two/a.yaml", map("t")),
        ("three/a.yaml", map("h")),
        ("app.yaml", nested("app", "./root")),
    ] {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

#[test]
fn nested_kustomizations_are_built_as_flux_builds_them() {
    let Some(program) = flux() else { return };
    let folder = nested_tree();
    let at = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
    let (path, file) = (at("root"), at("app.yaml"));
    let sources = format!("GitRepository/apps/s={}", folder.path().display());
    let line = [
        "build",
        "kustomization",
        "app",
        "-n",
        "apps",
        "--dry-run",
        "--recursive",
        "--path",
        &path,
        "--kustomization-file",
        &file,
        "--local-sources",
        &sources,
    ];
    let theirs = Command::new(program)
        .args(line)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    assert!(theirs.status.success(), "{theirs:?}");
    let (mut results, mut progress) = (Vec::new(), Vec::new());
    let ours = run_on(
        ["windlass"].iter().chain(&line),
        &mut results,
        &mut progress,
    )
    .unwrap();
    assert_eq!(
        ours,
        Outcome::Done,
        "{}",
        String::from_utf8_lossy(&progress)
    );
    let text = String::from_utf8(results).unwrap();
    assert_eq!(text, String::from_utf8(theirs.stdout).unwrap());
    assert_eq!(text.matches("kind: ConfigMap").count(), 4);
}
