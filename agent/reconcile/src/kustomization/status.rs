//! The status of a Kustomization, computed from what a pass did: pure.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::conditions::{self, Statement};
use windlass_api::history::{self, Pass as HistoryPass};
use windlass_api::inventory::Inventory;
use windlass_api::kustomization::KustomizationStatus;
use windlass_api::meta::ConditionStatus;
use windlass_api::{reasons, time::Time};

use super::build::Doubts;
use crate::work::error::{Class, StageError};

/// The condition that a file was changed after it was encrypted.
pub(super) const DECRYPT_INTEGRITY: &str = "DecryptIntegrity";

/// The condition that what is in another place changed after this node met it first, and is held.
pub(super) const REMOTE_CONTENT: &str = "RemoteContent";

/// What is known at the end of a pass, whatever its end was.
#[derive(Debug)]
pub(crate) struct Conclusion<'a> {
    pub(crate) generation: i64,
    pub(crate) handled_at: Option<String>,
    pub(crate) revision: Option<&'a str>,
    /// What is now the Kustomization's; `None` when the pass ended before it applied anything.
    pub(crate) inventory: Option<Inventory>,
    pub(crate) health: HealthChecked,
    pub(crate) error: Option<&'a StageError>,
    pub(crate) took: Duration,
    /// What is not what it was; `None` when nothing was built.
    pub(crate) doubts: Option<&'a Doubts>,
    /// Digest of what was built, for the history.
    pub(crate) digest: Option<String>,
    /// Whether the pass wrote anything or the last one ended otherwise.
    pub(crate) worth_history: bool,
}

/// Whether health was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HealthChecked {
    NotAsked,
    Passed,
    Failed,
    /// The pass ended before health was looked at.
    NotReached,
}

/// The status while a pass with something to do is under way.
pub(crate) fn progressing(
    old: &KustomizationStatus,
    generation: i64,
    revision: &str,
    message: &str,
    now: Time,
) -> KustomizationStatus {
    let mut status = old.clone();
    let words = "Reconciliation in progress";
    set(
        &mut status,
        conditions::RECONCILING,
        ConditionStatus::True,
        reasons::PROGRESSING,
        message,
        generation,
        now,
    );
    set(
        &mut status,
        conditions::READY,
        ConditionStatus::Unknown,
        reasons::PROGRESSING,
        words,
        generation,
        now,
    );
    conditions::remove(&mut status.conditions, conditions::STALLED);
    status.last_attempted_revision = Some(revision.to_owned());
    status
}

/// The status after a pass. Equal to the old one when nothing changed, so that nothing is written.
pub(crate) fn conclude(
    old: &KustomizationStatus,
    end: Conclusion<'_>,
    now: Time,
) -> KustomizationStatus {
    let mut status = old.clone();
    status.last_handled_reconcile_at = end.handled_at.clone().or(status.last_handled_reconcile_at);
    if let Some(inventory) = &end.inventory {
        status.inventory = Some(inventory.clone());
    }
    if let Some(revision) = end.revision {
        status.last_attempted_revision = Some(revision.to_owned());
    }
    health(&mut status, &end, now);
    doubts(&mut status, &end, now);
    match end.error {
        None => succeed(&mut status, &end, now),
        Some(error) => failed(&mut status, end.generation, error, now),
    }
    if end.worth_history {
        record(&mut status, &end, now);
    }
    status
}

/// The status of an object whose deletion cannot be finished: what it holds stays written down.
pub(crate) fn unfinished(
    old: &KustomizationStatus,
    generation: i64,
    error: &StageError,
    now: Time,
) -> KustomizationStatus {
    let mut status = old.clone();
    failed(&mut status, generation, error, now);
    status
}

fn succeed(status: &mut KustomizationStatus, end: &Conclusion<'_>, now: Time) {
    let revision = end.revision.unwrap_or_default();
    let message = format!("Applied revision: {revision}");
    let reason = reasons::RECONCILIATION_SUCCEEDED;
    set(
        status,
        conditions::READY,
        ConditionStatus::True,
        reason,
        &message,
        end.generation,
        now,
    );
    conditions::remove(&mut status.conditions, conditions::RECONCILING);
    conditions::remove(&mut status.conditions, conditions::STALLED);
    status.last_applied_revision = Some(revision.to_owned());
    status.observed_generation = Some(end.generation);
}

fn failed(status: &mut KustomizationStatus, generation: i64, error: &StageError, now: Time) {
    let (reason, message) = (error.reason, &error.message);
    set(
        status,
        conditions::READY,
        ConditionStatus::False,
        reason,
        message,
        generation,
        now,
    );
    if matches!(error.class, Class::Stalled | Class::Held) {
        set(
            status,
            conditions::STALLED,
            ConditionStatus::True,
            reason,
            message,
            generation,
            now,
        );
        conditions::remove(&mut status.conditions, conditions::RECONCILING);
        status.observed_generation = Some(generation);
    } else {
        let retry = reasons::PROGRESSING_WITH_RETRY;
        set(
            status,
            conditions::RECONCILING,
            ConditionStatus::True,
            retry,
            message,
            generation,
            now,
        );
        conditions::remove(&mut status.conditions, conditions::STALLED);
    }
}

fn health(status: &mut KustomizationStatus, end: &Conclusion<'_>, now: Time) {
    let words = match end.health {
        HealthChecked::NotReached => return,
        HealthChecked::NotAsked => {
            conditions::remove(&mut status.conditions, conditions::HEALTHY);
            return;
        }
        HealthChecked::Passed => (
            ConditionStatus::True,
            reasons::SUCCEEDED,
            "Health check passed",
        ),
        HealthChecked::Failed => (
            ConditionStatus::False,
            reasons::HEALTH_CHECK_FAILED,
            end.error
                .map_or("Health check failed", |error| error.message.as_str()),
        ),
    };
    set(
        status,
        conditions::HEALTHY,
        words.0,
        words.1,
        words.2,
        end.generation,
        now,
    );
}

/// A condition stands as long as something is not what it was.
fn doubts(status: &mut KustomizationStatus, end: &Conclusion<'_>, now: Time) {
    let Some(doubts) = end.doubts else { return };
    for (condition, reason, sentences) in [
        (DECRYPT_INTEGRITY, "MACMismatch", &doubts.integrity),
        (REMOTE_CONTENT, "RemoteChanged", &doubts.remote),
    ] {
        if sentences.is_empty() {
            conditions::remove(&mut status.conditions, condition);
            continue;
        }
        set(
            status,
            condition,
            ConditionStatus::False,
            reason,
            &sentences.join("; "),
            end.generation,
            now,
        );
    }
}

fn record(status: &mut KustomizationStatus, end: &Conclusion<'_>, now: Time) {
    let Some(digest) = &end.digest else { return };
    let reason = end
        .error
        .map_or(reasons::RECONCILIATION_SUCCEEDED, |error| error.reason);
    let revision = end.revision.unwrap_or_default().to_owned();
    history::record(
        &mut status.history,
        HistoryPass {
            digest: digest.clone(),
            at: now,
            took: end.took,
            status: reason.to_owned(),
            metadata: BTreeMap::from([("revision".to_owned(), revision)]),
        },
    );
}

fn set(
    status: &mut KustomizationStatus,
    kind: &str,
    value: ConditionStatus,
    reason: &str,
    message: &str,
    generation: i64,
    now: Time,
) {
    let statement = Statement::new(kind, value, reason, message, Some(generation));
    conditions::set(&mut status.conditions, statement, now);
}
