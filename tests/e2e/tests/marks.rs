//! Objects that carry the revision with which they were last written.

use serde_json::{Value, json};
use windlass_kit::wait;

use crate::tenant::{Tenant, bare_map};

/// The revision that a ConfigMap carries, and its resourceVersion.
fn carried(tenant: &Tenant, name: &str) -> (Option<String>, String) {
    let found = tenant.admin().get(&tenant.config_map(name)).unwrap();
    let metadata = &found["metadata"];
    let mark = metadata["annotations"]["windlass.dev/revision"].as_str();
    let version = metadata["resourceVersion"].as_str().unwrap();
    (mark.map(str::to_owned), version.to_owned())
}

fn mark_revision(tenant: &Tenant, value: &str) {
    let annotations = json!({"metadata": {"annotations": {"windlass.dev/mark-revision": value}}});
    tenant.admin().patch(&tenant.reference("app"), &annotations);
}

#[test]
fn objects_carry_the_revision_that_wrote_them_where_that_is_asked_for() {
    let files = [
        ("app/one.yaml", &*bare_map("one", "1")),
        ("app/two.yaml", &bare_map("two", "1")),
    ];
    let mut tenant = Tenant::start("marks", &files);
    let namespace = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", namespace);
    tenant.ready("app");
    assert_eq!(carried(&tenant, "one").0, None, "as in Flux");

    mark_revision(&tenant, "Enabled");
    let second = tenant.push(&[("app/one.yaml", &bare_map("one", "2"))], "One");
    tenant.applied("app", &second);
    let revision = Some(format!("main@sha1:{second}"));
    assert_eq!(carried(&tenant, "one").0, revision);
    let untouched = carried(&tenant, "two");
    assert_eq!(untouched.0, None, "nothing is written for its mark alone");

    let third = tenant.push(&[("app/two.yaml", &bare_map("two", "3"))], "Two");
    tenant.applied("app", &third);
    assert_eq!(
        carried(&tenant, "one").0,
        revision,
        "it is as the second left it"
    );
    assert_ne!(carried(&tenant, "two").1, untouched.1);

    let one = tenant.config_map("one");
    let forged =
        json!({"metadata": {"annotations": {"windlass.dev/revision": "main@sha1:forged"}}});
    tenant.admin().patch(&one, &forged);
    let third = format!("main@sha1:{third}");
    wait::until(
        "the forged mark to be put back",
        std::time::Duration::from_secs(20),
        || match carried(&tenant, "one").0 {
            Some(mark) if mark == third => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
}

#[test]
fn a_mark_is_no_difference_to_whoever_compares() {
    let mut tenant = Tenant::start("marked", &[("app/one.yaml", &bare_map("one", "1"))]);
    let namespace = json!({"targetNamespace": tenant.namespace});
    tenant.kustomize("app", namespace);
    mark_revision(&tenant, "enabled");
    let commit = tenant.push(&[("app/one.yaml", &bare_map("one", "2"))], "One");
    tenant.applied("app", &commit);
    let marked = carried(&tenant, "one");
    assert_eq!(marked.0, Some(format!("main@sha1:{commit}")));
    // What the owner says changes, so every object is looked at anew, and none is written.
    let spec: Value = json!({"spec": {"commonMetadata": {"annotations": {}}, "force": true}});
    tenant.admin().patch(&tenant.reference("app"), &spec);
    let next = tenant.push(&[("other.txt", "")], "Elsewhere");
    tenant.applied("app", &next);
    assert_eq!(carried(&tenant, "one"), marked);
}
