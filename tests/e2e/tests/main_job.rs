//! A signed commit goes in, the cluster follows; anything else stays out.

use serde_json::json;

use windlass_kit::controlplane::Options;

use crate::house::{House, config_map, ready, root, root_source};

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: blue\n";

#[test]
fn a_signed_push_is_applied_and_an_unsigned_one_is_refused() {
    let mut house = House::start(&[("settings.yaml", SETTINGS)]);
    let settings = config_map("default", "settings");
    assert_eq!(
        house.admin().get(&settings).unwrap()["data"]["colour"],
        "blue"
    );

    let green = SETTINGS.replace("blue", "green");
    let commit = house.push(&[("settings.yaml", &green)], "Make it green");
    house.applied(&commit);
    assert_eq!(
        house.admin().get(&settings).unwrap()["data"]["colour"],
        "green"
    );

    house
        .repo
        .write("settings.yaml", SETTINGS.replace("blue", "red"));
    let unsigned = house.repo.commit_unsigned("Make it red");
    house.repo.push();
    house.request();
    let source = house
        .admin()
        .wait_for("the refusal", &root_source(), |source| {
            ready(source)["reason"] == "InvalidCommitSignature"
        });
    let message = ready(&source)["message"].to_string();
    assert!(
        message.contains(&unsigned) && message.contains("not signed"),
        "{message}"
    );
    assert_eq!(
        house.admin().get(&settings).unwrap()["data"]["colour"],
        "green"
    );
    assert!(
        source["status"]["artifact"]["revision"]
            .as_str()
            .unwrap()
            .ends_with(&commit)
    );
}

#[test]
fn a_foreign_change_is_undone_and_a_removed_file_is_pruned() {
    let mut house = House::start(&[("settings.yaml", SETTINGS)]);
    let settings = config_map("default", "settings");
    house
        .admin()
        .patch(&settings, &json!({"data": {"colour": "red"}}));
    house
        .admin()
        .wait_for("the change to be undone", &settings, |settings| {
            settings["data"]["colour"] == "blue"
        });
    house.admin().delete(&settings);
    house
        .admin()
        .wait_for("the object to be back", &settings, |_| true);

    house.repo.remove("settings.yaml");
    let commit = house.push(
        &[("other.yaml", &SETTINGS.replace("settings", "other"))],
        "Replace it",
    );
    house.applied(&commit);
    assert!(
        house.admin().get(&settings).is_none(),
        "what left the repository is deleted"
    );
}

#[test]
fn the_node_has_the_last_word_on_the_root() {
    let mut house = House::start(&[
        ("settings.yaml", SETTINGS),
        (
            "elsewhere/other.yaml",
            &SETTINGS.replace("settings", "other"),
        ),
        ("elsewhere/kustomization.yaml", "resources: [other.yaml]\n"),
        ("kustomization.yaml", "resources: [settings.yaml]\n"),
    ]);
    let settings = config_map("default", "settings");
    let uid = |house: &House| {
        house
            .admin()
            .get(&settings)
            .map(|live| live["metadata"]["uid"].clone())
    };
    let before = uid(&house);
    // Somebody points the root somewhere else, where everything would be pruned.
    let path = json!({"spec": {"path": "./elsewhere"}});
    let url = json!({"spec": {"url": "https://git.example.org/elsewhere.git"}});
    house.admin().patch(&root(), &path);
    house.admin().patch(&root_source(), &url);
    house
        .admin()
        .wait_for("the path to be back", &root(), |root| {
            root["spec"]["path"] == "./"
        });
    let ours = house.git.url("house.git");
    house
        .admin()
        .wait_for("the URL to be back", &root_source(), |source| {
            source["spec"]["url"] == ours.as_str()
        });
    house.admin().delete(&root_source());
    house.admin().wait_ready(&root_source(), "True");
    let green = SETTINGS.replace("blue", "green");
    let commit = house.push(&[("settings.yaml", &green)], "Make it green");
    house.applied(&commit);
    assert_eq!(uid(&house), before, "nothing was pruned meanwhile");
    assert!(house.admin().get(&config_map("default", "other")).is_none());

    // The node's config itself names another path: that is followed, and the old objects go.
    house.agent.stop();
    house.agent.set("root", "path", "./elsewhere");
    house.agent.start();
    house.admin().wait_for(
        "the other path's objects",
        &config_map("default", "other"),
        |_| true,
    );
    house.admin().wait_gone(&settings);
}

#[test]
fn history_before_the_introduction_commit_needs_no_signature() {
    let mut house = House::prepare(&Options::api_server(), &[("settings.yaml", SETTINGS)]);
    house
        .repo
        .write("settings.yaml", SETTINGS.replace("blue", "grey"));
    house.repo.commit_unsigned("Before anybody signed");
    let green = SETTINGS.replace("blue", "green");
    let introduction = house.repo.publish(
        &[("settings.yaml", &green)],
        "The first signed one",
        &house.signer,
    );
    house.agent.set("root", "introduction", &introduction);
    house.agent.start();
    house.root_ready();
    let settings = config_map("default", "settings");
    assert_eq!(
        house.admin().get(&settings).unwrap()["data"]["colour"],
        "green"
    );
    // What does not descend from it is refused, however well it is signed.
    house
        .repo
        .git(&["checkout", "--quiet", "--orphan", "other"]);
    let orphan = house.repo.publish(
        &[("settings.yaml", &SETTINGS.replace("blue", "red"))],
        "Another history",
        &house.signer,
    );
    house.request();
    let source = house
        .admin()
        .wait_for("the refusal", &root_source(), |source| {
            ready(source)["reason"] == "InvalidCommitSignature"
        });
    let message = ready(&source)["message"].to_string();
    assert!(message.contains(&orphan), "{message}");
    assert_eq!(
        house.admin().get(&settings).unwrap()["data"]["colour"],
        "green"
    );
}
