//! What happens next to a Helm release: where it stands, and the one action that follows from that
//! (helm-controller `internal/reconcile/state.go` and `atomic_release.go`).

mod failures;
mod history;
mod state;
#[cfg(test)]
mod tests;

use windlass_api::helm_release::{
    HelmReleaseSpec, HelmReleaseStatus, ReleaseAction, RemediationStrategy, Snapshot,
};

use self::failures::Remediation;

pub use self::failures::{Attempt, count_failure, must_reset, retry_interval};
pub use self::history::{has_been_tested, has_failed_test, latest, previous, truncate};
pub use self::state::{Found, Place, State, Unclear, state};

/// One action on a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The revision that somebody was killed over is marked as failed.
    Unlock,
    /// It is installed.
    Install,
    /// It is upgraded.
    Upgrade,
    /// Its tests run.
    Test,
    /// The revision before the failed one is taken up again.
    Rollback,
    /// It is uninstalled, because it failed.
    Uninstall,
}

/// What happens to the history in the status before the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing.
    All,
    /// It is forgotten: the release is not what it says.
    Nothing,
    /// What lies behind the last good revision before this one is forgotten; whether a revision with failed tests
    /// counts as good.
    SinceGood {
        /// It does.
        failed_tests: bool,
    },
    /// The newest few stay.
    Newest,
}

/// What follows from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is done; nothing where the release is as it should be.
    pub action: Option<Action>,
    /// What becomes of the history.
    pub remembered: Remembered,
}

/// Why nothing more is done until something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Every attempt that was allowed has failed.
    #[error("terminal error: exceeded maximum retries: cannot {0}")]
    RetriesExceeded(&'static str),
    /// There is no revision to go back to.
    #[error("terminal error: missing target release for rollback: cannot remediate failed release")]
    MissingRollbackTarget,
}

/// What is known of the revision that a rollback would go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackTarget {
    /// It is kept as it was.
    Intact,
    /// The history names none.
    Missing,
    /// It is gone from the storage, or is not what the history says.
    Changed,
}

/// What one may do about a release.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// The HelmRelease's spec.
    pub spec: &'r HelmReleaseSpec,
    /// Its status, as far as this pass has come.
    pub status: &'r HelmReleaseStatus,
    /// Whether a person asked for an action whatever the state.
    pub forced: bool,
}

/// What follows from a state. `target` is asked for only where a rollback is next.
///
/// # Errors
/// Nothing may be done any more until something changes.
pub fn decide(
    rules: Rules<'_>,
    state: &State,
    target: impl FnOnce(Option<&Snapshot>) -> RollbackTarget,
) -> Result<Decision, Stop> {
    let Rules { spec, forced, .. } = rules;
    match state {
        State::InSync => Ok(in_sync(rules)),
        State::Locked(_) => Ok(Action::Unlock.into()),
        State::Absent(_) => {
            let exhausted = Remediation::of(spec, ReleaseAction::Install).exhausted(rules.status);
            if exhausted && !forced {
                return Err(Stop::RetriesExceeded("install release"));
            }
            Ok(Action::Install.into())
        }
        State::Unmanaged(_) => Ok(Decision {
            action: Some(Action::Upgrade),
            remembered: Remembered::Nothing,
        }),
        State::OutOfSync(_) => {
            let exhausted = Remediation::of(spec, ReleaseAction::Upgrade).exhausted(rules.status);
            if exhausted && !forced {
                return Err(Stop::RetriesExceeded("upgrade release"));
            }
            Ok(Action::Upgrade.into())
        }
        State::Untested => Ok(Action::Test.into()),
        State::Failed(_) => failed(rules, target),
    }
}

/// A release that is as it should be needs no more than the revision a rollback would go back to.
fn in_sync(rules: Rules<'_>) -> Decision {
    let Rules {
        spec,
        status,
        forced,
    } = rules;
    let remembered = if retry_interval(spec, status).is_some() {
        Remembered::Newest
    } else {
        Remembered::SinceGood {
            failed_tests: ignores_failed_tests(spec, status),
        }
    };
    Decision {
        action: forced.then_some(Action::Upgrade),
        remembered,
    }
}

fn failed(
    rules: Rules<'_>,
    target: impl FnOnce(Option<&Snapshot>) -> RollbackTarget,
) -> Result<Decision, Stop> {
    let Rules {
        spec,
        status,
        forced,
    } = rules;
    if retry_interval(spec, status).is_some() {
        return Ok(Decision {
            action: Some(Action::Upgrade),
            remembered: Remembered::Newest,
        });
    }
    let Some(remediation) = Remediation::active(spec, status) else {
        return Ok(Action::Upgrade.into());
    };
    // Without a count what it failed under has changed since.
    if remediation.failures(status) <= 0 || forced {
        return Ok(Action::Upgrade.into());
    }
    if remediation.exhausted(status) && !remediation.remediates_last {
        return Err(Stop::RetriesExceeded("remediate failed release"));
    }
    let failed_tests = ignores_failed_tests(spec, status);
    let remembered = Remembered::SinceGood { failed_tests };
    let action = match remediation.strategy {
        RemediationStrategy::Uninstall => Action::Uninstall,
        RemediationStrategy::Rollback => match target(previous(&status.history, failed_tests)) {
            RollbackTarget::Intact => Action::Rollback,
            RollbackTarget::Changed => Action::Upgrade,
            RollbackTarget::Missing => return Err(Stop::MissingRollbackTarget),
        },
    };
    Ok(Decision {
        action: Some(action),
        remembered,
    })
}

/// Whether a revision whose tests failed is still a good one.
fn ignores_failed_tests(spec: &HelmReleaseSpec, status: &HelmReleaseStatus) -> bool {
    let general = spec.test.as_ref().is_some_and(|test| test.ignore_failures);
    let remediation = Remediation::active(spec, status);
    let own = remediation.and_then(|remediation| remediation.ignores_failed_tests);
    own.unwrap_or(general)
}

/// What of a release's place has changed since it was made: it is then uninstalled where it was, and installed
/// anew.
#[must_use]
pub fn moved(
    spec: &HelmReleaseSpec,
    status: &HelmReleaseStatus,
    place: &Place<'_>,
) -> Option<&'static str> {
    let stored = status.storage_namespace.as_deref()?;
    let current = latest(&status.history)?;
    let in_place = spec
        .upgrade
        .as_ref()
        .and_then(|upgrade| upgrade.chart_name_change_strategy)
        == Some(windlass_api::helm_release::ChartNameChangeStrategy::InPlaceUpdate);
    if place.storage_namespace != stored {
        Some("storage namespace")
    } else if place.namespace != current.namespace {
        Some("release namespace")
    } else if place.release != current.name {
        Some("release name")
    } else if place.chart != current.chart_name && !in_place {
        Some("chart name")
    } else {
        None
    }
}

// === impl Decision ===

impl From<Action> for Decision {
    fn from(action: Action) -> Self {
        Self {
            action: Some(action),
            remembered: Remembered::All,
        }
    }
}

// === impl Action ===

impl Action {
    /// The release action it is, for the status; none for what makes no new desired revision.
    #[must_use]
    pub fn as_release_action(self) -> Option<ReleaseAction> {
        match self {
            Self::Install => Some(ReleaseAction::Install),
            Self::Upgrade => Some(ReleaseAction::Upgrade),
            _ => None,
        }
    }

    /// Whether a pass ends with it: what comes next is for another one.
    #[must_use]
    pub fn is_remediation(self) -> bool {
        matches!(self, Self::Rollback | Self::Uninstall)
    }
}
