//! A tree of the shape of a homelab's repository, on a cluster with controllers and pods: from nothing to Ready.

use std::time::{Duration, Instant};

use windlass_kit::controlplane::Options;
use windlass_kit::homelab::{self, KUSTOMIZATIONS};

use super::Scene;
use crate::house::{House, KUSTOMIZATION, is_ready, root};
use crate::report::{Reach, Row};

/// A figure missed by so much is not worth more waiting.
const PATIENCE: Duration = Duration::from_secs(300);
/// A list of this size costs the API server some milliseconds: not more often.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) const SCENE: Scene = Scene {
    what: "a homelab's tree of 53 Kustomizations with operators, definitions and dependencies",
    rows: &["homelab_tree"],
    run,
};

fn run() -> Vec<Row> {
    let mut house = House::prepare_on(&Options::full(), homelab::PATH, &homelab::files());
    house.agent.set("root", "interval", "1h");
    let start = Instant::now();
    house.agent.start();
    // Before its definition is there, nothing can be listed.
    house.poll(&root(), |found| found.is_some());
    loop {
        let all = house.admin().list(KUSTOMIZATION, "Kustomization", "", "");
        let ready = all.iter().filter(|one| is_ready(one)).count();
        if ready == KUSTOMIZATIONS + 1 {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{ready} are ready after {PATIENCE:?}"
        );
        std::thread::sleep(PAUSE);
    }
    vec![Row {
        name: "homelab_tree",
        value: start.elapsed().as_secs_f64(),
        unit: "s",
        // Every interval is an hour and a wait of 30 s is the shortest that there is: one such step is too many.
        reach: Reach::AtMost(30.0),
        note: format!(
            "from the agent's start on an empty cluster; {:.2} s of its processor time",
            house.agent.processor_time().as_secs_f64()
        ),
    }]
}
