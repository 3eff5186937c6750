//! `spec.ignore`: fields that are set once and then left to others.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::wait;

use crate::tenant::Tenant;

const A_WHILE: Duration = Duration::from_secs(3);

fn deployment(image: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    })
    .to_string()
}

fn scaled_to(replicas: i64) -> impl Fn(&Value) -> bool {
    move |live| live["spec"]["replicas"] == replicas
}

#[test]
fn an_ignored_field_is_set_once_and_then_follows_others_while_the_rest_is_corrected() {
    let mut tenant = Tenant::start(
        "ignored",
        &[("app/web.yaml", &deployment("example.org/a:1"))],
    );
    let rule = json!([{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]);
    let namespace = tenant.namespace.clone();
    tenant.kustomize("app", json!({"targetNamespace": namespace, "ignore": rule}));
    tenant.ready("app");
    let (admin, web) = (
        tenant.admin(),
        ObjectRef::new("apps/v1", "Deployment", &namespace, "web"),
    );
    admin.wait_for("the first value", &web, scaled_to(1));

    // As an autoscaler does, by server-side apply of its own.
    let autoscaler = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace}, "spec": {"replicas": 4}});
    let answer = admin.apply_as("autoscaler", &autoscaler);
    assert!(answer.status < 300, "{answer:?}");
    let stays = |replicas: i64| {
        wait::holds("the replicas to stay", A_WHILE, || {
            admin
                .get(&web)
                .is_some_and(|live| scaled_to(replicas)(&live))
        });
    };
    stays(4);
    let commit = tenant.push(
        &[("app/web.yaml", &deployment("example.org/a:2"))],
        "Update",
    );
    tenant.applied("app", &commit);
    let live = admin.get(&web).unwrap();
    assert_eq!(
        live["spec"]["replicas"], 4,
        "the commit took the replicas back"
    );
    let image = &live["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "example.org/a:2");

    // As a person does.
    admin.patch(&web, &json!({"spec": {"replicas": 6}}));
    stays(6);
    admin.patch(
        &web,
        &json!({"spec": {"paused": true, "minReadySeconds": 7}}),
    );
    let foreign = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "main", "image": "example.org/foreign:1"}]}}}});
    admin.patch(&web, &foreign);
    let what = "the image to be put back";
    admin.wait_for(what, &web, |live| {
        live["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/a:2"
    });
    stays(6);
}

#[test]
fn a_rule_that_cannot_be_used_is_named_and_nothing_is_applied() {
    let tenant = Tenant::start(
        "badignore",
        &[("app/web.yaml", &deployment("example.org/a:1"))],
    );
    let rule = json!([{"paths": ["spec.replicas"]}]);
    let spec = json!({"targetNamespace": tenant.namespace, "ignore": rule});
    tenant.kustomize("app", spec);
    tenant.fails("app", "ReconciliationFailed", "spec.ignore[0].paths");
    let web = ObjectRef::new("apps/v1", "Deployment", &tenant.namespace, "web");
    assert!(tenant.admin().get(&web).is_none());
}
