//! Kustomizations that apply to another cluster: a second real control plane.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::{ControlPlane, Options, User};
use windlass_kit::wait;

use crate::commands::Ran;
use crate::house::{KUSTOMIZATION, config_map};
use crate::tenant::{Tenant, bare_map, shared};

const A_WHILE: Duration = Duration::from_secs(2);

/// The other cluster. It ends with the test process.
fn other() -> &'static ControlPlane {
    static OTHER: OnceLock<ControlPlane> = OnceLock::new();
    OTHER.get_or_init(|| ControlPlane::start(&Options::api_server()))
}

/// The kubeconfig of the other cluster's agent, as a value.
fn kubeconfig() -> Value {
    let path = other().kubeconfig(User::Agent);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn secret(tenant: &Tenant, name: &str, field: &str, kubeconfig: &Value) {
    tenant.admin().apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": tenant.namespace},
        "stringData": {field: kubeconfig.to_string()},
    }));
}

/// A tenant whose namespace is in both clusters, with the credentials in Secret `other`.
fn tenant(prefix: &str, files: &[(&str, &str)]) -> Tenant {
    let tenant = Tenant::start(prefix, files);
    other().admin().apply(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.namespace},
    }));
    secret(&tenant, "other", "value", &kubeconfig());
    tenant
}

fn into(tenant: &Tenant, name: &str, mut spec: Value) {
    spec["targetNamespace"] = tenant.namespace.clone().into();
    if spec.get("kubeConfig").is_none() {
        spec["kubeConfig"] = json!({"secretRef": {"name": "other"}});
    }
    tenant.kustomize(name, spec);
}

fn there(tenant: &Tenant, name: &str) -> Option<Value> {
    other().admin().get(&config_map(&tenant.namespace, name))
}

#[test]
fn another_cluster_is_applied_to_corrected_at_the_interval_pruned_and_cleaned_up() {
    let files = [
        ("far/a.yaml", &bare_map("a", "one") as &str),
        ("far/b.yaml", &bare_map("b", "one")),
    ];
    let mut tenant = tenant("remote", &files);
    into(&tenant, "far", json!({"interval": "3s", "wait": true}));
    tenant.ready("far");
    assert_eq!(there(&tenant, "a").unwrap()["data"]["value"], "one");
    let here = tenant.admin().get(&tenant.config_map("a"));
    assert!(here.is_none(), "it was applied to this cluster: {here:?}");

    let reference = config_map(&tenant.namespace, "a");
    let foreign = json!({"data": {"value": "foreign"}});
    other().admin().patch(&reference, &foreign);
    let what = "the change to be put back in the other cluster";
    other()
        .admin()
        .wait_for(what, &reference, |map| map["data"]["value"] == "one");

    tenant.repo.remove("far/b.yaml");
    let commit = tenant.push(&[("far/a.yaml", &bare_map("a", "two"))], "Take b away");
    tenant.applied("far", &commit);
    assert_eq!(there(&tenant, "a").unwrap()["data"]["value"], "two");
    assert!(there(&tenant, "b").is_none(), "b was not pruned");

    tenant.admin().delete(&tenant.reference("far"));
    tenant.admin().wait_gone(&tenant.reference("far"));
    assert!(there(&tenant, "a").is_none(), "a outlived its owner");
}

#[test]
fn objects_of_the_other_cluster_are_applied_as_the_service_account_there() {
    let tenant = tenant("remoteas", &[("far/a.yaml", &bare_map("a", "one"))]);
    let mark = other().audit().mark();
    into(
        &tenant,
        "far",
        json!({"serviceAccountName": "deployer", "retryInterval": "1s"}),
    );
    tenant.fails("far", "ReconciliationFailed", "deployer");
    let namespace = &tenant.namespace;
    other().admin().apply_all(&[
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": namespace}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]}),
    ]);
    tenant.request(&tenant.reference("far"));
    tenant.ready("far");
    let as_whom = format!("system:serviceaccount:{namespace}:deployer");
    let writes = other().audit().requests(User::Agent, mark);
    let writes: Vec<_> = writes
        .iter()
        .filter(|record| record.writes() && record.namespace == *namespace)
        .collect();
    assert!(!writes.is_empty());
    for write in writes {
        assert_eq!(write.impersonated, as_whom, "{write:?}");
    }
}

#[test]
fn t32_programs_files_and_plain_http_of_a_kubeconfig_are_refused_by_name() {
    let tenant = tenant("remotebad", &[("far/a.yaml", &bare_map("a", "one"))]);
    let cases = [
        (
            "/users/0/user",
            json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
            "command": "/usr/bin/touch", "args": ["/tmp/never"]}}),
            "exec (/usr/bin/touch)",
        ),
        (
            "/users/0/user",
            json!({"tokenFile": "/etc/shadow"}),
            "tokenFile (/etc/shadow)",
        ),
        (
            "/users/0/user",
            json!({"auth-provider": {"name": "gcp"}}),
            "auth-provider (gcp)",
        ),
        (
            "/users/0/user",
            json!({"client-certificate": "/c", "client-key": "/k"}),
            "client-certificate (/c)",
        ),
        (
            "/clusters/0/cluster/certificate-authority",
            json!("/etc/ca.pem"),
            "certificate-authority (/etc/ca.pem)",
        ),
        (
            "/clusters/0/cluster/insecure-skip-tls-verify",
            json!(true),
            "insecure-skip-tls-verify",
        ),
        (
            "/clusters/0/cluster/server",
            json!("http://127.0.0.1:1"),
            "must begin with https://",
        ),
    ];
    let folder = json!({"path": "./far", "retryInterval": "10m"});
    for (number, (place, value, said)) in cases.into_iter().enumerate() {
        let mut kubeconfig = kubeconfig();
        let (parent, field) = place.rsplit_once('/').unwrap();
        kubeconfig.pointer_mut(parent).unwrap()[field] = value;
        let name = format!("bad-{number}");
        secret(&tenant, &name, "value.yaml", &kubeconfig);
        let mut spec = folder.clone();
        spec["kubeConfig"] = json!({"secretRef": {"name": name}});
        into(&tenant, &name, spec);
        let message = tenant.fails(&name, "ReconciliationFailed", said);
        let secret = format!("Secret {}/{name}", tenant.namespace);
        assert!(message.contains(&secret), "{message}");
    }
    assert!(!std::path::Path::new("/tmp/never").exists());
    assert!(there(&tenant, "a").is_none());
}

#[test]
fn a_service_account_of_this_cluster_is_used_where_a_config_map_asks_for_it() {
    let tenant = tenant("generic", &[("near/a.yaml", &bare_map("a", "one"))]);
    let (namespace, admin) = (&tenant.namespace, tenant.admin());
    let house = shared();
    let kubeconfig = std::fs::read_to_string(house.control_plane.kubeconfig(User::Agent)).unwrap();
    let kubeconfig: Value = serde_json::from_str(&kubeconfig).unwrap();
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    let authority = base64(cluster["certificate-authority-data"].as_str().unwrap());
    let config = |provider: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "other", "namespace": namespace},
            "data": {"provider": provider, "address": cluster["server"], "ca.crt": authority,
                "audiences": "https://kubernetes.default.svc.cluster.local\nhttps://kubernetes.default.svc",
                "serviceAccountName": "deployer"}})
    };
    admin.apply_all(&[
        config("aws"),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": namespace}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]}),
    ]);
    let mark = house.control_plane.audit().mark();
    let reference = json!({"configMapRef": {"name": "other"}});
    into(
        &tenant,
        "near",
        json!({"kubeConfig": reference, "retryInterval": "1s"}),
    );
    tenant.fails("near", "ReconciliationFailed", "data.provider is aws");
    admin.apply(&config("generic"));
    tenant.ready("near");
    let account = format!("system:serviceaccount:{namespace}:deployer");
    let written = house.control_plane.audit().all(mark);
    let by_account = written
        .iter()
        .any(|record| record.writes() && record.user == account && record.resource == "configmaps");
    assert!(by_account, "nothing was written by {account}");
}

#[test]
fn a_kustomization_whose_cluster_is_forgotten_waits_for_it_and_can_be_deleted() {
    let tenant = tenant("remotegone", &[("far/a.yaml", &bare_map("a", "one"))]);
    into(&tenant, "far", json!({}));
    tenant.ready("far");
    let secret = ObjectRef::new("v1", "Secret", &tenant.namespace, "other");
    tenant.admin().delete(&secret);
    tenant.request(&tenant.reference("far"));
    tenant.fails("far", "ReconciliationFailed", "it is not there; create it");
    wait::holds("what was applied to stay", A_WHILE, || {
        there(&tenant, "a").is_some()
    });
    tenant.admin().delete(&tenant.reference("far"));
    tenant.admin().wait_gone(&tenant.reference("far"));
    assert!(
        there(&tenant, "a").is_some(),
        "nobody knew the cluster any more"
    );
}

/// ConfigMaps `many-0` to `many-13` for the other cluster.
fn many() -> Vec<(String, String)> {
    let names = (0..14).map(|number| format!("many-{number}"));
    let files = names.map(|name| (format!("far/{name}.yaml"), bare_map(&name, "1")));
    files.collect()
}

fn count_there(tenant: &Tenant) -> usize {
    let names = (0..14).map(|number| format!("many-{number}"));
    names.filter(|name| there(tenant, name).is_some()).count()
}

#[test]
fn what_a_commit_deletes_in_another_cluster_is_counted_there() {
    let files = many();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let mut tenant = tenant("remoteguard", &files);
    into(&tenant, "far", json!({"interval": "10m"}));
    tenant.ready("far");
    (0..12).for_each(|number| tenant.repo.remove(&format!("far/many-{number}.yaml")));
    let commit = tenant.push(&[], "Less");
    tenant.fails("far", "PruneHeld", "12 of 14 objects");
    wait::holds("all of it", A_WHILE, || count_there(&tenant) == 14);
    let admin = shared().control_plane.kubeconfig(User::Admin);
    let line = [
        "confirm",
        "kustomization",
        "far",
        "-n",
        &tenant.namespace,
        "--yes",
    ];
    let _ = Ran::of(&windlass(&admin, &line)).done();
    tenant.applied("far", &commit);
    assert_eq!(count_there(&tenant), 2);
}

#[test]
fn a_deleted_kustomization_counts_with_what_it_has_in_another_cluster() {
    let files = many();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let mut tenant = tenant("remoteowner", &files);
    let far = json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "far", "namespace": tenant.namespace},
        "spec": {"path": "./far", "prune": true, "interval": "10m",
            "targetNamespace": tenant.namespace,
            "kubeConfig": {"secretRef": {"name": "other"}},
            "sourceRef": {"kind": "GitRepository", "name": "source"}},
    });
    let files = [
        ("near/far.yaml", &far.to_string() as &str),
        ("near/map.yaml", &bare_map("near", "1")),
    ];
    tenant.publish(&files, "The owner of what is far");
    tenant.request(&tenant.source());
    tenant.kustomize("near", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("near");
    tenant.ready("far");
    assert_eq!(count_there(&tenant), 14);
    tenant.repo.remove("near/far.yaml");
    tenant.push(&[], "Drop one file");
    tenant.fails("near", "PruneHeld", "15 of 16 objects");
    wait::holds("all of it", A_WHILE, || count_there(&tenant) == 14);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}
