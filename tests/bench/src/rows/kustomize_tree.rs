//! A large tree of overlays, as a whole process beside the real kustomize.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windlass_kit::agent::binary;

use super::Scene;
use crate::report::{Reach, Row};
use crate::rival::{built, timed, write};
use crate::sample::Sample;

const OVERLAYS: usize = 100;

/// Of each overlay; a thousand objects in all.
const OBJECTS: usize = 10;

/// How often each program builds; they take turns.
const ROUNDS: usize = 5;

pub(super) const SCENE: Scene = Scene {
    what: "100 overlays with 1000 objects, built as a whole process",
    rows: &["kustomize_tree", "kustomize_tree_memory"],
    run,
};

fn run() -> Vec<Row> {
    let folder =
        tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the tree: {error}"));
    write_tree(folder.path());
    let rival = built("kustomize.sh").join("kustomize");
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    let mut outputs = Vec::new();
    for _ in 0..ROUNDS {
        let (time, output) = build(&binary(), &["kustomize", "build"], folder.path());
        own.push(time);
        outputs.push(output);
        let (time, output) = build(&rival, &["build"], folder.path());
        theirs.push(time);
        outputs.push(output);
    }
    assert!(
        outputs.iter().all(|output| *output == outputs[0]),
        "the two print different objects"
    );
    let (own, theirs) = (Sample::of(own), Sample::of(theirs));
    let printed = outputs[0].len() as f64 / 1e6;
    vec![
        Row {
            name: "kustomize_tree",
            value: own.median(),
            unit: "ms",
            reach: Reach::Times {
                times: 0.05,
                rival: "kustomize build",
                needed: theirs.median(),
            },
            note: format!("{}; kustomize {}", own.words(), theirs.words()),
        },
        Row {
            name: "kustomize_tree_memory",
            value: peak_memory(folder.path()),
            unit: "MB",
            reach: Reach::AtMost(60.0),
            note: format!("the peak of a process that prints {printed:.2} MB"),
        },
    ]
}

/// A root that names 100 overlays, each with a base of its own.
fn write_tree(root: &Path) {
    let mut names = String::from("resources:\n");
    for number in 0..OVERLAYS {
        names.push_str(&format!("- overlays/{number}\n"));
        let mut objects = String::new();
        for object in 0..OBJECTS {
            objects.push_str(&deployment(object));
        }
        write(&root.join(format!("bases/{number}/objects.yaml")), &objects);
        write(
            &root.join(format!("bases/{number}/kustomization.yaml")),
            "resources: [objects.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=b]\n\
             generatorOptions:\n  disableNameSuffixHash: true\nlabels:\n- pairs: {team: one}\n  includeTemplates: true\n",
        );
        write(
            &root.join(format!("overlays/{number}/kustomization.yaml")),
            &format!(
                "resources: [../../bases/{number}]\nnamespace: n{number}\nnamePrefix: p{number}-\n\
                 images:\n- name: nginx\n  newTag: '1.{number}'\npatches:\n- target: {{kind: Deployment}}\n  patch: |-\n\
                 \x20   apiVersion: apps/v1\n    kind: Deployment\n    metadata: {{name: any}}\n    spec:\n\
                 \x20     replicas: 2\n      template:\n        spec:\n          containers:\n\
                 \x20         - name: web\n            env:\n            - {{name: STAGE, value: prod}}\n"
            ),
        );
    }
    write(&root.join("kustomization.yaml"), &names);
}

/// All but one of the objects are Deployments that name the generated ConfigMap, which is the tenth.
fn deployment(number: usize) -> String {
    if number + 1 == OBJECTS {
        return String::new();
    }
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\nspec:\n  selector:\n    matchLabels: {{app: web-{number}}}\n\
         \x20 template:\n    metadata:\n      labels: {{app: web-{number}}}\n    spec:\n      containers:\n      - name: web\n        image: nginx:1\n\
         \x20       ports:\n        - containerPort: 80\n        envFrom:\n        - configMapRef: {{name: settings}}\n"
    )
}

fn build(program: &Path, arguments: &[&str], directory: &Path) -> (Duration, Vec<u8>) {
    timed(Command::new(program).args(arguments).arg(directory))
}

/// The most memory a build ever had, in MB: what the kernel says while the process waits for a reader of
/// its output.
fn peak_memory(directory: &Path) -> f64 {
    let mut child = Command::new(binary())
        .args(["kustomize", "build"])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot build: {error}"));
    let mut peak: f64 = 0.0;
    // The pipe is far smaller than the output, so the process stands at its end until it is read.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut still = 0;
    while still < 20 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        let now = high_water(child.id());
        still = if now > peak { 0 } else { still + 1 };
        peak = peak.max(now);
    }
    drop(child.stdout.take());
    // Its reader went away; how it ends does not matter.
    let _ = child.wait();
    peak
}

fn high_water(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1000.0
}
