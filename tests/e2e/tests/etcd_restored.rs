//! The cluster is restored from an older backup: what windlass knew of it is not true any more.

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;

use crate::house::{House, config_map, root, root_source};
use crate::tenant::map;

/// How many writes the backup is behind: the API server's versions go back by as many.
const BEHIND: usize = 300;

fn becomes(house: &House, name: &str, value: &str) {
    let what = format!("{name} to be {value}");
    let object = config_map("default", name);
    let is = |map: &Value| map["data"]["value"] == value;
    house.admin().wait_for(&what, &object, is);
}

fn says(commit: &str, house: &House, object: &ObjectRef, at: &str) {
    let what = format!("{at} to name {commit}");
    let says = |object: &Value| {
        let revision = object.pointer(at).and_then(Value::as_str);
        revision.is_some_and(|revision| revision.ends_with(commit))
    };
    house.admin().wait_for(&what, object, says);
}

#[test]
fn what_a_restored_backup_brought_back_is_corrected_and_watched_at_once() {
    let mut house = House::start(&[
        ("root.yaml", &map("default", "root", "one")),
        ("gone.yaml", &map("default", "gone", "one")),
    ]);
    let first = house.repo.id("HEAD");
    house.applied(&first);
    let backup = house.control_plane.back_up();

    house.repo.remove("gone.yaml");
    let files = [
        ("root.yaml", &map("default", "root", "two") as &str),
        ("later.yaml", &map("default", "later", "two")),
    ];
    let second = house.push(&files, "After the backup");
    house.applied(&second);
    house.admin().wait_gone(&config_map("default", "gone"));
    house.admin().apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "busy", "namespace": "default"},
    }));
    for number in 0..BEHIND {
        let data = json!({"data": {"number": number.to_string()}});
        house.admin().patch(&config_map("default", "busy"), &data);
    }
    house.control_plane.restore(&backup);

    becomes(&house, "root", "two");
    becomes(&house, "later", "two");
    house.admin().wait_gone(&config_map("default", "gone"));
    house.applied(&second);
    says(&second, &house, &root_source(), "/status/artifact/revision");
    says(&second, &house, &root(), "/status/lastAppliedRevision");

    // The watches look at the cluster as it is now, not at versions that it has not reached yet.
    house.admin().delete(&config_map("default", "later"));
    becomes(&house, "later", "two");
    let third = house.push(&[("root.yaml", &map("default", "root", "three"))], "Three");
    house.applied(&third);
    becomes(&house, "root", "three");
}
