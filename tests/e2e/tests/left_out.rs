//! What the repository says about Flux itself is left out: neither applied nor pruned (decision 3).

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::house::{House, is_ready, kustomization, nested, root, root_source};

const LABELS: &str = "labels:\n    app.kubernetes.io/part-of: flux\n    \
                      app.kubernetes.io/instance: flux-system\n    app.kubernetes.io/version: v2.9.0";

fn components() -> String {
    let account = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: kustomize-controller\n  \
         namespace: flux-system\n  {LABELS}\n"
    );
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: kustomize-controller\n  \
         namespace: flux-system\n  {LABELS}\nspec: {{}}\n"
    );
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
         name: imagepolicies.image.toolkit.fluxcd.io\n  {LABELS}\nspec: {{}}\n"
    );
    let namespace =
        format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n  {LABELS}\n");
    let ours = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
         name: gitrepositories.source.toolkit.fluxcd.io\n  {LABELS}\nspec: {{}}\n"
    );
    [namespace, ours, definition, account, deployment].join("---\n")
}

const SYNC: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  \
    name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m0s\n  ref:\n    branch: other\n  \
    url: ssh://git@example.org/elsewhere\n---\n\
    apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n  \
    namespace: flux-system\nspec:\n  interval: 10m0s\n  path: ./elsewhere\n  prune: true\n  \
    sourceRef:\n    kind: GitRepository\n    name: flux-system\n";

const INSTANCE: &str = "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata:\n  \
    name: flux\n  namespace: flux-system\nspec:\n  distribution:\n    version: 2.x\n";

fn live_deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "kustomize-controller", "namespace": "flux-system", "labels": {
            "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": "flux-system",
            "kustomize.toolkit.fluxcd.io/name": "flux-system",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
        "spec": {"selector": {"matchLabels": {"app": "k"}},
            "template": {"metadata": {"labels": {"app": "k"}},
                "spec": {"containers": [{"name": "manager", "image": "example.org/k:1"}]}}},
    })
}

fn inventory(root: &Value) -> Vec<String> {
    let entries = root
        .pointer("/status/inventory/entries")
        .and_then(Value::as_array);
    let ids = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["id"].as_str());
    ids.map(str::to_owned).collect()
}

#[test]
fn flux_itself_is_neither_applied_nor_pruned_and_counts_as_healthy() {
    let checks = json!([{"apiVersion": "apps/v1", "kind": "Deployment",
        "name": "source-controller", "namespace": "flux-system"}]);
    let apps = nested("apps", "./apps", json!({"healthChecks": checks}));
    let settings =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: default\n";
    let files = [
        (
            "cluster/flux-system/kustomization.yaml",
            "resources: [gotk-components.yaml, gotk-sync.yaml, instance.yaml]\n",
        ),
        (
            "cluster/flux-system/gotk-components.yaml",
            &components() as &str,
        ),
        ("cluster/flux-system/gotk-sync.yaml", SYNC),
        ("cluster/flux-system/instance.yaml", INSTANCE),
        ("cluster/apps.yaml", &apps),
        ("apps/settings.yaml", settings),
    ];
    let mut house = House::prepare(&windlass_kit::controlplane::Options::api_server(), &files);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "flux-system"}});
    let before = house.admin().apply(&namespace);
    let live = house.admin().apply(&live_deployment());
    house.agent.set("root", "path", "./cluster");
    house.agent.start();
    house.root_ready();
    house.ready("flux-system", "apps");

    // The node's config wins over gotk-sync.yaml.
    let admin = house.admin();
    let source = admin.get(&root_source()).unwrap();
    assert_eq!(source["spec"]["url"], house.git.url("house.git"));
    assert_eq!(admin.get(&root()).unwrap()["spec"]["path"], "./cluster");
    let query = "fieldSelector=reason%3DReplacedByWindlass";
    let told = admin.list("v1", "Event", "flux-system", query);
    let told = told[0]["message"].to_string();
    for part in ["spec.url", "elsewhere", "spec.ref", "spec.path"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // None of the components was applied or changed.
    let account = ObjectRef::new(
        "v1",
        "ServiceAccount",
        "flux-system",
        "kustomize-controller",
    );
    assert!(admin.get(&account).is_none());
    let images = ObjectRef::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        "imagepolicies.image.toolkit.fluxcd.io",
    );
    assert!(admin.get(&images).is_none());
    let deployment = ObjectRef::of(&live);
    assert_eq!(
        admin.get(&deployment).unwrap()["metadata"]["generation"],
        live["metadata"]["generation"]
    );
    assert_eq!(admin.get(&deployment).unwrap()["spec"], live["spec"]);
    // All of it is in the inventory, as Flux had it.
    let ids = inventory(&admin.get(&root()).unwrap());
    for id in [
        "_flux-system__Namespace",
        "_gitrepositories.source.toolkit.fluxcd.io_apiextensions.k8s.io_CustomResourceDefinition",
        "flux-system_kustomize-controller_apps_Deployment",
        "flux-system_flux-system_source.toolkit.fluxcd.io_GitRepository",
        "flux-system_flux-system_kustomize.toolkit.fluxcd.io_Kustomization",
        "flux-system_flux_fluxcd.controlplane.io_FluxInstance",
    ] {
        assert!(ids.iter().any(|found| found == id), "{id} not in {ids:?}");
    }

    house.repo.remove("cluster/flux-system");
    let commit = house.push(&[], "Flux is not in here any more");
    let root = house.applied(&commit);
    let admin = house.admin();
    assert!(is_ready(&root));
    for object in [before, live] {
        let now = admin
            .get(&ObjectRef::of(&object))
            .expect("nothing of Flux is pruned");
        assert_eq!(now["metadata"]["uid"], object["metadata"]["uid"]);
        assert!(now["metadata"].get("deletionTimestamp").is_none());
    }
    assert!(admin.get(&root_source()).is_some());
    assert!(admin.get(&kustomization("flux-system", "apps")).is_some());
    let ids = inventory(&root);
    for id in [
        "_flux-system__Namespace",
        "flux-system_kustomize-controller_apps_Deployment",
        "flux-system_flux-system_source.toolkit.fluxcd.io_GitRepository",
        "flux-system_flux_fluxcd.controlplane.io_FluxInstance",
    ] {
        assert!(ids.iter().any(|found| found == id), "{id} not in {ids:?}");
    }
}
