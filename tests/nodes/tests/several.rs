//! Three nodes, then five: one leads, the others copy from it, and whoever goes is replaced in time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use windlass_kit::wait;

use crate::network::{Network, Way};
use crate::town::{PATIENCE, Town, host, name};

/// The promises of hand-over.
const AFTER_A_STOP: Duration = Duration::from_secs(2);
const AFTER_A_CRASH: Duration = Duration::from_secs(15);

#[test]
fn of_three_and_five_nodes_one_leads_and_asks_outside_and_is_replaced_in_time() {
    let Some(mut town) = Town::of(3) else {
        return;
    };
    let memory = town.node(1).sh("cat /proc/$(systemctl show --value --property=MainPID windlass)/smaps_rollup | sed -n 's/^Pss: *//p'");
    eprintln!("a standby has {memory} PSS");
    town.only_the_leader_asks_outside("green");
    town.one_uplink_is_enough("yellow");
    town.a_leader_that_stops_is_followed_at_once("yellow");
    town.grow(2);
    town.a_leader_that_dies_is_followed_in_time("yellow");
    town.a_leader_that_is_cut_off_is_followed_and_harms_nothing("white");
    town.a_leader_that_is_frozen_is_followed_and_harms_nothing("black");
    town.only_the_leader_asks_outside("purple");
}

impl Town {
    /// By the addresses that the nodes have by default, at the port that is theirs.
    fn only_the_leader_asks_outside(&mut self, colour: &str) {
        let leader = self.led_by();
        for node in 0..self.nodes.len() {
            self.says(node, "may ask this one");
        }
        let outside = |town: &Town| town.git_host.as_ref().map(|relay| relay.asked());
        // Who has asked for itself while the nodes did not know each other is done with it now.
        let only = [Network::outside(host(leader))];
        wait::until("only the leader to ask", PATIENCE, || {
            outside(self);
            std::thread::sleep(Duration::from_secs(12));
            let asked = outside(self).unwrap_or_default();
            match asked.iter().all(|from| only.contains(from)) {
                true => Ok(()),
                false => Err(format!("{asked:?}")),
            }
        });
        let commit = self.publish(colour);
        self.all_have(&commit);
        self.colour_is(colour);
        let asked = outside(self).unwrap_or_default();
        let others: Vec<&IpAddr> = asked.iter().filter(|from| !only.contains(from)).collect();
        assert!(others.is_empty() && !asked.is_empty(), "{asked:?}");
    }

    fn one_uplink_is_enough(&mut self, colour: &str) {
        let leader = self.led_by();
        let with = (leader + 1) % self.nodes.len();
        let without: Vec<usize> = (0..self.nodes.len()).filter(|node| *node != with).collect();
        for node in &without {
            self.network.unplug(host(*node), Way::Uplink);
        }
        let commit = self.publish(colour);
        self.all_have(&commit);
        self.colour_is(colour);
        assert_eq!(self.leader(), Some(leader), "it leads all the same");
        for node in &without {
            self.network.connect(host(*node), Way::Uplink);
        }
    }

    fn a_leader_that_stops_is_followed_at_once(&self, colour: &str) {
        let leader = self.led_by();
        let start = Instant::now();
        self.node(leader).sh("systemctl stop windlass");
        let (next, taken) = self.another_leads(leader, start);
        eprintln!("stopped: {} leads after {taken:?}", name(next));
        assert!(taken < AFTER_A_STOP, "{taken:?}");
        self.is_corrected(colour);
        self.node(leader).sh("systemctl start windlass");
        self.has(leader, &["standby"]);
    }

    fn a_leader_that_dies_is_followed_in_time(&mut self, colour: &str) {
        let leader = self.led_by();
        let start = Instant::now();
        self.nodes.get_mut(leader).expect("it was made").power_off();
        let (next, taken) = self.another_leads(leader, start);
        eprintln!("dead: {} leads after {taken:?}", name(next));
        assert!(taken < AFTER_A_CRASH, "{taken:?}");
        self.is_corrected(colour);
        self.nodes.get_mut(leader).expect("it was made").power_on();
        self.has(leader, &["standby"]);
    }

    /// T49. It has news to apply that only the others have seen when it comes back.
    fn a_leader_that_is_cut_off_is_followed_and_harms_nothing(&mut self, colour: &str) {
        let leader = self.led_by();
        let start = Instant::now();
        self.network.swallow(host(leader), Way::Lan);
        let (next, taken) = self.another_leads(leader, start);
        eprintln!("cut off: {} leads after {taken:?}", name(next));
        assert!(taken < AFTER_A_CRASH, "{taken:?}");
        self.publish(colour);
        self.colour_is(colour);
        self.comes_back_and_writes_nothing(leader, colour, |town| {
            town.network.connect(host(leader), Way::Lan);
        });
    }

    fn a_leader_that_is_frozen_is_followed_and_harms_nothing(&mut self, colour: &str) {
        let leader = self.led_by();
        let signal = |town: &Self, signal: &str| {
            let words = format!("systemctl kill --kill-who=main --signal={signal} windlass");
            town.node(leader).sh(&words);
        };
        let start = Instant::now();
        signal(self, "STOP");
        let (next, taken) = self.another_leads(leader, start);
        eprintln!("frozen: {} leads after {taken:?}", name(next));
        assert!(taken < AFTER_A_CRASH, "{taken:?}");
        self.publish(colour);
        self.colour_is(colour);
        self.comes_back_and_writes_nothing(leader, colour, |town| signal(town, "CONT"));
    }

    fn comes_back_and_writes_nothing(&self, node: usize, colour: &str, come: impl Fn(&Self)) {
        let before = self.written();
        let mark = self.control_plane.audit().mark();
        come(self);
        self.has(node, &["standby"]);
        wait::holds("what the new leader wrote", Duration::from_secs(3), || {
            self.written() == before
        });
        let user = format!("system:serviceaccount:flux-system:windlass-{}", name(node));
        let requests = self.control_plane.audit().all(mark);
        let written: Vec<_> = requests
            .iter()
            .filter(|request| request.user == user && request.writes())
            .filter(|request| request.resource != "leases" && request.status < 300)
            .collect();
        assert!(written.is_empty(), "{written:#?}");
        self.is_corrected(colour);
    }
}
