//! Whoever signs with OpenPGP: the node's own certificates, and Flux's `spec.verify`.

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::Options;
use windlass_kit::gpg::Gpg;
use windlass_kit::repo::Repo;

use crate::house::{GIT_REPOSITORY, House, ready, ready_is};
use crate::tenant::map;

fn source() -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "GitRepository", "flux-system", "apps")
}

/// Runs git as somebody who signs with an OpenPGP key.
fn signing(repo: &Repo, gpg: &Gpg, key: &str, arguments: &[&str]) {
    let program = format!("gpg.program={}", gpg.program().display());
    let key = format!("user.signingkey={key}");
    let settings = ["user.name=Owner", "user.email=me@house.example"];
    let mut all = Vec::new();
    for setting in settings.into_iter().chain([&*program, &*key]) {
        all.extend(["-c", setting]);
    }
    all.extend(arguments);
    repo.git(&all);
}

/// Waits until `spec.verify` was satisfied in this mode, with this in the condition.
#[track_caller]
fn verified(house: &House, mode: &str, parts: &[&str]) {
    let what = format!("{mode} to be verified with {parts:?}");
    house.admin().wait_for(&what, &source(), |source| {
        let verified = condition(source, "SourceVerified").unwrap_or(&Value::Null);
        let message = verified["message"].as_str().unwrap_or_default();
        source["status"]["sourceVerificationMode"] == mode
            && ready_is(source, "True")
            && parts.iter().all(|part| message.contains(part))
    });
}

#[test]
fn flux_verification_takes_openpgp_keys_for_head_and_tag_and_names_the_key_as_flux_does() {
    let gpg = Gpg::new();
    let (mine, other) = (
        gpg.key("Me <me@house.example>"),
        gpg.key("Other <other@house.example>"),
    );
    // The node lists the certificate beside its allowed signers.
    let house = House::start_with(
        &Options::api_server(),
        &[("root.yaml", &map("default", "root", "one"))],
        |agent| std::fs::write(agent.path().join("me.asc"), gpg.certificate(&mine)).unwrap(),
    );
    for (name, key) in [("mine", &mine), ("other", &other)] {
        house.admin().apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "flux-system"},
            "stringData": {"key.asc": gpg.certificate(key)},
        }));
    }
    let repo = Repo::new(&house.git.create("apps.git"));
    repo.write("app.yaml", map("default", "app", "one"));
    repo.git(&["add", "--all"]);
    signing(
        &repo,
        &gpg,
        &mine,
        &["commit", "--quiet", "-S", "-m", "One"],
    );
    signing(
        &repo,
        &gpg,
        &mine,
        &["tag", "--sign", "-m", "One", "v1.0.0"],
    );
    repo.push();
    repo.push_ref("v1.0.0", "refs/tags/v1.0.0");
    let head = repo.id("HEAD");
    let id = mine.get(mine.len() - 16..).unwrap();

    let ask = |mode: &str, secret: &str| {
        house.admin().apply(&json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "apps", "namespace": "flux-system"},
            "spec": {"url": house.git.url("apps.git"), "interval": "5s", "ref": {"tag": "v1.0.0"},
                "verify": {"mode": mode, "secretRef": {"name": secret}}},
        }));
    };
    let commit = format!("- commit '{head}' with key '{id}'");
    let tag = format!("' with key '{id}'");
    ask("HEAD", "mine");
    verified(&house, "HEAD", &[&commit]);
    ask("Tag", "mine");
    verified(&house, "Tag", &["- tag 'v1.0.0@sha1:", &tag]);
    ask("TagAndHEAD", "mine");
    verified(&house, "TagAndHEAD", &["- tag 'v1.0.0@sha1:", &commit]);
    for (mode, reason) in [
        ("HEAD", "InvalidCommitSignature"),
        ("Tag", "InvalidTagSignature"),
    ] {
        ask(mode, "other");
        let what = format!("{mode} by another key to be refused");
        let refused = house.admin().wait_for(&what, &source(), |source| {
            ready_is(source, "False") && ready(source)["reason"] == reason
        });
        let revision = refused["status"]["artifact"]["revision"].as_str().unwrap();
        assert!(revision.ends_with(&head), "{revision}");
    }
}
