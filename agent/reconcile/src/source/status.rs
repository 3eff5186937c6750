//! The status of a GitRepository, computed from what was found: pure.

use std::collections::BTreeMap;

use windlass_api::conditions::{self, Statement};
use windlass_api::git_repository::GitRepositoryStatus;
use windlass_api::meta::{Artifact, ConditionStatus};
use windlass_api::{names, reasons, time::Time};
use windlass_wire::FailureClass;

use super::fetch::{FetchError, Snapshot};
use super::spec::Unusable;
use crate::named::Named;
use crate::view::Choice;

/// Why a source is not as it should be. The last accepted revision stays in use all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The condition that says what failed.
    condition: &'static str,
    condition_status: ConditionStatus,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Nothing but a change of the object or the config can help.
    stalled: bool,
}

impl Problem {
    /// The new head is not vouched for.
    pub(crate) fn refused(revision: &str, refusal: &windlass_trust::Refusal) -> Self {
        Problem {
            condition: conditions::SOURCE_VERIFIED,
            condition_status: ConditionStatus::False,
            reason: reasons::INVALID_COMMIT_SIGNATURE,
            message: format!(
                "revision '{revision}' ({}): {refusal}",
                refusal.reason.code()
            ),
            stalled: false,
        }
    }

    /// The fetch came to no verdict.
    pub(crate) fn fetch(error: &FetchError) -> Self {
        let reason = match error {
            FetchError::Failed {
                class: FailureClass::Authentication,
                ..
            } => reasons::AUTHENTICATION_FAILED,
            FetchError::Failed {
                class: FailureClass::InvalidUrl,
                ..
            } => reasons::URL_INVALID,
            FetchError::Verify(_) | FetchError::Completeness(_) => reasons::INVALID_GIT_OBJECT,
            _ => reasons::GIT_OPERATION_FAILED,
        };
        Problem {
            condition: conditions::FETCH_FAILED,
            condition_status: ConditionStatus::True,
            reason,
            message: chain(error),
            stalled: false,
        }
    }

    /// Whether the network or the host is to blame: the node is offline.
    pub(crate) fn is_fetch(&self) -> bool {
        self.condition == conditions::FETCH_FAILED && !self.stalled
    }

    /// The spec cannot be followed.
    pub(crate) fn unusable(unusable: &Unusable) -> Self {
        Problem {
            condition: conditions::FETCH_FAILED,
            condition_status: ConditionStatus::True,
            reason: unusable.reason,
            message: unusable.message.clone(),
            stalled: unusable.stalled,
        }
    }
}

/// An error with all its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// What a status is made of.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) name: &'a Named,
    pub(crate) snapshot: Option<&'a Snapshot>,
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) generation: i64,
    pub(crate) handled_at: Option<String>,
}

/// The new status. Equal to the old one when nothing changed, so that nothing is written.
pub(crate) fn conclude(
    old: &GitRepositoryStatus,
    finding: &Finding<'_>,
    now: Time,
) -> GitRepositoryStatus {
    let mut status = old.clone();
    status.last_handled_reconcile_at = finding
        .handled_at
        .clone()
        .or(status.last_handled_reconcile_at);
    let generation = Some(finding.generation);
    let mut set = |kind: &str, value, reason: &str, message: String| {
        conditions::set(
            &mut status.conditions,
            Statement::new(kind, value, reason, message, generation),
            now,
        );
    };
    if let Some(snapshot) = finding.snapshot {
        let message = stored(snapshot);
        set(
            conditions::ARTIFACT_IN_STORAGE,
            ConditionStatus::True,
            reasons::SUCCEEDED,
            message.clone(),
        );
        if finding.problem.is_none() {
            let verified = verified(snapshot);
            set(
                conditions::SOURCE_VERIFIED,
                ConditionStatus::True,
                reasons::SUCCEEDED,
                verified,
            );
            set(
                conditions::READY,
                ConditionStatus::True,
                reasons::SUCCEEDED,
                message,
            );
        }
        status.artifact = Some(artifact(finding.name, snapshot, old.artifact.as_ref(), now));
    }
    match finding.problem {
        Some(problem) => report(&mut status, problem, generation, now),
        None => {
            let Some(snapshot) = finding.snapshot else {
                return status;
            };
            for gone in [
                conditions::FETCH_FAILED,
                conditions::RECONCILING,
                conditions::STALLED,
            ] {
                conditions::remove(&mut status.conditions, gone);
            }
            status.observed_generation = generation;
            let Choice { ignore, sparse } = &snapshot.choice;
            status.observed_ignore.clone_from(ignore);
            status.observed_sparse_checkout.clone_from(sparse);
        }
    }
    status
}

fn report(status: &mut GitRepositoryStatus, problem: &Problem, generation: Option<i64>, now: Time) {
    let mut set = |kind: &str, value, reason: &str| {
        let statement = Statement::new(kind, value, reason, problem.message.clone(), generation);
        conditions::set(&mut status.conditions, statement, now);
    };
    set(problem.condition, problem.condition_status, problem.reason);
    set(conditions::READY, ConditionStatus::False, problem.reason);
    if problem.stalled {
        set(conditions::STALLED, ConditionStatus::True, problem.reason);
        conditions::remove(&mut status.conditions, conditions::RECONCILING);
        status.observed_generation = generation;
    } else {
        set(
            conditions::RECONCILING,
            ConditionStatus::True,
            reasons::PROGRESSING_WITH_RETRY,
        );
        conditions::remove(&mut status.conditions, conditions::STALLED);
    }
    if problem.condition != conditions::FETCH_FAILED {
        conditions::remove(&mut status.conditions, conditions::FETCH_FAILED);
    }
}

fn stored(snapshot: &Snapshot) -> String {
    format!("stored artifact for revision '{}'", snapshot.revision)
}

fn verified(snapshot: &Snapshot) -> String {
    format!(
        "verified signature of commit '{}' by {}",
        snapshot.source.commit(),
        snapshot.signer
    )
}

fn artifact(name: &Named, snapshot: &Snapshot, old: Option<&Artifact>, now: Time) -> Artifact {
    let commit = snapshot.source.commit();
    let path = format!(
        "gitrepository/{}/{}/{commit}.tar.gz",
        name.namespace, name.name
    );
    let same = old
        .filter(|old| old.revision == snapshot.revision && old.digest == snapshot.artifact.digest);
    Artifact {
        digest: snapshot.artifact.digest.clone(),
        last_update_time: same.map_or(now, |old| old.last_update_time),
        metadata: BTreeMap::new(),
        url: format!(
            "http://source-controller.{}.svc.cluster.local./{path}",
            names::FLUX_SYSTEM
        ),
        path,
        revision: snapshot.revision.clone(),
        size: i64::try_from(snapshot.artifact.size).ok(),
    }
}
