use proptest::prelude::*;

use super::*;

const LEASE: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(10);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn record(holder: &str, transitions: u64, renewed: u64) -> Record {
    Record {
        holder: holder.to_owned(),
        duration: LEASE,
        transitions,
        renewed: renewed.to_string(),
        acquired: String::new(),
    }
}

fn election() -> Election {
    Election::new("a".to_owned(), RENEW)
}

#[test]
fn a_missing_lease_is_created_above_every_count_ever_seen() {
    let (election, action) = election().step(None, 100, seconds(0));
    assert_eq!(action, Action::Create { epoch: 100 });
    let (election, _) = election.step(Some(record("b", 500, 1)), 100, seconds(1));
    let (_, action) = election.step(None, 100, seconds(2));
    assert_eq!(action, Action::Create { epoch: 501 });
}

#[test]
fn a_released_lease_is_taken_at_once_and_a_held_one_only_after_it_stood_still() {
    let (_, action) = election().step(Some(record("", 4, 1)), 0, seconds(0));
    assert_eq!(action, Action::Take { epoch: 5 });
    let (election, action) = election().step(Some(record("b", 4, 1)), 0, seconds(100));
    assert_eq!(action, Action::Stand);
    let (election, action) = election.step(Some(record("b", 4, 1)), 0, seconds(114));
    assert_eq!(action, Action::Stand);
    let (election, action) = election.step(Some(record("b", 4, 2)), 0, seconds(115));
    assert_eq!(action, Action::Stand, "it was renewed");
    let (_, action) = election.step(Some(record("b", 4, 2)), 0, seconds(130));
    assert_eq!(action, Action::Take { epoch: 5 });
}

#[test]
fn leadership_counts_from_before_the_write_was_sent() {
    let election = election().wrote(5, record("a", 5, 1), seconds(10), seconds(14));
    assert_eq!(
        election.held(seconds(19)),
        Some(Held {
            epoch: 5,
            deadline: seconds(20)
        })
    );
    assert_eq!(election.held(seconds(20)), None);
}

#[test]
fn a_holder_renews_and_a_lapsed_one_takes_it_anew_under_a_new_count() {
    let election = election().wrote(5, record("a", 5, 1), seconds(0), seconds(0));
    let (election, action) = election.step(Some(record("a", 5, 1)), 0, seconds(2));
    assert_eq!(action, Action::Renew { epoch: 5 });
    let (_, action) = election.step(Some(record("a", 5, 1)), 0, seconds(10));
    assert_eq!(action, Action::Take { epoch: 6 });
}

#[test]
fn a_holder_whose_lease_was_taken_away_stands_by() {
    let election = election().wrote(5, record("a", 5, 1), seconds(0), seconds(0));
    let (election, action) = election.step(Some(record("b", 6, 2)), 0, seconds(2));
    assert_eq!(action, Action::Stand);
    assert_eq!(election.held(seconds(2)), None);
}

/// One process of the simulation: what it read, the write it has on the way, the answer that is on its way back.
struct Process {
    election: Election,
    read: Option<(Option<Record>, u64)>,
    write: Option<(Record, u64, Duration)>,
    answer: Option<(Record, Duration)>,
}

/// The one Lease, with its resourceVersion.
#[derive(Default)]
struct Server {
    lease: Option<Record>,
    version: u64,
    writes: u64,
}

impl Process {
    fn new(name: usize) -> Self {
        let election = Election::new(format!("p{name}"), RENEW);
        Self {
            election,
            read: None,
            write: None,
            answer: None,
        }
    }

    /// One of: the answer to a write arrives or is lost, the write arrives at the server, a read, a decision.
    fn turn(&mut self, server: &mut Server, now: Duration, lost: bool) {
        if let Some((record, sent)) = self.answer.take() {
            if !lost {
                self.election = self
                    .election
                    .clone()
                    .wrote(record.transitions, record, sent, now);
            }
        } else if let Some((record, version, sent)) = self.write.take() {
            if version == server.version && !lost {
                server.version += 1;
                server.lease = Some(record.clone());
                self.answer = Some((record, sent));
            }
        } else if let Some((lease, version)) = self.read.take() {
            self.decide(server, lease, version, now);
        } else {
            self.read = Some((server.lease.clone(), server.version));
        }
    }

    fn decide(&mut self, server: &mut Server, lease: Option<Record>, version: u64, now: Duration) {
        let (election, action) = self.election.clone().step(lease, 1, now);
        self.election = election;
        if let Action::Create { epoch } | Action::Take { epoch } | Action::Renew { epoch } = action
        {
            server.writes += 1;
            let mut record = record("", epoch, server.writes);
            record.holder.clone_from(&self.election.identity);
            self.write = Some((record, version, now));
        }
    }
}

/// A stretch of time in which some processes are awake and the others stopped, with who does something when.
fn stretch() -> impl Strategy<Value = (usize, Vec<(usize, u64, bool)>)> {
    let turn = (0_usize..3, 0_u64..1_500, proptest::bool::weighted(0.1));
    (1_usize..8, proptest::collection::vec(turn, 1..60))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Processes that are stopped, slow, racing for the Lease and losing answers: at no moment do two hold a proof, and
    /// a later proof never has a lower or the same epoch. (With a renew deadline longer than the Lease it fails.)
    #[test]
    fn never_do_two_lead_at_once(stretches in proptest::collection::vec(stretch(), 1..8)) {
        let mut processes = [Process::new(0), Process::new(1), Process::new(2)];
        let mut server = Server::default();
        let mut now = Duration::from_secs(1);
        let mut latest = (0_u64, usize::MAX);
        for (awake, (turn, pause, lost)) in stretches.into_iter().flat_map(|(awake, turns)| {
            turns.into_iter().map(move |turn| (awake, turn))
        }) {
            now += Duration::from_millis(pause);
            if let Some(process) = processes.get_mut(turn).filter(|_| awake & (1 << turn) != 0) {
                process.turn(&mut server, now, lost);
            }
            let leading: Vec<(u64, usize)> = processes
                .iter()
                .enumerate()
                .filter_map(|(index, process)| process.election.held(now).map(|held| (held.epoch, index)))
                .collect();
            prop_assert!(leading.len() <= 1, "two lead: {leading:?}");
            if let Some((epoch, index)) = leading.first() {
                prop_assert!(*epoch > latest.0 || (*epoch, *index) == latest, "{latest:?} then {epoch} {index}");
                latest = (*epoch, *index);
            }
        }
    }
}
