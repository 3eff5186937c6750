//! The everyday commands against a running agent.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::json;
use windlass_kit::agent::{binary, windlass};
use windlass_kit::controlplane::User;

use crate::tenant::{Tenant, bare_map, shared, state};

fn run(tenant: &Tenant, arguments: &[&str]) -> Output {
    let kubeconfig = shared().control_plane.kubeconfig(User::Admin);
    let namespace = ["-n", &tenant.namespace];
    windlass(&kubeconfig, &[arguments, &namespace].concat())
}

/// Runs a command that must succeed; gives what it printed.
#[track_caller]
fn good(tenant: &Tenant, arguments: &[&str]) -> String {
    let output = run(tenant, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text + &errors
}

fn tenant(prefix: &str) -> Tenant {
    let tenant = Tenant::start(prefix, &[("app/map.yaml", &bare_map("app", "one"))]);
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    tenant
}

#[test]
fn reconcile_with_source_applies_what_was_pushed_and_fails_with_the_reason() {
    let mut tenant = tenant("reconcile");
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    let text = good(
        &tenant,
        &["reconcile", "kustomization", "app", "--with-source"],
    );
    assert!(text.contains(&commit), "{text}");
    assert_eq!(tenant.value("app").as_deref(), Some("two"));
    let commit = tenant.publish(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    let text = good(&tenant, &["reconcile", "source", "git", "source"]);
    assert!(text.contains(&commit), "{text}");

    tenant.publish(&[("app/broken.yaml", "a: [\n")], "Break it");
    let output = run(&tenant, &["reconcile", "ks", "app", "--with-source"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{output:?}");
    assert!(errors.contains("app/broken.yaml"), "{errors}");
    let text = good(
        &tenant,
        &["get", "kustomizations", "--status-selector", "ready=false"],
    );
    assert!(
        text.contains("app") && text.contains("broken.yaml"),
        "{text}"
    );
}

#[test]
fn a_suspension_is_lifted_by_resume_or_by_its_end() {
    let mut tenant = tenant("suspend-for");
    good(&tenant, &["suspend", "kustomization", "app"]);
    let text = good(&tenant, &["get", "kustomizations"]);
    assert!(text.contains("True"), "{text}");
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    tenant
        .admin()
        .wait_for("the fetch", &tenant.source(), |source| {
            source.to_string().contains(&commit)
        });
    assert_eq!(tenant.value("app").as_deref(), Some("one"));
    good(&tenant, &["resume", "kustomization", "app", "--wait"]);
    assert_eq!(tenant.value("app").as_deref(), Some("two"));

    good(&tenant, &["suspend", "kustomization", "app", "--for", "3s"]);
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    let object = tenant.applied("app", &commit);
    assert!(object["spec"]["suspend"] != true, "{object}");
    assert_eq!(state(&object, "Ready"), "True");
}

#[test]
fn the_commands_that_show_show_it() {
    let tenant = tenant("show");
    let commit = tenant.repo.id("HEAD");
    let all = good(&tenant, &["get", "all"]);
    assert!(
        all.contains("source") && all.contains("app") && all.contains(&commit[..8]),
        "{all}"
    );
    let tree = good(&tenant, &["tree", "kustomization", "app"]);
    assert!(
        tree.contains(&format!("ConfigMap/{}/app", tenant.namespace)),
        "{tree}"
    );
    let described = good(&tenant, &["describe", "kustomization", "app"]);
    assert!(described.contains("ReconciliationSucceeded"), "{described}");
    let events = good(&tenant, &["events", "--for", "Kustomization/app"]);
    assert!(events.contains("ReconciliationSucceeded"), "{events}");
    let kubeconfig = shared().control_plane.kubeconfig(User::Admin);
    let status = windlass(&kubeconfig, &["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("node-a"), "{status}");
    let check = windlass(&kubeconfig, &["check"]);
    assert!(check.status.success(), "{check:?}");
    // Under Flux's name it behaves the same.
    let mut flux = Command::new(binary());
    flux.arg0("flux").env_clear().env("KUBECONFIG", &kubeconfig);
    let flux = flux
        .args(["get", "ks", "-n", &tenant.namespace])
        .output()
        .unwrap();
    assert_eq!(flux.stdout, run(&tenant, &["get", "ks"]).stdout);
    assert!(flux.status.success());
}
