//! T44: a node whose clock is wrong. Only the units believe the wrong time; the cluster and the test know the right one.

use windlass_kit::wait;

use crate::house::{House, SOON};
use crate::node::Node;

const LONG_AGO: &str = "@1970-01-01 00:01:00";
const AHEAD: &str = "@2099-01-01 00:00:00";
/// The certificates of the kit are good until 4096.
const FAR_AHEAD: &str = "@4100-01-01 00:00:00";
/// An hour more each minute.
const RUNS_AWAY: &str = "+0 x60";

const UNITS: [&str; 2] = ["windlass.service", "windlass-net.service"];

#[test]
fn t44_a_node_works_on_with_a_clock_that_is_behind_and_comes_back_from_one_that_is_ahead() {
    let Some(node) = Node::boot("clock") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    house.a_board_that_boots_in_1970_corrects_and_says_what_is_wrong();
    house.the_right_time_brings_it_back("green");
    house.a_clock_that_is_ahead_is_named();
    house.the_right_time_brings_it_back("yellow");
    house.a_clock_that_runs_away_changes_nothing();
}

impl House {
    pub(crate) fn live_in(&self, time: &str) {
        for unit in UNITS {
            let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
            let text = format!(
                "[Service]\nEnvironment=LD_PRELOAD={library} \"FAKETIME={time}\" FAKETIME_DONT_FAKE_MONOTONIC=1 \
                 FAKETIME_NO_CACHE=1\n"
            );
            self.drop_in(unit, "clock", &text);
        }
        self.begin_anew();
    }

    fn begin_anew(&self) {
        self.node.sh("systemctl daemon-reload; systemctl stop windlass-net.service; systemctl restart windlass");
    }

    pub(crate) fn status_has(&self, parts: &[&str]) {
        wait::until(&format!("the status to have {parts:?}"), SOON, || {
            let status = self.node.property("windlass", "StatusText");
            if parts.iter().all(|part| status.contains(part)) {
                Ok(())
            } else {
                Err(status)
            }
        });
    }

    /// What was accepted is proved and applied at any time; the Git host, which anybody could be, waits for the right one.
    fn a_board_that_boots_in_1970_corrects_and_says_what_is_wrong(&mut self) {
        self.live_in(LONG_AGO);
        let year = "exec 2>&1; P=$(systemctl show windlass --value --property=MainPID); \
                    tr '\\0' '\\n' </proc/$P/environ | grep FAKETIME=";
        assert!(self.node.sh(year).contains("1970"));
        let kept = self.repo.id("HEAD");
        self.status_has(&["leader", &kept, "1/1 ready", "not fetched"]);
        self.repaint("red");
        self.colour_is("blue");
        self.publish("green");
        self.says_in_the_journal("By it the certificate is not of this time");
        self.repaint("red");
        self.colour_is("blue");
    }

    pub(crate) fn the_right_time_brings_it_back(&mut self, colour: &str) {
        for unit in UNITS {
            self.node
                .sh(&format!("rm /etc/systemd/system/{unit}.d/clock.conf"));
        }
        self.begin_anew();
        let commit = self.publish(colour);
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is(colour);
    }

    /// Ahead, nothing is wrong but what a certificate says; when none is good any more nothing can be done, and it is said.
    fn a_clock_that_is_ahead_is_named(&mut self) {
        self.live_in(AHEAD);
        let commit = self.publish("purple");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is("purple");
        self.live_in(FAR_AHEAD);
        self.status_has(&["standby", "API server does not answer"]);
        self.says_in_the_journal("By it the certificate of the API server is not of this time");
    }

    fn a_clock_that_runs_away_changes_nothing(&mut self) {
        self.live_in(RUNS_AWAY);
        let commit = self.publish("white");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.repaint("red");
        self.colour_is("white");
    }

    fn says_in_the_journal(&self, text: &str) {
        wait::until(&format!("the journal to say {text}"), SOON, || {
            let query = "--unit=windlass --unit=windlass-net --output=cat --no-pager";
            let said = self.node.sh(&format!("journalctl {query}"));
            if said.contains(text) {
                Ok(())
            } else {
                Err(said)
            }
        });
    }
}
