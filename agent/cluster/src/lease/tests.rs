//! The election as the elector runs it, simulated: what the pure step in `plan` promises must hold
//! between processes.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use windlass_plan::lease::{Action, Clock, Record, Seen, Settings, State, step};

const LEASE: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(10);

/// One process of the simulation: what it read, the write it has on the way, the answer that is on
/// its way back.
struct Process {
    settings: Settings,
    state: State,
    read: Option<(Seen, u64)>,
    write: Option<(Record, u64, Duration)>,
    answer: Option<(Record, Duration)>,
}

/// The one Lease, with its resourceVersion.
struct Server {
    lease: Seen,
    version: u64,
}

impl Process {
    fn new(name: usize) -> Self {
        let settings = Settings {
            identity: format!("p{name}"),
            lease_duration: LEASE,
            renew_deadline: RENEW,
            retry_period: Duration::from_secs(2),
        };
        Self {
            settings,
            state: State::default(),
            read: None,
            write: None,
            answer: None,
        }
    }

    /// One of: the answer to a write arrives or is lost, the write arrives at the server, a read, a
    /// decision.
    fn turn(&mut self, server: &mut Server, now: Duration, lost: bool) {
        if let Some((record, sent)) = self.answer.take() {
            if !lost {
                self.state.written(&self.settings, &record, sent);
            }
        } else if let Some((record, version, sent)) = self.write.take() {
            if version == server.version && !lost {
                server.version += 1;
                server.lease = Seen::Present(record.clone());
                self.answer = Some((record, sent));
            }
        } else if let Some((seen, version)) = self.read.take() {
            let milliseconds = i64::try_from(now.as_millis()).expect("a short simulation");
            let wall = Timestamp::from_millisecond(milliseconds).expect("a time");
            match step(
                &mut self.state,
                &self.settings,
                &seen,
                Clock { boot: now, wall },
            )
            .action
            {
                Action::Wait => {}
                Action::Create(record) | Action::Update(record) => {
                    self.write = Some((record, version, now))
                }
            }
        } else {
            self.read = Some((server.lease.clone(), server.version));
        }
    }
}

/// A stretch of time in which some processes are awake and the others stopped, with who does
/// something when.
fn stretch() -> impl Strategy<Value = (usize, Vec<(usize, u64, bool)>)> {
    let turn = (0_usize..3, 0_u64..1_500, proptest::bool::weighted(0.1));
    (1_usize..8, proptest::collection::vec(turn, 1..60))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Processes that are stopped, slow, racing for the Lease and losing answers: at no moment do
    /// two hold a proof, and a later proof never has a lower or the same epoch. (With a renew
    /// deadline longer than the Lease it fails.)
    #[test]
    fn never_do_two_lead_at_once(stretches in proptest::collection::vec(stretch(), 1..8)) {
        let mut processes = [Process::new(0), Process::new(1), Process::new(2)];
        let mut server = Server { lease: Seen::Absent, version: 0 };
        let mut now = Duration::from_secs(1);
        let mut latest = (-1, usize::MAX);
        for (awake, (turn, pause, lost)) in stretches.into_iter().flat_map(|(awake, turns)| {
            turns.into_iter().map(move |turn| (awake, turn))
        }) {
            now += Duration::from_millis(pause);
            if let Some(process) = processes.get_mut(turn).filter(|_| awake & (1 << turn) != 0) {
                process.turn(&mut server, now, lost);
            }
            let leading: Vec<(i64, usize)> = processes
                .iter()
                .enumerate()
                .filter_map(|(index, process)| process.state.leading(now).map(|leading| (leading.epoch, index)))
                .collect();
            prop_assert!(leading.len() <= 1, "two lead: {leading:?}");
            if let Some((epoch, index)) = leading.first() {
                prop_assert!(*epoch > latest.0 || (*epoch, *index) == latest, "{latest:?} then {epoch} {index}");
                latest = (*epoch, *index);
            }
        }
    }
}
