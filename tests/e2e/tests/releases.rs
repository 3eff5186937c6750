//! HelmReleases of charts in a signed Git repository, and the real helm beside them.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{Options, User};

use crate::charts::condition;
use crate::helm_records::Helm;
use crate::house::{House, config_map};

pub(crate) const API: &str = "helm.toolkit.fluxcd.io/v2";
pub(crate) const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"4.5\"\n";
pub(crate) const TEXT: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
";
pub(crate) const OTHER: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: other
";

/// The manifest of a HelmRelease of the chart in `charts/web`; `spec` adds to it.
pub(crate) fn release(name: &str, spec: &Value) -> String {
    let mut object = json!({
        "apiVersion": API, "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": "1h",
            "chart": {"spec": {
                "chart": "./charts/web",
                "reconcileStrategy": "Revision",
                "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            }},
        },
    });
    let fields = spec.as_object().cloned().unwrap_or_default();
    object["spec"].as_object_mut().unwrap().extend(fields);
    object.to_string()
}

/// As [`release`], but only a new version in Chart.yaml makes a new chart.
pub(crate) fn by_version(name: &str, spec: &Value) -> String {
    release(name, spec).replace("Revision", "ChartVersion")
}

pub(crate) fn house(options: &Options, files: &[(&str, &str)]) -> House {
    House::start_with(options, files, |agent| {
        agent.set("root", "path", "./cluster");
    })
}

pub(crate) fn reference(name: &str) -> ObjectRef {
    ObjectRef::new(API, "HelmRelease", "flux-system", name)
}

/// Waits until Ready has this reason and, for a release, this revision is the newest.
pub(crate) fn reaches(house: &House, name: &str, reason: &str, version: i64) -> Value {
    let what = format!("HelmRelease {name} to be {reason} with revision {version}");
    house.admin().wait_for(&what, &reference(name), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == reason)
            && object["status"]["history"][0]["version"]
                .as_i64()
                .unwrap_or(0)
                == version
    })
}

pub(crate) fn ask(house: &House, name: &str, annotations: &[&str]) -> String {
    let now = format!("{:?}", std::time::SystemTime::now());
    let asked = annotations
        .iter()
        .map(|key| ((*key).to_owned(), json!(now)));
    let asked: serde_json::Map<String, Value> = asked.collect();
    let patch = json!({"metadata": {"annotations": asked}});
    house.admin().patch(&reference(name), &patch);
    now
}

pub(crate) fn handled(house: &House, name: &str, now: &str) -> Value {
    let what = format!("HelmRelease {name} to have handled {now}");
    house.admin().wait_for(&what, &reference(name), |object| {
        object["status"]["lastHandledReconcileAt"] == now
    })
}

pub(crate) fn secret(version: i64) -> ObjectRef {
    let name = format!("sh.helm.release.v1.web.v{version}");
    ObjectRef::new("v1", "Secret", "flux-system", &name)
}

#[test]
fn a_release_is_installed_upgraded_and_uninstalled_and_helm_reads_every_step() {
    let first = by_version("web", &json!({"values": {"text": "one"}}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &first),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/other.yaml", OTHER),
        ],
    );
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    let words = "Helm install succeeded for release flux-system/web.v1 with chart web@1.2.3";
    assert_eq!(condition(&object, "Ready").unwrap()["message"], words);
    assert_eq!(condition(&object, "Released").unwrap()["message"], words);
    let status = &object["status"];
    assert_eq!(status["helmChart"], "flux-system/flux-system-web");
    assert_eq!(status["storageNamespace"], "flux-system");
    assert_eq!(status["lastAttemptedReleaseAction"], "install");
    assert_eq!(
        status["observedGeneration"],
        object["metadata"]["generation"]
    );
    let ids: Vec<&str> = status["inventory"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["flux-system_other__ConfigMap", "flux-system_web__ConfigMap"]
    );
    let live = house
        .admin()
        .get(&config_map("flux-system", "web"))
        .unwrap();
    assert_eq!(live["data"]["text"], "one");
    let labels = &live["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(labels["helm.toolkit.fluxcd.io/name"], "web");
    assert_eq!(
        live["metadata"]["annotations"]["meta.helm.sh/release-name"],
        "web"
    );
    let list = helm.json(&["list", "-o", "json"]);
    assert_eq!(list[0]["chart"], "web-1.2.3");
    assert_eq!(list[0]["status"], "deployed");
    assert_eq!(
        helm.json(&["get", "values", "web", "-o", "json"]),
        json!({"text": "one"})
    );

    upgrades_and_leaves_no_trace(&mut house, &helm);
}

fn upgrades_and_leaves_no_trace(house: &mut House, helm: &Helm) {
    let second = by_version("web", &json!({"values": {"text": "two"}}));
    house.push(&[("cluster/release.yaml", &second)], "Change a value");
    let object = reaches(house, "web", "UpgradeSucceeded", 2);
    let history = &object["status"]["history"];
    assert_eq!(history[0]["status"], "deployed");
    assert_eq!(history[1]["status"], "superseded");
    let history = helm.json(&["history", "web", "-o", "json"]);
    assert_eq!(history[0]["description"], "Install complete");
    assert_eq!(history[1]["description"], "Upgrade complete");
    let everything = helm.run(&["get", "all", "web"]);
    assert!(everything.contains("  text: two"), "{everything}");

    // Nothing has changed: nobody is asked for anything, and nothing but the answer to the request is written.
    let mark = house.control_plane.audit().mark();
    let now = ask(house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    handled(house, "web", &now);
    let mut requests = house.control_plane.audit().requests(User::Agent, mark);
    requests.retain(|request| {
        request.verb != "watch"
            && ["configmaps", "secrets", "helmcharts"].contains(&request.resource.as_str())
    });
    assert!(requests.is_empty(), "{requests:?}");

    // An object that leaves the chart goes with the next version.
    let next = CHART.replace("1.2.3", "1.3.0");
    let files = [
        ("charts/web/Chart.yaml", next.as_str()),
        ("charts/web/templates/other.yaml", "# none\n"),
    ];
    house.push(&files, "Take one out");
    reaches(house, "web", "UpgradeSucceeded", 3);
    assert_eq!(house.admin().get(&config_map("flux-system", "other")), None);

    house.repo.remove("cluster/release.yaml");
    let kept = OTHER.replace("  name: other", "  name: kept\n  namespace: default");
    house.push(&[("cluster/kept.yaml", &kept)], "Take the release out");
    house.admin().wait_gone(&reference("web"));
    assert_eq!(house.admin().get(&config_map("flux-system", "web")), None);
    assert_eq!(helm.json(&["list", "-o", "json"]), json!([]));
    let chart = crate::charts::reference("flux-system-web");
    assert_eq!(house.admin().get(&chart), None);
}

const STUCK: &str = "{{ if .Values.stuck }}
apiVersion: batch/v1
kind: Job
metadata:
  name: stuck
  annotations:
    helm.sh/hook: pre-upgrade
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: a}]
{{ end }}
";

#[test]
fn t52_an_upgrade_whose_agent_was_killed_goes_on_and_nothing_stays_pending() {
    let with = |values: Value| by_version("web", &json!({"values": values}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with(json!({"text": "one"}))),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/stuck.yaml", STUCK),
        ],
    );
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    let stuck = with(json!({"text": "two", "stuck": true}));
    house.push(&[("cluster/release.yaml", &stuck)], "Upgrade");
    let job = ObjectRef::new("batch/v1", "Job", "flux-system", "stuck");
    house.admin().wait_for("the hook to run", &job, |_| true);
    let record = house.admin().get(&secret(2)).unwrap();
    assert_eq!(record["metadata"]["labels"]["status"], "pending-upgrade");
    house.agent.kill();

    let loose = with(json!({"text": "two"}));
    house.repo.publish(
        &[("cluster/release.yaml", &loose)],
        "Loose it",
        &house.signer,
    );
    house.agent.start();
    let what = "HelmRelease web to be upgraded";
    house.admin().wait_for(what, &reference("web"), |object| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == "UpgradeSucceeded")
            && object["status"]["observedGeneration"] == 3
    });
    let history = helm.json(&["history", "web", "-o", "json"]);
    let said = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap());
    let said: Vec<&str> = said.collect();
    // The agent may have begun again with the stuck one before it saw the next commit.
    let (first, rest) = said.split_first().unwrap();
    let (last, between) = rest.split_last().unwrap();
    assert_eq!((*first, *last), ("superseded", "deployed"));
    assert!(
        !between.is_empty() && between.iter().all(|one| *one == "failed"),
        "{said:?}"
    );
    let words = "Release unlocked from stale 'pending-upgrade' state";
    assert_eq!(history[1]["description"], words);
    helm.run(&["rollback", "web", "1", "--force-conflicts"]);
}

const BROKEN: &str = "{{ if .Values.broken }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: broken
data: [no map]
{{ end }}
";

#[test]
fn a_failed_upgrade_is_rolled_back_until_no_retry_is_left_and_goes_on_with_the_next_change() {
    let with = |values: Value| {
        let upgrade = json!({"remediation": {"retries": 1}});
        by_version("web", &json!({"values": values, "upgrade": upgrade}))
    };
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with(json!({"text": "one"}))),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/broken.yaml", BROKEN),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    let broken = with(json!({"text": "two", "broken": true}));
    house.push(&[("cluster/release.yaml", &broken)], "Break it");
    let what = "HelmRelease web to have no retries left";
    let object = house.admin().wait_for(what, &reference("web"), |object| {
        condition(object, "Stalled").is_some_and(|stalled| stalled["reason"] == "RetriesExceeded")
    });
    let stalled = condition(&object, "Stalled").unwrap();
    assert_eq!(stalled["message"], "Failed to upgrade after 2 attempt(s)");
    let released = condition(&object, "Released").unwrap();
    assert_eq!(released["reason"], "UpgradeFailed");
    let message = released["message"].as_str().unwrap();
    let start = "Helm upgrade failed for release flux-system/web with chart web@1.2.3: ";
    assert!(
        message.starts_with(start) && message.contains("ConfigMap"),
        "{message}"
    );
    let ready = condition(&object, "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("RollbackSucceeded"))
    );
    let status = &object["status"];
    assert_eq!(
        (&status["upgradeFailures"], &status["failures"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["history"][0]["action"], "rollback");
    let live = house
        .admin()
        .get(&config_map("flux-system", "web"))
        .unwrap();
    assert_eq!(live["data"]["text"], "one");

    house.push(
        &[("cluster/release.yaml", &with(json!({"text": "three"})))],
        "Mend it",
    );
    let object = reaches(&house, "web", "UpgradeSucceeded", 6);
    assert!(condition(&object, "Remediated").is_none());
    assert!(condition(&object, "Stalled").is_none());
    assert!(object["status"].get("upgradeFailures").is_none());
}

#[test]
fn what_helm_installed_is_taken_over_as_it_is_and_what_a_chart_drops_goes_with_the_next_upgrade() {
    let bare = OTHER.replace("name: other", "name: bare\n  namespace: default");
    let files = [
        ("cluster/bare.yaml", bare.as_str()),
        ("charts/web/Chart.yaml", CHART),
        ("charts/web/templates/text.yaml", TEXT),
        ("charts/web/templates/other.yaml", OTHER),
    ];
    let mut house = house(&Options::api_server(), &files);
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    let chart = house.repo.path().join("charts/web").display().to_string();
    helm.run(&["install", "web", &chart, "--set", "text=one"]);
    let made = house.admin().get(&secret(1)).unwrap();
    let live = house
        .admin()
        .get(&config_map("flux-system", "web"))
        .unwrap();

    let same = by_version("web", &json!({"values": {"text": "one"}}));
    house.push(&[("cluster/release.yaml", &same)], "Commit what is there");
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(
        object["status"]["inventory"]["entries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(house.admin().get(&secret(1)).unwrap(), made);
    assert_eq!(
        house
            .admin()
            .get(&config_map("flux-system", "web"))
            .unwrap(),
        live
    );
    assert_eq!(
        helm.json(&["history", "web", "-o", "json"])
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // Fields and objects that helm wrote and the chart drops go, whoever owned them.
    let without = TEXT.replace("  text: {{ .Values.text | quote }}", "  new: yes-it-is");
    let next = CHART.replace("1.2.3", "1.3.0");
    let files = [
        ("charts/web/Chart.yaml", next.as_str()),
        ("charts/web/templates/text.yaml", without.as_str()),
        ("charts/web/templates/other.yaml", "# none\n"),
    ];
    house.push(&files, "Drop them");
    reaches(&house, "web", "UpgradeSucceeded", 2);
    let live = house
        .admin()
        .get(&config_map("flux-system", "web"))
        .unwrap();
    assert_eq!(live["data"], json!({"new": "yes-it-is"}));
    assert_eq!(house.admin().get(&config_map("flux-system", "other")), None);
}

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data:
  values.yaml: |
    text: from-file
    nested: {a: file, b: file}
  key: from-key
---
apiVersion: v1
kind: Secret
metadata: {name: hidden, namespace: flux-system}
stringData: {word: from-secret}
";

pub(crate) const SHOW: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values | toJson | quote }}
";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.house.example}
spec:
  group: house.example
  scope: Namespaced
  names: {kind: Toy, plural: toys}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const TOY: &str = "apiVersion: house.example/v1
kind: Toy
metadata: {name: bear}
";

fn hook(name: &str, event: &str, weight: i64, policy: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {event}\n    \
         helm.sh/hook-weight: \"{weight}\"\n    helm.sh/hook-delete-policy: {policy}\n"
    )
}

#[test]
fn values_namespaces_definitions_hooks_and_tests_are_as_the_spec_says() {
    let spec = json!({
        "targetNamespace": "toys", "storageNamespace": "default",
        "install": {"createNamespace": true},
        "test": {"enable": true, "filters": [{"name": "left-out", "exclude": true}]},
        "valuesFrom": [
            {"kind": "ConfigMap", "name": "settings"},
            {"kind": "ConfigMap", "name": "settings", "valuesKey": "key", "targetPath": "nested.a"},
            {"kind": "Secret", "name": "hidden", "valuesKey": "word", "targetPath": "word"},
            {"kind": "Secret", "name": "nobody", "optional": true},
        ],
        "values": {"text": "own", "nested": {"c": "own"}},
    });
    let after = json!({"dependsOn": [{"name": "web"}], "releaseName": "second"});
    let hooks = [
        hook("before", "pre-install", 1, "hook-succeeded"),
        hook("stays", "post-install", 0, "before-hook-creation"),
        hook("tested", "test", 0, "before-hook-creation"),
        hook("left-out", "test", 0, "before-hook-creation"),
    ];
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/settings.yaml", SETTINGS),
            ("cluster/second.yaml", &by_version("after", &after)),
            ("cluster/release.yaml", &by_version("web", &spec)),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/crds/toy.yaml", DEFINITION),
            ("charts/web/templates/show.yaml", SHOW),
            ("charts/web/templates/toy.yaml", TOY),
            ("charts/web/templates/hooks.yaml", &hooks.join("---\n")),
        ],
    );
    let object = reaches(&house, "web", "TestSucceeded", 1);
    let words = "Helm test succeeded for release toys/toys-web.v1 with chart web@1.2.3: 1 test hook completed successfully";
    assert_eq!(condition(&object, "Ready").unwrap()["message"], words);
    let tests = object["status"]["history"][0]["testHooks"]
        .as_object()
        .unwrap();
    assert_eq!(tests["tested"]["phase"], "Succeeded");
    assert_eq!(tests.len(), 1);
    let shown = house.admin().get(&config_map("toys", "toys-web")).unwrap();
    let values: Value = serde_json::from_str(shown["data"]["values"].as_str().unwrap()).unwrap();
    let expected = json!({
        "text": "own", "word": "from-secret", "nested": {"a": "from-key", "b": "file", "c": "own"},
    });
    assert_eq!(values, expected);
    let kept = "sh.helm.release.v1.toys-web.v1";
    assert!(
        house
            .admin()
            .get(&ObjectRef::new("v1", "Secret", "default", kept))
            .is_some()
    );
    assert!(
        house
            .admin()
            .get(&ObjectRef::new("house.example/v1", "Toy", "toys", "bear"))
            .is_some()
    );
    let there = |name: &str| house.admin().get(&config_map("toys", name)).is_some();
    assert!(!there("before") && there("stays") && there("tested") && !there("left-out"));

    let second = reaches(&house, "after", "InstallSucceeded", 1);
    assert_eq!(second["status"]["history"][0]["name"], "second");
    let (first, second) = (&object["status"], &second["status"]);
    let at = |status: &Value| {
        status["history"][0]["firstDeployed"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(at(first) <= at(second));
}

pub(crate) fn meddle(house: &House, text: &str) {
    let patch = json!({"data": {"text": text, "mine": text}});
    house
        .admin()
        .patch(&config_map("flux-system", "web"), &patch);
}

#[test]
fn drift_is_left_alone_told_or_undone_at_once_as_the_spec_says() {
    let with = |drift: &Value| {
        by_version(
            "web",
            &json!({"values": {"text": "one"}, "driftDetection": drift}),
        )
    };
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with(&json!({}))),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/other.yaml", OTHER),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    meddle(&house, "two");
    let now = ask(&house, "web", &["reconcile.fluxcd.io/requestedAt"]);
    let object = handled(&house, "web", &now);
    assert!(condition(&object, "Drifted").is_none());

    house.push(
        &[("cluster/release.yaml", &with(&json!({"mode": "warn"})))],
        "Tell",
    );
    let admin = house.admin().clone();
    let told = |what: &str, said: &str| {
        admin.wait_for(what, &reference("web"), |object| {
            let drifted = condition(object, "Drifted");
            drifted.is_some_and(|drifted| drifted["message"].as_str().unwrap().contains(said))
        })
    };
    let object = told("drift to be told", "ConfigMap/flux-system/web");
    assert_eq!(
        condition(&object, "Drifted").unwrap()["reason"],
        "DriftDetected"
    );
    assert_eq!(condition(&object, "Ready").unwrap()["status"], "True");
    let live = || {
        house
            .admin()
            .get(&config_map("flux-system", "web"))
            .unwrap()
    };
    assert_eq!(live()["data"]["text"], "two");
    house.admin().delete(&config_map("flux-system", "other"));
    told(
        "a deletion to be told at once",
        "ConfigMap/flux-system/other",
    );

    let ignore = json!([{"paths": [""], "target": {"name": "other"}}]);
    let enabled = with(&json!({"mode": "enabled", "ignore": ignore}));
    house.push(&[("cluster/release.yaml", &enabled)], "Undo");
    let back = |text: &str| {
        house
            .admin()
            .wait_for(text, &config_map("flux-system", "web"), |live| {
                live["data"] == json!({"text": "one", "mine": text})
            });
    };
    back("two");
    house
        .admin()
        .wait_for("no drift", &reference("web"), |object| {
            condition(object, "Drifted").is_some_and(|drifted| drifted["status"] == "False")
        });
    // The watch tells: no pass is due for an hour.
    meddle(&house, "three");
    back("three");
    assert_eq!(house.admin().get(&config_map("flux-system", "other")), None);
    let object = reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(object["status"]["history"][0]["version"], 1);
}
