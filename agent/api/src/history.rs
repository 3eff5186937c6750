//! What a Kustomization applied lately (`status.history`, Flux's `meta.History`).

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::time::Time;

/// Flux keeps this many snapshots (`HistoryMaxSize`).
pub const MAXIMUM_SNAPSHOTS: usize = 5;

/// One set of built objects and how applying it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Checksum of the built objects, written as algorithm:hex.
    pub digest: String,
    /// When this set was first reconciled.
    pub first_reconciled: Time,
    /// When this set was last reconciled.
    pub last_reconciled: Time,
    /// How long the last pass took.
    pub last_reconciled_duration: GoDuration,
    /// How the last pass ended, as the reason of the Ready condition.
    pub last_reconciled_status: String,
    /// Facts about this set, such as its revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How many passes ended this way with this set.
    pub total_reconciliations: i64,
}

/// How one pass ended; what [`record`] adds to a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Checksum of the built objects.
    pub digest: String,
    /// When the pass ended.
    pub at: Time,
    /// How long it took.
    pub took: Duration,
    /// The reason of the Ready condition.
    pub status: String,
    /// Facts such as the revision.
    pub metadata: BTreeMap<String, String>,
}

/// Adds a pass to a history, newest first: a snapshot with the same digest and status counts one
/// more and moves to the front, the oldest beyond [`MAXIMUM_SNAPSHOTS`] are dropped.
pub fn record(history: &mut Vec<Snapshot>, pass: Pass) {
    let known = history.iter().position(|snapshot| {
        snapshot.digest == pass.digest && snapshot.last_reconciled_status == pass.status
    });
    let known = known.map(|index| history.remove(index));
    let (first_reconciled, earlier) = match known {
        Some(snapshot) => (snapshot.first_reconciled, snapshot.total_reconciliations),
        None => (pass.at, 0),
    };
    let snapshot = Snapshot {
        digest: pass.digest,
        first_reconciled,
        last_reconciled: pass.at,
        last_reconciled_duration: pass.took.into(),
        last_reconciled_status: pass.status,
        metadata: pass.metadata,
        total_reconciliations: earlier.saturating_add(1),
    };
    history.insert(0, snapshot);
    history.truncate(MAXIMUM_SNAPSHOTS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(digest: &str, status: &str, second: i64) -> Pass {
        Pass {
            digest: digest.to_owned(),
            at: jiff::Timestamp::from_second(second).unwrap().into(),
            took: Duration::from_millis(1500),
            status: status.to_owned(),
            metadata: BTreeMap::from([("revision".to_owned(), format!("r{second}"))]),
        }
    }

    fn summary(history: &[Snapshot]) -> Vec<String> {
        let line = |snapshot: &Snapshot| {
            format!(
                "{} {} ×{} {}..{} {} {}",
                snapshot.digest,
                snapshot.last_reconciled_status,
                snapshot.total_reconciliations,
                snapshot.first_reconciled.timestamp().as_second(),
                snapshot.last_reconciled.timestamp().as_second(),
                snapshot.last_reconciled_duration,
                snapshot.metadata["revision"],
            )
        };
        history.iter().map(line).collect()
    }

    #[test]
    fn a_repeated_pass_counts_up_and_moves_to_the_front() {
        let mut history = Vec::new();
        record(&mut history, pass("a", "Good", 1));
        record(&mut history, pass("b", "Good", 2));
        record(&mut history, pass("b", "Bad", 3));
        record(&mut history, pass("a", "Good", 4));
        assert_eq!(
            summary(&history),
            [
                "a Good ×2 1..4 1.5s r4",
                "b Bad ×1 3..3 1.5s r3",
                "b Good ×1 2..2 1.5s r2"
            ]
        );
    }

    #[test]
    fn only_the_five_newest_snapshots_stay() {
        let mut history = Vec::new();
        for second in 0..9 {
            record(&mut history, pass(&format!("d{second}"), "Good", second));
        }
        let digests: Vec<_> = history
            .iter()
            .map(|snapshot| snapshot.digest.as_str())
            .collect();
        assert_eq!(digests, ["d8", "d7", "d6", "d5", "d4"]);
    }
}
