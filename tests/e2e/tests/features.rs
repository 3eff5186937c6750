//! The fields of a Kustomization, each on a real cluster with controllers, nodes and pods.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::house::ready;
use crate::tenant::{Tenant, bare_map, map, shared, state};

/// Far below Flux's polls (30 s for dependencies, 5 s for health).
const AT_ONCE: Duration = Duration::from_secs(4);
/// As long as something that must not happen is watched for.
const A_WHILE: Duration = Duration::from_secs(2);

/// A Deployment of one pod; `behaviour` is what kwok lets the pod do, empty for healthy.
fn deployment(name: &str, behaviour: &str) -> String {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "example.org/app:1"}]},
            },
        },
    });
    if !behaviour.is_empty() {
        object["spec"]["template"]["metadata"]["annotations"]["windlass.dev/pod"] =
            behaviour.into();
    }
    object.to_string()
}

fn deployment_reference(tenant: &Tenant, name: &str) -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", &tenant.namespace, name)
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Where a ConfigMap stands in the order of all writes.
fn number(tenant: &Tenant, name: &str) -> u64 {
    let object = tenant.admin().get(&tenant.config_map(name)).unwrap();
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    version.parse().unwrap()
}

/// Kustomization `name` into the tenant's namespace.
fn into(tenant: &Tenant, name: &str, mut spec: Value) {
    spec["targetNamespace"] = tenant.namespace.clone().into();
    tenant.kustomize(name, spec);
}

#[test]
fn a_dependency_that_becomes_ready_wakes_its_dependents_at_once_and_in_order() {
    let files = [
        ("a/map.yaml", &bare_map("a", "one") as &str),
        ("b/map.yaml", &bare_map("b", "one")),
        ("c/app.yaml", &deployment("c", "pending")),
    ];
    let mut tenant = Tenant::start("depends", &files);
    into(&tenant, "a", json!({"dependsOn": [{"name": "b"}]}));
    into(&tenant, "b", json!({"dependsOn": [{"name": "c"}]}));
    into(&tenant, "c", json!({"wait": true, "timeout": "1m"}));
    let message = tenant.fails("a", "DependencyNotReady", "");
    assert!(
        message.contains(&format!("'{}/b'", tenant.namespace)),
        "{message}"
    );
    tenant.fails("b", "DependencyNotReady", "/c'");
    assert!(tenant.value("a").is_none() && tenant.value("b").is_none());

    let commit = tenant.push(&[("c/app.yaml", &deployment("c", ""))], "Heal it");
    tenant.applied("c", &commit);
    let start = Instant::now();
    tenant.applied("a", &commit);
    assert!(
        start.elapsed() < AT_ONCE,
        "{:?} after its dependency",
        start.elapsed()
    );
    assert!(
        number(&tenant, "b") < number(&tenant, "a"),
        "b is applied before a"
    );

    // A new revision: a waits until b has it too.
    let commit = tenant.push(
        &[
            ("a/map.yaml", &bare_map("a", "two")),
            ("b/map.yaml", &bare_map("b", "two")),
        ],
        "Change both",
    );
    tenant.applied("a", &commit);
    assert!(number(&tenant, "b") < number(&tenant, "a"));
}

#[test]
fn waiting_for_health_ends_as_soon_as_the_pods_run() {
    let tenant = Tenant::start("wait", &[("app/app.yaml", &deployment("app", ""))]);
    let start = Instant::now();
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    let object = tenant.ready("app");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(state(&object, "Healthy"), "True");
    let live = tenant
        .admin()
        .get(&deployment_reference(&tenant, "app"))
        .unwrap();
    assert_eq!(live["status"]["availableReplicas"], 1);
}

#[test]
fn a_health_check_that_fails_times_out_and_a_fixing_commit_overtakes_the_wait() {
    let mut tenant = Tenant::start(
        "timeout",
        &[("app/app.yaml", &deployment("app", "pending"))],
    );
    let checks = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "app",
        "namespace": tenant.namespace}]);
    into(
        &tenant,
        "app",
        json!({"healthChecks": checks, "timeout": "2s", "retryInterval": "1h"}),
    );
    let message = tenant.fails("app", "HealthCheckFailed", "Deployment/");
    assert!(message.contains("timeout after 30s"), "{message}");
    let object = tenant.admin().get(&tenant.reference("app")).unwrap();
    assert_eq!(state(&object, "Healthy"), "False");
    assert_eq!(state(&object, "Reconciling"), "True");
    tenant.event("app", "HealthCheckFailed", "Deployment/");

    // Now it would wait for an hour, and the fixing commit comes after a moment.
    into(
        &tenant,
        "app",
        json!({"healthChecks": checks, "timeout": "1h"}),
    );
    tenant
        .admin()
        .wait_for("the wait", &tenant.reference("app"), |object| {
            ready(object)["status"] == "Unknown"
                && object.to_string().contains("Running health checks")
        });
    let commit = tenant.push(&[("app/app.yaml", &deployment("app", ""))], "Heal it");
    let start = Instant::now();
    let object = tenant.applied("app", &commit);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(state(&object, "Healthy"), "True");
}

#[test]
fn a_pod_that_crashes_fails_the_wait_early() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "annotations": {"windlass.dev/pod": "crashing"}},
        "spec": {"containers": [{"name": "main", "image": "example.org/app:1"}]}});
    let tenant = Tenant::start("crash", &[("app/app.yaml", &pod.to_string())]);
    into(&tenant, "app", json!({"wait": true, "timeout": "1h"}));
    let message = tenant.fails("app", "HealthCheckFailed", "Pod/");
    assert!(message.contains("failed early"), "{message}");
}

#[test]
fn a_failed_pass_is_tried_again_after_the_retry_interval() {
    let account =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: late\n  namespace: not-there-yet\n";
    let tenant = Tenant::start("retry", &[("app/map.yaml", account)]);
    tenant.kustomize("app", json!({"retryInterval": "1s"}));
    tenant.fails("app", "ReconciliationFailed", "not-there-yet");
    tenant
        .admin()
        .apply(&json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "not-there-yet"}}));
    let start = Instant::now();
    tenant.ready("app");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_suspended_kustomization_is_left_alone_until_it_is_resumed() {
    let mut tenant = Tenant::start("suspend", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    into(&tenant, "app", json!({"suspend": true}));
    let commit = tenant.push(
        &[("app/map.yaml", &bare_map("app", "two"))],
        "While suspended",
    );
    tenant
        .admin()
        .wait_for("the fetch", &tenant.source(), |source| {
            source["status"]["artifact"]["revision"]
                .as_str()
                .unwrap()
                .ends_with(&commit)
        });
    tenant.admin().patch(
        &tenant.config_map("app"),
        &json!({"data": {"value": "mine"}}),
    );
    wait::holds("the suspension", A_WHILE, || {
        tenant.value("app").as_deref() == Some("mine")
    });
    into(&tenant, "app", json!({"suspend": false}));
    tenant.applied("app", &commit);
    tenant.wait_value("app", "two");
    // Deleting a suspended one keeps its objects.
    into(&tenant, "app", json!({"suspend": true}));
    tenant.admin().delete(&tenant.reference("app"));
    tenant.admin().wait_gone(&tenant.reference("app"));
    assert_eq!(tenant.value("app").as_deref(), Some("two"));
}

#[test]
fn a_suspended_source_is_not_fetched_until_it_is_resumed() {
    let mut tenant = Tenant::start(
        "suspend-source",
        &[("app/map.yaml", &bare_map("app", "one"))],
    );
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let suspend = |on: bool| {
        tenant
            .admin()
            .patch(&tenant.source(), &json!({"spec": {"suspend": on}}));
    };
    suspend(true);
    let commit = tenant.repo.publish(
        &[("app/map.yaml", &bare_map("app", "two"))],
        "While suspended",
        &shared().signer,
    );
    tenant.request(&tenant.source());
    wait::holds("the suspension", A_WHILE, || {
        tenant.value("app").as_deref() == Some("one")
    });
    tenant
        .admin()
        .patch(&tenant.source(), &json!({"spec": {"suspend": false}}));
    tenant.applied("app", &commit);
}

#[test]
fn prune_false_keeps_what_left_the_repository() {
    let files = [
        ("app/one.yaml", &bare_map("one", "1") as &str),
        ("app/two.yaml", &bare_map("two", "2")),
    ];
    let mut tenant = Tenant::start("no-prune", &files);
    into(&tenant, "app", json!({"prune": false}));
    tenant.ready("app");
    tenant.repo.remove("app/two.yaml");
    let commit = tenant.push(&[], "Remove two");
    tenant.applied("app", &commit);
    assert!(tenant.value("two").is_some());
    tenant.admin().delete(&tenant.reference("app"));
    tenant.admin().wait_gone(&tenant.reference("app"));
    assert!(tenant.value("one").is_some(), "the deletion mirrors prune");
}

#[test]
fn what_says_prune_disabled_is_kept() {
    let two = bare_map("two", "2").replace(
        "name: two\n",
        "name: two\n  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n",
    );
    let files = [
        ("app/one.yaml", &bare_map("one", "1") as &str),
        ("app/two.yaml", &two),
    ];
    let mut tenant = Tenant::start("prune-off", &files);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    tenant.repo.remove("app/one.yaml");
    tenant.repo.remove("app/two.yaml");
    let commit = tenant.push(
        &[("app/three.yaml", &bare_map("three", "3"))],
        "Remove both",
    );
    tenant.applied("app", &commit);
    assert!(tenant.value("one").is_none());
    assert!(tenant.value("two").is_some());
}

#[test]
fn force_makes_an_object_anew_whose_field_cannot_change() {
    let immutable = |value: &str| format!("{}immutable: true\n", bare_map("app", value));
    let mut tenant = Tenant::start("force", &[("app/map.yaml", &immutable("one"))]);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let before = uid(&tenant.admin().get(&tenant.config_map("app")).unwrap());
    let commit = tenant.push(&[("app/map.yaml", &immutable("two"))], "Change it");
    let message = tenant.fails("app", "ReconciliationFailed", "immutable");
    assert!(message.contains("ConfigMap/"), "{message}");
    assert_eq!(
        uid(&tenant.admin().get(&tenant.config_map("app")).unwrap()),
        before
    );
    into(&tenant, "app", json!({"force": true}));
    tenant.applied("app", &commit);
    let after = tenant.wait_value("app", "two");
    assert_ne!(uid(&after), before);
}

#[test]
fn the_force_annotation_of_one_object_is_enough() {
    let job = |image: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "job", "annotations": {"kustomize.toolkit.fluxcd.io/force": "enabled"}},
            "spec": {"template": {"spec": {"restartPolicy": "Never",
                "containers": [{"name": "main", "image": image}]}}}})
        .to_string()
    };
    let mut tenant = Tenant::start("force-one", &[("app/job.yaml", &job("example.org/a:1"))]);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let reference = ObjectRef::new("batch/v1", "Job", &tenant.namespace, "job");
    let before = uid(&tenant.admin().get(&reference).unwrap());
    let commit = tenant.push(
        &[("app/job.yaml", &job("example.org/a:2"))],
        "Another image",
    );
    tenant.applied("app", &commit);
    assert_ne!(uid(&tenant.admin().get(&reference).unwrap()), before);
}

#[test]
fn t33_a_service_account_limits_what_is_applied_and_the_api_server_sees_who_acts() {
    let mut tenant = Tenant::start("account", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(
        &tenant,
        "app",
        json!({"serviceAccountName": "deployer", "retryInterval": "1s"}),
    );
    let user = format!("system:serviceaccount:{}:deployer", tenant.namespace);
    let message = tenant.fails("app", "ReconciliationFailed", "forbidden");
    assert!(message.contains(&user), "{message}");
    assert!(tenant.value("app").is_none());
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": tenant.namespace}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "deployer", "namespace": tenant.namespace},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": tenant.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": tenant.namespace}]}),
    ] {
        tenant.admin().apply(&object);
    }
    let mark = shared().control_plane.audit().mark();
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "two"))], "Again");
    tenant.request(&tenant.reference("app"));
    tenant.applied("app", &commit);
    let requests = shared().control_plane.audit().requests(User::Agent, mark);
    let on_maps: Vec<_> = requests
        .iter()
        .filter(|one| one.namespace == tenant.namespace && one.resource == "configmaps")
        .collect();
    assert!(on_maps.iter().any(|one| one.writes()), "{on_maps:#?}");
    assert!(
        on_maps.iter().all(|one| one.impersonated == user),
        "{on_maps:#?}"
    );
    // Pruning is done as the account as well.
    tenant.repo.remove("app/map.yaml");
    let mark = shared().control_plane.audit().mark();
    let commit = tenant.push(&[("app/other.yaml", &bare_map("other", "1"))], "Prune");
    tenant.applied("app", &commit);
    assert!(tenant.value("app").is_none());
    let requests = shared().control_plane.audit().requests(User::Agent, mark);
    let deletes: Vec<_> = requests
        .iter()
        .filter(|one| one.verb == "delete" && one.namespace == tenant.namespace)
        .collect();
    assert_eq!(deletes.len(), 1, "{deletes:#?}");
    assert_eq!(deletes[0].impersonated, user);
}

#[test]
fn the_deletion_policy_says_what_happens_to_the_objects() {
    let files = [
        ("orphan/map.yaml", &bare_map("orphan", "1") as &str),
        ("delete/map.yaml", &bare_map("delete", "1")),
        ("wait/map.yaml", &bare_map("wait", "1")),
    ];
    let tenant = Tenant::start("deletion", &files);
    into(&tenant, "orphan", json!({"deletionPolicy": "Orphan"}));
    into(
        &tenant,
        "delete",
        json!({"deletionPolicy": "Delete", "prune": false}),
    );
    into(
        &tenant,
        "wait",
        json!({"deletionPolicy": "WaitForTermination", "timeout": "1m"}),
    );
    for name in ["orphan", "delete", "wait"] {
        tenant.ready(name);
    }
    // Somebody else's finalizer holds one of them.
    let held = tenant.config_map("wait");
    let hold = |finalizers: Value| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "wait", "namespace": tenant.namespace, "finalizers": finalizers}});
        let answer = tenant.admin().apply_as("holder", &object);
        answer.expect_success("the hold")
    };
    hold(json!(["example.org/hold"]));
    for name in ["orphan", "delete", "wait"] {
        tenant.admin().delete(&tenant.reference(name));
    }
    tenant.admin().wait_gone(&tenant.reference("orphan"));
    tenant.admin().wait_gone(&tenant.reference("delete"));
    tenant.admin().wait_gone(&tenant.config_map("delete"));
    assert!(tenant.value("orphan").is_some());
    tenant.admin().wait_for("the deletion", &held, |held| {
        held["metadata"]["deletionTimestamp"].is_string()
    });
    wait::holds("the wait", A_WHILE, || {
        tenant.admin().get(&tenant.reference("wait")).is_some()
    });
    hold(json!([]));
    tenant.admin().wait_gone(&tenant.reference("wait"));
}

#[test]
fn a_request_is_answered_with_its_own_value() {
    let tenant = Tenant::start("request", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    for object in [tenant.source(), tenant.reference("app")] {
        let asked = tenant.request(&object);
        tenant.admin().wait_for("the answer", &object, |object| {
            object["status"]["lastHandledReconcileAt"] == asked.as_str()
        });
        let odd = "2026-01-02 03:04:05.6 +0000 UTC m=+7.8";
        tenant.admin().patch(
            &object,
            &json!({"metadata": {"annotations":
            {"reconcile.fluxcd.io/requestedAt": odd}}}),
        );
        tenant.admin().wait_for("the answer", &object, |object| {
            object["status"]["lastHandledReconcileAt"] == odd
        });
    }
}

fn annotated(name: &str, value: &str, annotation: &str) -> String {
    bare_map(name, value).replace(
        &format!("name: {name}\n"),
        &format!("name: {name}\n  annotations:\n    {annotation}\n"),
    )
}

#[test]
fn annotations_say_hands_off() {
    let group = "kustomize.toolkit.fluxcd.io";
    let off = annotated("off", "one", &format!("{group}/reconcile: disabled"));
    let once = annotated("once", "one", &format!("{group}/ssa: IfNotPresent"));
    let merge = annotated("merge", "one", &format!("{group}/ssa: Merge"));
    let ignored = annotated("ignored", "one", &format!("{group}/ssa: Ignore"));
    let files = [
        ("app/off.yaml", &off as &str),
        ("app/once.yaml", &once),
        ("app/merge.yaml", &merge),
        ("app/ignored.yaml", &ignored),
        ("app/plain.yaml", &bare_map("plain", "one")),
    ];
    let mut tenant = Tenant::start("hands-off", &files);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    assert!(tenant.value("off").is_none() && tenant.value("ignored").is_none());
    assert_eq!(tenant.value("once").as_deref(), Some("one"));
    // A person edits them, and marks the plain one live.
    let mine = json!({"data": {"value": "mine", "more": "mine"}});
    for name in ["once", "merge"] {
        tenant.admin().patch(&tenant.config_map(name), &mine);
    }
    tenant.admin().patch(
        &tenant.config_map("plain"),
        &json!({"metadata": {"annotations": {format!("{group}/reconcile"): "disabled"}},
            "data": {"value": "mine"}}),
    );
    tenant.wait_value("merge", "one");
    wait::holds("what was said", A_WHILE, || {
        tenant.value("once").as_deref() == Some("mine")
            && tenant.value("plain").as_deref() == Some("mine")
    });
    let commit = tenant.push(
        &[
            (
                "app/once.yaml",
                &once
                    .replace("one", "two")
                    .replace("name: twoce", "name: once"),
            ),
            ("app/plain.yaml", &bare_map("plain", "two")),
        ],
        "Two",
    );
    tenant.applied("app", &commit);
    assert_eq!(tenant.value("once").as_deref(), Some("mine"));
    assert_eq!(tenant.value("plain").as_deref(), Some("mine"));
    let merged = tenant.admin().get(&tenant.config_map("merge")).unwrap();
    assert_eq!(
        merged["data"]["more"], "mine",
        "merging keeps what others added"
    );
}

#[test]
fn a_rollout_restart_is_respected() {
    let mut tenant = Tenant::start("rollout", &[("app/app.yaml", &deployment("app", ""))]);
    into(&tenant, "app", json!({"wait": true, "timeout": "1m"}));
    tenant.ready("app");
    let app = deployment_reference(&tenant, "app");
    let restarted = "kubectl.kubernetes.io/restartedAt";
    let path = format!("{}?fieldManager=kubectl-rollout", tenant.admin().path(&app));
    let patch = json!({"spec": {"template": {"metadata": {"annotations":
        {restarted: "2026-01-01T00:00:00Z"}}}}});
    let kind = "application/strategic-merge-patch+json";
    let answer = tenant.admin().request("PATCH", &path, kind, &patch);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pointer = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
    wait::holds("the restart", A_WHILE, || {
        let live = tenant.admin().get(&app).unwrap();
        live.pointer(pointer).is_some()
    });
    let two = deployment("app", "").replace(":1\"", ":2\"");
    let commit = tenant.push(&[("app/app.yaml", &two)], "Another image");
    tenant.applied("app", &commit);
    let live = tenant.admin().get(&app).unwrap();
    assert!(live.pointer(pointer).is_some(), "{live}");
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["image"],
        "example.org/app:2"
    );
    assert!(
        tenant
            .events("app")
            .iter()
            .all(|event| event["reason"] != "DriftCorrected"),
        "a restart is no drift"
    );
}

#[test]
fn what_is_changed_again_and_again_is_left_to_the_next_regular_pass() {
    let tenant = Tenant::start("fight", &[("app/map.yaml", &bare_map("app", "one"))]);
    into(&tenant, "app", json!({}));
    tenant.ready("app");
    let theirs = json!({"data": {"value": "theirs"}});
    for _ in 0..3 {
        tenant.admin().patch(&tenant.config_map("app"), &theirs);
        tenant.wait_value("app", "one");
    }
    let corrected = tenant.event("app", "DriftCorrected", "data.value");
    let message = corrected["message"].to_string();
    assert!(message.contains("kubectl-edit"), "{message}");
    tenant.admin().patch(&tenant.config_map("app"), &theirs);
    let held = tenant.event("app", "DriftCorrectionHeld", "data.value");
    assert!(
        held["message"].to_string().contains("kubectl-edit"),
        "{held}"
    );
    wait::holds("the truce", A_WHILE, || {
        tenant.value("app").as_deref() == Some("theirs")
    });
    // A person who asks gets it.
    tenant.request(&tenant.reference("app"));
    tenant.wait_value("app", "one");
}

#[test]
fn variables_are_substituted_from_the_spec_config_maps_and_secrets() {
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  \
        value: ${colour}-${size:=big}-${secret}-$${kept}\n";
    let mut tenant = Tenant::start("variables", &[("app/map.yaml", yaml)]);
    tenant
        .admin()
        .apply(&json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "vars", "namespace": tenant.namespace},
        "data": {"colour": "red", "size": "small"}}));
    tenant
        .admin()
        .apply(&json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "vars", "namespace": tenant.namespace},
        "stringData": {"secret": "hush"}}));
    let from = json!([
        {"kind": "ConfigMap", "name": "vars"}, {"kind": "Secret", "name": "vars"},
        {"kind": "Secret", "name": "none", "optional": true}]);
    let post = json!({"substitute": {"colour": "blue"}, "substituteFrom": from});
    into(&tenant, "app", json!({"postBuild": post}));
    tenant.ready("app");
    assert_eq!(
        tenant.value("app").as_deref(),
        Some("blue-small-hush-${kept}")
    );
    let yaml = yaml.replace("${colour}", "${color}");
    tenant.push(&[("app/map.yaml", &yaml)], "Misspell it");
    tenant.fails("app", "BuildFailed", "color");
    into(
        &tenant,
        "app",
        json!({"postBuild": {"substituteFrom":
        [{"kind": "Secret", "name": "none"}]}}),
    );
    tenant.fails("app", "BuildFailed", "none");
}

#[test]
fn a_source_of_another_namespace_can_be_used_and_the_target_namespace_moves_the_objects() {
    let tenant = Tenant::start(
        "across",
        &[("app/map.yaml", &map("elsewhere", "app", "one"))],
    );
    let other = shared().control_plane.namespace("across-user");
    let target = shared().control_plane.namespace("across-target");
    tenant.admin().apply(&json!({
        "apiVersion": crate::house::KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": other},
        "spec": {"path": "app", "prune": true, "interval": "10m", "targetNamespace": target,
            "namePrefix": "my-", "nameSuffix": "-x",
            "commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
            "sourceRef": {"kind": "GitRepository", "name": "source", "namespace": tenant.namespace}},
    }));
    tenant
        .admin()
        .wait_ready(&crate::house::kustomization(&other, "app"), "True");
    let object = crate::house::config_map(&target, "my-app-x");
    let live = tenant
        .admin()
        .get(&object)
        .expect("it is in the target namespace");
    assert_eq!(live["metadata"]["labels"]["team"], "a");
    assert_eq!(live["metadata"]["annotations"]["note"], "b");
    assert_eq!(
        live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/namespace"],
        other.as_str()
    );
}
