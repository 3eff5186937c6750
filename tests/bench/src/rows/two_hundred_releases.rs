//! 200 HelmReleases in one agent: its memory at rest, a pass of each with nothing to do, and an upgrade of one object.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::controlplane::audit::{AuditRecord, Mark};

use super::Scene;
use crate::house::{House, is_ready, root};
use crate::report::{Reach, Row};

const RELEASES: usize = 200;
const API: &str = "helm.toolkit.fluxcd.io/v2";
const NAMESPACE: &str = "flux-system";
/// What was allocated for the installations is given back by then.
const SETTLE: Duration = Duration::from_secs(30);
/// A figure missed by so much is not worth more waiting.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(250);

pub(super) const SCENE: Scene = Scene {
    what: "200 HelmReleases of 5 objects: memory at rest, a pass of each with nothing to do, an upgrade of one object",
    rows: &[
        "releases_memory",
        "releases_idle_object_requests",
        "releases_idle_other_requests",
        "release_upgrade_objects",
        "release_upgrade_records",
    ],
    run,
};

fn run() -> Vec<Row> {
    let mut files = vec![
        (
            "charts/web/Chart.yaml".to_owned(),
            "apiVersion: v2\nname: web\nversion: 1.2.3\n".to_owned(),
        ),
        (
            "charts/web/templates/objects.yaml".to_owned(),
            OBJECTS.to_owned(),
        ),
    ];
    let releases = (0..RELEASES).map(|number| (file(number), release(number, "one")));
    files.extend(releases);
    let mut house = House::prepare("./root", &files);
    let start = Instant::now();
    house.agent.start();
    house.poll(&root(), |found| found.is_some());
    wait_for_all(&house, "installed", is_ready);
    let took = start.elapsed();
    std::thread::sleep(SETTLE);
    let mut rows = vec![memory(&house, took)];
    rows.extend(idle(&house));
    rows.extend(upgrade(&mut house));
    rows
}

fn name(number: usize) -> String {
    format!("web-{number:03}")
}

fn file(number: usize) -> String {
    format!("root/{}.yaml", name(number))
}

/// As homelabs have them: drift is undone.
fn release(number: usize, text: &str) -> String {
    let release = json!({
        "apiVersion": API, "kind": "HelmRelease",
        "metadata": {"name": name(number), "namespace": NAMESPACE},
        "spec": {
            "interval": "1h",
            "chart": {"spec": {
                "chart": "./charts/web",
                "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            }},
            "driftDetection": {"mode": "enabled"},
            "values": {"text": text},
        },
    });
    release.to_string()
}

const OBJECTS: &str = r#"{{- range $number := until 3 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-{{ $number }}
data:
  text: {{ ternary $.Values.text "still" (eq $number 0) | quote }}
{{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{name: http, port: 80}]
"#;

/// The kinds in the chart.
const KINDS: [&str; 3] = ["configmaps", "serviceaccounts", "services"];

fn memory(house: &House, took: Duration) -> Row {
    Row {
        name: "releases_memory",
        value: house.agent.memory() as f64 / 1e6,
        unit: "MB",
        reach: Reach::AtMost(150.0),
        note: format!(
            "PSS of all {} processes {} s after all were installed, which took {:.1} s",
            house.agent.processes().len(),
            SETTLE.as_secs(),
            took.as_secs_f64()
        ),
    }
}

/// What the agent asked since then, but for watches, Leases and the releases' own status.
fn asked(house: &House, mark: Mark) -> Vec<AuditRecord> {
    let mut records = house.control_plane.audit().requests(User::Agent, mark);
    records.retain(|record| {
        record.verb != "watch" && !["leases", "helmreleases"].contains(&record.resource.as_str())
    });
    records
}

fn words(records: &[AuditRecord]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let what = format!("{} {}", record.verb, record.resource);
        *counts.entry(what).or_default() += 1;
    }
    let words = counts.iter().map(|(what, count)| format!("{count} {what}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Every release is asked for a pass, and finds nothing to do.
fn idle(house: &House) -> [Row; 2] {
    let mark = house.control_plane.audit().mark();
    let used = house.agent.processor_time();
    let asks = "idle";
    let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": asks}}});
    for number in 0..RELEASES {
        house.admin().patch(&reference(number), &patch);
    }
    wait_for_all(house, "asked", |found| {
        found["status"]["lastHandledReconcileAt"] == asks && is_ready(found)
    });
    let used = house.agent.processor_time() - used;
    let (objects, others): (Vec<_>, Vec<_>) = asked(house, mark)
        .into_iter()
        .partition(|record| KINDS.contains(&record.resource.as_str()));
    [
        Row {
            name: "releases_idle_object_requests",
            value: objects.len() as f64,
            unit: "requests",
            reach: Reach::AtMost(0.0),
            note: format!(
                "in {RELEASES} passes over {} objects; {:.1} ms of processor time each",
                RELEASES * 5,
                used.as_secs_f64() * 1000.0 / RELEASES as f64
            ),
        },
        Row {
            name: "releases_idle_other_requests",
            value: others.len() as f64,
            unit: "requests",
            reach: Reach::AtMost(0.0),
            note: format!(
                "but for watches, Leases and the status of the releases: {}",
                words(&others)
            ),
        },
    ]
}

/// One value of one release changes, and with it one of its five objects.
fn upgrade(house: &mut House) -> [Row; 2] {
    let mark = house.control_plane.audit().mark();
    house.push(&file(7), &release(7, "two"));
    house.request(&crate::house::root_source());
    house.poll(&reference(7), |found| {
        found.is_some_and(|found| found["status"]["history"][0]["version"] == 2 && is_ready(found))
    });
    let mut written = asked(house, mark);
    written.retain(AuditRecord::writes);
    let objects = written
        .iter()
        .filter(|record| KINDS.contains(&record.resource.as_str()));
    let of_records = |verb: Option<&str>| {
        let records = written.iter().filter(|record| {
            record.resource == "secrets" && verb.is_none_or(|verb| record.verb == verb)
        });
        records.count()
    };
    [
        Row {
            name: "release_upgrade_objects",
            value: objects.count() as f64,
            unit: "writes",
            reach: Reach::AtMost(1.0),
            note: format!("all writes: {}", words(&written)),
        },
        Row {
            name: "release_upgrade_records",
            value: of_records(Some("create")) as f64,
            unit: "Secrets",
            reach: Reach::AtMost(1.0),
            note: format!(
                "{} writes of Secrets: the new revision, what became of it, and that the one before is superseded",
                of_records(None)
            ),
        },
    ]
}

fn reference(number: usize) -> ObjectRef {
    ObjectRef::new(API, "HelmRelease", NAMESPACE, &name(number))
}

fn wait_for_all(house: &House, what: &str, is_done: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    loop {
        let all = if house.admin().serves(API, "HelmRelease") {
            house.admin().list(API, "HelmRelease", NAMESPACE, "")
        } else {
            Vec::new()
        };
        let done = all.iter().filter(|found| is_done(found)).count();
        if done == RELEASES {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{done} are {what} after {PATIENCE:?}"
        );
        std::thread::sleep(PAUSE);
    }
}
