//! Commands that change objects.

use std::thread;

use serde_json::{Value, json};

use crate::cluster::{
    answer_request, kustomization, make, plane, repository, run, set_status, together,
};

#[test]
fn reconcile_asks_waits_and_reports_in_flux_words() {
    let _guard = together();
    let namespace = plane().namespace("reconcile");
    let fleet = make(repository(&namespace, "fleet"), &json!({}));
    set_status(&fleet, "True", "Succeeded", &json!({}));
    let web = make(kustomization(&namespace, "web"), &json!({}));
    set_status(
        &web,
        "True",
        "ReconciliationSucceeded",
        &json!({ "lastHandledReconcileAt": "old" }),
    );

    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            answer_request(plane().admin(), &fleet, "True", "Succeeded");
            answer_request(plane().admin(), &web, "True", "ReconciliationSucceeded");
        });
        run(&[
            "reconcile",
            "kustomization",
            "web",
            "--with-source",
            "-n",
            &namespace,
        ])
    });
    assert_eq!(
        ran.done().progress.replace(&namespace, "apps"),
        "► annotating GitRepository fleet in apps namespace\n\
         ✔ GitRepository annotated\n\
         ◎ waiting for GitRepository reconciliation\n\
         ✔ fetched revision main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9\n\
         ► annotating Kustomization web in apps namespace\n\
         ✔ Kustomization annotated\n\
         ◎ waiting for Kustomization reconciliation\n\
         ✔ applied revision main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9\n"
    );
}

#[test]
fn a_failed_pass_ends_the_waiting_with_its_message() {
    let _guard = together();
    let namespace = plane().namespace("failing");
    let web = make(kustomization(&namespace, "web"), &json!({}));
    let ran = thread::scope(|scope| {
        scope.spawn(|| answer_request(plane().admin(), &web, "False", "BuildFailed"));
        run(&["reconcile", "ks", "web", "-n", &namespace])
    });
    let end = "web reconciliation failed: it went wrong (BuildFailed)\n► see `windlass describe \
               kustomization web -n failing`\n";
    let progress = ran.failed().progress.replace(&namespace, "failing");
    assert!(progress.ends_with(end), "{progress}");
}

#[test]
fn a_request_that_nobody_handles_says_that_no_node_acted() {
    let _guard = together();
    let namespace = plane().namespace("nobody");
    make(repository(&namespace, "fleet"), &json!({}));
    let arguments = [
        "reconcile",
        "source",
        "git",
        "fleet",
        "--with-source",
        "-n",
        &namespace,
        "--timeout",
        "1s",
    ];
    let progress = run(&arguments).failed().progress;
    assert!(
        progress.contains("timed out after 1s waiting for GitRepository/"),
        "{progress}"
    );
    assert!(
        progress.contains("► no node has acted on it: see `windlass status`"),
        "{progress}"
    );
}

#[test]
fn suspend_and_resume_change_the_spec_and_an_end_is_kept_as_an_annotation() {
    let _guard = together();
    let namespace = plane().namespace("suspend");
    let one = make(kustomization(&namespace, "one"), &json!({}));
    let two = make(kustomization(&namespace, "two"), &json!({}));
    let found = |object| plane().admin().get(object).unwrap();

    let ran = run(&[
        "suspend", "ks", "one", "missing", "--for", "2h", "-n", &namespace,
    ])
    .failed();
    assert!(
        ran.progress.contains("✔ kustomization suspended until 20"),
        "{}",
        ran.progress
    );
    assert!(
        ran.progress
            .contains("✗ Kustomization missing not found in"),
        "{}",
        ran.progress
    );
    let suspended = found(&one);
    assert_eq!(suspended["spec"]["suspend"], true);
    let until = suspended["metadata"]["annotations"]["windlass.dev/suspend-until"]
        .as_str()
        .unwrap();
    let left =
        until.parse::<jiff::Timestamp>().unwrap().as_second() - jiff::Timestamp::now().as_second();
    assert!((7100..=7200).contains(&left), "{until}");

    let refused = run(&["reconcile", "ks", "one", "-n", &namespace]).failed();
    assert!(
        refused
            .progress
            .contains("is suspended\n► let it go on with `windlass resume kustomization one")
    );

    run(&["suspend", "kustomization", "--all", "-n", &namespace]).done();
    assert_eq!(
        found(&one)["metadata"]["annotations"]["windlass.dev/suspend-until"],
        Value::Null
    );
    assert_eq!(found(&two)["spec"]["suspend"], true);
    run(&["resume", "ks", "--all", "-n", &namespace]).done();
    assert_eq!(
        (
            &found(&one)["spec"]["suspend"],
            &found(&two)["spec"]["suspend"]
        ),
        (&Value::Null, &Value::Null)
    );
    assert!(
        run(&["suspend", "ks", "-n", &namespace])
            .failed()
            .progress
            .contains("name is required")
    );
}

#[test]
fn resuming_one_object_waits_until_it_is_ready() {
    let _guard = together();
    let namespace = plane().namespace("resume");
    let fleet = make(
        repository(&namespace, "fleet"),
        &json!({ "spec": { "suspend": true } }),
    );
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            plane().admin().wait_for("it to go on", &fleet, |found| {
                found["spec"]["suspend"].is_null()
            });
            set_status(&fleet, "True", "Succeeded", &json!({}));
        });
        run(&["resume", "source", "git", "fleet", "-n", &namespace])
    });
    let progress = ran.done().progress;
    assert!(
        progress.contains("✔ source git resumed\n◎ waiting for GitRepository"),
        "{progress}"
    );
    assert!(
        progress.ends_with(
            "✔ GitRepository fleet reconciliation completed\n\
         ✔ fetched revision main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9\n"
        ),
        "{progress}"
    );
}
