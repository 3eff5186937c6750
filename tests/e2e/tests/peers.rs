//! Several nodes copy from each other: only the leader asks the Git host, one uplink is enough, and nobody is believed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use windlass_kit::agent::Agent;
use windlass_kit::controlplane::Options;
use windlass_kit::git;
use windlass_kit::ports::Port;
use windlass_kit::repo::Signer;
use windlass_kit::wait;

use crate::house::House;
use crate::ratchet::witnessed;
use crate::tenant::map;

/// What an agent logs that answers the others.
const ANSWERS: &str = "may ask this one";

fn one(value: &str) -> String {
    map("default", "root", value)
}

/// Lets an agent take part, and ask the Git host under its own name.
fn takes_part(agent: &mut Agent, node: &str) -> Port {
    let port = Port::claim();
    let password = agent.path().join("password");
    std::fs::write(&password, "any\n").unwrap();
    std::fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    agent.set("node", "name", node);
    agent.set("root", "username", node);
    agent.set("root", "password_file", password.to_str().unwrap());
    agent.set("peers", "listen", &format!("127.0.0.1:{}", port.number()));
    port
}

/// A house whose first agent leads, and another agent.
struct Neighbours {
    house: House,
    second: Agent,
    _ports: [Port; 2],
}

fn neighbours() -> Neighbours {
    let files = [("root.yaml", one("one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house =
        House::prepare_with_git(&Options::api_server(), &git::Options::default(), &files);
    let first_port = takes_part(&mut house.agent, "node-a");
    house.agent.start();
    house.root_ready();
    let mut second = house.second_agent();
    let second_port = takes_part(&mut second, "node-b");
    second.start();
    wait::until(
        "the nodes to know each other",
        Duration::from_secs(60),
        || {
            let both = [&house.agent, &second].map(Agent::log);
            match both.iter().all(|log| log.contains(ANSWERS)) {
                true => Ok(()),
                false => Err(both.concat()),
            }
        },
    );
    Neighbours {
        house,
        second,
        _ports: [first_port, second_port],
    }
}

fn asked_by(house: &House, user: &str) -> usize {
    let requests = house.git.requests();
    requests
        .iter()
        .filter(|request| request.user == user)
        .count()
}

/// Waits for so many further requests of a node.
fn asks_again(house: &House, user: &str, times: usize) {
    let before = asked_by(house, user);
    wait::until("the node to ask", Duration::from_secs(90), || {
        match asked_by(house, user) >= before + times {
            true => Ok(()),
            false => Err(house.agent.log()),
        }
    });
}

#[test]
fn only_the_leader_asks_the_git_host_and_a_push_reaches_all() {
    let Neighbours {
        mut house, second, ..
    } = neighbours();
    let two = house.push(&[("root.yaml", &one("two"))], "Two");
    house.applied(&two);
    witnessed(&house, "node-b", &two);
    assert!(
        second.log().contains("copied from another node"),
        "{}",
        second.log()
    );
    house.git.clear_requests();
    let pushed = Instant::now();
    let three = house.push(&[("root.yaml", &one("three"))], "Three");
    witnessed(&house, "node-b", &three);
    eprintln!(
        "a push was verified on both nodes after {:?}",
        pushed.elapsed()
    );
    asks_again(&house, "node-a", 4);
    assert_eq!(asked_by(&house, "node-b"), 0, "{:?}", second.log());
    eprintln!("standby: {} MB", second.memory() / 1_000_000);
}

#[test]
fn one_node_with_an_uplink_is_enough_and_without_any_each_goes_on() {
    let Neighbours {
        mut house,
        mut second,
        ..
    } = neighbours();
    let mut third = house.second_agent();
    let _port = takes_part(&mut third, "node-c");
    third.start();
    witnessed(&house, "node-c", &house.repo.id("HEAD"));
    house.git.cut_off(&["node-a", "node-c", ""]);
    let two = [("root.yaml", &*one("two"))];
    let two = house.repo.publish(&two, "Two", &house.signer);
    witnessed(&house, "node-b", &two);
    house.applied(&two);
    witnessed(&house, "node-c", &two);
    for agent in [&house.agent, &third] {
        assert!(agent.log().contains("copied from another node"));
    }
    // Both neighbours are gone: the leader has to do by itself again.
    second.stop();
    third.stop();
    house.git.cut_off(&[]);
    let three = house.push(&[("root.yaml", &one("three"))], "Three");
    house.applied(&three);
}

/// Nodes that know each other need no notes to ask at their interval.
#[test]
fn without_the_api_server_a_push_still_reaches_all_by_way_of_one() {
    let Neighbours { house, second, .. } = neighbours();
    let mut house = house;
    let two = house.push(&[("root.yaml", &one("two"))], "Two");
    witnessed(&house, "node-b", &two);
    house.control_plane.kill_api_server();
    house.git.clear_requests();
    let three = [("root.yaml", &*one("three"))];
    let three = house.repo.publish(&three, "Three", &house.signer);
    wait::until("the other node to have it", Duration::from_secs(60), || {
        let log = second.log();
        let accepted = log.lines().filter(|line| line.contains("accepted"));
        match accepted.into_iter().any(|line| line.contains(&three)) {
            true => Ok(()),
            false => Err(log),
        }
    });
    assert_eq!(asked_by(&house, "node-b"), 0, "{}", second.log());
    house.control_plane.start_api_server();
    house.applied(&three);
}

/// The leader holds a history that only it accepts; then one that is behind.
#[test]
fn a_node_with_another_history_is_not_believed_and_the_git_host_is_asked() {
    let files = [("root.yaml", one("one"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut house = House::prepare(&Options::api_server(), &files);
    let honest = house.repo.id("HEAD");
    let stranger = Signer::new("stranger@example.com");
    let both = house.signer.allowed_signers() + &stranger.allowed_signers();
    house.agent.write_signers(&both);
    let port = takes_part(&mut house.agent, "node-a");
    let theirs = house
        .repo
        .publish(&[("root.yaml", &one("theirs"))], "Theirs", &stranger);
    house.agent.start();
    house.applied(&theirs);
    // From now on the leader hears of nothing, and the branch is what it was before.
    house.git.cut_off(&["node-a"]);
    house.repo.git(&["reset", "--quiet", "--hard", &honest]);
    let ours = house
        .repo
        .publish(&[("root.yaml", &one("ours"))], "Ours", &house.signer);
    let mut second = house.second_agent();
    let other_port = takes_part(&mut second, "node-b");
    second.set("node", "role", "cache");
    second.start();
    witnessed(&house, "node-b", &ours);
    let refused = format!("it has {theirs}, which is not taken");
    wait::until(
        "the leader to be asked",
        Duration::from_secs(60),
        || match second.log().contains(&refused) {
            true => Ok(()),
            false => Err(second.log()),
        },
    );
    let next = house
        .repo
        .publish(&[("root.yaml", &one("next"))], "Next", &house.signer);
    witnessed(&house, "node-b", &next);
    assert!(!second.log().contains("copied from"), "{}", second.log());
    drop((port, other_port));
}
