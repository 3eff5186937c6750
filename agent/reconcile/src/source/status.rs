//! The status of a GitRepository, computed from what was found: pure.

use std::collections::BTreeMap;

use windlass_api::conditions::{self, Statement};
use windlass_api::git_repository::GitRepositoryStatus;
use windlass_api::meta::{Artifact, ConditionStatus};
use windlass_api::{names, reasons, time::Time};
use windlass_wire::FailureClass;

use super::basis::Rule;
use super::confirm::Confirmed;
use super::fetch::{FetchError, Snapshot};
use super::keep::RatchetRemark;
use super::spec::Unusable;
use crate::named::Named;
use crate::view::{Choice, ViewFailure};

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
    /// Nobody answered.
    offline: bool,
}

impl Problem {
    /// The new head is not vouched for.
    pub(crate) fn refused(reason: &'static str, message: String) -> Self {
        Problem {
            condition: conditions::SOURCE_VERIFIED,
            condition_status: ConditionStatus::False,
            reason,
            message,
            stalled: false,
            offline: false,
        }
    }

    /// Nothing but a change of the object can help.
    pub(crate) fn for_good(self) -> Self {
        Problem {
            stalled: true,
            ..self
        }
    }

    /// The fetch came to no verdict.
    pub(crate) fn fetch(error: &FetchError) -> Self {
        if let FetchError::View(ViewFailure::Include(error)) = error {
            return Problem {
                condition: conditions::STORAGE_OPERATION_FAILED,
                condition_status: ConditionStatus::True,
                reason: reasons::COPY_FAILURE,
                message: error.to_string(),
                stalled: false,
                offline: false,
            };
        }
        if let FetchError::Attack { .. } = error {
            return Problem::refused(reasons::HASH_COLLISION, chain(error));
        }
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
            offline: error.is_silence(),
        }
    }

    /// Whether nobody answered. A host that answers with something that cannot be used is there.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// Whether there was no verdict, and trying again may bring one.
    pub(crate) fn is_fetch(&self) -> bool {
        self.condition == conditions::FETCH_FAILED && !self.stalled
    }

    /// The spec cannot be followed.
    pub(crate) fn unusable(unusable: &Unusable) -> Self {
        let (unavailable, unvouched) = (
            matches!(
                unusable.reason,
                reasons::NOT_FOUND | reasons::NO_ARTIFACT | reasons::INCLUDE_CYCLE
            ),
            matches!(
                unusable.reason,
                reasons::NOT_VOUCHED_FOR | reasons::VERIFICATION_ERROR
            ),
        );
        let (condition, condition_status) = if unavailable {
            (conditions::INCLUDE_UNAVAILABLE, ConditionStatus::True)
        } else if unvouched {
            (conditions::SOURCE_VERIFIED, ConditionStatus::False)
        } else {
            (conditions::FETCH_FAILED, ConditionStatus::True)
        };
        Problem {
            condition,
            condition_status,
            reason: unusable.reason,
            message: unusable.message.clone(),
            stalled: unusable.stalled,
            offline: false,
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

/// Something about this node's trust that a person should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(super) status: ConditionStatus,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Remark {
    /// A trust file is broken, the revision in use lost whoever vouched for it, other nodes are shown another history, or a
    /// ratchet did not simply go forward.
    pub(crate) fn of(
        trust_problem: Option<&str>,
        disowned: Option<String>,
        split: Option<String>,
        ratchet: Option<RatchetRemark>,
    ) -> Option<Self> {
        if let Some(problem) = trust_problem {
            return Some(Remark {
                status: ConditionStatus::False,
                reason: reasons::TRUST_FILE_INVALID,
                message: format!(
                    "{problem}; what the trust files said before counts until this is corrected"
                ),
            });
        }
        if let Some(message) = disowned {
            return Some(Remark {
                status: ConditionStatus::False,
                reason: reasons::APPLIED_BY_REVOKED_KEY,
                message,
            });
        }
        if let Some(message) = split {
            return Some(Remark {
                status: ConditionStatus::False,
                reason: reasons::SPLIT_VIEW,
                message,
            });
        }
        let (reason, message) = ratchet?;
        Some(Remark {
            status: ConditionStatus::True,
            reason,
            message,
        })
    }
}

/// What a status is made of.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) name: &'a Named,
    pub(crate) snapshot: Option<&'a Snapshot>,
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) generation: i64,
    pub(crate) remark: Option<&'a Remark>,
    /// What is said of the heartbeat, where that is known: nothing where none is asked for.
    pub(crate) fresh: Option<&'a Option<Remark>>,
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
    if let Some(snapshot) = finding.snapshot {
        hold(&mut status, finding, snapshot, now);
        // Where a lost ratchet stood is made out by this too.
        let is_evidence = finding
            .problem
            .is_some_and(|problem| problem.reason == reasons::RATCHET_LOST);
        if !is_evidence {
            status.artifact = Some(artifact(finding.name, snapshot, old.artifact.as_ref(), now));
            status.included_artifacts =
                included(finding.name, snapshot, &old.included_artifacts, now);
        }
    }
    match (finding.problem, finding.snapshot) {
        (Some(problem), _) => report(&mut status, problem, Some(finding.generation), now),
        (None, Some(snapshot)) => settle(&mut status, finding, snapshot),
        (None, None) => {}
    }
    let mut remark = |kind, remark: Option<&Remark>| match remark {
        None => conditions::remove(&mut status.conditions, kind),
        Some(remark) => {
            let (message, generation) = (remark.message.clone(), Some(finding.generation));
            let statement = Statement::new(kind, remark.status, remark.reason, message, generation);
            conditions::set(&mut status.conditions, statement, now);
        }
    };
    remark(conditions::NODE_TRUST, finding.remark);
    if let Some(fresh) = finding.fresh {
        remark(conditions::SOURCE_FRESH, fresh.as_ref());
    }
    status
}

/// Says which revision is in use.
fn hold(status: &mut GitRepositoryStatus, finding: &Finding<'_>, snapshot: &Snapshot, now: Time) {
    let mut set = |kind: &str, message: String| {
        let (value, reason) = (ConditionStatus::True, reasons::SUCCEEDED);
        let statement = Statement::new(kind, value, reason, message, Some(finding.generation));
        conditions::set(&mut status.conditions, statement, now);
    };
    set(conditions::ARTIFACT_IN_STORAGE, stored(snapshot));
    if finding.problem.is_none() {
        if let Some(verified) =
            verified(snapshot).filter(|_| snapshot.confirmed != Confirmed::NotYet)
        {
            set(conditions::SOURCE_VERIFIED, verified);
        }
        set(conditions::READY, stored(snapshot));
    }
}

/// Nothing is wrong.
fn settle(status: &mut GitRepositoryStatus, finding: &Finding<'_>, snapshot: &Snapshot) {
    let mut gone = vec![
        conditions::FETCH_FAILED,
        conditions::INCLUDE_UNAVAILABLE,
        conditions::STORAGE_OPERATION_FAILED,
        conditions::RECONCILING,
        conditions::STALLED,
    ];
    let confirmed = &snapshot.confirmed;
    if snapshot.rule == Rule::Unverified && *confirmed == Confirmed::NotAsked {
        gone.push(conditions::SOURCE_VERIFIED);
    }
    gone.iter()
        .for_each(|kind| conditions::remove(&mut status.conditions, kind));
    match confirmed {
        Confirmed::NotAsked => status.source_verification_mode = None,
        Confirmed::NotYet => {}
        Confirmed::Yes { mode, .. } => status.source_verification_mode = Some((*mode).to_owned()),
    }
    status.observed_generation = Some(finding.generation);
    let Choice { ignore, sparse } = &snapshot.choice;
    status.observed_ignore.clone_from(ignore);
    status.observed_sparse_checkout.clone_from(sparse);
    status.observed_include = (snapshot.includes.iter())
        .map(|included| included.asked.clone())
        .collect();
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
    for other in [
        conditions::FETCH_FAILED,
        conditions::INCLUDE_UNAVAILABLE,
        conditions::STORAGE_OPERATION_FAILED,
    ] {
        if problem.condition != other {
            conditions::remove(&mut status.conditions, other);
        }
    }
}

fn stored(snapshot: &Snapshot) -> String {
    format!("stored artifact for revision '{}'", snapshot.revision)
}

/// What was verified; `None` when the node takes the source as it is.
fn verified(snapshot: &Snapshot) -> Option<String> {
    if let Confirmed::Yes { message, .. } = &snapshot.confirmed {
        return Some(message.clone());
    }
    let (commit, signer) = (snapshot.source.commit(), &snapshot.signer);
    Some(match snapshot.rule {
        Rule::Unverified => return None,
        Rule::Pinned(_) => format!("commit '{commit}' is the one that a verified commit names"),
        Rule::FirstSeen if signer.is_empty() => {
            format!("commit '{commit}' is the one that the tag named when it was first seen")
        }
        Rule::Signed if signer.is_empty() => {
            format!("commit '{commit}' was accepted before or is pinned on the node")
        }
        Rule::Signed | Rule::FirstSeen => {
            format!("verified signature of commit '{commit}' by {signer}")
        }
    })
}

/// The artifacts of the other sources that are in this one, in the order of the spec.
fn included(name: &Named, snapshot: &Snapshot, old: &[Artifact], now: Time) -> Vec<Artifact> {
    let mut old = old.iter();
    let artifacts = snapshot.includes.iter().map(|included| {
        let other = Named::new(&name.namespace, &included.asked.repository.name);
        artifact(&other, &included.snapshot, old.next(), now)
    });
    artifacts.collect()
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

#[cfg(test)]
mod tests;
