//! CEL in a Kustomization: whose health is told by expressions, and who waits for one.

use serde_json::json;
use windlass_kit::api::ObjectRef;

use crate::house::is_ready;
use crate::tenant::{Tenant, bare_map, state};

const PUMP: &str =
    "apiVersion: pumps.windlass.dev/v1\nkind: Pump\nmetadata:\n  name: one\nspec: {}\n";

/// A definition with a status of its own, of which kstatus can tell nothing.
const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
    name: pumps.pumps.windlass.dev\nspec:\n  group: pumps.windlass.dev\n  scope: Namespaced\n  names:\n    \
    kind: Pump\n    plural: pumps\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    \
    subresources: {status: {}}\n    schema:\n      openAPIV3Schema:\n        type: object\n        \
    x-kubernetes-preserve-unknown-fields: true\n";

#[test]
fn health_is_told_by_the_expressions_of_the_spec() {
    let files = [("app/pump.yaml", PUMP), ("app/definition.yaml", DEFINITION)];
    let tenant = Tenant::start("expressions", &files);
    let checks = json!([{
        "apiVersion": "pumps.windlass.dev/v1", "kind": "Pump",
        "current": "status.conditions.exists(c, c.type == 'Flowing' && c.status == 'True')",
        "failed": "has(status.broken) && status.broken",
    }]);
    tenant.kustomize(
        "app",
        json!({"targetNamespace": tenant.namespace, "wait": true, "timeout": "3m", "healthCheckExprs": checks}),
    );
    let pump = ObjectRef::new("pumps.windlass.dev/v1", "Pump", &tenant.namespace, "one");
    let admin = tenant.admin();
    admin.wait_for("the pump", &pump, |_| true);
    // kstatus would call it current: it has no status at all.
    admin.wait_for("the wait", &tenant.reference("app"), |live| {
        state(live, "Ready") == "Unknown" && state(live, "Reconciling") == "True"
    });
    let dry = json!({"status": {"conditions": [{"type": "Flowing", "status": "False"}]}});
    admin.patch_subresource(&pump, "status", &dry);
    let flowing = json!({"status": {"conditions": [{"type": "Flowing", "status": "True"}]}});
    admin.patch_subresource(&pump, "status", &flowing);
    tenant.ready("app");
    admin.patch_subresource(&pump, "status", &json!({"status": {"broken": true}}));
    tenant.request(&tenant.reference("app"));
    let message = tenant.fails("app", "HealthCheckFailed", "Pump");
    assert!(message.contains("status: 'Failed'"), "{message}");
}

#[test]
fn a_dependent_waits_until_its_own_expression_holds() {
    let (map_a, map_b) = (bare_map("a", "one"), bare_map("b", "one"));
    let files = [("first/a.yaml", &map_a as &str), ("second/b.yaml", &map_b)];
    let tenant = Tenant::start("ready-expr", &files);
    let expression = "dep.metadata.?labels[?'stage'].orValue('') == self.metadata.labels['stage'] && \
        dep.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')";
    tenant.kustomize("first", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("first");
    tenant.kustomize(
        "second",
        json!({"targetNamespace": tenant.namespace, "dependsOn": [{"name": "first", "readyExpr": expression}]}),
    );
    let stage = |name: &str| {
        let labels = json!({"metadata": {"labels": {"stage": "two"}}});
        tenant.admin().patch(&tenant.reference(name), &labels)
    };
    stage("second");
    let message = tenant.fails("second", "DependencyNotReady", "readyExpr");
    assert!(message.contains("/first"), "{message}");
    stage("first");
    tenant.ready("second");
}

#[test]
fn an_expression_that_is_no_cel_is_named_and_stalls_only_its_own_kustomization() {
    let map = bare_map("a", "one");
    let tenant = Tenant::start("bad-cel", &[("app/a.yaml", &map), ("other/a.yaml", &map)]);
    let checks = json!([{"apiVersion": "v1", "kind": "Pump", "current": "status.phase =="}]);
    tenant.kustomize(
        "app",
        json!({"targetNamespace": tenant.namespace, "healthCheckExprs": checks}),
    );
    let message = tenant.fails("app", "InvalidCELExpression", "status.phase ==");
    assert!(message.contains("spec.healthCheckExprs"), "{message}");
    let deep = format!("{}true{}", "(".repeat(400), ")".repeat(400));
    let expressions = json!([{"name": "app", "readyExpr": deep}]);
    tenant.kustomize(
        "other",
        json!({"targetNamespace": tenant.namespace, "dependsOn": expressions}),
    );
    tenant.fails("other", "InvalidCELExpression", "nested deeper");
    let app = tenant.admin().get(&tenant.reference("app")).unwrap();
    assert!(!is_ready(&app) && state(&app, "Stalled") == "True", "{app}");
}
