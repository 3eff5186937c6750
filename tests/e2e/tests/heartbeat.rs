//! P8: a server that keeps news back is noticed by the heartbeat that does not come, or that comes over what is not shown.

use serde_json::{Value, json};
use windlass_kit::api::condition;

use crate::house::{House, config_map, root_source};
use crate::person::Person;
use crate::tenant::map;

fn says(house: &House, reason: &str) -> String {
    let what = format!("the source to say {reason}");
    let source = house.admin().wait_for(&what, &root_source(), |source| {
        condition(source, "SourceFresh").is_some_and(|said| said["reason"] == reason)
    });
    let said: &Value = condition(&source, "SourceFresh").unwrap();
    let good = reason == "Heartbeat";
    assert_eq!(said["status"], if good { "True" } else { "False" });
    said["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_repository_that_is_kept_back_is_noticed_and_goes_on_being_applied() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    assert!(condition(&house.admin().get(&root_source()).unwrap(), "SourceFresh").is_none());
    let asking = house.push(&[("windlass.policy", "version = 1\n[heartbeat]\n")], "Ask");
    house.applied(&asking);
    assert!(says(&house, "NoHeartbeat").contains("windlass trust heartbeat"));

    let person = Person::of(&house);
    let key = house.signer.key();
    person.git(&["config", "gpg.format", "ssh"]);
    person.git(&["config", "user.signingkey", key.to_str().unwrap()]);
    let beat = |time: &str| person.windlass(&format!("trust heartbeat --for {time} --push"));
    beat("12s");
    assert!(says(&house, "Heartbeat").contains(&asking));
    // Nobody does anything, as if the server showed the same for ever.
    assert!(says(&house, "HeartbeatExpired").contains("keeping news back"));

    // The tag passes, and the commit that it is over does not.
    person.commit("other.yaml", &map("default", "other", "new"), &["-S"]);
    beat("1h");
    assert!(says(&house, "NewsWithheld").contains("compare with your clone"));
    let name = config_map("default", "root");
    house
        .admin()
        .patch(&name, &json!({"data": {"value": "drifted"}}));
    house
        .admin()
        .wait_for("drift to be corrected all the same", &name, |map| {
            map["data"]["value"] == "one"
        });
    person.git(&["push", "--quiet", "origin", "main"]);
    says(&house, "Heartbeat");
}
