//! The end of a pass: status, events, and when to look again.

use std::time::Duration;

use tokio::time::Instant;
use windlass_api::kustomization::KustomizationStatus;
use windlass_api::{conditions, names, reasons};
use windlass_cluster::RequestError;
use windlass_object::Object;

use super::pass::{Pass, SourceState};
use super::status::{self, Conclusion, HealthChecked};
use super::{Next, Outcome, Progress, now, report};
use crate::work::error::{Class, StageError};
use crate::work::webhook::{self, Asked};

/// How soon a pass is tried again whose status could not be written, or that had no time left in the term.
const SOON: Duration = Duration::from_secs(5);

/// Makes status, events and outcome of what the stages came to.
pub(super) async fn conclude(
    pass: &Pass,
    mut progress: Progress,
    result: Result<(), StageError>,
    started: Instant,
) -> Outcome {
    let error = result.err().map(|error| without_secrets(pass, error));
    match error.as_ref().map(|error| error.class) {
        Some(Class::NotLeading) => return Outcome::quiet(Next::In(SOON)),
        Some(Class::Gone) => return Outcome::quiet(Next::Never),
        Some(Class::Overtaken) => {
            report::changes(pass, &mut progress, revision(pass)).await;
            let waiting_since = progress.waiting_since;
            return Outcome {
                object: progress.object,
                waiting_since,
                ..Outcome::quiet(Next::Now)
            };
        }
        _ => {}
    }
    let revision = revision(pass);
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
        doubts: progress.doubts.as_ref(),
        worth_history: progress.wrote || ready_before == error.is_some(),
    };
    let new = status::conclude(&base, end, now());
    let written = write(pass, &base, &new).await;
    report::changes(pass, &mut progress, revision).await;
    report::doubts(pass, &new, revision).await;
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
        held: error.as_ref().is_some_and(|e| e.class == Class::Held),
        awaits_kind: error
            .as_ref()
            .is_some_and(|e| e.class == Class::KindMissing),
        awaits_webhook: awaited_webhook(pass, error.as_ref()),
        ready: error.is_none(),
        waiting_since: None,
        settled: progress.settled.filter(|_| error.is_none()),
        regular: pass.at_interval && error.is_none(),
    }
}

/// The webhook to watch; another cluster is not watched.
fn awaited_webhook(pass: &Pass, error: Option<&StageError>) -> Option<Asked> {
    let error = error.filter(|_| pass.spec.kube_config.is_none())?;
    let awaits = matches!(error.class, Class::WebhookSilent(_));
    let silent = webhook::silent(&error.message).filter(|_| awaits)?;
    Some(silent.asked)
}

/// The API server quotes what it refuses.
fn without_secrets(pass: &Pass, error: StageError) -> StageError {
    StageError {
        message: pass.hidden.clean(&error.message),
        ..error
    }
}

async fn write(
    pass: &Pass,
    old: &KustomizationStatus,
    new: &KustomizationStatus,
) -> Result<Option<Object>, RequestError> {
    crate::status::write(
        &pass.cluster,
        &pass.leadership,
        &pass.resource,
        &pass.name,
        (old, new),
        names::KUSTOMIZATION_STATUS_MANAGER,
    )
    .await
}

fn revision(pass: &Pass) -> Option<&str> {
    match &pass.source {
        SourceState::Ready(offer) => Some(offer.revision()),
        _ => None,
    }
}

/// The status that the API server holds now: the one of the last progress write, if there was one.
pub(super) fn written_status(pass: &Pass, progress: &Progress) -> KustomizationStatus {
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
        None if status_lost => Next::In(SOON),
        None => Next::In(pass.spec.interval.0),
        Some(Class::Waiting(at_most) | Class::WebhookSilent(at_most)) => Next::In(at_most),
        Some(Class::Retry | Class::Held | Class::KindMissing) => {
            Next::In(pass.spec.effective_retry_interval())
        }
        Some(Class::Stalled) => Next::In(pass.spec.interval.0),
        Some(Class::Overtaken) => Next::Now,
        Some(Class::NotLeading) => Next::In(SOON),
        Some(Class::Gone) => Next::Never,
    }
}

/// The end of a pass over an object that is being deleted.
pub(super) async fn finalized(pass: &Pass, result: Result<(), StageError>) -> Outcome {
    match result {
        Ok(()) => Outcome::quiet(Next::Never),
        Err(error) if error.class == Class::Gone => Outcome::quiet(Next::Never),
        Err(error) if error.class == Class::NotLeading => Outcome::quiet(Next::In(SOON)),
        Err(error) => unfinished(pass, &error).await,
    }
}

/// Says on the object, and once in an event, what a deletion waits for.
async fn unfinished(pass: &Pass, error: &StageError) -> Outcome {
    tracing::warn!(kustomization = %pass.name, %error, "the deletion is not finished; trying again");
    let new = status::unfinished(&pass.status, pass.meta.generation, error, now());
    let written = write(pass, &pass.status, &new).await;
    report::failure(pass, error, None).await;
    Outcome {
        object: written.ok().flatten(),
        ..Outcome::quiet(Next::In(SOON))
    }
}
