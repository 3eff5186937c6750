//! `spec.include`: the files of another GitRepository inside this one, each vouched for on its own.

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::repo::Repo;
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, ready};
use crate::tenant::{Tenant, bare_map, shared};

const APP: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- own.yaml\n\
                   - lib/common.yaml\n";

/// The other repository, and its GitRepository `lib`.
struct Library {
    repo: Repo,
    url: String,
}

impl Library {
    fn new(tenant: &Tenant) -> Self {
        let name = format!("{}-lib.git", tenant.namespace);
        let repo = Repo::new(&shared().git.create(&name));
        let url = shared().git.url(&name);
        Library { repo, url }
    }

    fn publish(&mut self, value: &str) -> String {
        let files = [
            ("manifests/common.yaml", &*bare_map("common", value)),
            ("README.md", "not taken"),
        ];
        self.repo.publish(&files, value, &shared().signer)
    }

    fn name(tenant: &Tenant) -> ObjectRef {
        ObjectRef::new(GIT_REPOSITORY, "GitRepository", &tenant.namespace, "lib")
    }

    fn apply(&self, tenant: &Tenant) {
        tenant.admin().apply(&json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "lib", "namespace": tenant.namespace},
            "spec": {"interval": "10m", "url": self.url, "ref": {"branch": "main"}},
        }));
    }
}

fn include(to: &str) -> Value {
    json!([{"repository": {"name": "lib"}, "fromPath": "./manifests", "toPath": to}])
}

fn ask(tenant: &Tenant, object: &ObjectRef, include: &Value) {
    tenant
        .admin()
        .patch(object, &json!({"spec": {"include": include}}));
}

/// Waits until a source says that it is not ready for that reason.
#[track_caller]
fn says(tenant: &Tenant, object: &ObjectRef, kind: &str, reason: &str, part: &str) -> Value {
    let what = format!("{object:?} to say {kind} for {reason} with {part:?}");
    tenant.admin().wait_for(&what, object, |source| {
        let found = condition(source, kind);
        let ready = ready(source);
        let message = ready["message"].as_str().unwrap_or_default();
        found.is_some_and(|found| found["status"] == "True" && found["reason"] == reason)
            && ready["status"] == "False"
            && message.contains(part)
    })
}

/// Waits until the source has included a commit.
#[track_caller]
fn includes(tenant: &Tenant, commit: &str) -> Value {
    let what = format!("{commit} to be included");
    tenant.admin().wait_for(&what, &tenant.source(), |source| {
        let revision = &source["status"]["includedArtifacts"][0]["revision"];
        revision.as_str().is_some_and(|text| text.ends_with(commit))
            && ready(source)["status"] == "True"
    })
}

#[track_caller]
fn value_becomes(tenant: &Tenant, value: &str) {
    let what = format!("the included map to be {value}");
    let map = tenant.config_map("common");
    tenant
        .admin()
        .wait_for(&what, &map, |map| map["data"]["value"] == value);
}

#[test]
fn what_is_included_is_built_followed_and_vouched_for_on_its_own() {
    let files = [
        ("app/kustomization.yaml", APP),
        ("app/own.yaml", &bare_map("own", "one")),
    ];
    let tenant = Tenant::start("include", &files);
    let mut library = Library::new(&tenant);
    let first = library.publish("one");

    ask(&tenant, &tenant.source(), &include("app/lib"));
    says(
        &tenant,
        &tenant.source(),
        "IncludeUnavailable",
        "NotFound",
        "lib",
    );
    library.apply(&tenant);
    let source = includes(&tenant, &first);
    let observed = &source["status"]["observedInclude"];
    assert_eq!(*observed, include("app/lib"));
    assert!(condition(&source, "IncludeUnavailable").is_none());
    let before = source["status"]["artifact"].clone();
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.ready("app");
    value_becomes(&tenant, "one");

    // The other repository moves, and this one with it.
    let second = library.publish("two");
    tenant.request(&Library::name(&tenant));
    let artifact = includes(&tenant, &second)["status"]["artifact"].clone();
    assert_eq!(artifact["revision"], before["revision"]);
    assert_ne!(artifact["digest"], before["digest"]);
    value_becomes(&tenant, "two");

    // Nobody vouches for this one.
    library
        .repo
        .write("manifests/common.yaml", bare_map("common", "three"));
    library.repo.commit_unsigned("Three");
    library.repo.push();
    tenant.request(&Library::name(&tenant));
    tenant
        .admin()
        .wait_for("a refusal", &Library::name(&tenant), |lib| {
            ready(lib)["reason"] == "InvalidCommitSignature"
        });
    wait::holds(
        "the verified files",
        std::time::Duration::from_secs(2),
        || {
            let map = tenant.admin().get(&tenant.config_map("common")).unwrap();
            map["data"]["value"] == "two"
        },
    );
    includes(&tenant, &second);
}

#[test]
fn an_include_that_cannot_be_is_refused_with_its_reason_and_what_is_in_use_stays() {
    let files = [("app/own.yaml", &*bare_map("own", "one"))];
    let tenant = Tenant::start("include-bad", &files);
    let mut library = Library::new(&tenant);
    let commit = library.publish("one");
    library.apply(&tenant);
    let source = tenant.source();
    let copy_failure = |include: &Value, part: &str| {
        ask(&tenant, &source, include);
        let kind = "StorageOperationFailed";
        says(&tenant, &source, kind, "CopyFailure", part);
    };
    copy_failure(&include("app"), "something is there already");
    let nowhere = json!([{"repository": {"name": "lib"}, "fromPath": "nowhere"}]);
    copy_failure(&nowhere, "has nothing there");
    assert!(tenant.admin().get(&source).unwrap()["status"]["artifact"].is_object());

    // Out of the repository is its root, as in Flux.
    ask(&tenant, &source, &include("../../lib"));
    includes(&tenant, &commit);
    let back = json!([{"repository": {"name": "source"}}]);
    ask(&tenant, &Library::name(&tenant), &back);
    let stalled = says(
        &tenant,
        &Library::name(&tenant),
        "IncludeUnavailable",
        "IncludeCycle",
        "itself",
    );
    assert_eq!(condition(&stalled, "Stalled").unwrap()["status"], "True");
}
