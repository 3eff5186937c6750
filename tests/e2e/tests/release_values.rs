//! What a HelmRelease reads its values from, when that changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::controlplane::Options;

use crate::house::{House, config_map};
use crate::releases::{CHART, TEXT, by_version, house, reaches};

/// Far below the interval of an hour.
const AT_ONCE: Duration = Duration::from_secs(10);

fn write(house: &House, kind: &str, name: &str, labels: &Value, text: &str) {
    let field = match kind {
        "Secret" => "stringData",
        _ => "data",
    };
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {"name": format!("values-{name}"), "namespace": "flux-system", "labels": labels},
        field: {"text": text},
    }));
}

fn text(house: &House, name: &str) -> Value {
    let live = house.admin().get(&config_map("flux-system", name));
    live.unwrap()["data"]["text"].clone()
}

#[test]
fn a_labelled_config_map_or_secret_wakes_the_release_that_reads_it_at_once_and_another_does_not() {
    let labelled = json!({"reconcile.fluxcd.io/watch": "Enabled"});
    let cases = [
        ("of-map", "ConfigMap", labelled.clone()),
        ("of-secret", "Secret", labelled),
        ("of-quiet", "ConfigMap", json!({})),
    ];
    let release = |(name, kind, _): &(&str, &str, Value)| {
        let from = json!({"kind": kind, "name": format!("values-{name}"), "valuesKey": "text", "targetPath": "text"});
        by_version(name, &json!({"valuesFrom": [from]}))
    };
    let releases: Vec<String> = cases.iter().map(release).collect();
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    for (name, kind, labels) in &cases {
        write(&house, kind, name, labels, "one");
    }
    for (name, ..) in &cases {
        reaches(&house, name, "InstallSucceeded", 1);
    }

    let begun = Instant::now();
    for (name, kind, labels) in &cases {
        write(&house, kind, name, labels, "two");
    }
    for name in ["of-map", "of-secret"] {
        reaches(&house, name, "UpgradeSucceeded", 2);
        assert_eq!(text(&house, name), "two");
    }
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(
        text(&house, "of-quiet"),
        "one",
        "only the label asks for that"
    );
}
