use serde_json::json;

use super::*;

fn spec(more: serde_json::Value) -> KustomizationSpec {
    let mut value = json!({
        "interval": "10m",
        "prune": true,
        "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
    });
    windlass_object::patch::merge(&mut value, &more);
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_pass_gets_the_interval_less_thirty_seconds_and_never_less_than_thirty() {
    let timeout = |more| spec(more).effective_timeout().as_secs();
    assert_eq!(timeout(json!({})), 570);
    assert_eq!(timeout(json!({ "interval": "40s" })), 30);
    assert_eq!(timeout(json!({ "interval": "10s" })), 30);
    assert_eq!(timeout(json!({ "timeout": "2m" })), 120);
    assert_eq!(timeout(json!({ "timeout": "5s" })), 30);
}

#[test]
fn a_retry_waits_the_interval_unless_told_otherwise() {
    assert_eq!(spec(json!({})).effective_retry_interval().as_secs(), 600);
    assert_eq!(
        spec(json!({ "retryInterval": "2m" }))
            .effective_retry_interval()
            .as_secs(),
        120
    );
}

#[test]
fn the_deletion_policy_mirrors_prune_by_default() {
    let policy = |more| spec(more).effective_deletion_policy();
    assert_eq!(policy(json!({})), DeletionPolicy::Delete);
    assert_eq!(policy(json!({ "prune": false })), DeletionPolicy::Orphan);
    assert_eq!(
        policy(json!({ "deletionPolicy": "Orphan" })),
        DeletionPolicy::Orphan
    );
    assert_eq!(
        policy(json!({ "prune": false, "deletionPolicy": "WaitForTermination" })),
        DeletionPolicy::WaitForTermination
    );
}

#[test]
fn an_empty_string_is_not_a_name() {
    let spec = spec(json!({ "serviceAccountName": "", "targetNamespace": "", "path": "" }));
    assert_eq!(
        (spec.service_account_name, spec.target_namespace, spec.path),
        (None, None, None)
    );
}
