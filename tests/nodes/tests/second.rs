//! A second node joins the cluster of the first one.

use crate::house::House;
use crate::node::Node;

#[test]
fn a_second_node_stands_by_and_one_that_would_begin_with_another_commit_is_refused() {
    let (Some(node), Some(second)) = (Node::boot("node-a"), Node::boot("node-b")) else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    let later = house.publish("green");
    house.reconciles();
    house.status_is(&format!("leader, main@sha1:{later}, 1/1 ready"));

    let leader = std::mem::replace(&mut house.node, second);
    house.put_what_a_node_has();
    let join = |commit: &str| {
        let answer = house
            .node
            .install(&format!("{} --introduction {commit}", house.arguments()));
        (answer.code, answer.output)
    };
    let (code, output) = join(&later);
    assert_eq!(code, Some(1), "{output}");
    let why =
        format!("would begin with {later}, and node node-a of this cluster begins with {first}");
    assert!(output.contains(&why), "{output}");
    assert!(output.contains("nothing was started"), "{output}");
    house
        .node
        .sh("! systemctl is-active windlass; ! ls /etc/windlass/config.toml");

    let (code, output) = join(&first);
    assert_eq!(code, Some(0), "{output}");
    house.status_is(&format!("standby, main@sha1:{later}, 1/1 ready"));
    let screen = house.node.sh("windlass status");
    for node in ["node-a", "node-b"] {
        assert!(screen.contains(node), "{screen}");
    }
    drop(leader);
}
