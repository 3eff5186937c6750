//! Setting, finding and ordering conditions as Flux does (`pkg/runtime/conditions/setter.go`).

use std::cmp::Ordering;

use crate::meta::{Condition, ConditionStatus};
use crate::time::Time;

/// The summary of an object; always there.
pub const READY: &str = "Ready";
/// Work goes on; there only while it is True.
pub const RECONCILING: &str = "Reconciling";
/// Nothing more is tried until the object changes; there only while it is True.
pub const STALLED: &str = "Stalled";
/// The applied objects are healthy (Kustomizations with health checks).
pub const HEALTHY: &str = "Healthy";
/// An artifact is kept (sources).
pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
/// The artifact is older than the remote (sources).
pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
/// The signature was checked (sources).
pub const SOURCE_VERIFIED: &str = "SourceVerified";
/// What the node trusts is as its files say, and all nodes hold one history (sources; only while something is to be said). Not
/// Flux's.
pub const NODE_TRUST: &str = "NodeTrust";
/// The owner of the repository was heard lately (sources whose policy asks for a heartbeat). Not Flux's.
pub const SOURCE_FRESH: &str = "SourceFresh";
/// The remote could not be fetched (sources).
pub const FETCH_FAILED: &str = "FetchFailed";
/// The last install, upgrade or uninstall went well (HelmReleases).
pub const RELEASED: &str = "Released";
/// The tests of the release went well (HelmReleases).
pub const TEST_SUCCESS: &str = "TestSuccess";
/// A failed release was rolled back or uninstalled (HelmReleases).
pub const REMEDIATED: &str = "Remediated";
/// Somebody changed objects of the release (HelmReleases).
pub const DRIFTED: &str = "Drifted";
/// A chart could not be packaged (charts).
pub const BUILD_FAILED: &str = "BuildFailed";
/// The cache could not be written (sources).
pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
/// An included source is not there (GitRepositories).
pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";

/// The API server refuses longer messages (`maxLength` in the CRD).
pub const MAXIMUM_MESSAGE: usize = 32768;
const TRIMMED: &str = "...";

/// What to set: a condition without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The type, such as [`READY`].
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word, see [`crate::reasons`].
    pub reason: String,
    /// For people; cut at [`MAXIMUM_MESSAGE`] bytes.
    pub message: String,
    /// metadata.generation of the object it is about.
    pub generation: Option<i64>,
}

impl Statement {
    /// A statement from its parts.
    pub fn new(
        type_: &str,
        status: ConditionStatus,
        reason: &str,
        message: impl Into<String>,
        generation: Option<i64>,
    ) -> Statement {
        Statement {
            type_: type_.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.into(),
            generation,
        }
    }
}

/// Puts a statement among the conditions, in Flux's order. Its time is `now` when status, reason
/// or message changed, and stays otherwise.
pub fn set(conditions: &mut Vec<Condition>, statement: Statement, now: Time) {
    let mut condition = Condition {
        last_transition_time: now,
        message: trim(statement.message),
        observed_generation: statement.generation,
        reason: statement.reason,
        status: statement.status,
        type_: statement.type_,
    };
    match conditions
        .iter_mut()
        .find(|known| known.type_ == condition.type_)
    {
        Some(known) => {
            if same_state(known, &condition) {
                condition.last_transition_time = known.last_transition_time;
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
    sort(conditions);
}

/// Takes the condition of that type away.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The condition of that type.
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type is there and True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    get(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True)
}

fn same_state(left: &Condition, right: &Condition) -> bool {
    left.status == right.status && left.reason == right.reason && left.message == right.message
}

fn sort(conditions: &mut [Condition]) {
    conditions.sort_by(
        |left, right| match (weight(&left.type_), weight(&right.type_)) {
            (Some(left), Some(right)) => left.cmp(&right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => {
                let newest_first = right.observed_generation.cmp(&left.observed_generation);
                newest_first.then_with(|| left.type_.cmp(&right.type_))
            }
        },
    );
}

fn weight(type_: &str) -> Option<u8> {
    match type_ {
        STALLED => Some(0),
        RECONCILING => Some(1),
        READY => Some(2),
        _ => None,
    }
}

/// Cuts a message at a character so that it fits, and marks the cut.
fn trim(mut message: String) -> String {
    if message.len() <= MAXIMUM_MESSAGE {
        return message;
    }
    let mut end = MAXIMUM_MESSAGE.saturating_sub(TRIMMED.len());
    while !message.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    message.truncate(end);
    message.push_str(TRIMMED);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    fn ready(status: ConditionStatus, message: &str, generation: i64) -> Statement {
        Statement::new(READY, status, "Reason", message, Some(generation))
    }

    #[test]
    fn the_time_moves_only_when_status_reason_or_message_does() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            ready(ConditionStatus::Unknown, "wait", 1),
            at(10),
        );
        set(
            &mut conditions,
            ready(ConditionStatus::Unknown, "wait", 2),
            at(20),
        );
        let kept = get(&conditions, READY).unwrap();
        assert_eq!(
            (kept.last_transition_time, kept.observed_generation),
            (at(10), Some(2))
        );

        set(
            &mut conditions,
            ready(ConditionStatus::Unknown, "go", 2),
            at(30),
        );
        assert_eq!(
            get(&conditions, READY).unwrap().last_transition_time,
            at(30)
        );
        set(
            &mut conditions,
            ready(ConditionStatus::True, "go", 2),
            at(40),
        );
        assert_eq!(
            get(&conditions, READY).unwrap().last_transition_time,
            at(40)
        );
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn conditions_are_in_the_order_that_clients_of_flux_rely_on() {
        let mut conditions = Vec::new();
        let types = [
            (SOURCE_VERIFIED, 1),
            (ARTIFACT_IN_STORAGE, 1),
            (READY, 1),
            (HEALTHY, 2),
            (RECONCILING, 1),
            (STALLED, 1),
        ];
        for (type_, generation) in types {
            let statement =
                Statement::new(type_, ConditionStatus::True, "Reason", "", Some(generation));
            set(&mut conditions, statement, at(1));
        }
        let order: Vec<_> = conditions
            .iter()
            .map(|condition| condition.type_.as_str())
            .collect();
        assert_eq!(
            order,
            [
                STALLED,
                RECONCILING,
                READY,
                HEALTHY,
                ARTIFACT_IN_STORAGE,
                SOURCE_VERIFIED
            ]
        );
        remove(&mut conditions, STALLED);
        assert!(get(&conditions, STALLED).is_none() && is_true(&conditions, RECONCILING));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let mut conditions = Vec::new();
        let message = format!("a{}", "é".repeat(MAXIMUM_MESSAGE));
        set(
            &mut conditions,
            ready(ConditionStatus::False, &message, 1),
            at(1),
        );
        let kept = &get(&conditions, READY).unwrap().message;
        assert!(kept.len() <= MAXIMUM_MESSAGE && kept.len() > MAXIMUM_MESSAGE - 6);
        assert!(kept.ends_with("é..."));

        let fits = "b".repeat(MAXIMUM_MESSAGE);
        set(
            &mut conditions,
            ready(ConditionStatus::False, &fits, 1),
            at(1),
        );
        assert_eq!(get(&conditions, READY).unwrap().message, fits);
    }
}
