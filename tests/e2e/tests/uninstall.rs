//! Removing Flux's API removes no workload, while windlass leads.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::{Client, ObjectRef};
use windlass_kit::controlplane::{Options, Parts, User};
use windlass_kit::wait;

use crate::house::{
    GIT_REPOSITORY, House, KUSTOMIZATION, config_map, namespace, nested, root, root_source,
};

/// As long as a wrong deletion would need several times over.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

const APPS: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: apps\n---\n\
    apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: apps\ndata:\n  a: b\n---\n\
    apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: photos\n  namespace: apps\nspec:\n  \
    accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n";

fn start(parts: Parts) -> House {
    let options = Options {
        parts,
        ..Options::api_server()
    };
    let apps = nested("apps", "./apps", json!({"prune": true}));
    let house = House::start_with(
        &options,
        &[
            ("cluster/apps.yaml", &apps),
            ("cluster/own.yaml", &APPS.replace("apps", "own")),
            ("apps/apps.yaml", APPS),
        ],
        |agent| agent.set("root", "path", "./cluster"),
    );
    house.ready("flux-system", "apps");
    house
}

fn workloads(admin: &Client) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in ["apps", "own"] {
        let claim = ObjectRef::new("v1", "PersistentVolumeClaim", name, "photos");
        for object in [namespace(name), config_map(name, "settings"), claim] {
            let live = admin.get(&object).unwrap_or_default();
            let deleting = live.pointer("/metadata/deletionTimestamp").is_some();
            let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
            let uid = uid.filter(|_| !deleting).unwrap_or("gone");
            found.insert(format!("{} {name}", object.kind), uid.to_owned());
        }
    }
    assert_eq!(found.len(), 6);
    found
}

fn definition(name: &str) -> ObjectRef {
    ObjectRef::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        name,
    )
}

fn definitions() -> [ObjectRef; 2] {
    [
        definition("gitrepositories.source.toolkit.fluxcd.io"),
        definition("kustomizations.kustomize.toolkit.fluxcd.io"),
    ]
}

/// What `flux uninstall --silent` sends: finalizers off all of Flux's objects, then its definitions.
fn flux_uninstall(admin: &Client) {
    let kinds = [
        (GIT_REPOSITORY, "GitRepository"),
        (KUSTOMIZATION, "Kustomization"),
    ];
    for (api_version, kind) in kinds {
        for object in admin.list(api_version, kind, "", "") {
            let mut reference = ObjectRef::of(&object);
            reference.api_version = api_version.to_owned();
            reference.kind = kind.to_owned();
            admin.patch(&reference, &json!({"metadata": {"finalizers": null}}));
        }
    }
    let part_of_flux = "labelSelector=app.kubernetes.io%2Fpart-of%3Dflux";
    let definitions = admin.list(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        part_of_flux,
    );
    assert!(
        definitions.len() >= 2,
        "flux finds windlass's definitions by their label"
    );
    for found in definitions {
        let name = found
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap();
        admin.delete(&definition(name));
    }
    admin.delete(&namespace("flux-system"));
}

/// Everything lives on, now and over a restart; and windlass says why it stopped.
fn all_is_kept(house: &mut House, before: &BTreeMap<String, String>) {
    wait::until_true(
        "windlass to say UninstallDetected",
        Duration::from_secs(30),
        || house.agent.log().contains("UninstallDetected"),
    );
    wait::holds("every workload", LONG_ENOUGH, || {
        workloads(house.admin()) == *before
    });
    house.agent.stop();
    house.agent.start();
    wait::holds("every workload after a restart", LONG_ENOUGH, || {
        workloads(house.admin()) == *before
    });
}

/// Doing what the log says brings windlass back, and it adopts what is there.
fn takes_it_again(house: &mut House, before: &BTreeMap<String, String>) {
    house.agent.stop();
    std::fs::remove_file(house.agent.state().join("uninstalled")).unwrap();
    house.agent.start();
    house.root_ready();
    house.ready("flux-system", "apps");
    assert_eq!(workloads(house.admin()), *before);
}

#[test]
fn flux_uninstall_keeps_every_workload() {
    let mut house = start(Parts::Controllers);
    let before = workloads(house.admin());
    flux_uninstall(house.admin());
    for definition in definitions() {
        house.admin().wait_gone(&definition);
    }
    house.admin().wait_gone(&namespace("flux-system"));
    all_is_kept(&mut house, &before);
    for definition in definitions() {
        assert!(
            house.admin().get(&definition).is_none(),
            "windlass must not bring the API back"
        );
    }
    assert!(house.admin().get(&namespace("flux-system")).is_none());
    takes_it_again(&mut house, &before);
}

fn windlass_leases(admin: &Client) -> Vec<Value> {
    let mut leases = admin.list("coordination.k8s.io/v1", "Lease", "flux-system", "");
    leases.retain(|lease| {
        lease["metadata"]["name"] == "windlass"
            || lease["spec"]["holderIdentity"] == "windlass"
            || lease["metadata"]["labels"]["windlass.dev/witness"].is_string()
    });
    leases
}

#[test]
fn the_command_takes_the_api_away_or_only_lets_go_of_it_and_keeps_every_workload() {
    let mut house = start(Parts::Controllers);
    let before = workloads(house.admin());
    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    let uninstall = |arguments: &[&str]| {
        let answer = windlass(&kubeconfig, &[&["uninstall"], arguments].concat());
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        (answer.status.success(), said)
    };
    let (done, said) = uninstall(&["--silent"]);
    assert!(!done && said.contains("leads; run"), "{said}");
    let (done, said) = uninstall(&["--silent", "--if-last"]);
    assert!(done && said.contains("stays as it is"), "{said}");
    house.agent.stop();
    let (done, said) = uninstall(&[]);
    assert!(!done && said.contains("--silent"), "{said}");
    let (done, said) = uninstall(&["--dry-run"]);
    assert!(
        done && said.contains("finalizer off Kustomization/flux-system/apps"),
        "{said}"
    );
    assert!(
        house.admin().get(&definitions()[0]).is_some()
            && !windlass_leases(house.admin()).is_empty()
    );

    let (done, said) = uninstall(&["--silent", "--keep-api"]);
    assert!(done, "{said}");
    assert_eq!(windlass_leases(house.admin()), Vec::<Value>::new());
    assert!(house.admin().get(&root()).is_some());
    house.agent.start();
    house.root_ready();
    house.agent.stop();

    let (done, said) = uninstall(&["--silent", "--if-last"]);
    assert!(done, "{said}");
    for definition in definitions() {
        house.admin().wait_gone(&definition);
    }
    assert_eq!(windlass_leases(house.admin()), Vec::<Value>::new());
    wait::holds("every workload", LONG_ENOUGH, || {
        workloads(house.admin()) == before
    });
    let (done, said) = uninstall(&["--silent"]);
    assert!(done, "again: {said}");
}

/// Objects on which Flux left its finalizer, and their definitions.
fn left_by_flux(admin: &Client) -> [ObjectRef; 2] {
    let kinds = [
        ("OCIRepository", json!({"url": "oci://192.0.2.1/app"})),
        (
            "Bucket",
            json!({"endpoint": "192.0.2.1", "bucketName": "apps"}),
        ),
    ];
    for (kind, mut spec) in kinds {
        spec["interval"] = json!("1h");
        let left = admin.apply(&json!({
            "apiVersion": GIT_REPOSITORY, "kind": kind, "spec": spec,
            "metadata": {
                "name": "left", "namespace": "flux-system", "finalizers": ["finalizers.fluxcd.io"],
            },
        }));
        admin.wait_for("windlass to know it", &ObjectRef::of(&left), |live| {
            live.to_string().contains("NotVouchedFor")
        });
    }
    [
        definition("ocirepositories.source.toolkit.fluxcd.io"),
        definition("buckets.source.toolkit.fluxcd.io"),
    ]
}

#[test]
fn deleting_the_definitions_keeps_every_workload_and_nothing_holds_them_up() {
    let mut house = start(Parts::ApiServer);
    let before = workloads(house.admin());
    let definitions = [definitions(), left_by_flux(house.admin())].concat();
    for definition in &definitions {
        house.admin().delete(definition);
    }
    for definition in &definitions {
        house.admin().wait_gone(definition);
    }
    all_is_kept(&mut house, &before);
    takes_it_again(&mut house, &before);
}

#[test]
fn the_node_that_stands_by_learns_of_the_uninstall_too() {
    let mut house = start(Parts::ApiServer);
    let before = workloads(house.admin());
    let mut second = house.second_agent();
    second.set("root", "path", "./cluster");
    second.start();
    wait::until_true("the second node to fetch", LONG_ENOUGH * 15, || {
        second.log().contains("accepted")
    });
    for definition in definitions() {
        house.admin().delete(&definition);
    }
    for definition in definitions() {
        house.admin().wait_gone(&definition);
    }
    for agent in [&house.agent, &second] {
        wait::until_true("both to say it", LONG_ENOUGH * 15, || {
            agent.log().contains("UninstallDetected")
        });
    }
    house.agent.stop();
    wait::until_true("the second node to lead", LONG_ENOUGH * 15, || {
        second.log().contains("this node leads")
    });
    wait::holds("every workload", LONG_ENOUGH, || {
        workloads(house.admin()) == before && house.admin().get(&definitions()[0]).is_none()
    });
}

#[test]
fn an_uninstall_that_was_cut_short_is_finished_after_a_restart() {
    let mut house = start(Parts::ApiServer);
    let before = workloads(house.admin());
    house.agent.kill();
    for definition in definitions() {
        house.admin().delete(&definition);
    }
    // It had got as far as remembering what it saw.
    std::fs::write(house.agent.state().join("uninstalled"), "a definition").unwrap();
    house.agent.start();
    for definition in definitions() {
        house.admin().wait_gone(&definition);
    }
    wait::holds("every workload", LONG_ENOUGH, || {
        workloads(house.admin()) == before
    });
    assert!(house.admin().get(&definitions()[0]).is_none());
}

#[test]
fn deleting_one_definition_while_the_agent_is_down_keeps_every_workload() {
    let mut house = start(Parts::ApiServer);
    let before = workloads(house.admin());
    house.agent.stop();
    house
        .admin()
        .delete(&definition("kustomizations.kustomize.toolkit.fluxcd.io"));
    house.agent.start();
    house
        .admin()
        .wait_gone(&definition("kustomizations.kustomize.toolkit.fluxcd.io"));
    wait::holds("every workload", LONG_ENOUGH, || {
        workloads(house.admin()) == before
    });
}

#[test]
fn deleting_the_namespace_keeps_every_workload_outside_of_it() {
    let mut house = start(Parts::Controllers);
    let before = workloads(house.admin());
    house.admin().delete(&namespace("flux-system"));
    house.admin().wait_gone(&namespace("flux-system"));
    all_is_kept(&mut house, &before);
    assert!(house.admin().get(&root()).is_none());
    assert!(house.admin().get(&root_source()).is_none());
    takes_it_again(&mut house, &before);
}

#[test]
fn deleting_one_kustomization_prunes_what_it_applied_and_the_root_is_made_again() {
    let house = start(Parts::Controllers);
    let admin = house.admin();
    let root_uid = admin.get(&root()).unwrap()["metadata"]["uid"].clone();
    let own = config_map("own", "settings");
    let own_uid = admin.get(&own).unwrap()["metadata"]["uid"].clone();
    let apps = ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", "apps");
    let settings = config_map("apps", "settings");
    let uid = admin.get(&settings).unwrap()["metadata"]["uid"].clone();
    admin.delete(&apps);
    // The root puts the Kustomization back, and that one its objects: new ones.
    admin.wait_for("a new settings map", &settings, |new| {
        new["metadata"]["uid"] != uid
    });
    house.ready("flux-system", "apps");

    admin.delete(&root());
    admin.wait_for("a new root", &root(), |new| {
        new["metadata"]["uid"] != root_uid
    });
    house.root_ready();
    assert_eq!(
        admin.get(&own).unwrap()["metadata"]["uid"],
        own_uid,
        "deleting the root Kustomization prunes nothing"
    );
}
