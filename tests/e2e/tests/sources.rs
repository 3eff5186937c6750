//! GitRepositories: which revision `spec.ref` means, which files are taken, and what is not supported.

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::repo::{Repo, Signer};

use crate::house::{GIT_REPOSITORY, House, ready};
use crate::tenant::{Tenant, bare_map, map};

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
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let mut repo = Repo::new(&house.git.create("apps.git"));
    let mut publish = |value: &str, tag: &str| {
        let commit = repo.publish(
            &[("app.yaml", &map("default", "app", value))],
            value,
            &house.signer,
        );
        if tag == "v1.1.0" {
            repo.tag(tag, "An annotated one", &house.signer);
        } else {
            repo.git(&["tag", tag]);
        }
        repo.push_ref(tag, &format!("refs/tags/{tag}"));
        commit
    };
    let (first, second) = (publish("one", "v1.0.0"), publish("two", "v1.1.0"));
    let third = publish("three", "v2.0.0");
    repo.push_ref("HEAD", "refs/pull/7/head");
    let url = house.git.url("apps.git");
    let apps = ObjectRef::new(GIT_REPOSITORY, "GitRepository", "flux-system", "apps");
    let cases = [
        (json!({"branch": "main"}), format!("main@sha1:{third}")),
        (json!({"tag": "v1.0.0"}), format!("v1.0.0@sha1:{first}")),
        (
            json!({"tag": "v1.0.0", "semver": "1.x"}),
            format!("v1.1.0@sha1:{second}"),
        ),
        (
            json!({"semver": "1.x", "name": "refs/pull/7/head"}),
            format!("refs/pull/7/head@sha1:{third}"),
        ),
        (
            json!({"branch": "main", "commit": second}),
            format!("main@sha1:{second}"),
        ),
        (json!({"commit": first}), format!("sha1:{first}")),
        (
            json!({"semver": ">=1.0.0 <2.0.0"}),
            format!("v1.1.0@sha1:{second}"),
        ),
    ];
    for (reference, revision) in &cases {
        // By commits: what is changed in the cluster by hand could only go forward.
        let source = json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "apps", "namespace": "flux-system"},
            "spec": {"url": url, "interval": "10m", "ref": reference},
        });
        house.push(
            &[("apps.yaml", &source.to_string())],
            &reference.to_string(),
        );
        let what = format!("{reference} to give {revision}");
        house.admin().wait_for(&what, &apps, |source| {
            source["status"]["artifact"]["revision"] == *revision
                && ready(source)["status"] == "True"
        });
    }
    // The tag of a range is remembered: without the network, after a restart, it is the same revision.
    house.agent.stop();
    house.git.stop();
    house
        .admin()
        .patch_subresource(&apps, "status", &json!({"status": {"artifact": null}}));
    house.agent.start();
    let (_, revision) = cases.last().unwrap();
    house
        .admin()
        .wait_for("the kept revision", &apps, |source| {
            source["status"]["artifact"]["revision"] == *revision
        });
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

/// Waits until `spec.verify` was satisfied in that mode.
#[track_caller]
fn is_verified(tenant: &Tenant, mode: &str, parts: &[&str]) {
    let what = format!("{mode} to be verified with {parts:?}");
    tenant.admin().wait_for(&what, &tenant.source(), |source| {
        let verified = condition(source, "SourceVerified").unwrap_or(&Value::Null);
        let message = verified["message"].as_str().unwrap_or_default();
        source["status"]["sourceVerificationMode"] == mode
            && verified["status"] == "True"
            && verified["reason"] == "Succeeded"
            && parts.iter().all(|part| message.contains(part))
    });
}

/// Makes the Secret of `spec.verify`, with one public key.
fn public_key(tenant: &Tenant, name: &str, signer: &Signer) {
    let key = signer.public_key();
    tenant.admin().apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": tenant.namespace},
        "stringData": {"owner.sshpub": format!("{key}\n")},
    }));
}

#[test]
fn flux_verification_is_asked_on_top_of_the_rules_of_the_node_and_says_what_flux_says() {
    let mut tenant = Tenant::start("verify", &[("app/map.yaml", &bare_map("app", "one"))]);
    let owner = &crate::tenant::shared().signer;
    let stranger = Signer::new("stranger@example.org");
    public_key(&tenant, "owner", owner);
    public_key(&tenant, "stranger", &stranger);
    let head = tenant.repo.id("HEAD");
    let verify =
        |mode: &str, secret: &str| json!({"verify": {"mode": mode, "secretRef": {"name": secret}}});
    tenant
        .admin()
        .patch(&tenant.source(), &json!({"spec": verify("HEAD", "owner")}));
    is_verified(
        &tenant,
        "HEAD",
        &[&format!(
            "verified signature of\n\t- commit '{head}' with key 'SHA256:"
        )],
    );

    let failed = format!("signature verification of commit '{head}' failed");
    is_refused(
        &tenant,
        verify("HEAD", "stranger"),
        "InvalidCommitSignature",
        &failed,
    );
    is_refused(
        &tenant,
        verify("HEAD", "nobody"),
        "VerificationError",
        "nobody",
    );
    let unspecified = "a tag reference is not specified";
    is_refused(
        &tenant,
        verify("Tag", "owner"),
        "InvalidVerificationMode",
        unspecified,
    );

    let next = tenant.publish(&[("app/map.yaml", &bare_map("app", "two"))], "Two");
    tenant.repo.git(&["tag", "v1.0.0"]);
    tenant.repo.push_ref("v1.0.0", "refs/tags/v1.0.0");
    let mut tagged = verify("Tag", "owner");
    tagged["ref"] = json!({"tag": "v1.0.0"});
    is_refused(&tenant, tagged, "InvalidGitObject", "not annotated");
    // The tag is made anew over the same commit, signed by somebody else, then by the owner.
    tenant.repo.tag("v1.0.0", "By a stranger", &stranger);
    tenant.repo.push_ref("v1.0.0", "refs/tags/v1.0.0");
    let more_often = json!({"interval": "5s"});
    is_refused(
        &tenant,
        more_often,
        "InvalidTagSignature",
        "signature verification of tag 'v1.0.0@sha1:",
    );
    tenant.repo.tag("v1.0.0", "By the owner", owner);
    tenant.repo.push_ref("v1.0.0", "refs/tags/v1.0.0");
    is_verified(&tenant, "Tag", &["\n\t- tag 'v1.0.0@sha1:"]);
    tenant.admin().patch(
        &tenant.source(),
        &json!({"spec": verify("TagAndHEAD", "owner")}),
    );
    is_verified(
        &tenant,
        "TagAndHEAD",
        &[
            "- tag 'v1.0.0@sha1:",
            &format!("\n\t- commit '{next}' with key 'SHA256:"),
        ],
    );
    becomes(
        &tenant,
        json!({"verify": null}),
        &format!("v1.0.0@sha1:{next}"),
    );
    let source = tenant.admin().get(&tenant.source()).unwrap();
    assert!(
        source["status"].get("sourceVerificationMode").is_none(),
        "{source}"
    );
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
