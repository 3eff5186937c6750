//! What verifying costs: a commit, memory, a first acceptance, a push.

use windlass_state::Store;

use super::Scene;
use crate::house::folder;
use crate::policed::{self, By};
use crate::range::{History, Took, policy, verify_apart, verify_here};
use crate::report::{Reach, Row};
use crate::sample::Sample;

/// The range whose memory has a limit.
const LONG_RANGE: usize = 100_000;

/// A repository of 50,000 commits, of which the introduction leaves so many.
const OLDER: usize = 49_000;
const SINCE: usize = 1_000;

const PUSHES: usize = 20;

/// A few years of a busy house.
const POLICED: usize = 20_000;

pub(super) const SCENE: Scene = Scene {
    what: "verifying: 100,000 commits at once, 1,000 behind 49,000 others, a push of one, and by a policy",
    rows: &[
        "verify_commit",
        "verify_memory",
        "verify_first",
        "verify_push",
        "policy_walk",
        "policy_diff",
    ],
    run,
};

fn run() -> Vec<Row> {
    let [commit, memory] = long_range();
    let [first, push] = long_history();
    vec![commit, memory, first, push, policy_walk(), policy_diff()]
}

fn long_range() -> [Row; 2] {
    let place = folder("range");
    let state = place.path().join("state");
    let history = History::keep(&state, 0, LONG_RANGE);
    let took = verify_apart(&state, &history);
    assert_eq!(took.commits, LONG_RANGE);
    let commit = Row {
        name: "verify_commit",
        value: took.core.as_secs_f64() * 1e6 / LONG_RANGE as f64,
        unit: "µs",
        reach: Reach::AtMost(200.0),
        note: format!(
            "{:.0} ed25519 commits a second on one core, {}",
            LONG_RANGE as f64 / took.core.as_secs_f64(),
            words(&took)
        ),
    };
    let memory = Row {
        name: "verify_memory",
        value: took.peak_bytes as f64 / 1e6,
        unit: "MB",
        reach: Reach::AtMost(60.0),
        note: format!("the peak of a process that verifies {LONG_RANGE} commits out of a store"),
    };
    [commit, memory]
}

fn long_history() -> [Row; 2] {
    let (place, short_place) = (folder("long"), folder("short"));
    let state = place.path().join("state");
    let history = History::keep(&state, OLDER, SINCE);
    let short_state = short_place.path().join("state");
    let short = History::keep(&short_state, 0, SINCE);
    let rounds = |state, history| {
        let rounds = [(); 3].map(|()| verify_apart(state, history));
        assert!(rounds.iter().all(|took| took.commits == SINCE));
        (
            Sample::of(rounds.map(|took| took.core).to_vec()).median(),
            words(&rounds[0]),
        )
    };
    let (first, note) = rounds(&state, &history);
    let (needed, _) = rounds(&short_state, &short);
    let first = Row {
        name: "verify_first",
        value: first,
        unit: "ms",
        reach: Reach::Times {
            times: 1.5,
            rival: "the same range with nothing before it",
            needed,
        },
        note: format!("{SINCE} commits since the introduction, {OLDER} before it; {note}"),
    };
    let store = Store::open(&state).expect("the state can be opened");
    let (policy, ratchet) = (policy(history.introduction), history.ratchet_before());
    let pushes =
        (0..PUSHES).map(|_| verify_here(&store, &policy, Some(&ratchet), history.head).wall);
    let sample = Sample::of(pushes.collect());
    let push = Row {
        name: "verify_push",
        value: sample.median(),
        unit: "ms",
        reach: Reach::AtMost(5.0),
        note: sample.words(),
    };
    [first, push]
}

/// What it costs that somebody signed whom the policy lets, and no root.
fn policy_walk() -> Row {
    let median = |by| {
        let place = folder("policed");
        let state = place.path().join("state");
        let history = policed::line(&state, by, POLICED);
        let rounds = [(); 3].map(|()| verify_apart(&state, &history));
        assert!(rounds.iter().all(|took| took.commits == POLICED));
        Sample::of(rounds.map(|took| took.core).to_vec()).median()
    };
    Row {
        name: "policy_walk",
        value: median(By::Signer),
        unit: "ms",
        reach: Reach::Times {
            times: 1.2,
            rival: "the same changes signed by a root, without a policy",
            needed: median(By::Root),
        },
        note: format!(
            "{POLICED} commits, each of one file among 10,000; where each file's name has to be looked at: {:.0} ms",
            median(By::FileSigner)
        ),
    }
}

fn policy_diff() -> Row {
    let place = folder("sweep");
    let state = place.path().join("state");
    let history = policed::sweep(&state);
    let store = Store::open(&state).expect("the state can be opened");
    let policy = policy(history.introduction);
    let rounds = (0..PUSHES).map(|_| verify_here(&store, &policy, None, history.head).wall);
    let sample = Sample::of(rounds.collect());
    Row {
        name: "policy_diff",
        value: sample.median(),
        unit: "ms",
        reach: Reach::AtMost(50.0),
        note: format!("a commit that changes 10,000 files; {}", sample.words()),
    }
}

fn words(took: &Took) -> String {
    format!("{:.2} s by the clock", took.wall.as_secs_f64())
}
