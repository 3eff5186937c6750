//! A node whose /usr takes nothing, as of Flatcar or CoreOS.

use crate::house::House;
use crate::node::Node;

#[test]
fn where_usr_is_read_only_it_is_installed_in_opt_upgraded_and_removed() {
    let Some(node) = Node::boot("read-only") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house
        .node
        .sh("mount --bind /usr /usr && mount -o remount,bind,ro /usr && ! touch /usr/bin/anything");
    house.put_what_a_node_has();
    let answer = house
        .node
        .install(&format!("{} --dry-run", house.arguments()));
    assert!(
        answer.output.contains("binary: /opt/bin/windlass"),
        "{answer:?}"
    );
    house.install(&first);
    let node = &house.node;
    node.sh("cmp /opt/windlass /opt/bin/windlass; ls /opt/man/man1/windlass-get.1; /opt/bin/windlass get all -A --kubeconfig /etc/windlass/admin-kubeconfig");
    node.sh("cmp /opt/windlass /proc/$(systemctl show --value --property=MainPID windlass)/exe");
    for unit in ["windlass", "windlass-net"] {
        node.sh(&format!(
            "systemd-analyze security --threshold=20 {unit}.service"
        ));
    }
    let before = house.agent();
    let answer = node.install("--binary /opt/windlass");
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    assert_ne!(house.agent(), before);
    house.status_is(&format!("leader, main@sha1:{first}, 1/1 ready"));
    house.repaint("red");
    house.colour_is("blue");

    let answer = house.node.install("--uninstall");
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    let left = house
        .node
        .sh("find / -xdev -name '*windlass*' -not -path '/var/log/*' -not -path /opt/windlass");
    assert_eq!(left, "", "nothing is left");
    house.colour_is("blue");
}
