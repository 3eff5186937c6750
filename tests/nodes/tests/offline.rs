//! T43: a month without name server and Git host, a restart a day and power cuts. Only the units believe the days.

use crate::house::House;
use crate::node::Node;

const DAYS: u32 = 30;
/// So often the power is cut too.
const CUT: u32 = 10;

#[test]
fn t43_thirty_days_offline_with_a_restart_a_day_the_cluster_is_corrected_and_then_news_is_taken() {
    let Some(node) = Node::boot("offline") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.node.put(
        "/etc/windlass/config.d/often.toml",
        "[root]\ninterval = \"10s\"\n",
    );
    house
        .node
        .sh("chmod 0644 /etc/windlass/config.d/often.toml");
    house.install(&first);
    house.git.stop();
    let missed = house.publish("green");
    for day in 1..=DAYS {
        if day % CUT == 0 {
            house.node.power_off();
            house.node.power_on();
        }
        house.live_in(&format!("+{day}d"));
        house.repaint("red");
        house.colour_is("blue");
        assert_eq!(house.node.property("windlass", "ActiveState"), "active");
    }
    house.status_has(&["leader", &first, "1/1 ready, offline since "]);
    // The token is one of 30 days, renewed on the way.
    house.node.sh("test -s /var/lib/windlass/kubeconfig");
    house.git.restart();
    house.status_has(&["leader", &missed, "1/1 ready"]);
    house.colour_is("green");
    house.the_right_time_brings_it_back("yellow");
}
