//! What should be deleted and cannot be: it stays in the inventory, is tried again, and blocks nothing else.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::Options;
use windlass_kit::wait;
use windlass_kit::webhook::DenyingWebhook;

use crate::house::{House, config_map, is_ready, kustomization, nested};
use crate::leadership::{TERM, holder, short_terms};
use crate::tenant::{Tenant, bare_map, shared};

fn start(prefix: &str) -> Tenant {
    let files = [
        ("app/a.yaml", &bare_map("a", "one") as &str),
        ("app/b.yaml", &bare_map("b", "one")),
    ];
    let tenant = Tenant::start(prefix, &files);
    into(&tenant, json!({}));
    tenant.ready("app");
    tenant
}

fn into(tenant: &Tenant, mut spec: Value) {
    spec["targetNamespace"] = tenant.namespace.clone().into();
    spec["retryInterval"] = "2s".into();
    tenant.kustomize("app", spec);
}

fn holds(tenant: &Tenant, name: &str) -> bool {
    let app = tenant.admin().get(&tenant.reference("app")).unwrap();
    let entries = app["status"]["inventory"]["entries"].as_array().unwrap();
    let id = format!("{}_{name}__ConfigMap", tenant.namespace);
    entries.iter().any(|entry| entry["id"] == id.as_str())
}

#[test]
fn t50_what_a_webhook_keeps_from_being_deleted_stays_in_the_inventory_until_it_is_gone() {
    let mut tenant = start("denied");
    let denying = DenyingWebhook::start("not today");
    let webhook = tenant.admin().apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": tenant.namespace},
        "webhooks": [{
            "name": "deletions.windlass.dev", "failurePolicy": "Fail", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "clientConfig": denying.client_config(),
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"],
                "resources": ["configmaps"]}],
        }],
    }));
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "probe", "namespace": tenant.namespace}});
    wait::until_true("the webhook", Duration::from_secs(20), || {
        let _ = tenant.admin().apply_as("probe", &probe);
        let path = tenant.admin().path(&ObjectRef::of(&probe));
        tenant
            .admin()
            .request("DELETE", &path, "application/json", &Value::Null)
            .status
            == 403
    });
    tenant.repo.remove("app/b.yaml");
    tenant.push(&[("app/a.yaml", &bare_map("a", "two"))], "Take b away");
    tenant.fails("app", "PruneFailed", "not today");
    assert_eq!(
        tenant.value("a").as_deref(),
        Some("two"),
        "the rest was not applied"
    );
    assert!(holds(&tenant, "b"));
    // A later revision that has nothing to do with it does not forget it either.
    tenant.push(&[("app/a.yaml", &bare_map("a", "three"))], "Something else");
    tenant.wait_value("a", "three");
    assert!(holds(&tenant, "b"));
    tenant.admin().delete(&ObjectRef::of(&webhook));
    tenant.request(&tenant.reference("app"));
    tenant.ready("app");
    tenant.admin().wait_gone(&tenant.config_map("b"));
    assert!(!holds(&tenant, "b"));
}

#[test]
fn t50_what_leaves_in_a_commit_that_does_not_build_is_pruned_by_the_next_that_does() {
    let mut tenant = start("between");
    tenant.repo.remove("app/b.yaml");
    tenant.push(
        &[("app/broken.yaml", "kind: [")],
        "Take b away, and break the build",
    );
    tenant.fails("app", "BuildFailed", "broken.yaml");
    assert!(tenant.value("b").is_some() && holds(&tenant, "b"));
    tenant.repo.remove("app/broken.yaml");
    let commit = tenant.push(&[("app/a.yaml", &bare_map("a", "two"))], "Mend it");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&tenant.config_map("b"));
    assert!(!holds(&tenant, "b"));
}

#[test]
fn t50_a_finalizer_of_others_holds_its_object_and_not_the_kustomization() {
    let mut tenant = start("stuck");
    let b = tenant.config_map("b");
    // As a controller does; what kubectl owns an apply takes over, as Flux's does.
    let home = tenant.namespace.clone();
    let holds_on = |finalizers: Value| {
        let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "b", "namespace": home, "finalizers": finalizers}});
        let answer = shared().admin().apply_as("stuck-controller", &held);
        assert!(answer.status < 300, "{}", answer.body);
    };
    holds_on(json!(["windlass.dev/stuck"]));
    tenant.repo.remove("app/b.yaml");
    let commit = tenant.push(&[("app/a.yaml", &bare_map("a", "two"))], "Take b away");
    tenant.applied("app", &commit);
    let live = tenant.admin().get(&b).unwrap();
    assert!(live["metadata"]["deletionTimestamp"].is_string(), "{live}");
    tenant.admin().delete(&tenant.reference("app"));
    tenant.admin().wait_gone(&tenant.reference("app"));
    holds_on(json!([]));
    tenant.admin().wait_gone(&b);
}

#[test]
fn t50_without_its_service_account_a_kustomization_can_still_be_deleted() {
    let tenant = start("orphans");
    let namespace = &tenant.namespace;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "deployer", "namespace": namespace}});
    tenant.admin().apply_all(&[
        account.clone(),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]}),
    ]);
    into(&tenant, json!({"serviceAccountName": "deployer"}));
    tenant.ready("app");
    tenant.admin().delete(&ObjectRef::of(&account));
    tenant.admin().delete(&tenant.reference("app"));
    tenant.admin().wait_gone(&tenant.reference("app"));
    assert!(
        tenant.value("a").is_some(),
        "nobody was left to delete it as"
    );
}

#[test]
fn a_deletion_that_is_refused_says_why_on_the_object_and_one_that_is_done_says_what_went() {
    let tenant = start("refused");
    let namespace = &tenant.namespace;
    let subjects = json!([{"kind": "ServiceAccount", "name": "deployer", "namespace": namespace}]);
    let role = |verbs: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "deployer", "namespace": namespace},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]})
    };
    tenant.admin().apply_all(&[
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": namespace}}),
        role(json!(["get", "list", "watch", "create", "patch"])),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": namespace}, "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"}}),
    ]);
    into(&tenant, json!({"serviceAccountName": "deployer"}));
    tenant.ready("app");
    tenant.admin().delete(&tenant.reference("app"));
    let message = tenant.fails(
        "app",
        "PruneFailed",
        "cannot delete resource \"configmaps\"",
    );
    assert!(message.contains(":deployer"), "{message}");
    assert!(
        holds(&tenant, "a") && holds(&tenant, "b"),
        "nothing is lost"
    );
    tenant.event("app", "PruneFailed", "configmaps");

    tenant.admin().apply(&role(json!(["*"])));
    tenant.admin().wait_gone(&tenant.reference("app"));
    tenant.admin().wait_gone(&tenant.config_map("a"));
    let refusals = tenant.events("app");
    let refusals = refusals
        .iter()
        .filter(|event| event["reason"] == "PruneFailed");
    assert_eq!(refusals.count(), 1, "tried again and again, and told once");
    tenant.event(
        "app",
        "Progressing",
        &format!("ConfigMap/{namespace}/a deleted"),
    );
}

#[test]
fn t50_what_a_pass_applied_before_it_failed_is_pruned_when_it_leaves() {
    let mut tenant = start("partly");
    let class = format!("{}-first", tenant.namespace);
    let file = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": class}, "value": 7})
    .to_string();
    let class = ObjectRef::new("scheduling.k8s.io/v1", "PriorityClass", "", &class);
    tenant.repo.remove("app/b.yaml");
    // The class is a stage of its own; the next stage is refused whole.
    let refused = bare_map("refused", "one").replace("value:", "no key:");
    tenant.push(
        &[("app/class.yaml", &file), ("app/refused.yaml", &refused)],
        "Half of it is wrong",
    );
    tenant.fails("app", "ReconciliationFailed", "no key");
    assert!(tenant.admin().get(&class).is_some(), "its stage came first");
    assert!(
        tenant.value("b").is_some() && holds(&tenant, "b"),
        "a failed pass prunes nothing"
    );
    tenant.repo.remove("app/class.yaml");
    tenant.repo.remove("app/refused.yaml");
    let commit = tenant.push(&[("app/a.yaml", &bare_map("a", "two"))], "None of it");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&tenant.config_map("b"));
    tenant.admin().wait_gone(&class);
}

/// A Kustomization `app` that has applied ConfigMap `b` and waits for a Deployment that nobody runs.
fn waiting(settings: impl FnOnce(&mut windlass_kit::agent::Agent)) -> House {
    let spec = json!({"wait": true, "timeout": "10m", "retryInterval": "2s", "targetNamespace": "default"});
    let stuck = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "stuck"},
        "spec": {"selector": {"matchLabels": {"app": "stuck"}}, "template": {
            "metadata": {"labels": {"app": "stuck"}},
            "spec": {"containers": [{"name": "main", "image": "example.org/app:1"}]}}}});
    let files = [
        ("cluster/app.yaml", &nested("app", "./app", spec) as &str),
        ("app/b.yaml", &bare_map("b", "one")),
        ("app/stuck.yaml", &stuck.to_string()),
    ];
    let house = House::start_with(&Options::api_server(), &files, |agent| {
        agent.set("root", "path", "cluster");
        settings(agent);
    });
    let app = kustomization("flux-system", "app");
    house.admin().wait_for("the wait", &app, |app| {
        app.to_string().contains("Running health checks")
    });
    assert!(house.admin().get(&config_map("default", "b")).is_some());
    house
}

/// Takes everything but a new ConfigMap away.
fn take_away(house: &mut House) -> String {
    house.repo.remove("app/b.yaml");
    house.repo.remove("app/stuck.yaml");
    house.push(&[("app/c.yaml", &bare_map("c", "one"))], "Something else")
}

fn is_replaced(house: &House) {
    let app = kustomization("flux-system", "app");
    house.admin().wait_gone(&config_map("default", "b"));
    let app = house.admin().wait_for("the new revision", &app, |app| {
        let entries = app["status"]["inventory"]["entries"].as_array();
        is_ready(app) && entries.is_some_and(|entries| entries.len() == 1)
    });
    assert_eq!(
        app["status"]["inventory"]["entries"][0]["id"],
        "default_c__ConfigMap"
    );
}

#[test]
fn what_an_agent_applied_that_crashed_before_its_last_status_is_pruned_by_the_next() {
    let mut house = waiting(|_| {});
    house.agent.kill();
    take_away(&mut house);
    house.agent.start();
    is_replaced(&house);
}

#[test]
fn what_a_leader_applied_that_lost_its_term_is_pruned_by_the_next_leader() {
    let mut house = waiting(short_terms);
    let mut second = house.second_agent();
    short_terms(&mut second);
    second.set("root", "path", "cluster");
    second.start();
    wait::until_true("the second node to fetch", TERM * 4, || {
        second.log().contains("accepted")
    });
    house.agent.signal(Signal::SIGSTOP);
    wait::until_true("the second node to lead", TERM * 4, || {
        holder(&house).starts_with("node-b_")
    });
    take_away(&mut house);
    is_replaced(&house);
    house.agent.signal(Signal::SIGCONT);
    wait::until_true("the first node to notice", TERM * 4, || {
        house.agent.log().contains("this node stands by")
    });
    wait::holds("b to stay away", Duration::from_secs(2), || {
        house.admin().get(&config_map("default", "b")).is_none()
    });
    drop(second);
}
