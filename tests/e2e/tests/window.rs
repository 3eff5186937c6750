//! The maintenance window: a new revision waits for it, and a person who asks does not.

use std::time::Duration;

use jiff::{Span, Timestamp};
use serde_json::json;
use windlass_kit::wait;

use crate::tenant::{Tenant, bare_map};

const A_WHILE: Duration = Duration::from_secs(2);

/// A window of three hours on the day after tomorrow.
fn far_away() -> String {
    let day = Timestamp::now().checked_add(Span::new().hours(48)).unwrap();
    format!("{} 02:00-05:00", day.strftime("%a"))
}

fn annotate(tenant: &Tenant, window: &str) {
    let annotations = json!({"metadata": {"annotations": {"windlass.dev/window": window}}});
    tenant.admin().patch(&tenant.reference("app"), &annotations);
}

#[test]
fn a_new_revision_waits_for_its_window_unless_a_person_asks() {
    let mut tenant = Tenant::start("window", &[("app/map.yaml", &bare_map("app", "one"))]);
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    let window = far_away();
    annotate(&tenant, &window);
    let commit = tenant.push(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    let message = tenant.fails("app", "OutsideWindow", &window);
    assert!(
        message.contains("windlass reconcile kustomization app"),
        "{message}"
    );
    wait::holds("the old value", A_WHILE, || {
        tenant.value("app").as_deref() == Some("one")
    });
    tenant.request(&tenant.reference("app"));
    tenant.applied("app", &commit);
    assert_eq!(tenant.value("app").as_deref(), Some("two"));

    tenant.push(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    tenant.fails("app", "OutsideWindow", &window);
    // From midnight to midnight is always.
    annotate(&tenant, "00:00-00:00");
    tenant.wait_value("app", "three");
    tenant.ready("app");
    annotate(&tenant, "at night");
    tenant.push(&[("app/map.yaml", &bare_map("app", "four"))], "Four");
    tenant.fails("app", "OutsideWindow", "windlass.dev/window cannot be used");
}
