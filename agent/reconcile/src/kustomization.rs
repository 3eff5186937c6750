//! Kustomizations: one pass is one chain of stages, and its conclusion the only way to a status.

mod apply;
mod build;
mod check;
pub(crate) mod depends;
mod error;
mod fence;
mod finalize;
pub(crate) mod pass;
mod prune;
mod replace;
mod report;
mod status;
mod wait;

use std::time::Duration;

use tokio::time::Instant;
use windlass_api::inventory::{Entry, Inventory};
use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus};
use windlass_api::{conditions, names, reasons, time::Time};
use windlass_object::{Object, ObjectKey};

use self::apply::Change;
use self::error::{Class, StageError};
use self::fence::Fence;
use self::pass::{Pass, SourceState, Waiting};
use self::status::{Conclusion, HealthChecked};
use self::wait::Target;
use crate::finalizer;
use crate::source::fetch::Snapshot;

/// What the controller has to know after a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The object after the last write, so that nobody waits for the watch to tell.
    pub(crate) object: Option<Object>,
    pub(crate) next: Next,
    /// Whether the pass waits for a dependency.
    pub(crate) blocked: bool,
    pub(crate) ready: bool,
    pub(crate) waiting_since: Option<Waiting>,
}

/// When the next pass is due if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    In(Duration),
    Now,
    /// Only a change of the object brings one.
    Never,
}

/// What the stages found out on their way, kept also when one of them fails.
#[derive(Debug, Default)]
struct Progress {
    object: Option<Object>,
    inventory: Option<Inventory>,
    changes: Vec<Change>,
    pruned: Vec<ObjectKey>,
    /// Whether anything was written, also if it was told already.
    wrote: bool,
    digest: Option<String>,
    health: Option<HealthChecked>,
    waiting_since: Option<Waiting>,
}

/// Stands in for a spec that cannot be read, so that its condition can still be written.
pub(crate) fn placeholder_spec() -> KustomizationSpec {
    let spec = serde_json::json!({
        "interval": "10m", "prune": false, "sourceRef": {"kind": "GitRepository", "name": ""},
    });
    serde_json::from_value(spec).expect("all required fields stand above")
}

/// Runs one pass to its end.
pub(crate) async fn run(pass: Pass) -> Outcome {
    if pass.meta.deleting {
        return finalized(&pass, finalize::finalize(&pass).await);
    }
    if pass.spec.suspend {
        return Outcome::quiet(Next::Never);
    }
    let started = Instant::now();
    let mut progress = Progress::default();
    let result = stages(&pass, &mut progress).await;
    conclude(&pass, progress, result, started).await
}

async fn stages(pass: &Pass, progress: &mut Progress) -> Result<(), StageError> {
    if let Some(message) = &pass.malformed {
        return Err(StageError::stalled(
            reasons::FAILED,
            format!("the object cannot be read: {message}; correct it"),
        ));
    }
    let mut fence = Fence::new(pass);
    add_finalizer(pass, &mut fence, progress).await?;
    let (snapshot, ignore) = source(pass)?;
    depends::check(
        &pass.dependencies,
        pass.cycle.as_deref(),
        &snapshot.revision,
    )?;
    if is_news(pass, snapshot) {
        let timeout = windlass_api::duration::GoDuration(pass.spec.effective_timeout());
        let message = format!(
            "Building manifests for revision {} with a timeout of {timeout}",
            snapshot.revision
        );
        report_progress(pass, &mut fence, progress, snapshot, &message).await?;
    }
    let rendered = build::build(pass, snapshot, ignore.as_deref()).await?;
    progress.digest = Some(rendered.digest);
    let (left_out, wanted): (Vec<_>, Vec<_>) = rendered
        .objects
        .into_iter()
        .partition(|object| pass.left_out.covers(object));
    let report = apply::apply(pass, &mut fence, wanted).await;
    progress.changes = report.changes;
    progress.wrote = !progress.changes.is_empty();
    let kept = left_out
        .iter()
        .map(|object| (object.key(), object.gvk().version));
    let handled: Vec<_> = report.handled.into_iter().chain(kept).collect();
    progress.inventory = Some(inventory_of(&handled));
    if let Some(error) = report.error {
        keep_the_rest(pass, progress);
        return Err(error);
    }
    prune_stale(pass, &mut fence, progress).await?;
    check_health(pass, &mut fence, progress, snapshot, handled).await
}

fn source(pass: &Pass) -> Result<(&Snapshot, &Option<String>), StageError> {
    let reference = &pass.spec.source_ref;
    let namespace = reference
        .namespace
        .as_deref()
        .unwrap_or(&pass.name.namespace);
    let name = format!("{}/{namespace}/{}", reference.kind.as_str(), reference.name);
    let wait = Duration::from_secs(30);
    match &pass.source {
        SourceState::Ready { snapshot, ignore } => Ok((snapshot, ignore)),
        SourceState::NoRevision => Err(StageError::waiting(
            reasons::ARTIFACT_FAILED,
            format!("Source artifact not found, waiting for a verified revision of '{name}'"),
            wait,
        )),
        SourceState::NotFound => Err(StageError::retry(
            reasons::ARTIFACT_FAILED,
            format!("Source '{name}' not found"),
        )),
        SourceState::Unsupported => Err(StageError::stalled(
            reasons::ARTIFACT_FAILED,
            format!(
                "sources of kind {} are not served by this version of windlass",
                reference.kind.as_str()
            ),
        )),
    }
}

/// Whether this revision or this spec has not been applied yet: only then progress is worth a write.
fn is_news(pass: &Pass, snapshot: &Snapshot) -> bool {
    pass.status.last_applied_revision.as_deref() != Some(&snapshot.revision)
        || pass.status.observed_generation != Some(pass.meta.generation)
}

async fn add_finalizer(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
) -> Result<(), StageError> {
    let added = finalizer::add(&pass.cluster, &pass.leadership, &pass.resource, &pass.meta).await;
    let added =
        added.map_err(|error| StageError::request(reasons::RECONCILIATION_FAILED, &error))?;
    if let Some(object) = added {
        fence.moved_to(object.resource_version().unwrap_or_default());
        progress.object = Some(object);
    }
    Ok(())
}

async fn report_progress(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
    snapshot: &Snapshot,
    message: &str,
) -> Result<(), StageError> {
    let base = written_status(pass, progress);
    let mut status = status::progressing(
        &base,
        pass.meta.generation,
        &snapshot.revision,
        message,
        now(),
    );
    if progress.inventory.is_some() {
        // Before health is waited for, so that nothing applied is forgotten whatever happens then.
        status.inventory.clone_from(&progress.inventory);
    }
    let written = crate::status::write(
        &pass.cluster,
        &pass.leadership,
        &pass.resource,
        &pass.name,
        (&base, &status),
        names::KUSTOMIZATION_STATUS_MANAGER,
    )
    .await
    .map_err(|error| StageError::request(reasons::RECONCILIATION_FAILED, &error))?;
    if let Some(object) = written {
        fence.moved_to(object.resource_version().unwrap_or_default());
        progress.object = Some(object);
    }
    Ok(())
}

fn inventory_of(handled: &[(ObjectKey, String)]) -> Inventory {
    Inventory::from_objects(handled.iter().map(|(key, version)| (key, version.as_str())))
}

/// After a failure nothing that was ours is dropped from the inventory, so that nothing leaks.
fn keep_the_rest(pass: &Pass, progress: &mut Progress) {
    let (Some(old), Some(new)) = (&pass.status.inventory, &mut progress.inventory) else {
        return;
    };
    let rest: Vec<Entry> = old.without(new).into_iter().cloned().collect();
    new.entries.extend(rest);
}

async fn prune_stale(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
) -> Result<(), StageError> {
    let (Some(old), Some(new)) = (&pass.status.inventory, &mut progress.inventory) else {
        return Ok(());
    };
    let stale = Inventory {
        entries: old.without(new).into_iter().cloned().collect(),
    };
    for key in stale.entries.iter().filter_map(|entry| entry.key().ok()) {
        pass.ledger.forget(&key);
    }
    if stale.entries.is_empty() || !pass.spec.prune {
        return Ok(());
    }
    let (deletable, kept) = prune::split(&stale, &pass.left_out);
    new.entries.extend(kept);
    if deletable.is_empty() {
        return Ok(());
    }
    pass.may_write()?;
    fence.raise().await?;
    let pruned = prune::prune(pass, deletable).await;
    new.entries.extend(
        pruned
            .kept
            .iter()
            .map(|stale| Entry::new(&stale.key, &stale.version)),
    );
    progress.wrote |= !pruned.deleted.is_empty();
    progress.pruned = pruned.deleted;
    pruned.error.map_or(Ok(()), Err)
}

async fn check_health(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
    snapshot: &Snapshot,
    handled: Vec<(ObjectKey, String)>,
) -> Result<(), StageError> {
    let targets = health_targets(pass, handled);
    if targets.is_empty() {
        progress.health = Some(HealthChecked::NotAsked);
        return Ok(());
    }
    if wait::all_current(pass, &targets).await? {
        progress.health = Some(HealthChecked::Passed);
        return Ok(());
    }
    let timeout = pass.spec.effective_timeout();
    let words = windlass_api::duration::GoDuration(timeout);
    let message = format!(
        "Running health checks for revision {} with a timeout of {words}",
        snapshot.revision
    );
    report_progress(pass, fence, progress, snapshot, &message).await?;
    // Told before the wait, which may be long and may be cut short.
    report::changes(pass, progress, Some(&snapshot.revision)).await;
    let waiting = waiting(pass, snapshot);
    progress.waiting_since = Some(waiting.clone());
    let result = wait::healthy(pass, targets, waiting.since + timeout, timeout).await;
    progress.health = match &result {
        Ok(()) => Some(HealthChecked::Passed),
        Err(error) if error.class == Class::Overtaken => None,
        Err(_) => Some(HealthChecked::Failed),
    };
    result
}

fn waiting(pass: &Pass, snapshot: &Snapshot) -> Waiting {
    let fresh = Waiting {
        revision: snapshot.revision.clone(),
        generation: pass.meta.generation,
        since: Instant::now(),
    };
    let earlier = pass.waiting_since.as_ref().filter(|earlier| {
        earlier.revision == fresh.revision && earlier.generation == fresh.generation
    });
    earlier.cloned().unwrap_or(fresh)
}

fn health_targets(pass: &Pass, handled: Vec<(ObjectKey, String)>) -> Vec<Target> {
    let all: Vec<Target> = if pass.spec.wait {
        handled
            .into_iter()
            .map(|(key, version)| Target { key, version })
            .collect()
    } else {
        pass.spec
            .health_checks
            .iter()
            .map(Target::from_reference)
            .collect()
    };
    all.into_iter()
        .filter(|target| !pass.left_out.covers_key(&target.key))
        .collect()
}

async fn conclude(
    pass: &Pass,
    mut progress: Progress,
    result: Result<(), StageError>,
    started: Instant,
) -> Outcome {
    let error = result.err();
    match error.as_ref().map(|error| error.class) {
        Some(Class::NotLeading) => return Outcome::quiet(Next::Never),
        Some(Class::Overtaken) => {
            let waiting_since = progress.waiting_since;
            return Outcome {
                object: progress.object,
                waiting_since,
                ..Outcome::quiet(Next::Now)
            };
        }
        _ => {}
    }
    let revision = match &pass.source {
        SourceState::Ready { snapshot, .. } => Some(snapshot.revision.as_str()),
        _ => None,
    };
    let base = written_status(pass, &progress);
    let ready_before = conditions::is_true(&pass.status.conditions, conditions::READY);
    let end = Conclusion {
        generation: pass.meta.generation,
        handled_at: pass.meta.annotation(names::REQUESTED_AT).map(str::to_owned),
        revision,
        inventory: progress.inventory.clone(),
        health: progress.health.unwrap_or(HealthChecked::NotReached),
        error: error.as_ref(),
        took: started.elapsed(),
        digest: progress.digest.clone(),
        worth_history: progress.wrote || ready_before == error.is_some(),
    };
    let new = status::conclude(&base, end, now());
    let written = crate::status::write(
        &pass.cluster,
        &pass.leadership,
        &pass.resource,
        &pass.name,
        (&base, &new),
        names::KUSTOMIZATION_STATUS_MANAGER,
    )
    .await;
    report::changes(pass, &mut progress, revision).await;
    report::end(pass, &progress, error.as_ref(), revision, started.elapsed()).await;
    let lost = written.as_ref().err().map(ToString::to_string);
    if let Some(lost) = &lost {
        tracing::warn!(kustomization = %pass.name, error = %lost, "the status could not be written");
    }
    Outcome {
        object: written.ok().flatten().or(progress.object),
        next: next(pass, error.as_ref(), lost.is_some()),
        blocked: error
            .as_ref()
            .is_some_and(|e| e.reason == reasons::DEPENDENCY_NOT_READY),
        ready: error.is_none(),
        waiting_since: None,
    }
}

/// The status that the API server holds now: the one of the last progress write, if there was one.
fn written_status(pass: &Pass, progress: &Progress) -> KustomizationStatus {
    let written = progress
        .object
        .as_ref()
        .and_then(|object| object.pointer("/status"));
    written
        .and_then(|status| serde_json::from_value(status.clone()).ok())
        .unwrap_or_else(|| pass.status.clone())
}

fn next(pass: &Pass, error: Option<&StageError>, status_lost: bool) -> Next {
    match error.map(|error| error.class) {
        None if status_lost => Next::In(Duration::from_secs(5)),
        None => Next::In(pass.spec.interval.0),
        Some(Class::Waiting(at_most)) => Next::In(at_most),
        Some(Class::Retry) => Next::In(pass.spec.effective_retry_interval()),
        Some(Class::Stalled) => Next::In(pass.spec.interval.0),
        Some(Class::Overtaken) => Next::Now,
        Some(Class::NotLeading) => Next::Never,
    }
}

fn finalized(pass: &Pass, result: Result<(), StageError>) -> Outcome {
    match result {
        Ok(()) => Outcome::quiet(Next::Never),
        Err(error) => {
            tracing::warn!(kustomization = %pass.name, %error, "the deletion is not finished; trying again");
            Outcome::quiet(Next::In(Duration::from_secs(5)))
        }
    }
}

fn now() -> Time {
    jiff::Timestamp::now().into()
}

impl Outcome {
    fn quiet(next: Next) -> Self {
        Outcome {
            object: None,
            next,
            blocked: false,
            ready: false,
            waiting_since: None,
        }
    }
}
