//! GitRepositories: which revision `spec.ref` means, which files are taken, and what is not supported.

use serde_json::{Value, json};
use windlass_kit::api::condition;

use crate::house::ready;
use crate::tenant::{Tenant, bare_map};

/// Changes the spec and waits for a revision.
#[track_caller]
fn becomes(tenant: &Tenant, spec: Value, revision: &str) {
    tenant
        .admin()
        .patch(&tenant.source(), &json!({"spec": spec}));
    let what = format!("{spec} to give {revision}");
    tenant.admin().wait_for(&what, &tenant.source(), |source| {
        let observed = &source["status"]["observedGeneration"];
        source["status"]["artifact"]["revision"] == revision
            && *observed == source["metadata"]["generation"]
            && ready(source)["status"] == "True"
    });
}

/// Changes the spec and waits for a refusal; gives its message.
#[track_caller]
fn is_refused(tenant: &Tenant, spec: Value, reason: &str, part: &str) -> String {
    tenant
        .admin()
        .patch(&tenant.source(), &json!({"spec": spec}));
    let what = format!("{spec} to be refused for {reason} with {part:?}");
    let source = tenant.admin().wait_for(&what, &tenant.source(), |source| {
        let ready = ready(source);
        let message = ready["message"].as_str().unwrap_or_default();
        ready["status"] == "False" && ready["reason"] == reason && message.contains(part)
    });
    let message = ready(&source)["message"].as_str().map(str::to_owned);
    message.unwrap_or_default()
}

#[test]
fn each_kind_of_reference_gives_the_revision_that_flux_gives_it() {
    let mut tenant = Tenant::start("refs", &[("app/map.yaml", &bare_map("app", "one"))]);
    let signer = &crate::tenant::shared().signer;
    let first = tenant.repo.id("HEAD");
    tenant.repo.git(&["tag", "v1.0.0"]);
    let second = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    tenant.repo.tag("v1.1.0", "The second", signer);
    let third = tenant.publish(&[("app/map.yaml", &bare_map("app", "three"))], "Three");
    tenant.repo.git(&["tag", "v2.0.0"]);
    for tag in ["v1.0.0", "v1.1.0", "v2.0.0"] {
        tenant.repo.push_ref(tag, &format!("refs/tags/{tag}"));
    }
    tenant.repo.push_ref("HEAD", "refs/pull/7/head");
    let revision = |name: &str, commit: &str| format!("{name}@sha1:{commit}");
    becomes(
        &tenant,
        json!({"interval": "9m", "ref": {"branch": "main"}}),
        &revision("main", &third),
    );
    becomes(
        &tenant,
        json!({"ref": {"tag": "v1.0.0"}}),
        &revision("v1.0.0", &first),
    );
    becomes(
        &tenant,
        json!({"ref": {"semver": "1.x"}}),
        &revision("v1.1.0", &second),
    );
    becomes(
        &tenant,
        json!({"ref": {"name": "refs/pull/7/head"}}),
        &revision("refs/pull/7/head", &third),
    );
    becomes(
        &tenant,
        json!({"ref": {"name": null, "commit": second}}),
        &revision("main", &second),
    );
    becomes(
        &tenant,
        json!({"ref": {"branch": null, "commit": first}}),
        &format!("sha1:{first}"),
    );
    is_refused(
        &tenant,
        json!({"ref": {"commit": "0".repeat(39) + "1"}}),
        "GitOperationFailed",
        "has no commit",
    );
}

#[test]
fn a_sparse_checkout_takes_only_the_directories_that_it_names() {
    let files = [
        ("app/map.yaml", &bare_map("app", "one") as &str),
        ("other/map.yaml", &bare_map("other", "one")),
    ];
    let tenant = Tenant::start("sparse", &files);
    let whole = tenant.admin().wait_ready(&tenant.source(), "True");
    let revision = whole["status"]["artifact"]["revision"].as_str().unwrap();
    becomes(&tenant, json!({"sparseCheckout": ["./app"]}), revision);
    let sparse = tenant.admin().get(&tenant.source()).unwrap();
    assert_eq!(sparse["status"]["observedSparseCheckout"], json!(["./app"]));
    assert_ne!(
        sparse["status"]["artifact"]["digest"],
        whole["status"]["artifact"]["digest"]
    );
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.kustomize("other", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    tenant.fails("other", "ArtifactFailed", "other");
}

#[test]
fn a_field_that_is_not_supported_is_refused_by_its_name() {
    let tenant = Tenant::start("unsupported", &[("app/map.yaml", &bare_map("app", "one"))]);
    let fields = [
        ("spec.recurseSubmodules", json!({"recurseSubmodules": true})),
        (
            "spec.proxySecretRef",
            json!({"recurseSubmodules": null, "proxySecretRef": {"name": "proxy"}}),
        ),
        (
            "spec.provider",
            json!({"proxySecretRef": null, "provider": "github"}),
        ),
    ];
    for (field, spec) in fields {
        is_refused(&tenant, spec, "Failed", field);
        let source = tenant.admin().get(&tenant.source()).unwrap();
        assert_eq!(condition(&source, "Stalled").unwrap()["status"], "True");
    }
    let kept = tenant.repo.id("HEAD");
    becomes(
        &tenant,
        json!({"provider": null}),
        &format!("main@sha1:{kept}"),
    );
}
