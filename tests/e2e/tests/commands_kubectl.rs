//! What a person changes with kubectl while a controller writes to the same object.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::tenant::{Tenant, bare_map};

/// Objects that are changed; each once, so that nothing is rate limited.
const OBJECTS: usize = 12;

/// How long all of it may take; it takes seconds.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn an_edit_is_put_back_at_once_although_a_controller_keeps_writing_to_the_object() {
    let files: Vec<(String, String)> = (0..OBJECTS)
        .map(|number| {
            (
                format!("app/{number}.yaml"),
                bare_map(&format!("map-{number}"), "one"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let tenant = Tenant::start("contended", &files);
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    // The controller writes a field of its own, such as a count, again and again.
    let (current, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Also ends when the test has failed meanwhile.
            let end = Instant::now() + LIMIT * 2;
            let mut count = 0;
            while !done.load(Ordering::SeqCst) && Instant::now() < end {
                count += 1;
                let number = current.load(Ordering::SeqCst);
                let counted = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": format!("map-{number}"), "namespace": tenant.namespace},
                    "data": {"count": format!("{count}")},
                });
                let answer = tenant.admin().apply_as("counter", &counted);
                assert_eq!(answer.status, 200, "the counter counts");
                std::thread::sleep(Duration::from_millis(25));
            }
        });
        for number in 0..OBJECTS {
            current.store(number, Ordering::SeqCst);
            let map = tenant.config_map(&format!("map-{number}"));
            tenant
                .admin()
                .wait_for("the counter to count", &map, |map| {
                    map["data"]["count"].is_string()
                });
            tenant
                .admin()
                .patch(&map, &json!({"data": {"value": "by hand", "more": "too"}}));
            tenant
                .admin()
                .wait_for("the edit to be put back", &map, |map| {
                    map["data"]["value"] == "one" && map["data"]["more"].is_null()
                });
        }
        done.store(true, Ordering::SeqCst);
    });
    let events = tenant.events("app");
    let failed: Vec<_> = events
        .iter()
        .filter(|event| event["reason"] == "ReconciliationFailed")
        .map(|event| &event["message"])
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let kept = tenant.admin().get(&tenant.config_map("map-0")).unwrap();
    assert!(
        kept["data"]["count"].is_string(),
        "the counter's field is its own: {kept}"
    );
}
