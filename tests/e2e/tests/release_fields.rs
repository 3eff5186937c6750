//! Fields of a HelmRelease that say how its objects are written and waited for.

use serde_json::{Value, json};
use windlass_helm::{ApplyMethod, Record};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;

use crate::charts::condition;
use crate::house::{House, config_map};
use crate::releases::{CHART, SHOW, by_version, house, meddle, reaches, secret};

fn live(house: &House) -> Value {
    let live = house.admin().get(&config_map("flux-system", "web"));
    live.unwrap()
}

#[test]
fn values_of_the_last_revision_are_kept_where_the_spec_says_so() {
    let with = |upgrade: Value, values: Value| {
        by_version("web", &json!({"upgrade": upgrade, "values": values}))
    };
    let first = with(json!({}), json!({"text": "one", "kept": {"a": 1}}));
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &first),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/show.yaml", SHOW),
        ],
    );
    let values = |house: &House| -> Value {
        serde_json::from_str(live(house)["data"]["values"].as_str().unwrap()).unwrap()
    };
    reaches(&house, "web", "InstallSucceeded", 1);
    let preserving = json!({"preserveValues": true});
    let second = with(preserving.clone(), json!({"text": "two", "kept": {"b": 2}}));
    house.push(&[("cluster/release.yaml", &second)], "Keep the others");
    let object = reaches(&house, "web", "UpgradeSucceeded", 2);
    let expected = json!({"text": "two", "kept": {"a": 1, "b": 2}});
    assert_eq!(values(&house), expected);

    // What was kept is no change: the next pass makes no revision.
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    let same = second.replace("\"1h\"", "\"2h\"");
    house.push(&[("cluster/release.yaml", &same)], "Look at it less often");
    let what = "HelmRelease web to have seen its new interval";
    house
        .admin()
        .wait_for(what, &crate::releases::reference("web"), |object| {
            object["status"]["observedGeneration"] == generation + 1
        });
    reaches(&house, "web", "UpgradeSucceeded", 2);

    let third = with(json!({"preserveValues": false}), json!({"text": "three"}));
    house.push(&[("cluster/release.yaml", &third)], "Keep nothing");
    reaches(&house, "web", "UpgradeSucceeded", 3);
    assert_eq!(values(&house), json!({"text": "three"}));
}

const FIELDS: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data: {{ .Values.data | toJson }}
";

fn method(house: &House, version: i64) -> Option<ApplyMethod> {
    let kept = house.admin().get(&secret(version)).unwrap();
    Record::from_secret(&kept).unwrap().apply_method
}

/// How the release wrote the ConfigMap, as its field manager is noted.
fn operations(house: &House) -> Vec<String> {
    let live = live(house);
    let entries = live["metadata"]["managedFields"].as_array().unwrap().iter();
    let ours = entries.filter(|entry| entry["manager"] == "helm-controller");
    ours.map(|entry| entry["operation"].as_str().unwrap().to_owned())
        .collect()
}

fn with_data(data: Value, fields: Value) -> String {
    let mut spec = json!({"values": {"data": data}, "install": {"serverSideApply": false}});
    let fields = fields.as_object().cloned().unwrap_or_default();
    spec.as_object_mut().unwrap().extend(fields);
    by_version("web", &spec)
}

#[test]
fn a_release_that_is_made_by_the_client_stays_so_until_the_spec_says_otherwise() {
    let corrected = json!({"driftDetection": {"mode": "enabled"}});
    let first = with_data(json!({"text": "one", "old": "x"}), corrected.clone());
    let mut house = house(
        &Options::api_server(),
        &[
            ("cluster/release.yaml", &first),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/templates/fields.yaml", FIELDS),
        ],
    );
    reaches(&house, "web", "InstallSucceeded", 1);
    assert_eq!(method(&house, 1), Some(ApplyMethod::Client));
    assert_eq!(operations(&house), ["Update"]);
    // The watch tells of the change of a field, and not of the one that was added.
    meddle(&house, "meddled");
    house.admin().wait_for(
        "the text to be put back",
        &config_map("flux-system", "web"),
        |live| live["data"] == json!({"text": "one", "old": "x", "mine": "meddled"}),
    );

    let second = with_data(json!({"text": "two"}), corrected);
    house.push(&[("cluster/release.yaml", &second)], "Drop a field");
    reaches(&house, "web", "UpgradeSucceeded", 2);
    assert_eq!(
        live(&house)["data"],
        json!({"text": "two", "mine": "meddled"})
    );
    assert_eq!(method(&house, 2), Some(ApplyMethod::Client));

    let forced = json!({"upgrade": {"force": true}});
    let third = with_data(json!({"text": "three", "last": "x"}), forced);
    house.push(&[("cluster/release.yaml", &third)], "Replace it");
    reaches(&house, "web", "UpgradeSucceeded", 3);
    assert_eq!(live(&house)["data"], json!({"text": "three", "last": "x"}));
    assert_eq!(method(&house, 3), Some(ApplyMethod::Client));

    let server = json!({"upgrade": {"serverSideApply": "enabled", "force": true}});
    meddle(&house, "again");
    let fourth = with_data(json!({"text": "four"}), server);
    house.push(&[("cluster/release.yaml", &fourth)], "Let the server do it");
    reaches(&house, "web", "UpgradeSucceeded", 4);
    assert_eq!(method(&house, 4), Some(ApplyMethod::Server));
    assert_eq!(operations(&house), ["Apply"]);
    // What nobody but the client's releases owned goes, what others own stays.
    assert_eq!(
        live(&house)["data"],
        json!({"text": "four", "mine": "again"})
    );
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
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stray, namespace: default}
";

const TOY: &str = "apiVersion: house.example/v1
kind: Toy
metadata:
  name: {{ .Release.Name }}
spec: {{ .Values.toy | toJson }}
{{ with .Values.ready }}
status: {conditions: [{type: Ready, status: {{ . | quote }}, message: it is made}]}
{{ end }}
";

#[test]
fn unknown_fields_are_refused_by_the_server_and_waiting_is_as_the_spec_says() {
    let unknown = json!({"toy": {"size": 1, "colour": "red"}});
    let unready = json!({"toy": {"size": 1}, "ready": "False"});
    let by_client = json!({"serverSideApply": false});
    let releases = [
        ("strict", json!({"values": unknown})),
        ("dropped", json!({"values": unknown, "install": by_client})),
        ("poller", json!({"values": unready, "timeout": "3s"})),
        (
            "legacy",
            json!({"values": unready, "timeout": "3s", "waitStrategy": {"name": "legacy"}}),
        ),
        (
            "unwaited",
            json!({"values": unready, "install": {"disableWait": true}}),
        ),
    ];
    let releases: Vec<String> = releases
        .iter()
        .map(|(name, spec)| by_version(name, spec))
        .collect();
    let house = house(
        &Options::api_server(),
        &[
            ("cluster/releases.yaml", &releases.join("\n---\n")),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/crds/toy.yaml", DEFINITION),
            ("charts/web/templates/toy.yaml", TOY),
        ],
    );
    let toy = |name: &str| ObjectRef::new("house.example/v1", "Toy", "flux-system", name);
    for name in ["dropped", "legacy", "unwaited"] {
        reaches(&house, name, "InstallSucceeded", 1);
    }
    let dropped = house.admin().get(&toy("dropped")).unwrap();
    assert_eq!(dropped["spec"], json!({"size": 1}));
    for (name, why) in [
        ("strict", ".spec.colour: field not declared in schema"),
        (
            "poller",
            "Toy/flux-system/poller status: 'InProgress: it is made'",
        ),
    ] {
        let object = reaches(&house, name, "InstallFailed", 1);
        let released = condition(&object, "Released").unwrap();
        let message = released["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
    // `crds/` is for definitions: nothing else in it is applied.
    assert_eq!(house.admin().get(&config_map("default", "stray")), None);
}
