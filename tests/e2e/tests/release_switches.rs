//! What a HelmRelease switches off, and what it keeps or leaves behind.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;

use crate::charts::condition;
use crate::helm_records::Helm;
use crate::house::{House, config_map};
use crate::releases::{CHART, OTHER, TEXT, by_version, house, reaches, reference, secret};

const SCHEMA: &str = r#"{"properties": {"text": {"type": "string"}}}"#;

const HOOK: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: pre-install}
";

#[test]
fn checks_hooks_and_taking_over_can_be_switched_off() {
    let number = json!({"text": 5});
    let install = |install: Value| json!({"values": {"text": "one"}, "install": install});
    let unchecked = json!({"values": number, "install": {"disableSchemaValidation": true}});
    let releases = [
        by_version("checked", &json!({"values": number})),
        by_version("unchecked", &unchecked),
        by_version("hooked", &install(json!({}))),
        by_version("hookless", &install(json!({"disableHooks": true}))),
        by_version("theirs", &install(json!({"disableTakeOwnership": true}))),
    ];
    let theirs = OTHER.replace("name: other", "name: theirs\n  namespace: flux-system");
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("cluster/theirs.yaml", &theirs),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/values.schema.json", SCHEMA),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/hook.yaml", HOOK),
        ],
    );
    for name in ["unchecked", "hooked", "hookless"] {
        reaches(&house, name, "InstallSucceeded", 1);
    }
    let there = |name: &str| {
        let object = config_map("flux-system", name);
        house.admin().get(&object).is_some()
    };
    assert!(there("hooked-hook") && !there("hookless-hook"));
    for (name, why) in [
        (
            "checked",
            "values don't meet the specifications of the schema(s)",
        ),
        (
            "theirs",
            "ConfigMap/flux-system/theirs exists and is not part of release",
        ),
    ] {
        let what = format!("HelmRelease {name} to fail");
        house.admin().wait_for(&what, &reference(name), |object| {
            let ready = condition(object, "Ready");
            ready.is_some_and(|ready| {
                ready["reason"] == "InstallFailed"
                    && ready["message"].as_str().unwrap().contains(why)
            })
        });
    }
}

#[test]
fn as_many_revisions_stay_as_the_spec_says_and_a_name_is_free_again_only_when_it_says_so() {
    let with = |text: &str, install: Value| {
        let spec = json!({
            "values": {"text": text}, "maxHistory": 2, "install": install,
            "uninstall": {"keepHistory": true},
        });
        by_version("web", &spec)
    };
    let kept = OTHER.replace("name: other", "name: kept\n  namespace: default");
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with("1", json!({}))),
            ("cluster/kept.yaml", &kept),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    for version in 2..=3 {
        let next = with(&version.to_string(), json!({}));
        house.push(&[("cluster/release.yaml", &next)], "Change a value");
        reaches(&house, "web", "UpgradeSucceeded", version);
    }
    let state = |house: &crate::house::House, version| {
        let kept = house.admin().get(&secret(version));
        kept.map(|kept| kept["metadata"]["labels"]["status"].clone())
    };
    let states = [1, 2, 3].map(|version| state(&house, version));
    let expected = [None, Some(json!("superseded")), Some(json!("deployed"))];
    assert_eq!(states, expected);

    house.repo.remove("cluster/release.yaml");
    house.push(&[], "Take it out");
    house.admin().wait_gone(&reference("web"));
    assert_eq!(house.admin().get(&config_map("flux-system", "web")), None);
    assert_eq!(state(&house, 3), Some(json!("uninstalled")));
    house.push(
        &[("cluster/release.yaml", &with("4", json!({})))],
        "Bring it back",
    );
    let what = "HelmRelease web not to take the name";
    house.admin().wait_for(what, &reference("web"), |object| {
        let ready = condition(object, "Ready").unwrap_or_default();
        let message = ready["message"].as_str().unwrap_or_default();
        message.contains("cannot reuse a name that is still in use")
    });
    let replace = with("4", json!({"replace": true}));
    house.push(&[("cluster/release.yaml", &replace)], "Take the name");
    reaches(&house, "web", "InstallSucceeded", 4);
}

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

/// It is never ready.
const TOY: &str = "{{ if .Values.toy }}
apiVersion: house.example/v1
kind: Toy
metadata: {name: toy}
status: {conditions: [{type: Ready, status: 'False'}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: beside}
{{ end }}
";

#[test]
fn what_a_failed_upgrade_created_goes_where_the_spec_says_so() {
    let with = |values: Value| {
        let upgrade = json!({"cleanupOnFail": true, "timeout": "2s"});
        by_version("web", &json!({"values": values, "upgrade": upgrade}))
    };
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/toy.yaml", DEFINITION),
            ("cluster/release.yaml", &with(json!({"text": "one"}))),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
            ("charts/web/templates/toy.yaml", TOY),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    let failing = with(json!({"text": "two", "toy": true}));
    house.push(
        &[("cluster/release.yaml", &failing)],
        "Add what is never ready",
    );
    reaches(&house, "web", "UpgradeFailed", 2);
    let toy = ObjectRef::new("house.example/v1", "Toy", "flux-system", "toy");
    for created in [toy, config_map("flux-system", "beside")] {
        house.admin().wait_gone(&created);
    }
    let live = house
        .admin()
        .get(&config_map("flux-system", "web"))
        .unwrap();
    assert_eq!(live["data"]["text"], "two");
}

#[test]
fn a_release_whose_finalizer_somebody_removed_is_left_alone_until_it_is_back() {
    let with = |text: &str| by_version("web", &json!({"values": {"text": text}}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &with("one")),
            (
                "cluster/kept.yaml",
                &OTHER.replace("  name: other", "  name: kept\n  namespace: default"),
            ),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/text.yaml", TEXT),
        ],
    );
    let Some(helm) = Helm::find(&house.control_plane, "flux-system") else {
        return;
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    let finalizers = |house: &House, list: Value| {
        let patch = json!({"metadata": {"finalizers": list}});
        house.admin().patch(&reference("web"), &patch);
    };
    let left_alone = |object: &Value| {
        condition(object, "Stalled").is_some_and(|stalled| stalled["reason"] == "UninstallDetected")
    };
    let text = |house: &House| {
        let live = house.admin().get(&config_map("flux-system", "web"));
        live.unwrap()["data"]["text"].clone()
    };
    finalizers(&house, json!([]));
    house
        .admin()
        .wait_for("it to be left alone", &reference("web"), left_alone);
    let commit = house.push(&[("cluster/release.yaml", &with("two"))], "Two");
    house.applied(&commit);
    let object = house
        .admin()
        .wait_for("the next spec", &reference("web"), |object| {
            left_alone(object) && object["status"]["observedGeneration"] == 2
        });
    assert_eq!(object["metadata"]["finalizers"], Value::Null);
    assert_eq!(text(&house), "one");

    finalizers(&house, json!(["finalizers.fluxcd.io"]));
    let object = reaches(&house, "web", "UpgradeSucceeded", 2);
    assert_eq!(condition(&object, "Stalled"), None);
    assert_eq!(text(&house), "two");

    // Deleted without it, also while nobody looks: what runs stays, and helm has the release.
    house.agent.stop();
    finalizers(&house, json!([]));
    house.agent.start();
    house
        .admin()
        .wait_for("it to be left alone", &reference("web"), left_alone);
    house.repo.remove("cluster/release.yaml");
    let commit = house.push(&[], "Take the release out");
    house.applied(&commit);
    house.admin().wait_gone(&reference("web"));
    assert_eq!(text(&house), "two");
    let list = helm.json(&["list", "-o", "json"]);
    assert_eq!(
        (&list[0]["name"], &list[0]["status"]),
        (&json!("web"), &json!("deployed"))
    );
    helm.run(&["uninstall", "web"]);
    assert_eq!(house.admin().get(&config_map("flux-system", "web")), None);
}
