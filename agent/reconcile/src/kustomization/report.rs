//! The events of a pass: what changed, what was put back, how it ended.

use std::time::Duration;

use windlass_api::duration::GoDuration;
use windlass_api::kustomization::KustomizationStatus;
use windlass_api::{conditions, names, reasons};
use windlass_cluster::EventType;
use windlass_object::ObjectKey;

use super::Progress;
use super::pass::Pass;
use super::status::{DECRYPT_INTEGRITY, REMOTE_CONTENT};
use crate::announce::{announce, event};
use crate::work::apply::Action;
use crate::work::error::StageError;

/// Publishes what changed since it was last told, and takes it out of the progress.
pub(super) async fn changes(pass: &Pass, progress: &mut Progress, revision: Option<&str>) {
    let written = std::mem::take(&mut progress.changes);
    let pruned = std::mem::take(&mut progress.pruned);
    let (mut applied, mut corrected, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for change in &written {
        match change.action {
            Action::Created | Action::Configured => applied.push(change.line()),
            Action::Corrected(_) | Action::Restored => corrected.push(change.line()),
            Action::Held(_) => held.push(change.line()),
        }
    }
    applied.extend(pruned.iter().map(|key| format!("{key} deleted")));
    let groups = [
        (EventType::Normal, reasons::PROGRESSING, applied),
        (EventType::Warning, reasons::DRIFT_CORRECTED, corrected),
        (EventType::Warning, "DriftCorrectionHeld", held),
    ];
    for (kind, reason, lines) in groups {
        if !lines.is_empty() {
            publish(pass, kind, reason, lines.join("\n"), revision).await;
        }
    }
}

/// Publishes where the repository's copy of the root pair is overruled by the node's config.
pub(super) async fn overruled(pass: &Pass, differences: &[String], revision: &str) {
    if differences.is_empty() {
        return;
    }
    let message = format!(
        "left out, because the node's configuration counts:\n{}",
        differences.join("\n")
    );
    let reason = reasons::REPLACED_BY_WINDLASS;
    publish(pass, EventType::Normal, reason, message, Some(revision)).await;
}

/// Publishes how the pass ended, if that is news.
pub(super) async fn end(
    pass: &Pass,
    progress: &Progress,
    error: Option<&StageError>,
    revision: Option<&str>,
    took: Duration,
) {
    match error {
        Some(error) => failure(pass, error, revision).await,
        None if progress.wrote => {
            let (took, next) = (GoDuration(rounded(took)), pass.spec.interval);
            let message = format!("Reconciliation finished in {took}, next run in {next}");
            let reason = reasons::RECONCILIATION_SUCCEEDED;
            publish(pass, EventType::Normal, reason, message, revision).await;
        }
        _ => {}
    }
}

/// Publishes why something was not done, if that is news.
pub(super) async fn failure(pass: &Pass, error: &StageError, revision: Option<&str>) {
    if !is_new(pass, error) {
        return;
    }
    // Waiting for a dependency is the order of things.
    let waits = error.reason == reasons::DEPENDENCY_NOT_READY;
    let kind = if waits {
        EventType::Normal
    } else {
        EventType::Warning
    };
    publish(pass, kind, error.reason, error.message.clone(), revision).await;
}

/// Publishes what went with its Kustomization.
pub(super) async fn deleted(pass: &Pass, keys: &[ObjectKey]) {
    let lines: Vec<String> = keys.iter().map(|key| format!("{key} deleted")).collect();
    if !lines.is_empty() {
        let (kind, reason) = (EventType::Normal, reasons::PROGRESSING);
        let revision = pass.status.last_applied_revision.as_deref();
        publish(pass, kind, reason, lines.join("\n"), revision).await;
    }
}

/// Publishes what is not what it was, if that is news.
pub(super) async fn doubts(pass: &Pass, new: &KustomizationStatus, revision: Option<&str>) {
    for kind in [DECRYPT_INTEGRITY, REMOTE_CONTENT] {
        let message = |status: &KustomizationStatus| {
            let condition = conditions::get(&status.conditions, kind);
            condition.map(|condition| condition.message.clone())
        };
        if let Some(now) = message(new)
            && message(&pass.status).as_ref() != Some(&now)
        {
            publish(pass, EventType::Warning, kind, now, revision).await;
        }
    }
}

async fn publish(
    pass: &Pass,
    kind: EventType,
    reason: &str,
    message: String,
    revision: Option<&str>,
) {
    let message = pass.hidden.clean(&message);
    log(pass, kind, reason, &message, revision);
    let revision = revision.map(|revision| (names::EVENT_REVISION, revision));
    let component = names::KUSTOMIZE_CONTROLLER;
    let about = (names::KUSTOMIZE_API_VERSION, names::KUSTOMIZATION);
    let news = event(
        about,
        &pass.meta,
        (kind, reason, message),
        revision,
        component,
    );
    announce(&pass.cluster, &pass.leadership, &pass.herald, news).await;
}

/// The same failure again is no news.
fn is_new(pass: &Pass, error: &StageError) -> bool {
    conditions::get(&pass.status.conditions, conditions::READY)
        .is_none_or(|ready| ready.reason != error.reason || ready.message != error.message)
}

/// Milliseconds are enough for a person.
fn rounded(took: Duration) -> Duration {
    Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

fn log(pass: &Pass, kind: EventType, reason: &str, message: &str, revision: Option<&str>) {
    let (name, message) = (&pass.name, message.replace(":\n", ": ").replace('\n', ", "));
    match kind {
        EventType::Normal => {
            tracing::info!(kind = "Kustomization", %name, reason, revision, "{message}")
        }
        EventType::Warning => {
            tracing::warn!(kind = "Kustomization", %name, reason, revision, "{message}")
        }
    }
}
