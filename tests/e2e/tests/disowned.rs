//! A key is taken away whose revision runs: a person hears at once, and drift goes on being corrected.

use serde_json::json;
use windlass_kit::api::condition;
use windlass_kit::repo::Signer;

use crate::house::{House, config_map, root_source};
use crate::tenant::map;

#[test]
fn a_revision_whose_key_was_taken_away_is_named_and_kept_until_another_key_vouches() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let (own, laptop) = (house.signer.allowed_signers(), Signer::new("laptop@house"));
    house
        .agent
        .write_signers(&format!("{own}{}", laptop.allowed_signers()));
    let files = [("root.yaml", map("default", "root", "two"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    // The trust file counts within seconds.
    let by_laptop = house.repo.publish(&files, "By the laptop", &laptop);
    house.applied(&by_laptop);

    // The laptop is stolen. No new revision comes, and still the node says so.
    house.agent.write_signers(&own);
    let source = house
        .admin()
        .wait_for("the root to say what runs", &root_source(), |source| {
            condition(source, "NodeTrust")
                .is_some_and(|said| said["reason"] == "AppliedByRevokedKey")
        });
    let said = condition(&source, "NodeTrust").unwrap();
    assert_eq!(said["status"], "False");
    let message = said["message"].as_str().unwrap();
    for part in [&by_laptop, "UnknownKey", "goes on being corrected"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(house.agent.log().contains("would not be accepted now"));

    // It is an alarm and not a stop.
    let name = config_map("default", "root");
    house
        .admin()
        .patch(&name, &json!({"data": {"value": "drifted"}}));
    house
        .admin()
        .wait_for("the drift to be corrected", &name, |map| {
            map["data"]["value"] == "two"
        });
    assert_eq!(
        house.ready("flux-system", "flux-system")["kind"],
        "Kustomization"
    );

    // Somebody whose key counts looks at it and goes on from there.
    let good = house.push(&[("root.yaml", &map("default", "root", "three"))], "Go on");
    house.applied(&good);
    house
        .admin()
        .wait_for("the alarm to end", &root_source(), |source| {
            condition(source, "NodeTrust").is_none()
        });
}
