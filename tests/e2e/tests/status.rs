//! What other programs read: statuses, field managers, labels, inventory ids, events, as Flux writes them.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;

use crate::house::config_map;
use crate::tenant::{Tenant, bare_map, shared, state};

fn into(tenant: &Tenant, name: &str, mut spec: Value) {
    spec["targetNamespace"] = tenant.namespace.clone().into();
    tenant.kustomize(name, spec);
}

fn types(object: &Value) -> Vec<String> {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let types = conditions.iter().map(|one| one["type"].as_str().unwrap());
    types.map(str::to_owned).collect()
}

fn condition(object: &Value, kind: &str) -> Value {
    windlass_kit::api::condition(object, kind)
        .cloned()
        .unwrap_or_default()
}

/// Manager, operation and subresource of each entry.
fn managers(object: &Value) -> Vec<(String, String, String)> {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let entries = entries.iter();
    entries
        .map(|one| {
            (
                text(one, "manager"),
                text(one, "operation"),
                text(one, "subresource"),
            )
        })
        .collect()
}

#[test]
fn a_ready_kustomization_looks_as_flux_leaves_it() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  \
                name: windlass:test:status\nrules: []\n";
    let files = [
        ("app/map.yaml", &bare_map("app", "one") as &str),
        ("app/role.yaml", role),
    ];
    let tenant = Tenant::start("status", &files);
    let commit = tenant.repo.id("HEAD");
    let revision = format!("main@sha1:{commit}");
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    let object = tenant.ready("app");
    let status = &object["status"];
    assert_eq!(types(&object), ["Ready", "Healthy"]);
    let ready = condition(&object, "Ready");
    assert_eq!(ready["reason"], "ReconciliationSucceeded");
    assert_eq!(ready["message"], format!("Applied revision: {revision}"));
    assert_eq!(
        ready["observedGeneration"],
        object["metadata"]["generation"]
    );
    assert_eq!(condition(&object, "Healthy")["reason"], "Succeeded");
    assert_eq!(status["lastAppliedRevision"], revision);
    assert_eq!(status["lastAttemptedRevision"], revision);
    assert_eq!(
        status["observedGeneration"],
        object["metadata"]["generation"]
    );
    let id = format!("{}_app__ConfigMap", tenant.namespace);
    let entries = json!([
        {"id": "_windlass__test__status_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
        {"id": id, "v": "v1"},
    ]);
    assert_eq!(status["inventory"]["entries"], entries);
    let history = &status["history"][0];
    assert_eq!(history["lastReconciledStatus"], "ReconciliationSucceeded");
    assert_eq!(history["totalReconciliations"], 1);
    assert_eq!(history["metadata"]["revision"], revision);
    assert!(history["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["finalizers.fluxcd.io"])
    );
    let writers = managers(&object);
    assert!(
        writers.contains(&(
            "gotk-kustomize-controller".into(),
            "Update".into(),
            "status".into()
        )),
        "{writers:?}"
    );

    let applied = tenant.admin().get(&tenant.config_map("app")).unwrap();
    let labels = &applied["metadata"]["labels"];
    assert_eq!(labels["kustomize.toolkit.fluxcd.io/name"], "app");
    assert_eq!(
        labels["kustomize.toolkit.fluxcd.io/namespace"],
        tenant.namespace.as_str()
    );
    assert_eq!(
        managers(&applied),
        [(
            "kustomize-controller".to_owned(),
            "Apply".to_owned(),
            String::new()
        )]
    );

    let event = tenant.event(
        "app",
        "ReconciliationSucceeded",
        "Reconciliation finished in",
    );
    assert_eq!(event["type"], "Normal");
    assert_eq!(event["source"]["component"], "kustomize-controller");
    assert_eq!(event["involvedObject"]["uid"], object["metadata"]["uid"]);
    let annotations = &event["metadata"]["annotations"];
    assert_eq!(
        annotations["kustomize.toolkit.fluxcd.io/revision"],
        revision
    );
    let event = tenant.event("app", "Progressing", "ConfigMap/");
    assert!(event["message"].as_str().unwrap().contains("created"));
}

#[test]
fn a_ready_source_looks_as_flux_leaves_it() {
    let tenant = Tenant::start("source", &[("app/map.yaml", &bare_map("app", "one"))]);
    let commit = tenant.repo.id("HEAD");
    let revision = format!("main@sha1:{commit}");
    let object = tenant.admin().wait_ready(&tenant.source(), "True");
    let status = &object["status"];
    assert_eq!(types(&object)[0], "Ready");
    let ready = condition(&object, "Ready");
    assert_eq!(ready["reason"], "Succeeded");
    assert_eq!(
        ready["message"],
        format!("stored artifact for revision '{revision}'")
    );
    assert_eq!(state(&object, "ArtifactInStorage"), "True");
    assert_eq!(state(&object, "SourceVerified"), "True");
    assert_eq!(
        status["observedGeneration"],
        object["metadata"]["generation"]
    );
    let artifact = &status["artifact"];
    assert_eq!(artifact["revision"], revision);
    let path = format!("gitrepository/{}/source/{commit}.tar.gz", tenant.namespace);
    assert_eq!(artifact["path"], path);
    assert!(artifact["url"].as_str().unwrap().ends_with(&path));
    assert!(artifact["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(artifact["size"].as_i64().unwrap() > 0);
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["finalizers.fluxcd.io"])
    );
    let writers = managers(&object);
    assert!(
        writers.contains(&(
            "gotk-source-controller".into(),
            "Update".into(),
            "status".into()
        )) || writers.contains(&("source-controller".into(), "Update".into(), "status".into())),
        "{writers:?}"
    );
    let event = tenant.event("source", "NewArtifact", "stored artifact for commit");
    assert_eq!(event["source"]["component"], "source-controller");
    let annotations = &event["metadata"]["annotations"];
    assert_eq!(annotations["source.toolkit.fluxcd.io/revision"], revision);
    assert_eq!(
        annotations["source.toolkit.fluxcd.io/digest"],
        artifact["digest"]
    );
    // Deleting it leaves nothing behind.
    tenant.admin().delete(&tenant.source());
    tenant.admin().wait_gone(&tenant.source());
}

#[test]
fn conditions_stand_in_flux_order_while_something_is_wrong() {
    let mut tenant = Tenant::start("order", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let generation =
        tenant.admin().get(&tenant.reference("app")).unwrap()["status"]["observedGeneration"]
            .clone();
    let good = tenant.repo.id("HEAD");
    let bad = tenant.push(&[("app/bad.yaml", "a: [\n")], "Break it");
    tenant.fails("app", "BuildFailed", "");
    let object = tenant.admin().get(&tenant.reference("app")).unwrap();
    assert_eq!(types(&object), ["Reconciling", "Ready", "Healthy"]);
    assert_eq!(
        condition(&object, "Reconciling")["reason"],
        "ProgressingWithRetry"
    );
    assert!(
        object["status"]["lastAppliedRevision"]
            .as_str()
            .unwrap()
            .ends_with(&good)
    );
    assert!(
        object["status"]["lastAttemptedRevision"]
            .as_str()
            .unwrap()
            .ends_with(&bad)
    );
    assert_eq!(object["status"]["observedGeneration"], generation);
    // Stalled stands first: nothing but a change of the object can help.
    into(&tenant, "app", json!({"dependsOn": [{"name": "app"}]}));
    tenant
        .admin()
        .wait_for("the stall", &tenant.reference("app"), |object| {
            state(object, "Stalled") == "True"
        });
    let object = tenant.admin().get(&tenant.reference("app")).unwrap();
    assert_eq!(types(&object)[..2], ["Stalled", "Ready"]);
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
}

#[test]
fn what_kubectl_applied_before_is_taken_over_and_its_left_over_fields_go() {
    let mut tenant = Tenant::start("takeover", &[("other/map.yaml", &bare_map("other", "one"))]);
    let last = json!({"apiVersion": "v1", "kind": "ConfigMap"}).to_string();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": tenant.namespace, "annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": last}},
        "data": {"value": "old", "left-over": "yes"}});
    let path = format!("/api/v1/namespaces/{}/configmaps", tenant.namespace);
    let path = format!("{path}?fieldManager=kubectl-client-side-apply");
    let answer = tenant
        .admin()
        .request("POST", &path, "application/json", &object);
    let before = answer.expect_success("the ConfigMap");
    tenant.publish(&[("app/map.yaml", &bare_map("app", "one"))], "Take it");
    tenant.request(&tenant.source());
    into(&tenant, "app", json!({"retryInterval": "1s"}));
    tenant.ready("app");
    let after = tenant.admin().get(&tenant.config_map("app")).unwrap();
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["data"], json!({"value": "one"}));
    let annotations = &after["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/last-applied-configuration"].is_null());
    assert_eq!(
        managers(&after),
        [(
            "kustomize-controller".to_owned(),
            "Apply".to_owned(),
            String::new()
        )]
    );
}

#[test]
fn what_flux_applied_is_taken_over_without_a_write_and_pruned_by_its_inventory() {
    let tenant = Tenant::start("handover", &[("app/map.yaml", &bare_map("app", "one"))]);
    let made_by_flux = |name: &str| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": tenant.namespace, "labels": {
                "kustomize.toolkit.fluxcd.io/name": "app",
                "kustomize.toolkit.fluxcd.io/namespace": tenant.namespace}},
            "data": {"value": "one"}});
        let answer = tenant.admin().apply_as("kustomize-controller", &object);
        answer.expect_success("apply as Flux")
    };
    let app = made_by_flux("app");
    made_by_flux("left-the-repository");
    into(&tenant, "app", json!({"suspend": true}));
    let id = |name: &str| format!("{}_{name}__ConfigMap", tenant.namespace);
    tenant.admin().patch_subresource(
        &tenant.reference("app"),
        "status",
        &json!({"status": {"inventory": {"entries": [
            {"id": id("app"), "v": "v1"}, {"id": id("left-the-repository"), "v": "v1"}]}}}),
    );
    into(&tenant, "app", json!({"suspend": false}));
    let object = tenant.ready("app");
    let now = tenant.admin().get(&tenant.config_map("app")).unwrap();
    assert_eq!(
        now["metadata"]["resourceVersion"],
        app["metadata"]["resourceVersion"]
    );
    assert!(tenant.value("left-the-repository").is_none());
    assert_eq!(
        object["status"]["inventory"]["entries"],
        json!([{"id": id("app"), "v": "v1"}])
    );
}

#[test]
fn a_pass_that_finds_nothing_asks_for_no_object() {
    let files: Vec<(String, String)> = (0..20)
        .map(|number| {
            let name = format!("map-{number}");
            (format!("app/{name}.yaml"), bare_map(&name, "one"))
        })
        .collect();
    let tenant = Tenant::start("quiet", &borrowed(&files));
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    // What the watch still has to say is said.
    let first = tenant.request(&tenant.reference("app"));
    let handled = |asked: &str| {
        tenant
            .admin()
            .wait_for("the answer", &tenant.reference("app"), |object| {
                object["status"]["lastHandledReconcileAt"] == asked
            });
    };
    handled(&first);
    let mark = shared().control_plane.audit().mark();
    let asked = tenant.request(&tenant.reference("app"));
    handled(&asked);
    let requests = shared().control_plane.audit().requests(User::Agent, mark);
    let here: Vec<_> = requests
        .iter()
        .filter(|one| one.namespace == tenant.namespace)
        .collect();
    let statuses = here.iter().filter(|one| one.subresource == "status");
    assert_eq!(statuses.count(), 1, "{here:#?}");
    assert_eq!(here.len(), 1, "{here:#?}");
}

#[test]
fn an_api_server_that_asks_for_patience_gets_it() {
    let files = |value: &str| -> Vec<(String, String)> {
        let names = (0..30).map(|number| format!("map-{number}"));
        names
            .map(|name| (format!("app/{name}.yaml"), bare_map(&name, value)))
            .collect()
    };
    let mut tenant = Tenant::start("patience", &borrowed(&files("one")));
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    // One request at a time: every other one that comes meanwhile is told to come again later.
    let api = "flowcontrol.apiserver.k8s.io/v1";
    let name = format!("one-{}", tenant.namespace);
    let level = json!({"apiVersion": api, "kind": "PriorityLevelConfiguration",
        "metadata": {"name": name},
        "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0,
            "lendablePercent": 0, "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"}}}});
    let schema = json!({"apiVersion": api, "kind": "FlowSchema", "metadata": {"name": name},
        "spec": {"matchingPrecedence": 2, "priorityLevelConfiguration": {"name": name},
            "rules": [{"subjects": [{"kind": "User", "user": {"name": User::Agent.name()}},
                    {"kind": "User", "user": {"name": User::Tenant.name()}}],
                "resourceRules": [{"verbs": ["*"], "apiGroups": [""], "resources": ["configmaps"],
                    "namespaces": [tenant.namespace]}]}]}});
    tenant.admin().apply_all(&[level.clone(), schema.clone()]);
    let probe = shared().control_plane.client(User::Tenant);
    let path = tenant.admin().path(&config_map(&tenant.namespace, ""));
    let plane = &shared().control_plane;
    windlass_kit::wait::until_true("the limit", std::time::Duration::from_secs(20), || {
        let answer = probe.request("GET", &path, "application/json", &Value::Null);
        assert!(answer.status == 403 || answer.status == 429);
        let counter = "apiserver_flowcontrol_dispatched_requests_total";
        plane.metrics().sum(counter, &[("flow_schema", &name)]) > 0.0
    });
    let commit = tenant.push(&borrowed(&files("two")), "Too much at once");
    tenant.fails("app", "ReconciliationFailed", "429");
    tenant.event("app", "ReconciliationFailed", "429");
    tenant.admin().delete(&ObjectRef::of(&schema));
    tenant.admin().delete(&ObjectRef::of(&level));
    tenant.applied("app", &commit);
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect()
}
