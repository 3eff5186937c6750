//! The revisions in a HelmRelease's status.

use windlass_api::helm_release::{Snapshot, TestHookStatus};

use crate::release::Remembered;

/// How many revisions stay when none of them is a good one.
const MAXIMUM: usize = 5;

const FAILED: &str = "Failed";
const SUCCEEDED: &str = "Succeeded";

/// The newest revision.
#[must_use]
pub fn latest(history: &[Snapshot]) -> Option<&Snapshot> {
    history.iter().max_by_key(|snapshot| snapshot.version)
}

/// The newest good revision before the newest one.
#[must_use]
pub fn previous(history: &[Snapshot], failed_tests: bool) -> Option<&Snapshot> {
    let newest = latest(history)?.version;
    history
        .iter()
        .filter(|snapshot| snapshot.version < newest && is_good(snapshot, failed_tests))
        .max_by_key(|snapshot| snapshot.version)
}

/// Sorts a history, newest first, and drops from it what is not remembered.
pub fn truncate(history: &mut Vec<Snapshot>, remembered: Remembered) {
    history.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.version));
    match remembered {
        Remembered::All => {}
        Remembered::Nothing => history.clear(),
        Remembered::Newest => history.truncate(MAXIMUM),
        Remembered::SinceGood { failed_tests } => {
            let good = history
                .iter()
                .skip(1)
                .position(|snapshot| is_good(snapshot, failed_tests));
            history.truncate(good.map_or(MAXIMUM, |position| position + 2));
        }
    }
}

/// Whether its tests have run to an end: one has failed, or all have succeeded. A revision without tests has been
/// tested once somebody noted that it has none.
#[must_use]
pub fn has_been_tested(snapshot: &Snapshot) -> bool {
    let Some(tests) = &snapshot.test_hooks else {
        return false;
    };
    has_failed_test(snapshot) || tests.values().all(|test| is_in(test, SUCCEEDED))
}

/// Whether one of its tests has failed.
#[must_use]
pub fn has_failed_test(snapshot: &Snapshot) -> bool {
    let mut tests = snapshot.test_hooks.iter().flat_map(|tests| tests.values());
    tests.any(|test| is_in(test, FAILED))
}

fn is_in(test: &Option<TestHookStatus>, phase: &str) -> bool {
    let found = test.as_ref().and_then(|test| test.phase.as_deref());
    found == Some(phase)
}

fn is_good(snapshot: &Snapshot, failed_tests: bool) -> bool {
    matches!(snapshot.status.as_str(), "deployed" | "superseded")
        && (failed_tests || !has_failed_test(snapshot))
}
