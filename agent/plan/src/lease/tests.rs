use proptest::prelude::*;

use super::*;

fn settings(identity: &str) -> Settings {
    Settings {
        identity: identity.to_owned(),
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    }
}

fn clock(milliseconds: u64) -> Clock {
    let wall =
        Timestamp::from_millisecond(1_767_225_600_000 + i64::try_from(milliseconds).unwrap());
    Clock {
        boot: Duration::from_millis(milliseconds),
        wall: wall.unwrap(),
    }
}

/// One node and what it last decided.
struct Node {
    state: State,
    settings: Settings,
}

impl Node {
    fn new(identity: &str) -> Self {
        Self {
            state: State::default(),
            settings: settings(identity),
        }
    }

    /// Reads the Lease, steps, and writes at once.
    fn turn(&mut self, lease: &mut Option<Record>, now: Clock) -> Action {
        let seen = lease.clone().map_or(Seen::Absent, Seen::Present);
        let step = step(&mut self.state, &self.settings, &seen, now);
        if let Action::Create(record) | Action::Update(record) = &step.action {
            *lease = Some(record.clone());
            self.state.written(&self.settings, record, now.boot);
        }
        step.action
    }

    fn epoch(&self, now: Clock) -> Option<i64> {
        self.state.leading(now.boot).map(|leading| leading.epoch)
    }
}

#[test]
fn the_first_node_creates_the_lease_and_renews_it() {
    let (mut lease, mut node) = (None, Node::new("a"));
    assert!(matches!(node.turn(&mut lease, clock(0)), Action::Create(_)));
    let first = lease.clone().unwrap();
    assert_eq!(
        (
            first.holder.as_str(),
            first.duration_seconds,
            first.transitions
        ),
        ("a", 15, 0)
    );
    assert_eq!(node.epoch(clock(0)), Some(0));
    assert!(matches!(
        node.turn(&mut lease, clock(2000)),
        Action::Update(_)
    ));
    let renewed = lease.unwrap();
    assert_eq!((renewed.acquired, renewed.transitions), (first.acquired, 0));
    assert!(renewed.renewed > first.renewed);
}

#[test]
fn a_leader_that_cannot_renew_stops_before_others_may_start() {
    let (mut lease, mut node) = (None, Node::new("a"));
    node.turn(&mut lease, clock(0));
    for now in [2000, 5000, 9999] {
        let step = step(
            &mut node.state,
            &node.settings,
            &Seen::Unreadable,
            clock(now),
        );
        assert_eq!(
            (step.action, step.next),
            (Action::Wait, Duration::from_secs(2))
        );
        assert_eq!(node.epoch(clock(now)), Some(0));
    }
    assert_eq!(node.epoch(clock(10_000)), None);
    // It finds its own name again and takes a new epoch, so that what it left behind is stale.
    node.turn(&mut lease, clock(11_000));
    assert_eq!(node.epoch(clock(11_000)), Some(1));
}

#[test]
fn a_standby_waits_a_whole_duration_on_its_own_clock() {
    let (mut lease, mut leader, mut standby) = (None, Node::new("a"), Node::new("b"));
    leader.turn(&mut lease, clock(0));
    // The renewal time in the Lease is in the far future or past: it is never looked at.
    lease.as_mut().unwrap().renewed = Some(Timestamp::MAX);
    assert_eq!(standby.turn(&mut lease, clock(5000)), Action::Wait);
    assert_eq!(standby.state.holder(), Some("a"));
    assert_eq!(standby.turn(&mut lease, clock(19_999)), Action::Wait);
    assert!(matches!(
        standby.turn(&mut lease, clock(20_000)),
        Action::Update(_)
    ));
    assert_eq!(standby.epoch(clock(20_000)), Some(1));
    leader.turn(&mut lease, clock(20_001));
    assert_eq!(leader.epoch(clock(20_001)), None);
}

#[test]
fn the_wait_ends_when_the_lease_does() {
    let (mut lease, mut leader, mut standby) = (None, Node::new("a"), Node::new("b"));
    leader.turn(&mut lease, clock(0));
    let seen = Seen::Present(lease.unwrap());
    step(&mut standby.state, &standby.settings, &seen, clock(0));
    let step = step(&mut standby.state, &standby.settings, &seen, clock(14_500));
    assert_eq!(step.next, Duration::from_millis(500));
}

#[test]
fn a_released_lease_is_taken_at_once_with_a_new_epoch() {
    let (mut lease, mut leader, mut standby) = (None, Node::new("a"), Node::new("b"));
    leader.turn(&mut lease, clock(0));
    standby.turn(&mut lease, clock(500));
    let freed = leader.state.release(clock(1000)).unwrap();
    assert_eq!((freed.holder.as_str(), freed.duration_seconds), ("", 1));
    leader
        .state
        .written(&leader.settings, &freed, clock(1000).boot);
    assert_eq!(leader.epoch(clock(1000)), None);
    assert_eq!(leader.state.release(clock(1000)), None);
    lease = Some(freed);
    standby.turn(&mut lease, clock(1001));
    assert_eq!(standby.epoch(clock(1001)), Some(1));
}

#[test]
fn a_restarted_node_takes_its_own_lease_at_once_with_a_new_epoch() {
    let (mut lease, mut before) = (None, Node::new("a"));
    before.turn(&mut lease, clock(0));
    let mut after = Node::new("a");
    after.turn(&mut lease, clock(1000));
    assert_eq!(after.epoch(clock(1000)), Some(1));
    before.turn(&mut lease, clock(1500));
    assert_ne!(before.epoch(clock(1500)), Some(0));
}

#[test]
fn a_lease_that_was_deleted_comes_back_with_a_higher_epoch() {
    let (mut lease, mut node) = (None, Node::new("a"));
    node.turn(&mut lease, clock(0));
    lease.as_mut().unwrap().transitions = 7;
    node.turn(&mut lease, clock(1000));
    assert_eq!(node.epoch(clock(1000)), Some(8));
    lease = None;
    node.turn(&mut lease, clock(2000));
    assert_eq!(node.epoch(clock(2000)), Some(9));
    let mut fresh = Node::new("b");
    fresh.state.raise_floor(40);
    fresh.turn(&mut None, clock(0));
    assert_eq!(fresh.epoch(clock(0)), Some(41));
}

#[test]
fn a_higher_epoch_on_an_object_ends_the_leadership() {
    let (mut lease, mut node) = (None, Node::new("a"));
    node.turn(&mut lease, clock(0));
    node.state.raise_floor(0);
    assert_eq!(node.epoch(clock(1)), Some(0));
    node.state.raise_floor(3);
    assert_eq!(node.epoch(clock(1)), None);
    node.turn(&mut lease, clock(2));
    assert_eq!(node.epoch(clock(2)), Some(4));
}

#[test]
fn a_lease_reads_back_what_it_writes_in_gos_format() {
    let record = Record {
        holder: "node_1".to_owned(),
        duration_seconds: 15,
        acquired: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        renewed: Some("2026-01-01T00:00:00.123456Z".parse().unwrap()),
        transitions: 3,
    };
    let spec = record.to_spec();
    assert_eq!(
        spec,
        json!({"holderIdentity": "node_1", "leaseDurationSeconds": 15, "leaseTransitions": 3,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.123456Z"})
    );
    assert_eq!(Record::from_lease(&json!({"spec": spec})), record);
    assert_eq!(
        Record::from_lease(&json!({"spec": {"renewTime": 5}})),
        Record::default()
    );
    assert_eq!(Record::from_lease(&json!(null)), Record::default());
    assert_eq!(Record::default().to_spec().as_object().unwrap().len(), 3);
}

/// What happens next in a simulated cluster.
#[derive(Debug, Clone)]
enum Event {
    Turn(usize),
    /// The node's request hangs: it read the Lease, and writes later if nothing changed.
    Read(usize),
    Write(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0usize..3).prop_map(Event::Turn),
        (0usize..3).prop_map(Event::Read),
        (0usize..3).prop_map(Event::Write),
        (1u64..9000).prop_map(Event::Pass),
    ]
}

/// A read that a node has not acted on yet.
type Pending = Option<(Seen, u64)>;

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 2000, ..ProptestConfig::default()
    })]

    #[test]
    fn two_nodes_never_lead_at_once_and_epochs_only_rise(
        events in proptest::collection::vec(event(), 0..80)
    ) {
        let mut lease: Option<Record> = None;
        let mut version = 0u64;
        let mut now = 0;
        let mut highest = -1;
        let mut nodes: Vec<Node> = ["a", "b", "c"].map(Node::new).into_iter().collect();
        let mut pending: Vec<Pending> = vec![None, None, None];
        for event in events {
            match event {
                Event::Pass(time) => now += time,

                Event::Turn(at) => {
                    nodes[at].turn(&mut lease, clock(now));
                    version += 1;
                }
                Event::Read(at) => {
                    let seen = lease.clone().map_or(Seen::Absent, Seen::Present);
                    pending[at] = Some((seen, version));
                }
                Event::Write(at) => {
                    let Some((seen, read_version)) = pending[at].take() else { continue };
                    let node = &mut nodes[at];
                    let step = step(&mut node.state, &node.settings, &seen, clock(now));
                    if let Action::Create(record) | Action::Update(record) = step.action
                        && read_version == version
                    {
                        node.state.written(&node.settings, &record, clock(now).boot);
                        lease = Some(record);
                        version += 1;
                    }
                }
            }
            let leading: Vec<i64> = nodes.iter().filter_map(|node| node.epoch(clock(now))).collect();
            prop_assert!(leading.len() <= 1, "{leading:?} at {now}");
            if let Some(epoch) = leading.first() {
                prop_assert!(*epoch >= highest, "{epoch} after {highest}");
                highest = *epoch;
            }
        }
    }
}
