//! How a release is changed, taken back and taken away, as its spec says.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_helm::{ApplyMethod, Record};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::charts::condition;
use crate::house::{House, config_map};
use crate::releases::{CHART, TEXT, by_version, house, reaches, reference, secret};

const OTHER: &str = "apiVersion: v2\nname: other\nversion: 2.0.0\n";

/// Something that is never ready where the values say so.
const BAD: &str = "{{ if .Values.bad }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: never}
spec:
  selector: {matchLabels: {app: never}}
  template:
    metadata: {labels: {app: never}}
    spec: {containers: [{name: a, image: a}]}
{{ end }}
";

fn live(house: &House, name: &str) -> Value {
    let live = house.admin().get(&config_map("flux-system", name));
    live.unwrap_or_default()
}

fn versions(object: &Value) -> Vec<(i64, String)> {
    let history = object["status"]["history"].as_array().unwrap().iter();
    let of = |one: &Value| {
        let chart = one["chartName"].as_str().unwrap().to_owned();
        (one["version"].as_i64().unwrap(), chart)
    };
    history.map(of).collect()
}

#[test]
fn a_release_of_another_chart_is_made_anew_or_changed_in_place_as_the_spec_says() {
    let with = |name: &str, chart: &str, strategy: Option<&str>| {
        let mut spec = json!({"values": {"text": "one"}});
        if let Some(strategy) = strategy {
            spec["upgrade"] = json!({"chartNameChangeStrategy": strategy});
        }
        by_version(name, &spec).replace("./charts/web", chart)
    };
    let releases = |chart: &str| {
        [
            with("anew", chart, None),
            with("in-place", chart, Some("InPlaceUpdate")),
        ]
        .join("\n---\n")
    };
    let files = [
        ("cluster/releases.yaml", releases("./charts/web")),
        ("charts/web/Chart.yaml", CHART.to_owned()),
        ("charts/web/templates/text.yaml", TEXT.to_owned()),
        ("charts/other/Chart.yaml", OTHER.to_owned()),
        ("charts/other/templates/text.yaml", TEXT.to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = house(&Options::api_server(), &files);
    let uid = |house: &House, name: &str| live(house, name)["metadata"]["uid"].clone();
    for name in ["anew", "in-place"] {
        reaches(&house, name, "InstallSucceeded", 1);
    }
    let before = [uid(&house, "anew"), uid(&house, "in-place")];
    house.push(
        &[("cluster/releases.yaml", &releases("./charts/other"))],
        "Another chart",
    );
    let object = reaches(&house, "in-place", "UpgradeSucceeded", 2);
    assert_eq!(
        versions(&object),
        [(2, "other".to_owned()), (1, "web".to_owned())]
    );
    assert_eq!(uid(&house, "in-place"), before[1]);
    let what = "the other to be made anew";
    let object = house.admin().wait_for(what, &reference("anew"), |object| {
        object["status"]["history"][0]["chartName"] == "other"
            && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
    });
    assert_eq!(versions(&object), [(1, "other".to_owned())]);
    assert_ne!(uid(&house, "anew"), before[0]);
}

#[test]
fn a_release_is_taken_back_in_the_way_that_the_spec_says() {
    let spec = |text: &str, bad: bool, rollback: Value| {
        let remediation =
            json!({"retries": 0, "remediateLastFailure": true, "strategy": "rollback"});
        by_version(
            "web",
            &json!({
                "timeout": "2s", "values": {"text": text, "bad": bad},
                "upgrade": {"remediation": remediation}, "rollback": rollback,
            }),
        )
    };
    let forced = json!({"serverSideApply": "disabled", "force": true, "disableWait": true});
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &spec("one", false, forced.clone())),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/bad.yaml", BAD),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    let method = |house: &House, version: i64| {
        let kept = house.admin().get(&secret(version)).unwrap();
        Record::from_secret(&kept).unwrap().apply_method
    };
    assert_eq!(method(&house, 1), Some(ApplyMethod::Server));
    let meddled = json!({"data": {"mine": "meddled"}});
    house
        .admin()
        .patch(&config_map("flux-system", "web"), &meddled);
    house.push(
        &[("cluster/release.yaml", &spec("two", true, forced))],
        "Something that is never ready",
    );
    reaches(&house, "web", "RollbackSucceeded", 3);
    assert_eq!(method(&house, 2), Some(ApplyMethod::Server));
    assert_eq!(method(&house, 3), Some(ApplyMethod::Client));
    // It was put anew in its place: what somebody else had added is gone, and so is what the failed revision brought.
    assert_eq!(live(&house, "web")["data"], json!({"text": "one"}));
    let never = ObjectRef::new("apps/v1", "Deployment", "flux-system", "never");
    assert!(house.admin().get(&never).is_none());

    // The same by the server leaves to others what is theirs.
    house
        .admin()
        .patch(&config_map("flux-system", "web"), &meddled);
    let by_server = json!({"serverSideApply": "enabled", "force": true, "disableWait": true});
    let good = spec("three", false, by_server.clone());
    house.push(&[("cluster/release.yaml", &good)], "Something good");
    reaches(&house, "web", "UpgradeSucceeded", 4);
    let bad = spec("four", true, by_server);
    house.push(&[("cluster/release.yaml", &bad)], "Never ready again");
    reaches(&house, "web", "RollbackSucceeded", 6);
    assert_eq!(method(&house, 6), Some(ApplyMethod::Server));
    assert_eq!(
        live(&house, "web")["data"],
        json!({"text": "three", "mine": "meddled"})
    );
}

const IMAGES: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  paused: true
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: b, image: \"docker.io/library/busybox:1\"}]
      containers: [{name: a, image: \"example.org/web:1.0\"}, {name: c, image: other}]
";

#[test]
fn images_are_put_in_by_a_post_renderer_and_dependents_go_or_stay_as_the_spec_says() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let images = json!([
        {"name": "example.org/web", "newName": "mirror.lan/web", "newTag": "1.1"},
        {"name": "docker.io/library/busybox", "digest": digest},
    ]);
    let release = |name: &str, propagation: &str| {
        by_version(
            name,
            &json!({
                "install": {"disableWait": true},
                "uninstall": {"deletionPropagation": propagation, "disableWait": true},
                "postRenderers": [{"kustomize": {"images": images}}],
            }),
        )
    };
    let names = ["background", "foreground", "orphan"];
    let all: Vec<String> = names.iter().map(|name| release(name, name)).collect();
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &all.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/deployment.yaml", IMAGES),
        ],
    );
    let deployment = |name: &str| ObjectRef::new("apps/v1", "Deployment", "flux-system", name);
    for name in names {
        reaches(&house, name, "InstallSucceeded", 1);
        let live = house.admin().get(&deployment(name)).unwrap();
        let pod = &live["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], "mirror.lan/web:1.1");
        assert_eq!(pod["containers"][1]["image"], "other");
        let expected = format!("docker.io/library/busybox@{digest}");
        assert_eq!(pod["initContainers"][0]["image"], expected);
    }
    // Without the garbage collector the API server leaves what it was told to do in the finalizers.
    let none = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rest, namespace: default}\n";
    house.push(&[("cluster/releases.yaml", none)], "Take them away");
    for (name, finalizer) in [
        ("background", None),
        ("foreground", Some("foregroundDeletion")),
        ("orphan", Some("orphan")),
    ] {
        let what = format!("{name} to be deleted");
        wait::until_true(&what, Duration::from_secs(60), || {
            let live = house.admin().get(&deployment(name));
            match (live, finalizer) {
                (None, None) => true,
                (Some(live), Some(finalizer)) => {
                    live["metadata"]["finalizers"] == json!([finalizer])
                        && live["metadata"]["deletionTimestamp"].is_string()
                }
                _ => false,
            }
        });
    }
}

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-install
    helm.sh/hook-delete-policy: hook-succeeded
    {{ if .Values.fails }}windlass.dev/pod: failing{{ end }}
spec: {restartPolicy: Never, containers: [{name: a, image: a}]}
";

#[test]
fn a_hook_that_is_a_pod_is_waited_for_until_it_has_run() {
    let release = |name: &str, fails: bool| {
        by_version(name, &json!({"values": {"text": "one", "fails": fails}}))
    };
    let releases = [release("web", false), release("fails", true)].join("\n---\n");
    let house = house(
        &Options::full(),
        &[
            ("cluster/releases.yaml", &releases),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/hook.yaml", POD),
        ],
    );
    let pod = |name: &str| ObjectRef::new("v1", "Pod", "flux-system", &format!("{name}-hook"));
    // It runs for as long as nobody says that it has come to its end; kwok says so of Jobs' Pods only.
    let what = "the hook to run";
    house
        .admin()
        .wait_for(what, &pod("web"), |pod| pod["status"]["phase"] == "Running");
    assert_eq!(
        live(&house, "web"),
        Value::Null,
        "nothing comes before it has run"
    );
    let ended = json!({"status": {"phase": "Succeeded"}});
    house
        .admin()
        .patch_subresource(&pod("web"), "status", &ended);
    reaches(&house, "web", "InstallSucceeded", 1);
    let kept = house.admin().get(&secret(1)).unwrap();
    let hooks = Record::from_secret(&kept).unwrap().hooks;
    assert_eq!(hooks.len(), 1);
    assert_eq!(live(&house, "web")["data"]["text"], "one");
    assert!(house.admin().get(&pod("web")).is_none(), "it has succeeded");
    let failed = reaches(&house, "fails", "InstallFailed", 1);
    let message = condition(&failed, "Released").unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains("hook pre-install web/templates/hook.yaml failed"),
        "{message}"
    );
    assert_eq!(live(&house, "fails"), Value::Null, "nothing comes after it");
    assert!(
        house.admin().get(&pod("fails")).is_some(),
        "it did not succeed"
    );
}
