//! How often an action may fail, and what is done then.

use std::time::Duration;

use windlass_api::duration::GoDuration;
use windlass_api::helm_release::{
    ActionStrategyName, DEFAULT_RETRY_INTERVAL, HelmReleaseSpec, HelmReleaseStatus, ReleaseAction,
    RemediationStrategy,
};

/// What is done about failures of one action, its defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remediation {
    action: ReleaseAction,
    retries: i64,
    pub(super) ignores_failed_tests: Option<bool>,
    pub(super) remediates_last: bool,
    pub(super) strategy: RemediationStrategy,
}

/// What an action is tried with: another one is another attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// metadata.generation.
    pub generation: i64,
    /// The chart's version.
    pub chart_version: &'a str,
    /// Digest of the values.
    pub config_digest: &'a str,
    /// Whether a person asked for the failures to be forgotten.
    pub reset: bool,
}

// === impl Remediation ===

impl Remediation {
    /// That of the action last tried; none before the first.
    pub(super) fn active(spec: &HelmReleaseSpec, status: &HelmReleaseStatus) -> Option<Self> {
        status
            .last_attempted_release_action
            .map(|action| Self::of(spec, action))
    }

    pub(super) fn of(spec: &HelmReleaseSpec, action: ReleaseAction) -> Self {
        match action {
            ReleaseAction::Install => {
                let given = spec.install.as_ref();
                let given = given.and_then(|install| install.remediation.clone());
                let given = given.unwrap_or_default();
                Self {
                    action,
                    retries: given.retries,
                    ignores_failed_tests: given.ignore_test_failures,
                    remediates_last: given.remediate_last_failure.unwrap_or(false),
                    // What was never there before cannot be gone back to.
                    strategy: RemediationStrategy::Uninstall,
                }
            }
            ReleaseAction::Upgrade => {
                let given = spec.upgrade.as_ref();
                let given = given.and_then(|upgrade| upgrade.remediation.clone());
                let given = given.unwrap_or_default();
                Self {
                    action,
                    retries: given.retries,
                    ignores_failed_tests: given.ignore_test_failures,
                    remediates_last: given.remediate_last_failure.unwrap_or(given.retries > 0),
                    strategy: given.strategy.unwrap_or(RemediationStrategy::Rollback),
                }
            }
        }
    }

    /// How often the action has failed.
    pub(super) fn failures(&self, status: &HelmReleaseStatus) -> i64 {
        match self.action {
            ReleaseAction::Install => status.install_failures,
            ReleaseAction::Upgrade => status.upgrade_failures,
        }
    }

    /// Whether it has failed more often than it may; a negative number of retries never ends.
    pub(super) fn exhausted(&self, status: &HelmReleaseStatus) -> bool {
        self.retries >= 0 && self.failures(status) > self.retries
    }
}

/// How long a failed action waits for the next attempt, where it is retried without remediation.
#[must_use]
pub fn retry_interval(spec: &HelmReleaseSpec, status: &HelmReleaseStatus) -> Option<Duration> {
    let (name, interval): (ActionStrategyName, Option<GoDuration>) =
        match status.last_attempted_release_action? {
            ReleaseAction::Install => {
                let strategy = spec.install.as_ref()?.strategy.as_ref()?;
                (strategy.name, strategy.retry_interval)
            }
            ReleaseAction::Upgrade => {
                let strategy = spec.upgrade.as_ref()?.strategy.as_ref()?;
                (strategy.name, strategy.retry_interval)
            }
        };
    (name == ActionStrategyName::RetryOnFailure)
        .then(|| interval.map_or(DEFAULT_RETRY_INTERVAL, Duration::from))
}

/// Counts a failure of the action last tried.
pub fn count_failure(status: &mut HelmReleaseStatus) {
    status.failures += 1;
    match status.last_attempted_release_action {
        Some(ReleaseAction::Install) => status.install_failures += 1,
        Some(ReleaseAction::Upgrade) => status.upgrade_failures += 1,
        None => {}
    }
}

/// Why the failures so far count no more; none where they do.
#[must_use]
pub fn must_reset(status: &HelmReleaseStatus, attempt: &Attempt<'_>) -> Option<&'static str> {
    let digest = status.last_attempted_config_digest.as_deref();
    if status.last_attempted_generation != Some(attempt.generation) {
        Some("generation differs from last attempt")
    } else if status.last_attempted_revision.as_deref() != Some(attempt.chart_version) {
        Some("chart version differs from last attempt")
    } else if digest.is_some_and(|digest| digest != attempt.config_digest) {
        Some("values differ from last attempt")
    } else {
        attempt
            .reset
            .then_some("reset requested through annotation")
    }
}
