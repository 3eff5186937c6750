//! Hooks: objects that run at a moment of a release's life, one after the other.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::duration::GoDuration;
use windlass_api::{names, reasons};
use windlass_cluster::{ApplyOptions, Authority, Propagation};
use windlass_helm::{HookEvent, HookRun, Record, RecordedHook, Time};
use windlass_object::Object;

use super::course::Course;
use super::objects;
use super::pass::Pass;
use crate::work::error::StageError;
use crate::work::marked;

const BEFORE_CREATION: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

/// How often a hook that runs is looked at.
const POLL: Duration = Duration::from_secs(1);

/// How one run of a hook ended.
enum Ran {
    Well,
    Badly(String),
}

/// Runs the hooks of a moment, lightest first. Each run is noted in the record before and after it.
///
/// # Errors
/// One failed, or was not done in time.
pub(super) async fn run(
    course: &mut Course<'_>,
    record: &mut Record,
    event: HookEvent,
    timeout: Duration,
) -> Result<(), StageError> {
    run_some(course, record, event, timeout, |_| true).await
}

/// As [`run`], but only those that are chosen by their names.
pub(super) async fn run_some(
    course: &mut Course<'_>,
    record: &mut Record,
    event: HookEvent,
    timeout: Duration,
    chosen: impl Fn(&str) -> bool,
) -> Result<(), StageError> {
    let hooks = record.hooks.iter().enumerate();
    let hooks = hooks.filter(|(_, hook)| hook.is_for(event) && chosen(&hook.name));
    let mut order: Vec<(i64, String, usize)> = hooks
        .map(|(at, hook)| (hook.weight, hook.name.clone(), at))
        .collect();
    // Helm sorts by weight, then by name.
    order.sort();
    let mut done: Vec<usize> = Vec::new();
    for (_, _, at) in order {
        let Some(hook) = record.hooks.get(at).cloned() else {
            continue;
        };
        let ran = run_one(course, record, at, &hook, timeout).await?;
        match ran {
            Ran::Well => done.push(at),
            Ran::Badly(why) => {
                clean(course, &hook, FAILED).await?;
                for earlier in done {
                    let earlier = record.hooks.get(earlier).cloned();
                    clean_one(course, earlier, SUCCEEDED).await?;
                }
                let path = &hook.path;
                let message = format!("hook {} {path} failed: {why}", event.as_str());
                return Err(StageError::retry(reasons::RECONCILE_ERROR, message));
            }
        }
    }
    for at in done.into_iter().rev() {
        clean_one(course, record.hooks.get(at).cloned(), SUCCEEDED).await?;
    }
    Ok(())
}

async fn run_one(
    course: &mut Course<'_>,
    record: &mut Record,
    at: usize,
    hook: &RecordedHook,
    timeout: Duration,
) -> Result<Ran, StageError> {
    let pass = course.pass;
    clean(course, hook, BEFORE_CREATION).await?;
    note(record, at, |run| {
        *run = HookRun {
            started_at: Some(now()),
            completed_at: None,
            phase: "Running".to_owned(),
        };
    });
    course.keep(record).await?;
    pass.may_write()?;
    course.fence.raise().await?;
    let mark = pass.mark(&super::act::chart_of(record));
    let ran = create_and_wait(pass, (hook, mark.as_deref()), timeout).await;
    let phase = match &ran {
        Ok(Ran::Well) => "Succeeded",
        Ok(Ran::Badly(_)) | Err(_) => "Failed",
    };
    note(record, at, |run| {
        run.completed_at = Some(now());
        phase.clone_into(&mut run.phase);
    });
    match ran {
        Ok(ran) => {
            course.keep(record).await?;
            Ok(ran)
        }
        Err(error) if super::act::ends_the_pass(&error) => Err(error),
        Err(error) => {
            course.keep(record).await?;
            Ok(Ran::Badly(error.message))
        }
    }
}

async fn create_and_wait(
    pass: &Pass,
    (hook, mark): (&RecordedHook, Option<&str>),
    timeout: Duration,
) -> Result<Ran, StageError> {
    for object in objects_of(pass, hook).await? {
        let failed = |error| StageError::request(reasons::RECONCILE_ERROR, &error);
        let resource = pass.client.resolve(&object.gvk()).await.map_err(failed)?;
        let options = ApplyOptions {
            manager: names::HELM_CONTROLLER,
            force: true,
        };
        let authority = Authority::Leader(&pass.leadership);
        let applied = pass
            .client
            .apply(authority, &resource, &marked(&object, mark), &options)
            .await;
        applied.map_err(failed)?;
    }
    let deadline = Instant::now() + timeout;
    for object in objects_of(pass, hook).await? {
        if let Ran::Badly(why) = wait_for(pass, &object, (deadline, timeout)).await? {
            return Ok(Ran::Badly(why));
        }
    }
    Ok(Ran::Well)
}

/// Only Jobs and Pods run to an end.
async fn wait_for(
    pass: &Pass,
    object: &Object,
    (deadline, timeout): (Instant, Duration),
) -> Result<Ran, StageError> {
    if !matches!(object.kind(), "Job" | "Pod") {
        return Ok(Ran::Well);
    }
    let failed = |error| StageError::request(reasons::RECONCILE_ERROR, &error);
    let resource = pass.client.resolve(&object.gvk()).await.map_err(failed)?;
    let namespace = object.namespace().unwrap_or_default();
    loop {
        let live = pass.client.get(&resource, namespace, object.name()).await;
        let live = live.map_err(failed)?;
        if let Some(ran) = live.as_ref().and_then(ended) {
            return Ok(ran);
        }
        if Instant::now() >= deadline {
            let after = GoDuration(timeout);
            let key = object.key();
            return Ok(Ran::Badly(format!(
                "timeout after {after} waiting for {key} to end"
            )));
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => pass.may_write()?,
            () = pass.overtaken.cancelled() => return Err(StageError::overtaken()),
        }
    }
}

/// How a Job or Pod ended; none while it runs.
fn ended(live: &Object) -> Option<Ran> {
    let key = live.key();
    if live.kind() == "Pod" {
        let phase = live.pointer("/status/phase").and_then(Value::as_str)?;
        return match phase {
            "Succeeded" => Some(Ran::Well),
            "Failed" => Some(Ran::Badly(format!("{key} failed"))),
            _ => None,
        };
    }
    let conditions = live
        .pointer("/status/conditions")
        .and_then(Value::as_array)?;
    conditions.iter().find_map(|condition| {
        let text = |field| condition.get(field).and_then(Value::as_str);
        if text("status") != Some("True") {
            return None;
        }
        match text("type")? {
            "Complete" => Some(Ran::Well),
            "Failed" => {
                let why = text("message").or(text("reason")).unwrap_or("it failed");
                Some(Ran::Badly(format!("{key}: {why}")))
            }
            _ => None,
        }
    })
}

async fn objects_of(pass: &Pass, hook: &RecordedHook) -> Result<Vec<Object>, StageError> {
    let parsed = windlass_release::parse(&hook.manifest);
    let mut objects = parsed.map_err(|why| {
        StageError::retry(
            reasons::RECONCILE_ERROR,
            format!("hook {}: {why}", hook.path),
        )
    })?;
    for object in &mut objects {
        if object.namespace().is_none_or(str::is_empty) {
            object.set_namespace(Some(pass.release_namespace()));
        }
    }
    pass.client.fit_scope(&mut objects).await;
    Ok(objects)
}

async fn clean_one(
    course: &mut Course<'_>,
    hook: Option<RecordedHook>,
    policy: &str,
) -> Result<(), StageError> {
    match hook {
        Some(hook) => clean(course, &hook, policy).await,
        None => Ok(()),
    }
}

/// Deletes a hook's objects where its policies say so, and waits until they are gone: a new one has the same name.
async fn clean(
    course: &mut Course<'_>,
    hook: &RecordedHook,
    policy: &str,
) -> Result<(), StageError> {
    // Without a policy of its own it is deleted before the next run.
    let by_default = hook.delete_policies.is_empty() && policy == BEFORE_CREATION;
    let asked = by_default || hook.delete_policies.iter().any(|one| one == policy);
    // With a definition everything of its kind would go.
    if !asked || hook.kind == "CustomResourceDefinition" {
        return Ok(());
    }
    let pass = course.pass;
    let found = objects_of(pass, hook).await?;
    let found: Vec<&Object> = found.iter().collect();
    let deleted = objects::delete(course, &found, Propagation::Background).await?;
    let deadline = Instant::now() + pass.spec.effective_timeout();
    wait_gone(pass, &deleted, deadline).await
}

/// Waits until objects are gone.
pub(super) async fn wait_gone(
    pass: &Pass,
    objects: &[&Object],
    deadline: Instant,
) -> Result<(), StageError> {
    for object in objects {
        loop {
            let live = objects::live(pass, object).await;
            let live =
                live.map_err(|error| StageError::request(reasons::RECONCILE_ERROR, &error))?;
            if live.is_none() {
                break;
            }
            if Instant::now() >= deadline {
                let message = format!("{} is still there, in deletion", object.key());
                return Err(StageError::retry(reasons::RECONCILE_ERROR, message));
            }
            tokio::time::sleep(POLL / 4).await;
            pass.may_write()?;
        }
    }
    Ok(())
}

fn note(record: &mut Record, at: usize, change: impl FnOnce(&mut HookRun)) {
    if let Some(hook) = record.hooks.get_mut(at) {
        change(&mut hook.last_run);
    }
}

fn now() -> Time {
    Time::from(jiff::Timestamp::now())
}
