//! Objects that cannot be applied, and the others beside them.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::tenant::{Tenant, bare_map};

/// Refused by the API server's dry-run.
const BAD: &str =
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  ports: [{port: 70000}]\n";
/// Of a kind that nobody defines.
const STRANGE: &str =
    "apiVersion: nobody.example.org/v1\nkind: Strange\nmetadata:\n  name: strange\n";

fn into(tenant: &Tenant, name: &str) {
    let spec = json!({"targetNamespace": tenant.namespace, "retryInterval": "1h"});
    tenant.kustomize(name, spec);
}

fn on_error(tenant: &Tenant, name: &str, value: &str) {
    let annotations = json!({"metadata": {"annotations": {"windlass.dev/on-error": value}}});
    tenant.admin().patch(&tenant.reference(name), &annotations);
}

#[test]
fn one_bad_object_stops_the_others_only_until_somebody_asks_them_to_go_on() {
    let files = [
        ("app/bad.yaml", BAD),
        ("app/strange.yaml", STRANGE),
        ("app/one.yaml", &bare_map("one", "1")),
        ("app/two.yaml", &bare_map("two", "1")),
    ];
    let mut tenant = Tenant::start("on-error", &files);
    into(&tenant, "app");
    tenant.fails("app", "ReconciliationFailed", "Strange");
    assert!(tenant.value("one").is_none(), "as in Flux");
    on_error(&tenant, "app", "continue");
    tenant.wait_value("one", "1");
    tenant.wait_value("two", "1");
    tenant.fails("app", "ReconciliationFailed", "(and 1 more objects failed)");
    // What goes on is not pruned, and is in the inventory.
    tenant.repo.remove("app/two.yaml");
    tenant.push(&[("app/one.yaml", &bare_map("one", "2"))], "Less");
    tenant.wait_value("one", "2");
    tenant.fails("app", "ReconciliationFailed", "(and 1 more objects failed)");
    assert!(tenant.value("two").is_some());
    tenant.repo.remove("app/bad.yaml");
    tenant.repo.remove("app/strange.yaml");
    let commit = tenant.push(&[], "All well");
    tenant.applied("app", &commit);
    assert!(tenant.value("two").is_none(), "now it is pruned");
}

#[test]
fn what_an_apply_wrote_before_it_failed_is_pruned_when_it_leaves_the_repository() {
    let mut tenant = Tenant::start("leak", &[("app/map.yaml", &bare_map("map", "1"))]);
    let name = format!("leak-{}", tenant.namespace);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": []});
    into(&tenant, "app");
    tenant.ready("app");
    // The role's stage is written, the next one is refused.
    tenant.push(
        &[("app/role.yaml", &role.to_string()), ("app/bad.yaml", BAD)],
        "Half",
    );
    tenant.fails("app", "ReconciliationFailed", "Service/");
    let role = ObjectRef::new("rbac.authorization.k8s.io/v1", "ClusterRole", "", &name);
    assert!(tenant.admin().get(&role).is_some());
    let held = tenant.admin().get(&tenant.reference("app")).unwrap();
    let entries = held
        .pointer("/status/inventory/entries")
        .and_then(Value::as_array);
    let id = format!("_{name}_rbac.authorization.k8s.io_ClusterRole");
    assert!(
        entries.unwrap().iter().any(|entry| entry["id"] == id),
        "{held:#}"
    );
    tenant.repo.remove("app/role.yaml");
    tenant.repo.remove("app/bad.yaml");
    let commit = tenant.push(&[], "Neither");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&role);
}
