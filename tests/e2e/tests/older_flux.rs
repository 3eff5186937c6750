//! Over the definitions of an older Flux: every object is rewritten, then the old versions go.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION};

const DEFINITION: &str = "apiextensions.k8s.io/v1";

struct Kind {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        group: "source.toolkit.fluxcd.io",
        kind: "GitRepository",
        plural: "gitrepositories",
    },
    Kind {
        group: "kustomize.toolkit.fluxcd.io",
        kind: "Kustomization",
        plural: "kustomizations",
    },
];

impl Kind {
    fn reference(&self) -> ObjectRef {
        let name = format!("{}.{}", self.plural, self.group);
        ObjectRef::new(DEFINITION, "CustomResourceDefinition", "", &name)
    }

    /// The definition with the given versions, of which the first one is stored.
    fn definition(&self, versions: &[&str]) -> Value {
        let versions: Vec<Value> = versions
            .iter()
            .map(|name| {
                let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
                json!({
                    "name": name, "served": true, "storage": *name == versions[0],
                    "deprecated": *name != versions[0],
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": open, "status": open}}},
                })
            })
            .collect();
        json!({
            "apiVersion": DEFINITION, "kind": "CustomResourceDefinition",
            "metadata": {
                "name": format!("{}.{}", self.plural, self.group),
                "labels": {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": "flux-system"},
            },
            "spec": {
                "group": self.group, "scope": "Namespaced",
                "names": {"kind": self.kind, "listKind": format!("{}List", self.kind),
                    "plural": self.plural, "singular": self.kind.to_lowercase()},
                "versions": versions,
            },
        })
    }
}

fn apply_definitions(admin: &Client, versions: &[&str]) {
    for kind in &KINDS {
        admin.apply(&kind.definition(versions));
        // A version that was added is served a moment after the definition was established the first time.
        for version in versions {
            let api_version = format!("{}/{version}", kind.group);
            wait::until_true("the version to be served", Duration::from_secs(30), || {
                admin.serves(&api_version, kind.kind)
            });
        }
    }
}

fn old_objects(version: &str, name: &str) -> [Value; 2] {
    [
        json!({
            "apiVersion": format!("source.toolkit.fluxcd.io/{version}"), "kind": "GitRepository",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"interval": "1h", "url": "https://example.org/a.git", "suspend": true,
                "ref": {"branch": "main"}, "timeout": "20s"},
        }),
        json!({
            "apiVersion": format!("kustomize.toolkit.fluxcd.io/{version}"), "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "default", "finalizers": ["finalizers.fluxcd.io"]},
            "spec": {"interval": "10m", "prune": true, "suspend": true, "path": "./x",
                "sourceRef": {"kind": "GitRepository", "name": name},
                "postBuild": {"substitute": {"a": "b"}}},
        }),
    ]
}

/// The object as version v1 shows it.
fn now(admin: &Client, object: &Value) -> Value {
    let mut reference = ObjectRef::of(object);
    let v1 = [GIT_REPOSITORY, KUSTOMIZATION];
    let group = reference.api_version.split('/').next().unwrap().to_owned();
    let api = v1.iter().find(|api| api.starts_with(&group)).unwrap();
    reference.api_version = (*api).to_owned();
    admin.get(&reference).expect("no object is lost")
}

fn versions(definition: &Value) -> Vec<&str> {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|version| version["name"].as_str().unwrap())
        .collect()
}

#[test]
fn definitions_of_an_older_flux_are_migrated_and_can_come_back() {
    let settings =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: default\n";
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", settings)]);
    // v1beta1 was stored once, v1beta2 is now: both may be in etcd.
    apply_definitions(house.admin(), &["v1beta1"]);
    let mut objects: Vec<Value> = old_objects("v1beta1", "oldest")
        .iter()
        .map(|object| house.admin().apply(object))
        .collect();
    apply_definitions(house.admin(), &["v1beta2", "v1beta1"]);
    for number in 0..3 {
        let more = old_objects("v1beta2", &format!("old-{number}"));
        objects.extend(more.iter().map(|object| house.admin().apply(object)));
    }
    for kind in &KINDS {
        let definition = house.admin().get(&kind.reference()).unwrap();
        let stored = &definition["status"]["storedVersions"];
        assert_eq!(
            *stored,
            json!(["v1beta1", "v1beta2"]),
            "the test's own setting"
        );
    }

    house.agent.start();
    house.root_ready();
    let admin = house.admin();
    for kind in &KINDS {
        let definition = admin.get(&kind.reference()).unwrap();
        assert_eq!(versions(&definition), ["v1"]);
        assert_eq!(definition["status"]["storedVersions"], json!(["v1"]));
    }
    for object in &objects {
        let now = now(admin, object);
        assert_eq!(now["metadata"]["uid"], object["metadata"]["uid"]);
        for (field, value) in object["spec"].as_object().unwrap() {
            assert_eq!(now["spec"][field], *value, "{field} of {now}");
        }
    }

    // The older Flux is installed again: its definitions go in, and every object is there in its versions.
    house.agent.stop();
    let admin = house.admin();
    apply_definitions(admin, &["v1", "v1beta2", "v1beta1"]);
    for object in &objects {
        // Discovery names a version a moment before it is served.
        let reference = ObjectRef::of(object);
        let back = admin.wait_for("served in the old version again", &reference, |_| true);
        assert_eq!(back["metadata"]["uid"], object["metadata"]["uid"]);
        assert_eq!(back["spec"], now(admin, object)["spec"]);
    }
}
