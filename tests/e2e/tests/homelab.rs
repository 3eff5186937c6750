//! A tree of the shape of a homelab's repository, from an empty cluster to Ready.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use windlass_kit::controlplane::Options;
use windlass_kit::homelab::{self, KUSTOMIZATIONS};
use windlass_kit::wait;

use crate::house::{House, KUSTOMIZATION, is_ready};

/// Nothing may wait for an interval, and every interval is an hour.
const LIMIT: Duration = Duration::from_secs(180);
/// A Kustomization that nobody wakes looks after its dependencies every 30 s: it must be ready sooner after them.
const STEP: i64 = 25;

#[test]
fn a_tree_of_53_kustomizations_comes_up_without_waiting_for_an_interval() {
    let files = homelab::files();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let mut house = House::prepare(&Options::full(), &files);
    house.agent.set("root", "path", homelab::PATH);
    house.agent.set("root", "interval", "1h");
    let begun = Instant::now();
    house.agent.start();
    house.root_ready();
    wait::until("53 Kustomizations to be ready", LIMIT, || {
        let all = house.admin().list(KUSTOMIZATION, "Kustomization", "", "");
        let late: Vec<String> = all
            .iter()
            .filter(|one| !is_ready(one))
            .map(|one| {
                format!(
                    "{}: {}",
                    one["metadata"]["name"],
                    crate::house::ready(one)["message"]
                )
            })
            .collect();
        if all.len() == KUSTOMIZATIONS + 1 && late.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} there, not ready:\n{}",
            all.len(),
            late.join("\n")
        ))
    });
    let took = begun.elapsed();
    let all = house
        .admin()
        .list(KUSTOMIZATION, "Kustomization", "flux-system", "");
    let steps = all
        .iter()
        .filter_map(|one| Some((one, ready_at(one) - last_of_dependencies(one, &all)?)));
    for (one, step) in steps {
        assert!(
            step < STEP,
            "{} waited {step} s after its dependencies",
            one["metadata"]["name"]
        );
    }
    eprintln!("ready after {:.1} s", took.as_secs_f64());
}

/// The second since which it is ready.
fn ready_at(one: &Value) -> i64 {
    let since = crate::house::ready(one)["lastTransitionTime"].clone();
    let since: Timestamp = since
        .as_str()
        .expect("it is ready")
        .parse()
        .expect("a time");
    since.as_second()
}

fn last_of_dependencies(one: &Value, all: &[Value]) -> Option<i64> {
    let names = one["spec"]["dependsOn"]
        .as_array()?
        .iter()
        .map(|needed| &needed["name"]);
    let times =
        names.filter_map(|name| all.iter().find(|other| other["metadata"]["name"] == *name));
    times.map(ready_at).max()
}
