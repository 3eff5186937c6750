use serde_json::json;

use super::*;

fn object(handled: &str, conditions: Value) -> Object {
    Object::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "apps", "namespace": "flux-system", "generation": 4 },
        "spec": {},
        "status": {
            "conditions": conditions,
            "lastHandledReconcileAt": handled,
            "observedGeneration": 4,
        },
    }))
    .unwrap()
}

fn goal() -> Goal {
    Goal::Handled {
        request: "new".to_owned(),
        before: "old".to_owned(),
    }
}

fn ready(status: &str, reason: &str, generation: i64) -> Value {
    json!({
        "type": "Ready", "status": status, "reason": reason, "message": "the message",
        "observedGeneration": generation,
    })
}

fn reconciling(reason: &str) -> Value {
    json!({ "type": "Reconciling", "status": "True", "reason": reason, "message": "" })
}

fn check(conditions: Value, expected: Verdict) {
    let goal = goal();
    assert_eq!(
        judge(&object("new", conditions.clone()), &goal),
        expected,
        "{conditions}"
    );
}

fn waiting(progress: &str) -> Verdict {
    Verdict::Waiting {
        handled: true,
        progress: progress.to_owned(),
    }
}

#[test]
fn a_request_that_nobody_handled_is_waited_for_in_silence() {
    let goal = goal();
    let done = object("old", json!([ready("True", "ReconciliationSucceeded", 4)]));
    let expected = Verdict::Waiting {
        handled: false,
        progress: String::new(),
    };
    assert_eq!(judge(&done, &goal), expected);
    assert_eq!(judge(&done, &Goal::Ready), Verdict::Done);
}

#[test]
fn a_handled_request_ends_when_the_object_is_ready() {
    check(
        json!([ready("True", "ReconciliationSucceeded", 4)]),
        Verdict::Done,
    );
}

#[test]
fn progress_and_waiting_for_a_dependency_are_waited_for() {
    check(
        json!([
            reconciling("Progressing"),
            ready("Unknown", "Progressing", 4)
        ]),
        waiting("the message"),
    );
    check(
        json!([
            reconciling("Progressing"),
            ready("True", "ReconciliationSucceeded", 4)
        ]),
        waiting("the message"),
    );
    check(
        json!([
            reconciling("ProgressingWithRetry"),
            ready("False", "DependencyNotReady", 4)
        ]),
        waiting("the message"),
    );
    check(
        json!([ready("False", "DependencyNotReady", 4)]),
        waiting("the message"),
    );
    check(
        json!([ready("True", "ReconciliationSucceeded", 3)]),
        waiting("waiting for the change to be seen"),
    );
    check(json!([]), waiting("waiting for the change to be seen"));
}

#[test]
fn a_failed_pass_is_a_failure_at_once() {
    let failed = || Verdict::Failed("the message".to_owned());
    check(
        json!([
            reconciling("ProgressingWithRetry"),
            ready("False", "BuildFailed", 4)
        ]),
        failed(),
    );
    check(
        json!([{ "type": "Stalled", "status": "True", "reason": "X" }, ready("False", "X", 4)]),
        failed(),
    );
    check(json!([ready("False", "ArtifactFailed", 4)]), failed());
}

#[test]
fn a_request_counts_as_handled_when_one_in_its_place_was() {
    let mut object = object("other", json!([]));
    assert!(
        !handled(&object, "new", "old"),
        "an older request was handled meanwhile"
    );
    object.set_annotation(REQUESTED_AT, "other");
    assert!(handled(&object, "new", "old"));
    assert!(
        !handled(&object, "new", "other"),
        "nothing was handled since"
    );
}
