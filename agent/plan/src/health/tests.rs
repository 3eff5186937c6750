use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:01:00Z".parse().unwrap()
}

#[track_caller]
fn check(api_version: &str, kind: &str, spec: Value, status: Value, expected: Health) {
    let object = Object::from_value(json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "x", "generation": 1, "creationTimestamp": "2026-01-01T00:00:50Z"},
        "spec": spec, "status": status}))
    .unwrap();
    assert_eq!(assess(&object, now()), expected);
}

fn waits(message: &str) -> Health {
    Health::InProgress(message.to_owned())
}

fn fails(message: &str) -> Health {
    Health::Failed(message.to_owned())
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message})
}

#[test]
fn an_object_being_deleted_is_terminating_whatever_else_it_says() {
    let object = Object::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
    .unwrap();
    assert_eq!(assess(&object, now()), Health::Terminating);
}

#[test]
fn any_kind_waits_until_its_generation_was_seen_and_follows_the_standard_conditions() {
    let widget =
        |status: Value, expected| check("example.com/v1", "Widget", json!({}), status, expected);
    widget(
        json!({"observedGeneration": 0}),
        waits("Widget generation is 1, but latest observed generation is 0"),
    );
    widget(json!({}), Health::Current);
    widget(json!({"observedGeneration": 1}), Health::Current);
    widget(
        json!({"conditions": [condition("Reconciling", "True", "R", "busy")]}),
        waits("busy"),
    );
    widget(
        json!({"conditions": [condition("Reconciling", "False", "R", "")]}),
        Health::Current,
    );
    widget(
        json!({"conditions": [condition("Stalled", "True", "S", "stuck")]}),
        fails("stuck"),
    );
    widget(
        json!({"conditions": [condition("Ready", "True", "", "")]}),
        Health::Current,
    );
    widget(
        json!({"conditions": [condition("Ready", "False", "", "not yet")]}),
        waits("not yet"),
    );
    widget(
        json!({"conditions": [condition("Ready", "Unknown", "", "who knows")]}),
        waits("who knows"),
    );
    widget(json!({"conditions": "nonsense"}), Health::Current);
    widget(json!(null), Health::Current);
}

#[test]
fn deployments_are_followed_step_by_step() {
    let status = |replicas: i64, updated: i64, available: i64, ready: i64, conditions: Value| {
        json!({"observedGeneration": 1, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available, "readyReplicas": ready, "conditions": conditions})
    };
    let spec = json!({"replicas": 2, "progressDeadlineSeconds": 600});
    let deployment = |status: Value, expected| {
        check("apps/v1", "Deployment", spec.clone(), status, expected);
    };
    let done = json!([
        condition("Progressing", "True", "NewReplicaSetAvailable", ""),
        condition("Available", "True", "", ""),
    ]);
    deployment(status(1, 0, 0, 0, json!([])), waits("Replicas: 1/2"));
    deployment(status(2, 1, 0, 0, json!([])), waits("Updated: 1/2"));
    deployment(
        status(3, 2, 2, 2, done.clone()),
        waits("Pending termination: 1"),
    );
    deployment(status(2, 2, 1, 1, done.clone()), waits("Available: 1/2"));
    deployment(status(2, 2, 2, 1, done.clone()), waits("Ready: 1/2"));
    deployment(
        status(2, 2, 2, 2, json!([])),
        waits("ReplicaSet not Available"),
    );
    let progressing = json!([condition(
        "Progressing",
        "True",
        "NewReplicaSetAvailable",
        ""
    )]);
    deployment(
        status(2, 2, 2, 2, progressing),
        waits("Deployment not Available"),
    );
    deployment(status(2, 2, 2, 2, done), Health::Current);
    let late = json!([condition(
        "Progressing",
        "False",
        "ProgressDeadlineExceeded",
        ""
    )]);
    deployment(
        status(2, 1, 1, 1, late),
        fails("Progress deadline exceeded"),
    );
}

#[test]
fn a_deployment_without_deadline_or_replicas_needs_only_to_be_available() {
    let status = |replicas: i64| {
        json!({"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
            "availableReplicas": replicas, "readyReplicas": replicas,
            "conditions": [condition("Available", "True", "", "")]})
    };
    check(
        "apps/v1",
        "Deployment",
        json!({}),
        status(1),
        Health::Current,
    );
    let none = json!({"progressDeadlineSeconds": i32::MAX, "replicas": 0});
    check("apps/v1", "Deployment", none, status(0), Health::Current);
}

#[test]
fn stateful_sets_are_followed_step_by_step() {
    let status = |replicas: i64, ready: i64, current: i64, updated: i64, revision: &str| {
        json!({"replicas": replicas, "readyReplicas": ready, "currentReplicas": current,
            "updatedReplicas": updated, "currentRevision": "a", "updateRevision": revision})
    };
    let set = |status: Value, expected| {
        check(
            "apps/v1",
            "StatefulSet",
            json!({"replicas": 2}),
            status,
            expected,
        );
    };
    set(status(1, 0, 0, 0, "a"), waits("Replicas: 1/2"));
    set(status(2, 1, 0, 0, "a"), waits("Ready: 1/2"));
    set(status(3, 2, 2, 2, "a"), waits("Pending termination: 1"));
    set(status(2, 2, 1, 1, "b"), waits("current: 1/2"));
    set(
        status(2, 2, 2, 0, "b"),
        waits("Waiting for updated revision to match current"),
    );
    set(status(2, 2, 2, 2, "a"), Health::Current);
    let on_delete = json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}});
    check(
        "apps/v1",
        "StatefulSet",
        on_delete,
        json!({}),
        Health::Current,
    );
    let partition = json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}});
    check(
        "apps/v1",
        "StatefulSet",
        partition.clone(),
        status(2, 2, 2, 0, "b"),
        waits("updated: 0/1"),
    );
    check(
        "apps/v1",
        "StatefulSet",
        partition,
        status(2, 2, 1, 1, "b"),
        Health::Current,
    );
}

#[test]
fn daemon_sets_are_followed_step_by_step() {
    let status = |current: i64, updated: i64, available: i64, ready: i64| {
        json!({"observedGeneration": 1, "desiredNumberScheduled": 2,
            "currentNumberScheduled": current, "updatedNumberScheduled": updated,
            "numberAvailable": available, "numberReady": ready})
    };
    let set = |status: Value, expected| check("apps/v1", "DaemonSet", json!({}), status, expected);
    set(
        json!({}),
        waits("DaemonSet status.observedGeneration not found"),
    );
    set(
        json!({"observedGeneration": 1}),
        waits("Missing .status.desiredNumberScheduled"),
    );
    set(status(1, 0, 0, 0), waits("Current: 1/2"));
    set(status(2, 1, 0, 0), waits("Updated: 1/2"));
    set(status(2, 2, 1, 0), waits("Available: 1/2"));
    set(status(2, 2, 2, 1), waits("Ready: 1/2"));
    set(status(2, 2, 2, 2), Health::Current);
    let fresh = Object::from_value(json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {}}))
    .unwrap();
    assert_eq!(
        assess(&fresh, now()),
        waits("DaemonSet metadata.generation not found")
    );
}

#[test]
fn replica_sets_are_followed_step_by_step() {
    let status = |labelled: i64, available: i64, ready: i64, replicas: i64| {
        json!({"fullyLabeledReplicas": labelled, "availableReplicas": available,
            "readyReplicas": ready, "replicas": replicas})
    };
    let set = |status: Value, expected| {
        check(
            "apps/v1",
            "ReplicaSet",
            json!({"replicas": 2}),
            status,
            expected,
        );
    };
    set(status(1, 0, 0, 1), waits("Labelled: 1/2"));
    set(status(2, 1, 0, 2), waits("Available: 1/2"));
    set(status(2, 2, 1, 2), waits("Ready: 1/2"));
    set(status(2, 2, 2, 3), waits("Pending termination: 1"));
    set(status(2, 2, 2, 2), Health::Current);
    set(
        json!({"conditions": [condition("ReplicaFailure", "True", "", "")]}),
        waits("Replica Failure condition. Check Pods"),
    );
}

#[test]
fn a_job_is_done_when_it_completed_or_is_suspended() {
    let job = |status: Value, expected| {
        check(
            "batch/v1",
            "Job",
            json!({"completions": 3}),
            status,
            expected,
        )
    };
    job(json!({}), waits("Job not started. active: 0/1"));
    job(
        json!({"startTime": "x", "succeeded": 1, "active": 2}),
        waits("Job in progress. success:1, active: 2, failed: 0"),
    );
    job(
        json!({"conditions": [condition("Complete", "True", "", "")]}),
        Health::Current,
    );
    let suspended = json!({"suspend": true});
    check("batch/v1", "Job", suspended, json!({}), Health::Current);
    let waiting = json!({"suspend": false, "parallelism": 2});
    check(
        "batch/v1",
        "Job",
        waiting,
        json!({}),
        waits("Job not started. active: 0/2"),
    );
    job(
        json!({"failed": 2, "conditions": [condition("Failed", "True", "", "")]}),
        fails("Job Failed. failed: 2/3"),
    );
}

#[test]
fn only_a_job_that_deletes_itself_may_be_absent() {
    let object = |kind: &str, spec: Value| {
        Object::from_value(
            json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {},
            "spec": spec}),
        )
        .unwrap()
    };
    assert!(absent_is_current(&object(
        "Job",
        json!({"ttlSecondsAfterFinished": 0})
    )));
    assert!(!absent_is_current(&object("Job", json!({}))));
    assert!(!absent_is_current(&object(
        "CronJob",
        json!({"ttlSecondsAfterFinished": 0})
    )));
}

#[test]
fn pods_by_their_phase() {
    let pod = |status: Value, expected| check("v1", "Pod", json!({}), status, expected);
    pod(json!({}), waits("Pod phase not available"));
    pod(json!({"phase": "Succeeded"}), Health::Current);
    pod(json!({"phase": "Failed"}), Health::Current);
    pod(json!({"phase": "Odd"}), waits("unknown phase Odd"));
    pod(
        json!({"phase": "Pending"}),
        waits("Pod is in the Pending phase"),
    );
    pod(
        json!({"phase": "Running"}),
        waits("Pod is running but is not Ready"),
    );
    pod(
        json!({"phase": "Running", "conditions": [condition("Ready", "True", "", "")]}),
        Health::Current,
    );
    let looping =
        |name: &str| json!({"name": name, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    pod(
        json!({"phase": "Running", "containerStatuses": [looping("a"), {"name": "b"}, looping("c")]}),
        fails("Containers in CrashLoop state: a,c"),
    );
}

#[test]
fn a_pod_has_fifteen_seconds_to_find_a_node() {
    let unschedulable = json!({"phase": "Pending", "conditions": [
        condition("PodScheduled", "False", "Unschedulable", "no node")]});
    check(
        "v1",
        "Pod",
        json!({}),
        unschedulable.clone(),
        waits("Pod has not been scheduled"),
    );
    let object = Object::from_value(json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"creationTimestamp": "2026-01-01T00:00:45Z"}, "status": unschedulable}))
    .unwrap();
    assert_eq!(assess(&object, now()), fails("Pod could not be scheduled"));
}

#[test]
fn claims_services_and_definitions() {
    let claim =
        |status: Value, expected| check("v1", "PersistentVolumeClaim", json!({}), status, expected);
    claim(json!({}), waits("PVC is not Bound. phase: unknown"));
    claim(
        json!({"phase": "Pending"}),
        waits("PVC is not Bound. phase: Pending"),
    );
    claim(json!({"phase": "Bound"}), Health::Current);
    let service = |spec: Value, expected| check("v1", "Service", spec, json!({}), expected);
    service(json!({}), Health::Current);
    service(
        json!({"type": "LoadBalancer"}),
        waits("ClusterIP not set. Service type: LoadBalancer"),
    );
    service(
        json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}),
        Health::Current,
    );
    let definition = |conditions: Value, expected| {
        let status = json!({"conditions": conditions});
        check(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({}),
            status,
            expected,
        );
    };
    definition(json!([]), waits("Install in progress"));
    definition(
        json!([condition("Established", "False", "Installing", "")]),
        waits("Install in progress"),
    );
    definition(
        json!([condition("Established", "False", "Other", "why")]),
        fails("why"),
    );
    definition(
        json!([condition("NamesAccepted", "False", "", "taken")]),
        fails("taken"),
    );
    definition(
        json!([
            condition("NamesAccepted", "True", "", ""),
            condition("Established", "True", "", "")
        ]),
        Health::Current,
    );
}

#[test]
fn kinds_without_a_life_are_current() {
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("batch/v1", "CronJob"),
        ("policy/v1", "PodDisruptionBudget"),
        ("v1", "Namespace"),
        ("apiregistration.k8s.io/v1", "APIService"),
    ] {
        check(api_version, kind, json!({}), json!({}), Health::Current);
    }
}

#[test]
fn verdicts_have_the_words_of_kstatus() {
    for (health, word, message) in [
        (Health::Current, "Current", ""),
        (waits("a"), "InProgress", "a"),
        (fails("b"), "Failed", "b"),
        (
            Health::Terminating,
            "Terminating",
            "Resource scheduled for deletion",
        ),
        (Health::NotFound, "NotFound", "Resource not found"),
    ] {
        assert_eq!((health.as_str(), health.message()), (word, message));
    }
}
