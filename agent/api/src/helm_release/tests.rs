use serde_json::json;

use super::*;

fn spec(value: Value) -> HelmReleaseSpec {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_a_spec_leaves_out_is_what_flux_takes() {
    let spec = spec(json!({"interval": "10m", "install": {}, "upgrade": {}}));
    assert_eq!(spec.effective_timeout(), Duration::from_secs(300));
    assert_eq!(spec.effective_max_history(), 5);
    let (install, upgrade) = (spec.install.unwrap(), spec.upgrade.unwrap());
    assert_eq!(install.crds, None);
    assert!(!upgrade.cleanup_on_fail);
}

#[test]
fn a_release_is_named_after_its_target_unless_it_has_a_name() {
    let name = |value| spec(value).effective_release_name("web");
    assert_eq!(name(json!({"interval": "1m"})), "web");
    let targeted = json!({"interval": "1m", "targetNamespace": "shop"});
    assert_eq!(name(targeted), "shop-web");
    let named = json!({"interval": "1m", "targetNamespace": "shop", "releaseName": "front"});
    assert_eq!(name(named), "front");
}

#[test]
fn a_damaged_history_never_keeps_a_status_from_being_read() {
    let good = json!({
        "digest": "sha256:a", "name": "web", "namespace": "shop", "version": 2, "status": "deployed",
        "chartName": "web", "chartVersion": "1.0.0", "configDigest": "sha256:b",
        "firstDeployed": "2026-01-01T00:00:00Z", "lastDeployed": "2026-01-02T00:00:00Z",
    });
    let status = json!({
        "history": [{"version": "two"}, good], "lastAttemptedReleaseAction": "dance",
    });
    let status: HelmReleaseStatus = serde_json::from_value(status).unwrap();
    assert_eq!(status.history.len(), 1);
    assert_eq!(status.history[0].version, 2);
    assert_eq!(status.last_attempted_release_action, None);
}

#[test]
fn post_renderers_are_written_in_the_order_their_digest_is_taken_in() {
    let renderers = json!([{"kustomize": {
        "images": [{"digest": "sha256:c", "newTag": "1", "newName": "b", "name": "a"}],
        "patches": [{"target": {
            "labelSelector": "l", "annotationSelector": "a", "name": "n", "namespace": "s",
            "kind": "k", "version": "v", "group": "g",
        }, "patch": "p"}],
    }}]);
    let renderers: Vec<PostRenderer> = serde_json::from_value(renderers).unwrap();
    assert_eq!(
        serde_json::to_string(&renderers).unwrap(),
        concat!(
            r#"[{"kustomize":{"patches":[{"patch":"p","target":{"group":"g","version":"v","kind":"k","#,
            r#""namespace":"s","name":"n","annotationSelector":"a","labelSelector":"l"}}],"images":"#,
            r#"[{"name":"a","newName":"b","newTag":"1","digest":"sha256:c"}]}}]"#
        )
    );
}
