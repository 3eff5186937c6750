//! 1,000 Kustomizations of 10 objects in one agent: the first sync, its memory at rest, and a pass of each with nothing to do.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_kit::api::ObjectRef;

use super::Scene;
use crate::house::{House, KUSTOMIZATION, config_map, is_ready, kustomization, root};
use crate::report::{Reach, Row};

const KUSTOMIZATIONS: usize = 1000;
const OBJECTS: usize = 10;
const NAMESPACE: &str = "flux-system";
/// What was allocated for the first sync is given back by then.
const SETTLE: Duration = Duration::from_secs(30);
/// A figure missed by so much is not worth more waiting.
const PATIENCE: Duration = Duration::from_secs(600);
/// A list of a thousand costs the API server a while: not more often.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) const SCENE: Scene = Scene {
    what: "1,000 Kustomizations of 10 objects: the first sync, memory at rest, a pass of each with nothing to do",
    rows: &[
        "thousand_kustomizations",
        "thousand_memory",
        "thousand_idle_requests",
        "thousand_idle_processor",
    ],
    run,
};

fn run() -> Vec<Row> {
    let mut files = Vec::new();
    for number in 0..KUSTOMIZATIONS {
        let name = name(number);
        let manifest = kustomization(&name, &format!("./apps/{name}"), "1h");
        files.push((format!("root/{name}.yaml"), manifest.to_string()));
        let objects = (0..OBJECTS).map(|place| {
            let object = config_map("default", &format!("{name}-{place}"), "blue");
            object.to_string()
        });
        let text = objects.collect::<Vec<_>>().join("\n---\n");
        files.push((format!("apps/{name}/objects.yaml"), text));
    }
    let mut house = House::prepare("./root", &files);
    let mut rows = vec![first_sync(&mut house)];
    std::thread::sleep(SETTLE);
    rows.push(memory(&house));
    rows.extend(idle_pass(&house));
    rows
}

fn name(number: usize) -> String {
    format!("app-{number:04}")
}

fn first_sync(house: &mut House) -> Row {
    let start = Instant::now();
    house.agent.start();
    // Before its definition is there, nothing can be listed.
    house.poll(&root(), |found| found.is_some());
    wait_for_all(house, start, "ready", is_ready);
    let took = start.elapsed();
    Row {
        name: "thousand_kustomizations",
        value: took.as_secs_f64(),
        unit: "s",
        reach: Reach::AtMost(100.0),
        note: format!(
            "from the agent's start on an empty cluster; {:.1} s of its processor time",
            house.agent.processor_time().as_secs_f64()
        ),
    }
}

/// The proportional share of both processes.
fn memory(house: &House) -> Row {
    Row {
        name: "thousand_memory",
        value: house.agent.memory() as f64 / 1e6,
        unit: "MB",
        reach: Reach::AtMost(150.0),
        note: format!(
            "PSS of all {} processes {} s after the first sync",
            house.agent.processes().len(),
            SETTLE.as_secs()
        ),
    }
}

/// Every Kustomization is asked for a pass, and finds nothing to do.
fn idle_pass(house: &House) -> [Row; 2] {
    let total = "apiserver_request_total";
    let labels = [("resource", "configmaps"), ("group", "")];
    let watches = [labels[0], labels[1], ("verb", "WATCH")];
    let before = house.control_plane.metrics();
    let used = house.agent.processor_time();
    let start = Instant::now();
    let mark = "thousand";
    let annotations =
        json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": mark}}});
    for number in 0..KUSTOMIZATIONS {
        let object = ObjectRef::new(KUSTOMIZATION, "Kustomization", NAMESPACE, &name(number));
        house.admin().patch(&object, &annotations);
    }
    wait_for_all(house, start, "asked", |found| {
        found["status"]["lastHandledReconcileAt"] == mark && is_ready(found)
    });
    let took = start.elapsed();
    let used = house.agent.processor_time() - used;
    let after = house.control_plane.metrics();
    let count = |labels: &[(&str, &str)]| after.sum(total, labels) - before.sum(total, labels);
    [
        Row {
            name: "thousand_idle_requests",
            value: count(&labels) - count(&watches),
            unit: "requests",
            reach: Reach::AtMost(0.0),
            note: format!(
                "for the {} objects, from the API server's metrics",
                KUSTOMIZATIONS * OBJECTS
            ),
        },
        Row {
            name: "thousand_idle_processor",
            value: 1000.0 * used.as_secs_f64() / KUSTOMIZATIONS as f64,
            unit: "ms a pass",
            reach: Reach::AtMost(10.0),
            note: format!(
                "the status of each is written once; all took {:.1} s, most of it the API server's",
                took.as_secs_f64()
            ),
        },
    ]
}

fn wait_for_all(
    house: &House,
    start: Instant,
    what: &str,
    is_done: impl Fn(&serde_json::Value) -> bool,
) {
    loop {
        let all = house
            .admin()
            .list(KUSTOMIZATION, "Kustomization", NAMESPACE, "");
        let of_ours = all.iter().filter(|found| {
            let name = found["metadata"]["name"].as_str();
            name.is_some_and(|name| name.starts_with("app-"))
        });
        let done = of_ours.filter(|found| is_done(found)).count();
        if done == KUSTOMIZATIONS {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{done} are {what} after {PATIENCE:?}"
        );
        std::thread::sleep(PAUSE);
    }
}
