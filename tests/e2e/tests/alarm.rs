//! `[alarm]`: somebody outside of the cluster hears from the node as long as it is well, and what is wrong when it is not.

use std::time::Duration;

use serde_json::Value;
use windlass_kit::controlplane::Options;
use windlass_kit::wait;

use crate::alerts::Hook;
use crate::house::House;
use crate::tenant::map;

const LIMIT: Duration = Duration::from_secs(90);
/// Longer than between two pings.
const A_WHILE: Duration = Duration::from_secs(20);

fn pings(hook: &Hook) -> usize {
    hook.told().len()
}

/// Waits for one message more, and gives it.
fn next(hook: &Hook, known: usize) -> Value {
    let told = hook.wait(known + 1);
    told[known].event()
}

fn pings_again(hook: &Hook) {
    let before = pings(hook);
    wait::until_true("another ping", LIMIT, || pings(hook) > before);
}

#[test]
fn a_node_is_heard_of_while_it_is_well_and_says_what_is_wrong() {
    let (pinged, told) = (Hook::start(0), Hook::start(0));
    let files = [("cluster/map.yaml", map("default", "one", "1"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::start_with(&Options::api_server(), &files, |agent| {
        let url = format!("http://127.0.0.1:{}/hunter2-ping", pinged.port);
        agent.set("alarm", "ping_url", &url);
        agent.set("alarm", "ping_interval", "10s");
        let url = format!("http://127.0.0.1:{}/hunter2-hook", told.port);
        agent.set("alarm", "webhook_url", &url);
    });
    pings_again(&pinged);
    let first = &pinged.told()[0];
    assert!(
        first.head.starts_with("get /hunter2-ping http/1.1"),
        "{first:?}"
    );
    assert!(told.told().is_empty(), "nothing is wrong");

    house
        .repo
        .write("cluster/map.yaml", map("default", "one", "2"));
    house.repo.commit_unsigned("Forget to sign");
    house.repo.push();
    house.request();
    let event = next(&told, 0);
    assert_eq!(
        (&event["reason"], &event["severity"]),
        (&"NodeUnwell".into(), &"error".into())
    );
    assert_eq!(event["involvedObject"]["kind"], "Node");
    assert!(
        event["message"].as_str().unwrap().contains("is refused"),
        "{event}"
    );
    let silent = pings(&pinged);
    // One may have been on its way.
    wait::holds("no ping", A_WHILE, || pings(&pinged) <= silent + 1);
    // A restart tells nothing twice.
    house.agent.stop();
    house.agent.start();
    wait::holds("no message", A_WHILE, || told.told().len() == 1);

    house.repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    house.push(
        &[("cluster/map.yaml", &map("default", "one", "3"))],
        "Sign this time",
    );
    let event = next(&told, 1);
    assert_eq!(
        (&event["reason"], &event["severity"]),
        (&"NodeWell".into(), &"info".into())
    );
    pings_again(&pinged);

    house.control_plane.kill_api_server();
    let event = next(&told, 2);
    let message = event["message"].as_str().unwrap();
    assert!(message.contains("the API server at https://"), "{message}");
    house.control_plane.start_api_server();
    assert_eq!(next(&told, 3)["reason"], "NodeWell");
    pings_again(&pinged);
    assert!(!house.agent.log().contains("hunter2"), "a URL is a secret");
}
