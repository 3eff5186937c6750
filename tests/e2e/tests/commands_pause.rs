//! `windlass pause`: nothing is written by any node, the rest goes on, and it ends.

use std::time::Duration;

use windlass_kit::agent::{Agent, windlass};
use windlass_kit::controlplane::audit::Mark;
use windlass_kit::controlplane::{Options, User};
use windlass_kit::wait;

use crate::commands::Ran;
use crate::house::{House, config_map, namespace};
use crate::tenant::map;

const LIMIT: Duration = Duration::from_secs(60);

fn run(house: &House, line: &str) -> Ran {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let kubeconfig = house.control_plane.kubeconfig(User::Admin);
    Ran::of(&windlass(&kubeconfig, &arguments))
}

/// Waits until a node has seen the pause; gives the end of the audit log then.
fn paused(house: &House, times: usize) -> Mark {
    wait::until_true("the agent to see the pause", LIMIT, || {
        let said = house.agent.log();
        said.matches("paused: nothing is written").count() == times
    });
    house.control_plane.audit().mark()
}

/// What a node has written since; the Lease is how it goes on being the leader.
fn written(house: &House, user: User, since: Mark) -> Vec<String> {
    let requests = house.control_plane.audit().requests(user, since);
    let writes = requests
        .iter()
        .filter(|one| one.writes() && one.resource != "leases");
    writes
        .map(|one| format!("{} {}", one.verb, one.uri))
        .collect()
}

/// Waits until the objects of a commit have been fetched.
fn fetched(house: &House, commit: &str) {
    wait::until_true("the new commit to be fetched", LIMIT, || {
        let requests = house.git.requests();
        let mut asked = requests.iter().filter(|one| one.status == 200);
        asked.any(|one| String::from_utf8_lossy(&one.body).contains(&format!("want {commit}")))
    });
}

#[test]
fn a_pause_stops_every_write_but_not_fetching_and_ends_by_itself() {
    let mut house = House::start(&[
        ("app.yaml", &map("default", "app", "one")),
        (
            "ns.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n",
        ),
    ]);
    let app = config_map("default", "app");
    run(&house, "pause --for 25s --reason moving-house")
        .done()
        .says(&["✔ paused for 2", "moving-house", "no node writes anything"]);
    let mark = paused(&house, 1);
    // Drift, a new commit, and an object made by hand: all wait.
    house.admin().delete(&app);
    let commit = house.repo.publish(
        &[("app.yaml", &map("default", "app", "two"))],
        "While paused",
        &house.signer,
    );
    fetched(&house, &commit);
    for line in [
        "get all -A",
        "get sources git",
        "get kustomizations",
        "describe kustomization flux-system",
        "tree kustomization flux-system",
        "events",
        "logs",
        "check",
        "status",
        "version",
        "suspend kustomization flux-system",
        "resume kustomization flux-system --wait=false",
    ] {
        run(&house, line)
            .done()
            .says(&["⚠️ paused for ", "moving-house"]);
    }
    run(&house, "reconcile kustomization flux-system")
        .failed()
        .says(&["paused", "► end the pause with `windlass unpause`"]);
    assert!(
        house.admin().get(&app).is_none(),
        "it has not been put back"
    );
    let log = house.agent.log();
    assert!(!log.contains("the pause was taken back"), "{log}");
    assert_eq!(written(&house, User::Agent, mark), Vec::<String>::new());

    // Nobody ends it.
    house.applied(&commit);
    let app = house.admin().get(&app).expect("it was put back");
    assert_eq!(app["data"]["value"], "two");
    let after = run(&house, "get all -A").done();
    assert_eq!(after.progress, "", "no banner any more");
    assert!(house.admin().get(&namespace("team")).is_some());
}

#[test]
fn a_pause_without_an_end_holds_for_the_next_leading_node_until_it_is_taken_back() {
    let terms = [
        ("lease_duration", "5s"),
        ("renew_deadline", "3s"),
        ("retry_period", "1s"),
    ];
    let short = |agent: &mut Agent| {
        for (key, value) in terms {
            agent.set("leadership", key, value);
        }
    };
    let mut house = House::start_with(
        &Options::api_server(),
        &[("app.yaml", &map("default", "app", "one"))],
        short,
    );
    run(&house, "pause")
        .done()
        .says(&["paused until `windlass unpause`"]);
    paused(&house, 1);
    let mark = house.control_plane.audit().mark();
    house.agent.kill();
    let mut second = house.second_agent();
    short(&mut second);
    second.start();
    wait::until_true("the second node to lead", LIMIT, || {
        second.log().contains("this node leads")
    });
    let commit = house.repo.publish(
        &[("app.yaml", &map("default", "app", "two"))],
        "While paused",
        &house.signer,
    );
    fetched(&house, &commit);
    wait::holds("nothing is applied", Duration::from_secs(3), || {
        let app = house.admin().get(&config_map("default", "app"));
        app.is_some_and(|app| app["data"]["value"] == "one")
    });
    for user in [User::Agent, User::Tenant] {
        assert_eq!(written(&house, user, mark), Vec::<String>::new());
    }
    run(&house, "status")
        .done()
        .says(&["⚠️ paused until `windlass unpause`", "node-b, windlass "]);
    run(&house, "unpause")
        .done()
        .says(&["✔ the pause is over; nodes write again"]);
    house.applied(&commit);
    run(&house, "unpause").done().says(&["✔ nothing is paused"]);
    let asked = run(&house, "reconcile kustomization flux-system --with-source").done();
    assert!(!asked.progress.contains("paused"), "{}", asked.progress);
}
