//! Where a release stands, and the one action that follows.

use std::time::Duration;

use windlass_api::duration::GoDuration;
use windlass_api::helm_release::{HelmReleaseSpec, SNAPSHOT_API_VERSION, Snapshot};
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, names, reasons};
use windlass_helm::{Record, Status, config_digest, snapshot_digest};
use windlass_plan::release::{self as plan, Action, Found, RollbackTarget, State, Stop};

use super::course::Course;
use super::render::Wanted;
use super::{deploy, remediate, report, test};
use crate::work::error::{Class, StageError};

/// Where the release stands.
pub(super) fn state(course: &Course<'_>, wanted: &Wanted) -> Result<State, StageError> {
    let pass = course.pass;
    let last = course.storage()?.last()?;
    let found = last.map(|record| Found {
        status: record.status().as_str(),
        observed: is_observed(course, record),
        same_chart: is_of_chart(record, wanted),
        same_values: config_digest(&record.config) == wanted.config_digest,
        post_renderers: wanted.post_renderers.as_deref(),
        common_metadata: wanted.common_metadata.as_deref(),
    });
    plan::state(
        &pass.spec,
        &course.status,
        pass.meta.generation,
        found.as_ref(),
    )
    .map_err(|unclear| StageError::retry(reasons::STATE_ERROR, unclear.to_string()))
}

/// Whether a revision is of the wanted chart.
pub(super) fn is_of_chart(record: &Record, wanted: &Wanted) -> bool {
    let metadata = record
        .chart
        .as_ref()
        .and_then(|chart| chart.metadata.as_ref());
    metadata.is_some_and(|metadata| {
        metadata.name == wanted.chart.name() && metadata.version == wanted.version
    })
}

/// Whether the newest revision is as the history has it.
fn is_observed(course: &Course<'_>, record: &Record) -> bool {
    course.latest().is_some_and(|latest| is_as(record, latest))
}

/// Whether a revision is what a snapshot was taken of. Digests of another version of Flux are believed.
fn is_as(record: &Record, snapshot: &Snapshot) -> bool {
    let oci_digest = snapshot.oci_digest.as_deref().unwrap_or_default();
    let comparable = snapshot.api_version.as_deref() == Some(SNAPSHOT_API_VERSION);
    snapshot.is_of(&record.namespace, &record.name, record.version)
        && (!comparable || snapshot_digest(record, oci_digest) == snapshot.digest)
}

/// What is left of the revision that a rollback would go back to.
pub(super) fn rollback_target(course: &Course<'_>, target: Option<&Snapshot>) -> RollbackTarget {
    let Some(target) = target else {
        return RollbackTarget::Missing;
    };
    let storage = course.storage.as_ref();
    match storage.and_then(|storage| storage.get(target.version)) {
        Some(record) if is_as(record, target) => RollbackTarget::Intact,
        _ => RollbackTarget::Changed,
    }
}

/// Says that nothing more is done until something changes.
pub(super) fn stopped(course: &mut Course<'_>, stop: Stop) -> StageError {
    let status = &course.status;
    let (reason, message) = match stop {
        Stop::RetriesExceeded(_) => {
            let action = status.last_attempted_release_action;
            let failures = match action {
                Some(windlass_api::helm_release::ReleaseAction::Install) => status.install_failures,
                _ => status.upgrade_failures,
            };
            let word = action.map_or("release", |action| action.as_str());
            let message = format!("Failed to {word} after {failures} attempt(s)");
            (reasons::RETRIES_EXCEEDED, message)
        }
        Stop::MissingRollbackTarget => (
            reasons::MISSING_ROLLBACK_TARGET,
            format!("Failed to perform remediation: {stop}"),
        ),
    };
    StageError::stalled(reason, message)
}

/// Runs an action; says whether it went well.
///
/// # Errors
/// Nothing came of it that the next action could go on from.
pub(super) async fn run(
    course: &mut Course<'_>,
    wanted: &Wanted,
    action: Action,
) -> Result<bool, StageError> {
    let pass = course.pass;
    if pass.is_forced(&course.status) {
        let asked = pass.asked_with(names::FORCE_AT).map(str::to_owned);
        course.status.last_handled_force_at = asked;
    }
    match action {
        Action::Unlock => unlock(course).await,
        Action::Install | Action::Upgrade => deploy::deploy(course, wanted, action).await,
        Action::Test => test::test(course).await,
        Action::Rollback => remediate::rollback(course).await,
        Action::Uninstall => remediate::uninstall(course).await,
    }
}

/// Marks the revision that somebody was killed over as failed.
async fn unlock(course: &mut Course<'_>) -> Result<bool, StageError> {
    let last = course.storage()?.last()?.cloned();
    let Some(mut record) = last else {
        return Ok(true);
    };
    let status = record.status().as_str();
    record.set_status(
        Status::Failed,
        format!("Release unlocked from stale '{status}' state"),
    );
    course.keep(&record).await?;
    course.observe_known(&record, None);
    let message = format!(
        "Unlocked Helm release {} with chart {} in {status} state",
        full_name(&record),
        chart_of(&record)
    );
    let (reason, failed) = (reasons::PENDING_RELEASE, ConditionStatus::False);
    course.mark(conditions::RELEASED, failed, reason, message.clone());
    report::publish(course, report::Kind::Normal, reason, message).await;
    Ok(true)
}

/// `<namespace>/<name>.v<version>`, as messages name a revision.
pub(super) fn full_name(record: &Record) -> String {
    format!("{}/{}.v{}", record.namespace, record.name, record.version)
}

/// `<chart>@<version>`, as messages name it.
pub(super) fn chart_of(record: &Record) -> String {
    let metadata = record
        .chart
        .as_ref()
        .and_then(|chart| chart.metadata.as_ref());
    metadata.map_or_else(String::new, |metadata| {
        format!("{}@{}", metadata.name, metadata.version)
    })
}

/// Whether an error is about the pass, not about the release: nothing is stated then.
pub(super) fn ends_the_pass(error: &StageError) -> bool {
    matches!(
        error.class,
        Class::NotLeading | Class::Gone | Class::Overtaken
    )
}

/// The word of an action, in conditions.
pub(super) fn word(action: Action) -> &'static str {
    match action {
        Action::Unlock => "unlock",
        Action::Install => "install",
        Action::Upgrade => "upgrade",
        Action::Test => "test",
        Action::Rollback => "rollback",
        Action::Uninstall => "uninstall",
    }
}

/// How long an action may take.
pub(super) fn timeout(spec: &HelmReleaseSpec, action: Action) -> Duration {
    let own: Option<GoDuration> = match action {
        Action::Install => spec.install.as_ref().and_then(|it| it.timeout),
        Action::Upgrade => spec.upgrade.as_ref().and_then(|it| it.timeout),
        Action::Test => spec.test.as_ref().and_then(|it| it.timeout),
        Action::Rollback => spec.rollback.as_ref().and_then(|it| it.timeout),
        Action::Uninstall => spec.uninstall.as_ref().and_then(|it| it.timeout),
        Action::Unlock => None,
    };
    own.map_or_else(|| spec.effective_timeout(), Duration::from)
}

/// Notes how long an install or upgrade took.
pub(super) fn note_duration(course: &mut Course<'_>, action: Action, took: Duration) {
    if action.as_release_action().is_some() {
        let whole = Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        course.status.last_attempted_release_action_duration = Some(GoDuration(whole));
    }
}

/// What is said of a release that is as it should be, if nothing has been said: it was taken over.
pub(super) fn note_in_sync(course: &mut Course<'_>) {
    if conditions::is_true(&course.status.conditions, conditions::RELEASED) {
        return;
    }
    let last = course
        .storage
        .as_ref()
        .and_then(|storage| storage.last().ok());
    let Some(record) = last.flatten().cloned() else {
        return;
    };
    let (reason, message) = if record.version <= 1 {
        (reasons::INSTALL_SUCCEEDED, "Helm install succeeded")
    } else {
        (reasons::UPGRADE_SUCCEEDED, "Helm upgrade succeeded")
    };
    let message = format!(
        "{message} for release {} with chart {}",
        full_name(&record),
        chart_of(&record)
    );
    course.mark(conditions::RELEASED, ConditionStatus::True, reason, message);
}
