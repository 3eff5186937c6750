//! Installs and upgrades: a revision is kept as pending, its objects come, and it is kept as deployed or failed.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::helm_release::SnapshotAction;
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, reasons};
use windlass_helm::{HookEvent, Record, Status};
use windlass_object::Object;
use windlass_plan::release::{self as plan, Action};

use super::course::Course;
use super::pass::Pass;
use super::render::{self, Wanted};
use super::switches::{Switches, Writes};
use super::{act, definitions, hooks, objects, report, revision, test};
use crate::work::error::StageError;
use crate::work::wait::{self, Target};

/// Makes a new revision; says whether that went well.
///
/// # Errors
/// It failed before anything was kept, so that there is nothing to undo.
pub(super) async fn deploy(
    course: &mut Course<'_>,
    wanted: &Wanted,
    action: Action,
) -> Result<bool, StageError> {
    course.status.last_attempted_release_action = action.as_release_action();
    if action == Action::Install {
        course.status.history.clear();
    }
    course.unmark(conditions::REMEDIATED);
    let mut kept = false;
    match attempt(course, wanted, action, &mut kept).await {
        Ok(()) => {
            succeeded(course, action).await;
            Ok(true)
        }
        Err(error) if act::ends_the_pass(&error) => Err(error),
        Err(error) => {
            let error = failed(course, wanted, action, error).await;
            if kept {
                plan::count_failure(&mut course.status);
                return Ok(false);
            }
            course.status.failures += 1;
            Err(error)
        }
    }
}

async fn attempt(
    course: &mut Course<'_>,
    wanted: &Wanted,
    action: Action,
    kept: &mut bool,
) -> Result<(), StageError> {
    let pass = course.pass;
    pass.may_write()?;
    course.fence.raise().await?;
    let before = revision::before(course, action)?;
    if action == Action::Install {
        revision::create_namespace(pass).await?;
    }
    let mut prepared = render::prepare(pass, wanted, revision::release(course, action)).await?;
    let defined = definitions::apply(course, wanted, (&prepared.definitions, action)).await?;
    if !defined.is_empty() {
        // Templates may ask for the kinds that are there only now.
        prepared = render::prepare(pass, wanted, revision::release(course, action)).await?;
    }
    let new = objects::of_manifest(pass, &prepared.manifest).await?;
    if Switches::of(pass, action).keeps_off {
        objects::refuse_others(pass, &new).await?;
    }
    let last = course.storage()?.last()?.and_then(|last| last.apply_method);
    let writes = Writes::of(pass, action, last);
    let mut record = revision::record(course, wanted, prepared, action, before.as_ref());
    record.apply_method = Some(writes.method);
    course.create(&record).await?;
    *kept = true;
    course.observe(&record, Some(word(action)));
    let old = match &before {
        Some(before) => objects::of_manifest(pass, &before.manifest).await?,
        None => Vec::new(),
    };
    let inventory: Vec<Object> = defined.into_iter().chain(new.iter().cloned()).collect();
    course.status.inventory = Some(objects::inventory(&inventory));
    course.save().await?;
    let done = bring(course, &mut record, (action, writes), (&old, new)).await;
    settle(course, record, action, before, done).await
}

/// Notes in the storage how it ended.
async fn settle(
    course: &mut Course<'_>,
    mut record: Record,
    action: Action,
    before: Option<Record>,
    done: Result<(), StageError>,
) -> Result<(), StageError> {
    match &done {
        Err(error) if act::ends_the_pass(error) => return done,
        Err(error) => {
            let (verb, message) = (title(action), course.pass.hidden.clean(&error.message));
            let verb = if action == Action::Install {
                "Release"
            } else {
                verb
            };
            let words = format!("{verb} \"{}\" failed: {message}", record.name);
            record.set_status(Status::Failed, words);
        }
        Ok(()) => {
            if let Some(mut before) = before.filter(|_| action == Action::Upgrade) {
                let description = before.info.description.clone();
                before.set_status(Status::Superseded, description);
                course.keep(&before).await?;
                course.observe_known(&before, None);
            }
            record.set_status(Status::Deployed, format!("{} complete", title(action)));
        }
    }
    course.keep(&record).await?;
    course.observe(&record, Some(word(action)));
    done
}

/// Hooks, objects, what has left, and waiting.
async fn bring(
    course: &mut Course<'_>,
    record: &mut Record,
    (action, writes): (Action, Writes),
    (old, new): (&[Object], Vec<Object>),
) -> Result<(), StageError> {
    let pass = course.pass;
    let switches = Switches::of(pass, action);
    let timeout = act::timeout(&pass.spec, action);
    let (pre, post) = match action {
        Action::Install => (HookEvent::PreInstall, HookEvent::PostInstall),
        Action::Rollback => (HookEvent::PreRollback, HookEvent::PostRollback),
        _ => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
    };
    if switches.hooks {
        hooks::run(course, record, pre, timeout).await?;
    }
    let kept = new.clone();
    let applied = objects::write(course, old, new, (writes, &act::chart_of(record))).await;
    let created = applied
        .changes
        .iter()
        .filter(|change| change.action == crate::work::apply::Action::Created);
    let created: Vec<_> = created.map(|change| change.key.clone()).collect();
    let mut result = applied.error.map_or(Ok(()), Err);
    if result.is_ok() {
        result = objects::delete_rest(course, old, &kept).await;
    }
    if result.is_ok() && switches.waits {
        let targets = applied.targets.into_iter();
        let targets = targets.filter(|target| switches.waits_for_jobs || target.key.kind != "Job");
        // Nothing moves in a Deployment that is paused.
        let paused = kept.iter().filter(|object| is_paused(object));
        let paused: Vec<_> = paused.map(Object::key).collect();
        let targets = targets.filter(|target| !paused.contains(&target.key));
        result = healthy(pass, targets.collect(), timeout).await;
    }
    if result.is_ok() && switches.hooks {
        result = hooks::run(course, record, post, timeout).await;
    }
    if let Err(error) = &result
        && switches.cleans
        && !act::ends_the_pass(error)
    {
        let kept = kept.iter().filter(|object| created.contains(&object.key()));
        let kept: Vec<&Object> = kept.collect();
        let background = windlass_cluster::Propagation::Background;
        objects::delete(course, &kept, background).await?;
    }
    result
}

fn is_paused(object: &Object) -> bool {
    object.kind() == "Deployment" && object.pointer("/spec/paused") == Some(&Value::Bool(true))
}

async fn healthy(pass: &Pass, targets: Vec<Target>, timeout: Duration) -> Result<(), StageError> {
    wait::healthy(&pass.work(), targets, Instant::now() + timeout, timeout).await
}

/// As rollbacks do it.
pub(super) async fn bring_back(
    course: &mut Course<'_>,
    record: &mut Record,
    writes: Writes,
    objects: (&[Object], Vec<Object>),
) -> Result<(), StageError> {
    bring(course, record, (Action::Rollback, writes), objects).await
}

async fn succeeded(course: &mut Course<'_>, action: Action) {
    let Some(latest) = course.latest().cloned() else {
        return;
    };
    let (name, chart) = (latest.full_name(), latest.chart());
    let reason = match action {
        Action::Install => reasons::INSTALL_SUCCEEDED,
        _ => reasons::UPGRADE_SUCCEEDED,
    };
    let verb = act::word(action);
    let message = format!("Helm {verb} succeeded for release {name} with chart {chart}");
    course.mark(
        conditions::RELEASED,
        ConditionStatus::True,
        reason,
        message.clone(),
    );
    test::await_tests(course, &latest);
    if plan::retry_interval(&course.pass.spec, &course.status).is_some() {
        let status = &mut course.status;
        (
            status.failures,
            status.install_failures,
            status.upgrade_failures,
        ) = (0, 0, 0);
    }
    report::publish(course, report::Kind::Normal, reason, message).await;
}

/// States that it failed; gives the error with the words of the condition.
async fn failed(
    course: &mut Course<'_>,
    wanted: &Wanted,
    action: Action,
    error: StageError,
) -> StageError {
    let pass = course.pass;
    let reason = match action {
        Action::Install => reasons::INSTALL_FAILED,
        _ => reasons::UPGRADE_FAILED,
    };
    let message = format!(
        "Helm {} failed for release {}/{} with chart {}@{}: {}",
        act::word(action),
        pass.release_namespace(),
        pass.release_name(),
        wanted.chart.name(),
        wanted.version,
        pass.hidden.clean(error.message.trim())
    );
    course.mark(
        conditions::RELEASED,
        ConditionStatus::False,
        reason,
        message.clone(),
    );
    report::publish(course, report::Kind::Warning, reason, message.clone()).await;
    StageError {
        reason,
        message,
        class: error.class,
    }
}

fn word(action: Action) -> SnapshotAction {
    match action {
        Action::Install => SnapshotAction::Install,
        _ => SnapshotAction::Upgrade,
    }
}

/// The action in Helm's descriptions.
fn title(action: Action) -> &'static str {
    match action {
        Action::Install => "Install",
        _ => "Upgrade",
    }
}
