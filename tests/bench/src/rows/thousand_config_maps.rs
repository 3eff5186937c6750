//! 1000 ConfigMaps at once, against eight bare connections.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use super::Scene;
use crate::house::{House, KUSTOMIZATION, config_map, is_ready, kustomization, root};
use crate::report::{Reach, Row};
use crate::sample::Sample;

const OBJECTS: usize = 1000;
const CONNECTIONS: usize = 8;
const ROUNDS: usize = 3;

pub(super) const SCENE: Scene = Scene {
    what: "1000 ConfigMaps, against eight bare connections",
    rows: &["thousand_config_maps"],
    run,
};

fn run() -> Vec<Row> {
    let placeholder = config_map("default", "placeholder", "blue");
    let root_file = ("root/placeholder.yaml".to_owned(), placeholder.to_string());
    let many = (0..OBJECTS).map(|number| {
        let text = format!("{:#}\n", object("default", number));
        (format!("many/settings-{number:04}.yaml"), text)
    });
    let files: Vec<_> = [root_file].into_iter().chain(many).collect();
    let mut house = House::prepare("./root", &files);
    house.agent.start();
    house.poll(&root(), |found| found.is_some_and(is_ready));
    // In turns, so that what else this machine does weighs on both sides.
    let rounds = (0..ROUNDS).map(|round| {
        let namespaces = [format!("bare-{round}"), format!("windlass-{round}")];
        for name in &namespaces {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            house.admin().apply(&namespace);
        }
        let [theirs, ours] = &namespaces;
        (bare(&house, theirs), first_sync(&house, ours))
    });
    let (bare, ours): (Vec<Duration>, Vec<Duration>) = rounds.unzip();
    let used = house.agent.processor_time();
    let (bare, ours) = (Sample::of(bare), Sample::of(ours));
    vec![Row {
        name: "thousand_config_maps",
        value: ours.median() / 1000.0,
        unit: "s",
        reach: Reach::Times {
            times: 2.4,
            rival: "eight bare connections",
            needed: bare.median() / 1000.0,
        },
        note: format!(
            "from the Kustomization's creation to Ready: {}; bare: {}; the agent used {:.2} s of \
             processor time for all",
            ours.words(),
            bare.words(),
            used.as_secs_f64()
        ),
    }]
}

/// From the creation of the Kustomization until it is Ready: build, dry-run, writes, health, status.
fn first_sync(house: &House, namespace: &str) -> Duration {
    let name = format!("many-in-{namespace}");
    let many = ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", &name);
    let mut manifest = kustomization(&name, "./many", "10m");
    manifest["spec"]["targetNamespace"] = json!(namespace);
    let start = Instant::now();
    house.admin().apply(&manifest);
    // Its status lists a thousand objects.
    let pause = Duration::from_millis(50);
    house.poll_each(pause, &many, |found| found.is_some_and(is_ready)) - start
}

/// The same objects in another namespace over eight connections that do nothing else.
fn bare(house: &House, namespace: &str) -> Duration {
    let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
    let requests: Vec<(String, Vec<u8>)> = (0..OBJECTS)
        .map(|number| {
            let path = format!(
                "{collection}/{}?fieldManager=kustomize-controller&force=true",
                name(number)
            );
            (path, object(namespace, number).to_string().into_bytes())
        })
        .collect();
    let barrier = Barrier::new(CONNECTIONS);
    let share = OBJECTS.div_ceil(CONNECTIONS);
    let (barrier, collection) = (&barrier, &collection);
    let spans: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let workers = requests.chunks(share).map(|share| {
            scope.spawn(move || {
                // Eight threads on one client keep eight connections; they are opened before the clock runs.
                let client = house.admin();
                barrier.wait();
                let _ = client.request("GET", collection, "application/json", &Value::Null);
                barrier.wait();
                let start = Instant::now();
                for (path, body) in share {
                    let answer =
                        client.try_request("PATCH", path, "application/apply-patch+yaml", body);
                    let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
                    assert!(answer.status < 300, "{path}: {}", answer.body);
                }
                (start, Instant::now())
            })
        });
        let workers: Vec<_> = workers.collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a bare client works"))
            .collect()
    });
    let start = spans.iter().map(|(start, _)| *start).min();
    let end = spans.iter().map(|(_, end)| *end).max();
    end.zip(start)
        .map(|(end, start)| end - start)
        .expect("there are workers")
}

fn name(number: usize) -> String {
    format!("settings-{number:04}")
}

fn object(namespace: &str, number: usize) -> Value {
    config_map(namespace, &name(number), "blue")
}
