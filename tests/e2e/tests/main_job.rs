//! A signed commit goes in, the cluster follows; anything else stays out.

use serde_json::json;

use crate::house::{House, config_map, ready, root_source};

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
