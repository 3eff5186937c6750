//! Kustomizations and HelmReleases that wait for each other, and are woken as soon as there is nothing to wait for.

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::Options;

use crate::house::{House, kustomization, nested};
use crate::releases::{CHART, TEXT, house, reaches, reference, release};
use crate::tenant::map;

/// Seconds; what no event tells is looked at after 30.
const WOKEN: i64 = 20;

fn after(manifest: &str, needs: &str) -> String {
    let mut object: Value = serde_json::from_str(manifest).unwrap();
    object["metadata"]["annotations"] = json!({"windlass.dev/depends-on": needs});
    object.to_string()
}

fn says(house: &House, object: &ObjectRef, part: &str) {
    let what = format!("{object:?} to say {part}");
    house.admin().wait_for(&what, object, |object| {
        condition(object, "Ready").is_some_and(|ready| {
            ready["reason"] == "DependencyNotReady"
                && ready["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(part))
        })
    });
}

fn ready_since(object: &Value) -> i64 {
    let since = condition(object, "Ready").unwrap()["lastTransitionTime"].clone();
    let since: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    since.as_second()
}

#[test]
fn a_release_waits_for_a_kustomization_and_a_kustomization_for_a_release() {
    let crds = nested("crds", "./crds", json!({"retryInterval": "1h"}));
    let web = after(&release("web", &json!({})), "Kustomization/crds");
    let apps = after(
        &nested("apps", "./apps", json!({})),
        "HelmRelease/flux-system/web",
    );
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/crds.yaml", &crds),
            ("cluster/web.yaml", &web),
            ("cluster/apps.yaml", &apps),
            ("apps/map.yaml", &map("default", "apps", "one")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    let of = |name: &str| kustomization("flux-system", name);
    says(
        &house,
        &reference("web"),
        "'Kustomization/flux-system/crds' is not ready",
    );
    says(
        &house,
        &of("apps"),
        "'HelmRelease/flux-system/web' is not ready",
    );

    house.push(
        &[("crds/map.yaml", &map("default", "crds", "one"))],
        "Bring them",
    );
    let web_ready = reaches(&house, "web", "InstallSucceeded", 1);
    let apps_ready = house.ready("flux-system", "apps");
    let crds_ready = house.ready("flux-system", "crds");
    let times = [&crds_ready, &web_ready, &apps_ready].map(ready_since);
    assert!(
        times[1] - times[0] < WOKEN && times[2] - times[1] < WOKEN,
        "{times:?}"
    );

    let circle = after(&crds, "HelmRelease/web");
    house.push(&[("cluster/crds.yaml", &circle)], "A circle");
    let circle = "cycle: flux-system/crds → HelmRelease/flux-system/web → flux-system/crds";
    says(&house, &of("crds"), circle);
    let unreadable = after(&crds, "Deployment/web");
    house.push(&[("cluster/crds.yaml", &unreadable)], "No such kind");
    says(&house, &of("crds"), "\"Deployment/web\" is neither");
    house.push(&[("cluster/crds.yaml", &crds)], "As it was");
    house.ready("flux-system", "crds");
}
