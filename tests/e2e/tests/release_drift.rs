//! What others change in a release: its objects, and the Secrets that hold its revisions.

use serde_json::json;
use windlass_helm::{Record, Status};
use windlass_kit::controlplane::Options;

use crate::charts::condition;
use crate::helm_records::Helm;
use crate::house::config_map;
use crate::releases::{
    CHART, OTHER, TEXT, ask, by_version, handled, house, meddle, reaches, secret,
};

const GUARDED: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: guarded
  annotations: {helm.toolkit.fluxcd.io/driftDetection: disabled}
data: {text: one}
";

#[test]
fn fields_that_are_ignored_are_left_to_others_and_those_beside_them_are_put_back() {
    let ignore = json!([
        {"paths": ["/data/text"], "target": {"kind": "ConfigMap", "name": "web"}},
        {"paths": ["/data/text"], "target": {"kind": "Secret"}},
    ]);
    let drift = json!({"mode": "enabled", "ignore": ignore});
    let spec = json!({"values": {"text": "one"}, "driftDetection": drift});
    let other = format!("{OTHER}data: {{text: one, more: one}}\n");
    let text = format!("{TEXT}  more: one\n");
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &by_version("web", &spec)),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", &text),
            ("charts/web/templates/other.yaml", &other),
            ("charts/web/templates/guarded.yaml", GUARDED),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    let meddled = json!({"data": {"text": "two"}});
    for name in ["guarded", "web"] {
        let object = config_map("flux-system", name);
        house.admin().patch(&object, &meddled);
    }
    let both = json!({"data": {"text": "two", "more": "two"}});
    house
        .admin()
        .patch(&config_map("flux-system", "other"), &both);
    let put_back = |name: &str, data: serde_json::Value| {
        let what = format!("{name} to have {data}");
        let object = config_map("flux-system", name);
        house
            .admin()
            .wait_for(&what, &object, |live| live["data"] == data);
    };
    put_back("other", json!({"text": "one", "more": "one"}));
    let beside = json!({"data": {"more": "two"}});
    house
        .admin()
        .patch(&config_map("flux-system", "web"), &beside);
    put_back("web", json!({"text": "two", "more": "one"}));
    put_back("guarded", json!({"text": "two"}));
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(condition(&object, "Drifted").unwrap()["status"], "False");
}

#[test]
fn a_release_that_helm_made_has_not_drifted_and_is_watched_at_the_interval() {
    let files = [
        (
            "cluster/bare.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bare, namespace: default}\n",
        ),
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/templates/text.yaml", TEXT),
    ];
    let mut house = house(&Options::api_server(), &files);
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    let chart = house.repo.path().join("charts/web").display().to_string();
    helm.run(&["install", "web", &chart, "--set", "text=one"]);
    let live = house.admin().get(&config_map("flux-system", "web"));
    let drift = json!({"mode": "enabled"});
    let spec = json!({"values": {"text": "one"}, "driftDetection": drift, "interval": "5s"});
    let same = by_version("web", &spec);
    house.push(&[("cluster/release.yaml", &same)], "Commit what is there");
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(condition(&object, "Drifted").unwrap()["status"], "False");
    let now = house.admin().get(&config_map("flux-system", "web"));
    assert_eq!(now, live, "it is as helm left it");
    meddle(&house, "two");
    let web = config_map("flux-system", "web");
    house
        .admin()
        .wait_for("the text to be put back", &web, |live| {
            live["data"]["text"] == "one"
        });
}

#[test]
fn a_revision_that_a_person_makes_is_seen_at_once() {
    let release = by_version("web", &json!({"values": {"text": "one"}}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &release),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    let second = by_version("web", &json!({"values": {"text": "two"}}));
    house.push(&[("cluster/release.yaml", &second)], "Change a value");
    reaches(&house, "web", "UpgradeSucceeded", 2);
    // No pass is due for an hour. The release is upgraded over what the person did.
    helm.run(&["rollback", "web", "1", "--force-conflicts"]);
    reaches(&house, "web", "UpgradeSucceeded", 4);
    let live = house.admin().get(&config_map("flux-system", "web"));
    assert_eq!(live.unwrap()["data"]["text"], "two");
}

#[test]
fn a_release_whose_revisions_are_deleted_is_installed_anew_at_once() {
    let release = |text: &str| by_version("web", &json!({"values": {"text": text}}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &release("one")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    house.push(
        &[("cluster/release.yaml", &release("two"))],
        "Change a value",
    );
    reaches(&house, "web", "UpgradeSucceeded", 2);
    for version in 1..=2 {
        house.admin().delete(&secret(version));
    }
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(object["status"]["history"].as_array().unwrap().len(), 1);
}

#[test]
fn a_revision_that_somebody_was_killed_over_is_found_at_the_interval() {
    let spec = json!({"interval": "5s", "values": {"text": "one"}});
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &by_version("web", &spec)),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    // What this pass finds makes the next ones short, until somebody moves a revision.
    let now = ask(&house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    handled(&house, "web", &now);
    let first = house.admin().get(&secret(1)).unwrap();
    let mut pending = Record::from_secret(&first).unwrap();
    pending.version = 2;
    pending.set_status(Status::PendingUpgrade, "Preparing upgrade");
    house
        .admin()
        .apply(&pending.to_secret("flux-system", jiff::Timestamp::now(), false));
    reaches(&house, "web", "UpgradeSucceeded", 3);
    let history = helm.json(&["history", "web", "-o", "json"]);
    let words = "Release unlocked from stale 'pending-upgrade' state";
    assert_eq!(history[1]["description"], words);
    assert_eq!(history[2]["status"], "deployed");
}
