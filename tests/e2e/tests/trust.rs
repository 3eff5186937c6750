//! Which sources are accepted, and why: decision 7, on a real cluster.

use serde_json::{Value, json};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::Options;
use windlass_kit::repo::{Repo, Signer};

use crate::house::{GIT_REPOSITORY, House, config_map, nested, ready, root, root_source};
use crate::tenant::map;

/// A repository of somebody whose key this house does not know.
struct Stranger {
    repo: Repo,
    url: String,
}

impl Stranger {
    fn new(house: &House, value: &str) -> Self {
        let mut repo = Repo::new(&house.git.create("stranger.git"));
        repo.write("app/map.yaml", map("default", "stranger", value));
        repo.commit_unsigned("Begin");
        repo.push();
        Self {
            repo,
            url: house.git.url("stranger.git"),
        }
    }

    fn change(&mut self, value: &str) -> String {
        self.repo
            .write("app/map.yaml", map("default", "stranger", value));
        let commit = self.repo.commit_unsigned("Change");
        self.repo.push();
        commit
    }

    /// The manifest of a GitRepository.
    fn source(&self, reference: Value) -> Value {
        json!({
            "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
            "metadata": {"name": "stranger", "namespace": "flux-system"},
            "spec": {"url": self.url, "interval": "5s", "ref": reference},
        })
    }
}

fn source() -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "GitRepository", "flux-system", "stranger")
}

/// A house that lists no sources.
fn strict(files: &[(&str, &str)]) -> House {
    House::start_with(&Options::api_server(), files, |agent| {
        agent.list_sources("")
    })
}

#[track_caller]
pub(crate) fn refused(house: &House, object: &ObjectRef, reason: &str, parts: &[&str]) -> String {
    let what = format!("a refusal for {reason} with {parts:?}");
    let object = house.admin().wait_for(&what, object, |object| {
        let ready = ready(object);
        let message = ready["message"].as_str().unwrap_or_default();
        ready["status"] == "False"
            && ready["reason"] == reason
            && parts.iter().all(|part| message.contains(part))
    });
    let verified = condition(&object, "SourceVerified").unwrap();
    assert_eq!(verified["status"], "False");
    ready(&object)["message"].as_str().unwrap().to_owned()
}

#[track_caller]
fn accepted(house: &House, revision: &str) -> Value {
    let what = format!("{revision} to be accepted");
    house.admin().wait_for(&what, &source(), |source| {
        source["status"]["artifact"]["revision"] == revision && ready(source)["status"] == "True"
    })
}

fn value_becomes(house: &House, value: &str) {
    let what = format!("the stranger's value to be {value}");
    let name = config_map("default", "stranger");
    house
        .admin()
        .wait_for(&what, &name, |map| map["data"]["value"] == value);
}

fn app() -> String {
    nested(
        "stranger",
        "./app",
        json!({"sourceRef": {"kind": "GitRepository", "name": "stranger"}}),
    )
}

#[test]
fn a_source_that_nobody_vouches_for_is_refused_until_a_commit_or_the_node_does() {
    let mut house = strict(&[("root.yaml", &map("default", "root", "one"))]);
    let mut stranger = Stranger::new(&house, "one");
    let first = stranger.repo.id("HEAD");

    // Made by hand in the cluster.
    house
        .admin()
        .apply(&stranger.source(json!({"commit": first})));
    let message = refused(&house, &source(), "NotVouchedFor", &["no verified commit"]);
    for way in ["put it into the repository", "signed-by", "trust.d/sources"] {
        assert!(message.contains(way), "{message}");
    }
    let stalled = house.admin().get(&source()).unwrap();
    assert_eq!(condition(&stalled, "Stalled").unwrap()["status"], "True");
    house.admin().delete(&source());
    house.admin().wait_gone(&source());

    // Made by a verified commit, but its own commits are nobody's.
    let manifest = |reference: Value| stranger.source(reference).to_string();
    let branch = manifest(json!({"branch": "main"}));
    house.push(
        &[("source.yaml", &branch), ("app.yaml", &app())],
        "Use the stranger's",
    );
    let message = refused(&house, &source(), "InvalidCommitSignature", &["not signed"]);
    for way in [
        "signed by an allowed signer",
        "windlass.lock",
        "trust.d/sources",
    ] {
        assert!(message.contains(way), "{message}");
    }

    // Pinned by its id.
    let pinned = manifest(json!({"branch": "main", "commit": first}));
    house.push(&[("source.yaml", &pinned)], "Pin it");
    accepted(&house, &format!("main@sha1:{first}"));
    value_becomes(&house, "one");

    // Somebody in the cluster points it at another commit: what is in use stays, and the object is put back.
    let second = stranger.change("two");
    house
        .admin()
        .patch(&source(), &json!({"spec": {"ref": {"commit": second}}}));
    let back = |source: &Value| source["spec"]["ref"]["commit"] == first;
    house
        .admin()
        .wait_for("the object to be put back", &source(), back);
    accepted(&house, &format!("main@sha1:{first}"));
    let log = house.agent.log();
    assert!(
        !log.contains(&format!("revision=main@sha1:{second}")),
        "{log}"
    );

    // Pinned beside it.
    let lock = |commit: &str| {
        format!(
            "version = 1\n\n[[git]]\nurl = \"{}\"\nref = \"main\"\ncommit = \"{commit}\"\n",
            stranger.url
        )
    };
    let branch = stranger.source(json!({"branch": "main"})).to_string();
    let second_lock = lock(&second);
    house.push(
        &[("source.yaml", &branch), ("windlass.lock", &second_lock)],
        "Lock it",
    );
    accepted(&house, &format!("main@sha1:{second}"));
    value_becomes(&house, "two");

    // Listed on the node, without a restart.
    house.repo.remove("windlass.lock");
    let third = stranger.change("three");
    house.push(&[], "Unlock it");
    refused(&house, &source(), "InvalidCommitSignature", &[&third]);
    house
        .agent
        .list_sources(&format!("{} unverified\n", stranger.url));
    let listed = accepted(&house, &format!("main@sha1:{third}"));
    assert!(
        condition(&listed, "SourceVerified").is_none(),
        "nothing was verified"
    );
    value_becomes(&house, "three");
}

#[test]
fn a_source_that_the_node_lists_with_signers_of_its_own_is_held_to_those() {
    let house = strict(&[("root.yaml", &map("default", "root", "one"))]);
    let theirs = Signer::new("team@stranger.example");
    let mut stranger = Stranger::new(&house, "one");
    let signers = house.agent.path().join("team");
    std::fs::write(&signers, theirs.allowed_signers()).unwrap();
    let lines = format!("{} signed-by {}\n", stranger.url, signers.display());
    house.agent.list_sources(&lines);
    // Made by hand: the node's list is enough. What nobody signed is not.
    let manifest = stranger.source(json!({"branch": "main"}));
    house.admin().apply(&manifest);
    refused(&house, &source(), "InvalidCommitSignature", &["not signed"]);
    let mut publish = |value: &str, signer: &Signer| {
        let file = map("default", "stranger", value);
        stranger
            .repo
            .publish(&[("app/map.yaml", &file)], value, signer)
    };
    let first = publish("by them", &theirs);
    accepted(&house, &format!("main@sha1:{first}"));
    // The keys of the root do not count there.
    let ours = publish("by us", &house.signer);
    refused(
        &house,
        &source(),
        "InvalidCommitSignature",
        &["UnknownKey", &ours],
    );
    stranger.repo.git(&["reset", "--quiet", "--hard", &first]);
    let file = map("default", "stranger", "by them again");
    let second = stranger
        .repo
        .publish(&[("app/map.yaml", &file)], "Again", &theirs);
    accepted(&house, &format!("main@sha1:{second}"));
}

#[test]
fn a_tag_of_a_stranger_is_locked_to_what_it_named_first() {
    let mut house = strict(&[("root.yaml", &map("default", "root", "one"))]);
    let mut stranger = Stranger::new(&house, "one");
    let first = stranger.repo.id("HEAD");
    stranger.repo.push_ref("HEAD", "refs/tags/v1.0.0");
    let tag = stranger.source(json!({"tag": "v1.0.0"})).to_string();
    house.push(&[("source.yaml", &tag), ("app.yaml", &app())], "Use a tag");
    accepted(&house, &format!("v1.0.0@sha1:{first}"));
    value_becomes(&house, "one");

    let second = stranger.change("two");
    stranger.repo.push_ref("HEAD", "refs/tags/v1.0.0");
    let message = refused(&house, &source(), "TagMoved", &[&first, &second]);
    assert!(message.contains("windlass.lock"), "{message}");

    // It says so after a restart as well, and goes on with the first.
    house.agent.stop();
    house.agent.start();
    house.root_ready();
    refused(&house, &source(), "TagMoved", &[&first]);
    value_becomes(&house, "one");

    // Somebody looked at the new one and named it.
    let pinned = stranger
        .source(json!({"tag": "v1.0.0", "commit": second}))
        .to_string();
    house.push(&[("source.yaml", &pinned)], "Take the moved tag");
    value_becomes(&house, "two");
}

#[test]
fn a_selector_changed_in_the_cluster_goes_on_from_where_the_source_stands() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let mut repo = Repo::new(&house.git.create("stranger.git"));
    let old = repo.publish(
        &[("app/map.yaml", &map("default", "stranger", "old"))],
        "Old",
        &house.signer,
    );
    repo.push_ref("HEAD", "refs/heads/old");
    let new = repo.publish(
        &[("app/map.yaml", &map("default", "stranger", "new"))],
        "New",
        &house.signer,
    );
    let url = house.git.url("stranger.git");
    let stranger = Stranger { repo, url };
    house
        .admin()
        .apply(&stranger.source(json!({"branch": "main"})));
    accepted(&house, &format!("main@sha1:{new}"));

    house
        .admin()
        .patch(&source(), &json!({"spec": {"ref": {"branch": "old"}}}));
    let parts = ["NotFastForward", &old, "changed in the cluster"];
    refused(&house, &source(), "InvalidCommitSignature", &parts);

    // The same by a verified commit begins a new line.
    let manifest = stranger.source(json!({"branch": "old"})).to_string();
    house.push(&[("source.yaml", &manifest)], "Go back on purpose");
    accepted(&house, &format!("old@sha1:{old}"));
}

#[test]
fn the_trust_files_are_read_again_when_they_change_and_a_broken_one_changes_nothing() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let spare = Signer::new("spare@house.example");
    let commit = house.repo.publish(
        &[("root.yaml", &map("default", "root", "two"))],
        "By the spare",
        &spare,
    );
    refused(&house, &root_source(), "InvalidCommitSignature", &[&commit]);

    house.agent.write_signers("this is no list of signers\n");
    let what = "the root to say that its trust file is broken";
    house.admin().wait_for(what, &root_source(), |source| {
        let condition = condition(source, "NodeTrust").unwrap_or(&Value::Null);
        condition["status"] == "False" && condition["reason"] == "TrustFileInvalid"
    });
    assert!(
        house.agent.log().contains("allowed_signers"),
        "the journal says it too"
    );
    let own = house.signer.allowed_signers();
    house.repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let good = house.push(
        &[("root.yaml", &map("default", "root", "three"))],
        "By the owner",
    );
    house.applied(&good);

    house
        .agent
        .write_signers(&format!("{own}{}", spare.allowed_signers()));
    house
        .admin()
        .wait_for("the condition to go", &root_source(), |source| {
            condition(source, "NodeTrust").is_none()
        });
    let commit = house.repo.publish(
        &[("root.yaml", &map("default", "root", "four"))],
        "By the spare",
        &spare,
    );
    house.request();
    house.applied(&commit);
}

/// T40: an older signed commit, a signed sibling and an unrelated history by the same key are all refused.
#[test]
fn t40_a_branch_that_goes_anywhere_but_forward_is_refused_and_the_ratchet_stays() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let first = house.repo.id("HEAD");
    let second = house.push(&[("root.yaml", &map("default", "root", "two"))], "Two");
    house.applied(&second);
    let stays = |house: &House, offered: &str| {
        house.request();
        refused(
            house,
            &root_source(),
            "InvalidCommitSignature",
            &["NotFastForward", offered],
        );
        let root = house.admin().get(&root()).unwrap();
        let revision = root["status"]["lastAppliedRevision"].as_str().unwrap();
        assert!(revision.ends_with(&second), "{revision}");
    };
    house.repo.push_ref(&first, "refs/heads/main");
    stays(&house, &first);

    house.repo.git(&["reset", "--quiet", "--hard", &first]);
    let sibling = house.repo.publish(
        &[("root.yaml", &map("default", "root", "sibling"))],
        "Sibling",
        &house.signer,
    );
    stays(&house, &sibling);

    house
        .repo
        .git(&["checkout", "--quiet", "--orphan", "unrelated"]);
    let unrelated = house.repo.publish(
        &[("root.yaml", &map("default", "root", "else"))],
        "Else",
        &house.signer,
    );
    stays(&house, &unrelated);

    house.repo.git(&["reset", "--quiet", "--hard", &second]);
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);
}
