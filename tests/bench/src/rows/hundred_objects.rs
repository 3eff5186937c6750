//! One Kustomization of 100 objects: a change that comes in, a pass that finds nothing, drift.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::controlplane::audit::{AuditRecord, Mark};

use super::Scene;
use crate::house::{House, config_map, is_ready, root, root_source};
use crate::report::{Reach, Row};
use crate::sample::Sample;

const OBJECTS: usize = 100;
const CHANGES: usize = 20;
/// Each on an object of its own: corrections of one object are limited.
const DRIFTS: usize = 40;
const PASSES: usize = 5;

pub(super) const SCENE: Scene = Scene {
    what: "100 objects: changes pushed, passes that find nothing, drift",
    rows: &[
        "request_to_applied",
        "idle_pass_object_requests",
        "idle_pass_status_patches",
        "idle_pass_other_requests",
        "drift_median",
        "drift_worst",
    ],
    run,
};

fn run() -> Vec<Row> {
    let files: Vec<_> = (0..OBJECTS)
        .map(|number| (file(number), manifest(number, "blue")))
        .collect();
    let mut house = House::prepare("./", &files);
    house.agent.start();
    house.poll(&root(), |found| found.is_some_and(is_ready));
    let mut rows = vec![request_to_applied(&mut house)];
    rows.extend(idle_pass(&house));
    rows.extend(drift(&house));
    rows
}

/// From the request to fetch, sent right after the push, until the API server shows the new object.
fn request_to_applied(house: &mut House) -> Row {
    let times = (0..CHANGES).map(|number| {
        let colour = format!("green-{number}");
        let commit = house.push(&file(number), &manifest(number, &colour));
        let start = Instant::now();
        house.request(&root_source());
        let seen = house.poll(&object(number), |found| {
            found.is_some_and(|found| found["data"]["colour"] == colour.as_str())
        });
        house.applied(&commit);
        seen - start
    });
    let sample = Sample::of(times.collect());
    Row {
        name: "request_to_applied",
        value: sample.median(),
        unit: "ms",
        reach: Reach::AtMost(150.0),
        note: sample.words(),
    }
}

/// What the API server counted while requested passes found nothing to do.
fn idle_pass(house: &House) -> Vec<Row> {
    let plane = &house.control_plane;
    let (before, mark) = (plane.metrics(), plane.audit().mark());
    for _ in 0..PASSES {
        let request = house.request(&root());
        house.handled(&root(), &request);
    }
    let (after, seen) = (plane.metrics(), requests(house, mark));
    let total = "apiserver_request_total";
    // Nobody else asks for ConfigMaps here; a watch that began anew is no request for an object.
    let count = |labels: &[(&str, &str)]| after.sum(total, labels) - before.sum(total, labels);
    let objects = [("resource", "configmaps"), ("group", "")];
    let watches = [objects[0], objects[1], ("verb", "WATCH")];
    let object_requests = count(&objects) - count(&watches);
    let first_sync = before.sum(total, &objects);
    assert!(
        first_sync >= 2.0 * OBJECTS as f64,
        "the API server counts requests for ConfigMaps: {first_sync}"
    );
    let patches = count(&[("resource", "kustomizations"), ("subresource", "status")]);
    let is_patch = |record: &AuditRecord| record.verb == "patch" && record.subresource == "status";
    let other = seen.iter().filter(|record| !is_patch(record));
    let words: Vec<String> = other.map(words).collect();
    let (passes, others) = (PASSES as f64, words.len() as f64);
    vec![
        Row {
            name: "idle_pass_object_requests",
            value: object_requests,
            unit: "requests",
            reach: Reach::AtMost(0.0),
            note: format!("{PASSES} requested passes, from the API server's metrics"),
        },
        Row {
            name: "idle_pass_status_patches",
            value: patches / passes,
            unit: "a pass",
            reach: Reach::AtMost(1.0),
            note: format!("{PASSES} requested passes, from the API server's metrics"),
        },
        Row {
            name: "idle_pass_other_requests",
            value: others,
            unit: "requests",
            reach: Reach::AtMost(0.0),
            note: format!("the agent's in the audit log: {}", words.join(", ")),
        },
    ]
}

/// From before the foreign request is sent until the API server shows the object put back; every
/// fourth is a deletion.
fn drift(house: &House) -> [Row; 2] {
    let first = CHANGES;
    let times = (first..first + DRIFTS).map(|number| {
        let object = object(number);
        let start = Instant::now();
        if number % 4 == 0 {
            let uid = house.admin().get(&object).expect("it is applied")["metadata"]["uid"].clone();
            let start = Instant::now();
            house.admin().delete(&object);
            let seen = house.poll(&object, |found| {
                found.is_some_and(|found| found["metadata"]["uid"] != uid)
            });
            return seen - start;
        }
        house
            .admin()
            .patch(&object, &json!({"data": {"colour": "red"}}));
        let seen = house.poll(&object, |found| {
            found.is_some_and(|found| found["data"]["colour"] == "blue")
        });
        seen - start
    });
    let times: Vec<Duration> = times.collect();
    let sample = Sample::of(times);
    let row = |name, value, limit| Row {
        name,
        value,
        unit: "ms",
        reach: Reach::AtMost(limit),
        note: sample.words(),
    };
    [
        row("drift_median", sample.median(), 200.0),
        row("drift_worst", sample.worst(), 1000.0),
    ]
}

/// The agent's requests since a mark, but for watches and its Leases.
pub(super) fn requests(house: &House, mark: Mark) -> Vec<AuditRecord> {
    let mut records = house.control_plane.audit().requests(User::Agent, mark);
    records.retain(|record| record.verb != "watch" && record.resource != "leases");
    records
}

/// A request in a few words.
pub(super) fn words(record: &AuditRecord) -> String {
    format!("{} {}", record.verb, record.uri)
}

fn file(number: usize) -> String {
    format!("settings-{number:03}.yaml")
}

fn name(number: usize) -> String {
    format!("settings-{number:03}")
}

fn object(number: usize) -> ObjectRef {
    ObjectRef::new("v1", "ConfigMap", "default", &name(number))
}

/// JSON is YAML.
fn manifest(number: usize, colour: &str) -> String {
    format!("{:#}\n", config_map("default", &name(number), colour))
}
