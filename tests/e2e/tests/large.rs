//! Objects as large as a cluster takes, and larger ones (row T53).

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::wait;

use crate::tenant::{Tenant, bare_map, state};

/// More than the API server takes as a ConfigMap, and less than etcd does.
const TOO_LONG: usize = 1_400_000;
/// What `kubectl apply` could not note in an annotation.
const LONG: usize = 900_000;

/// Objects of one Kustomization.
const MANY: usize = 5_000;

/// A definition with so many bytes of descriptions.
fn definition(group: &str, length: usize) -> Value {
    let words = "a word or two about it, ".repeat(40);
    let fields = (0..length / words.len()).map(|index| {
        let field = json!({"type": "string", "description": words});
        (format!("field{index}"), field)
    });
    let fields: serde_json::Map<String, Value> = fields.collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("wordies.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": "Wordy", "plural": "wordies", "singular": "wordy"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}}}],
        },
    })
}

#[test]
fn t53_what_is_too_long_is_refused_before_anything_is_written_and_what_is_long_is_applied() {
    let too_long = bare_map("long", &"x".repeat(TOO_LONG));
    let files = [
        ("app/a.yaml", &bare_map("a", "one") as &str),
        ("app/long.yaml", &too_long),
    ];
    let mut tenant = Tenant::start("large", &files);
    let target = json!({"targetNamespace": tenant.namespace, "retryInterval": "2s"});
    tenant.kustomize("app", target);
    let message = tenant.fails("app", "ReconciliationFailed", "/long");
    assert!(
        message.contains("may not be more than 1048576 bytes") && message.len() < 2_000,
        "{message}"
    );
    assert!(tenant.value("a").is_none(), "nothing is half applied");

    let group = format!("{}.example.org", tenant.namespace);
    let long = definition(&group, LONG);
    let own = json!({"apiVersion": format!("{group}/v1"), "kind": "Wordy",
        "metadata": {"name": "one"}, "spec": {"field7": "said"}});
    tenant.repo.remove("app/long.yaml");
    let files = [
        ("app/definition.yaml", &long.to_string() as &str),
        ("app/own.yaml", &own.to_string()),
    ];
    let commit = tenant.push(&files, "A long definition, and what it defines");
    let app = tenant.applied("app", &commit);
    assert_eq!(state(&app, "Ready"), "True");
    assert!(tenant.value("a").is_some());
    let own = ObjectRef::new(&format!("{group}/v1"), "Wordy", &tenant.namespace, "one");
    assert_eq!(tenant.admin().get(&own).unwrap()["spec"]["field7"], "said");
}

/// ConfigMaps by their label, which tells them from what the namespace has by itself.
fn count(tenant: &Tenant) -> usize {
    let query = "labelSelector=many%3Dyes";
    tenant
        .admin()
        .list("v1", "ConfigMap", &tenant.namespace, query)
        .len()
}

#[test]
fn t53_five_thousand_objects_of_one_kustomization_come_change_and_go() {
    let all = |count: usize, value: &str| -> String {
        let maps = (0..count).map(|at| {
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{at}, labels: {{many: \"yes\"}}}}\ndata: {{value: {value}}}\n")
        });
        maps.collect::<Vec<_>>().join("---\n")
    };
    let mut tenant = Tenant::start("many", &[("app/all.yaml", &all(MANY, "one"))]);
    let target = json!({"targetNamespace": tenant.namespace, "timeout": "5m"});
    tenant.kustomize("app", target);
    let many = Duration::from_secs(300);
    let holds = |tenant: &Tenant, commit: &str, count: usize| {
        wait::until("the objects to be counted", many, || {
            let app = tenant
                .admin()
                .get(&tenant.reference("app"))
                .unwrap_or_default();
            let revision = app["status"]["lastAppliedRevision"]
                .as_str()
                .unwrap_or_default();
            let entries = app["status"]["inventory"]["entries"]
                .as_array()
                .map_or(0, Vec::len);
            match revision.ends_with(commit) && entries == count && state(&app, "Ready") == "True" {
                true => Ok(()),
                false => Err(format!(
                    "{revision}, {entries} entries, {}",
                    app["status"]["conditions"]
                )),
            }
        });
    };
    let commit = tenant.repo.id("HEAD");
    holds(&tenant, &commit, MANY);
    assert_eq!(count(&tenant), MANY);
    // Fewer than the guard asks about are left out.
    let left = MANY - MANY / 10;
    let commit = tenant.push(
        &[("app/all.yaml", &all(left, "two"))],
        "Other values, and fewer",
    );
    holds(&tenant, &commit, left);
    assert_eq!(count(&tenant), left);
    assert_eq!(tenant.value("m0").as_deref(), Some("two"));
}
