//! What a Kustomization reads its values and keys from, when that changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::tenant::{Tenant, bare_map};

/// Far below the interval of ten minutes.
const AT_ONCE: Duration = Duration::from_secs(4);

fn object(tenant: &Tenant, kind: &str, name: &str, labels: &Value, value: &str) -> Value {
    let field = if kind == "Secret" {
        "stringData"
    } else {
        "data"
    };
    json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {"name": name, "namespace": tenant.namespace, "labels": labels},
        field: {"GREETING": value},
    })
}

#[test]
fn a_labelled_config_map_or_secret_wakes_who_reads_it_at_once_and_another_does_not() {
    let files = [
        ("map/a.yaml", &bare_map("of-map", "${GREETING}") as &str),
        ("secret/a.yaml", &bare_map("of-secret", "${GREETING}")),
        ("quiet/a.yaml", &bare_map("of-quiet", "${GREETING}")),
    ];
    let tenant = Tenant::start("values", &files);
    let labelled = json!({"reconcile.fluxcd.io/watch": "Enabled"});
    let cases = [
        ("map", "ConfigMap", labelled.clone()),
        ("secret", "Secret", labelled),
        ("quiet", "ConfigMap", json!({})),
    ];
    for (name, kind, labels) in &cases {
        let values = object(&tenant, kind, name, labels, "hello");
        tenant.admin().apply(&values);
        let from = json!([{"kind": kind, "name": name}]);
        let spec =
            json!({"targetNamespace": tenant.namespace, "postBuild": {"substituteFrom": from}});
        tenant.kustomize(name, spec);
        tenant.ready(name);
        tenant.wait_value(&format!("of-{name}"), "hello");
    }
    let begun = Instant::now();
    for (name, kind, labels) in &cases {
        let values = object(&tenant, kind, name, labels, "good morning");
        tenant.admin().apply(&values);
    }
    tenant.wait_value("of-map", "good morning");
    tenant.wait_value("of-secret", "good morning");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let quiet = tenant.value("of-quiet");
    assert_eq!(
        quiet.as_deref(),
        Some("hello"),
        "only the label asks for that"
    );
}
