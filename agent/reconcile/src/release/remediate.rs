//! What undoes a release: rollback and uninstall.

use tokio::time::Instant;
use windlass_api::helm_release::{DeletionPropagation, SnapshotAction};
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, reasons};
use windlass_cluster::Propagation;
use windlass_helm::{HookEvent, Record, Status, Time};
use windlass_object::Object;
use windlass_plan::release::{self as plan, Action};

use super::course::Course;
use super::storage::Storage;
use super::switches::Writes;
use super::{act, deploy, hooks, objects, report};
use crate::work::error::StageError;

/// Takes the last good revision up again.
pub(super) async fn rollback(course: &mut Course<'_>) -> Result<bool, StageError> {
    let pass = course.pass;
    let good = plan::previous(&course.status.history, false).map(|good| good.version);
    let storage = course.storage()?;
    let target = good.and_then(|version| storage.get(version)).cloned();
    let (Some(target), Some(current)) = (target, storage.last()?.cloned()) else {
        return Ok(true);
    };
    let (name, chart) = (act::full_name(&target), act::chart_of(&target));
    let writes = Writes::of(pass, Action::Rollback, target.apply_method);
    let mut record = again(&target, &current, writes);
    course.fence.raise().await?;
    course.create(&record).await?;
    course.observe(&record, Some(SnapshotAction::Rollback));
    let old = objects::of_manifest(pass, &current.manifest).await?;
    let new = objects::of_manifest(pass, &target.manifest).await?;
    course.status.inventory = Some(objects::inventory(&new));
    let done = deploy::bring_back(course, &mut record, writes, (&old, new)).await;
    match &done {
        Err(error) if act::ends_the_pass(error) => return done.map(|()| true),
        Err(error) => {
            let why = pass.hidden.clean(&error.message);
            let words = format!("Rollback \"{}\" failed: {why}", record.name);
            record.set_status(Status::Failed, words);
        }
        Ok(()) => {
            supersede(course, record.version).await?;
            record.set_status(Status::Deployed, format!("Rollback to {}", target.version));
        }
    }
    course.keep(&record).await?;
    course.observe(&record, Some(SnapshotAction::Rollback));
    let what = format!("Helm rollback to previous release {name} with chart {chart}");
    let reasons = (reasons::ROLLBACK_SUCCEEDED, reasons::ROLLBACK_FAILED);
    conclude(course, &what, reasons, done).await
}

/// The record of the revision that takes an earlier one up again.
fn again(target: &Record, current: &Record, writes: Writes) -> Record {
    let mut record = Record {
        version: current.version + 1,
        apply_method: Some(writes.method),
        ..target.clone()
    };
    record
        .info
        .first_deployed
        .clone_from(&current.info.first_deployed);
    record.info.last_deployed = Some(Time::from(jiff::Timestamp::now()));
    record.info.rollback_revision = target.version;
    let words = format!("Rollback to {}", target.version);
    record.set_status(Status::PendingRollback, words);
    record
}

/// Every other revision that counts as deployed does so no more.
async fn supersede(course: &mut Course<'_>, but: i64) -> Result<(), StageError> {
    let deployed = course
        .storage()?
        .all()
        .filter(|record| record.status() == Status::Deployed && record.version != but);
    let deployed: Vec<Record> = deployed.cloned().collect();
    for mut record in deployed {
        let description = record.info.description.clone();
        record.set_status(Status::Superseded, description);
        course.keep(&record).await?;
        course.observe_known(&record, None);
    }
    Ok(())
}

/// Uninstalls a release that failed.
pub(super) async fn uninstall(course: &mut Course<'_>) -> Result<bool, StageError> {
    let Some(record) = course.storage()?.last()?.cloned() else {
        return Ok(true);
    };
    let (name, chart) = (act::full_name(&record), act::chart_of(&record));
    let done = take_away(course, record, SnapshotAction::UninstallRemediation).await;
    if let Err(error) = &done
        && act::ends_the_pass(error)
    {
        return done.map(|()| true);
    }
    let what = format!("Helm uninstall remediation for release {name} with chart {chart}");
    let reasons = (reasons::UNINSTALL_SUCCEEDED, reasons::UNINSTALL_FAILED);
    conclude(course, &what, reasons, done).await
}

async fn conclude(
    course: &mut Course<'_>,
    what: &str,
    (succeeded, failed): (&'static str, &'static str),
    done: Result<(), StageError>,
) -> Result<bool, StageError> {
    let (status, reason, kind, message) = match &done {
        Ok(()) => {
            let words = format!("{what} succeeded");
            (
                ConditionStatus::True,
                succeeded,
                report::Kind::Normal,
                words,
            )
        }
        Err(error) => {
            let why = course.pass.hidden.clean(&error.message);
            let words = format!("{what} failed: {why}");
            (ConditionStatus::False, failed, report::Kind::Warning, words)
        }
    };
    course.mark(conditions::REMEDIATED, status, reason, message.clone());
    report::publish(course, kind, reason, message).await;
    if done.is_err() {
        course.status.failures += 1;
    }
    Ok(done.is_ok())
}

/// Uninstalls the release from where it was, because it has another place now.
pub(super) async fn leave(course: &mut Course<'_>, what: &str) -> Result<(), StageError> {
    let Some(place) = course.latest().cloned() else {
        return Ok(());
    };
    let namespace = course.status.storage_namespace.clone().unwrap_or_default();
    let pass = course.pass;
    let words = format!(
        "its {what} has changed: {} is uninstalled first",
        place.full_name()
    );
    tracing::info!(release = %pass.name, "{words}");
    course.fence.raise().await?;
    course.storage = Some(Storage::load(&pass.client, &namespace, &place.name).await?);
    if let Some(record) = course.storage()?.last()?.cloned() {
        released(course, record).await?;
    }
    course.status.history.clear();
    course.status.storage_namespace = None;
    course.status.inventory = None;
    course.storage = None;
    course.save().await
}

/// Uninstalls because nobody wants the release any more.
pub(super) async fn released(course: &mut Course<'_>, record: Record) -> Result<(), StageError> {
    let (name, chart) = (act::full_name(&record), act::chart_of(&record));
    let done = take_away(course, record, SnapshotAction::Uninstall).await;
    if let Err(error) = &done
        && act::ends_the_pass(error)
    {
        return done;
    }
    let what = format!("for release {name} with chart {chart}");
    let (reason, kind, message) = match &done {
        Ok(()) => {
            let words = format!("Helm uninstall succeeded {what}");
            (reasons::UNINSTALL_SUCCEEDED, report::Kind::Normal, words)
        }
        Err(error) => {
            let words = format!("Helm uninstall failed {what}: {}", error.message);
            (reasons::UNINSTALL_FAILED, report::Kind::Warning, words)
        }
    };
    course.mark(
        conditions::RELEASED,
        ConditionStatus::False,
        reason,
        message.clone(),
    );
    report::publish(course, kind, reason, message).await;
    done
}

/// Hooks, objects, and what is kept of the release.
async fn take_away(
    course: &mut Course<'_>,
    mut record: Record,
    action: SnapshotAction,
) -> Result<(), StageError> {
    let pass = course.pass;
    let settings = pass.spec.uninstall.clone().unwrap_or_default();
    let timeout = act::timeout(&pass.spec, Action::Uninstall);
    pass.may_write()?;
    if record.status() == Status::Uninstalled {
        return Ok(());
    }
    record.info.deleted = Some(Time::from(jiff::Timestamp::now()));
    record.set_status(
        Status::Uninstalling,
        "Deletion in progress (or silently failed)",
    );
    course.keep(&record).await?;
    if !settings.disable_hooks {
        hooks::run(course, &mut record, HookEvent::PreDelete, timeout).await?;
    }
    let there = objects::of_manifest(pass, &record.manifest).await?;
    let wanted: Vec<&Object> = there.iter().collect();
    let propagation = match settings.deletion_propagation {
        Some(DeletionPropagation::Foreground) => Propagation::Foreground,
        Some(DeletionPropagation::Orphan) => Propagation::Orphan,
        _ => Propagation::Background,
    };
    let deleted = objects::delete(course, &wanted, propagation).await?;
    if !settings.disable_wait {
        hooks::wait_gone(pass, &deleted, Instant::now() + timeout).await?;
    }
    if !settings.disable_hooks {
        hooks::run(course, &mut record, HookEvent::PostDelete, timeout).await?;
    }
    record.set_status(Status::Uninstalled, "Uninstallation complete");
    if settings.keep_history {
        course.keep(&record).await?;
        supersede(course, record.version).await?;
    } else {
        course.forget_all().await?;
    }
    course.observe_known(&record, Some(action));
    course.status.inventory = None;
    Ok(())
}
