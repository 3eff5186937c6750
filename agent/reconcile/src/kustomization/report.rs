//! The events of a pass: what changed, what was put back, how it ended.

use std::time::Duration;

use windlass_api::duration::GoDuration;
use windlass_api::{conditions, names};
use windlass_cluster::{EventType, ObjectReference};

use super::Progress;
use super::apply::{Action, Change};
use super::error::StageError;
use super::pass::Pass;
use crate::announce::{announce, event};

/// Publishes the events that this pass is worth; a pass that changed nothing is worth none.
pub(super) async fn publish(
    pass: &Pass,
    progress: &Progress,
    error: Option<&StageError>,
    revision: Option<&str>,
    took: Duration,
) {
    for (kind, reason, message) in messages(pass, progress, error, took) {
        log(pass, kind, reason, &message);
        let revision = revision.map(|revision| (names::EVENT_REVISION, revision));
        let spec = event(
            regarding(pass),
            kind,
            reason,
            message,
            revision,
            names::KUSTOMIZE_CONTROLLER,
        );
        announce(&pass.cluster, &pass.leadership, spec).await;
    }
}

fn messages(
    pass: &Pass,
    progress: &Progress,
    error: Option<&StageError>,
    took: Duration,
) -> Vec<(EventType, &'static str, String)> {
    let mut messages = Vec::new();
    let (held, written): (Vec<&Change>, Vec<&Change>) = progress
        .changes
        .iter()
        .partition(|change| matches!(change.action, Action::Held(_)));
    let (corrected, applied): (Vec<&Change>, Vec<&Change>) = written
        .into_iter()
        .partition(|change| is_correction(change));
    let lines: Vec<String> = applied
        .iter()
        .map(|change| line(change))
        .chain(progress.pruned.iter().map(|key| format!("{key} deleted")))
        .collect();
    if !lines.is_empty() {
        messages.push((EventType::Normal, "Progressing", lines.join("\n")));
    }
    if !corrected.is_empty() {
        let lines: Vec<String> = corrected.iter().map(|change| line(change)).collect();
        messages.push((EventType::Warning, "DriftCorrected", lines.join("\n")));
    }
    if !held.is_empty() {
        let lines: Vec<String> = held.iter().map(|change| line(change)).collect();
        messages.push((EventType::Warning, "DriftCorrectionHeld", lines.join("\n")));
    }
    match error {
        Some(error) if is_new(pass, error) => {
            messages.push((EventType::Warning, error.reason, error.message.clone()));
        }
        None if !progress.changes.is_empty() || !progress.pruned.is_empty() => {
            let (took, next) = (GoDuration(rounded(took)), pass.spec.interval);
            let message = format!("Reconciliation finished in {took}, next run in {next}");
            messages.push((EventType::Normal, "ReconciliationSucceeded", message));
        }
        _ => {}
    }
    messages
}

/// The same failure again is no news.
fn is_new(pass: &Pass, error: &StageError) -> bool {
    conditions::get(&pass.status.conditions, conditions::READY)
        .is_none_or(|ready| ready.reason != error.reason || ready.message != error.message)
}

fn is_correction(change: &Change) -> bool {
    matches!(change.action, Action::Corrected(_) | Action::Restored)
}

fn line(change: &Change) -> String {
    let key = &change.key;
    match &change.action {
        Action::Created => format!("{key} created"),
        Action::Configured => format!("{key} configured"),
        Action::Corrected(what) => format!("{key} put back: {what}"),
        Action::Held(what) => format!(
            "{key} is changed again and again and is left alone until the next regular pass: {what}"
        ),
        Action::Restored => format!("{key} put back: it had been deleted"),
    }
}

/// Milliseconds are enough for a person.
fn rounded(took: Duration) -> Duration {
    Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

fn log(pass: &Pass, kind: EventType, reason: &str, message: &str) {
    let name = &pass.name;
    match kind {
        EventType::Normal => tracing::info!(kind = "Kustomization", %name, reason, "{message}"),
        EventType::Warning => tracing::warn!(kind = "Kustomization", %name, reason, "{message}"),
    }
}

fn regarding(pass: &Pass) -> ObjectReference {
    ObjectReference {
        api_version: names::KUSTOMIZE_API_VERSION.to_owned(),
        kind: names::KUSTOMIZATION.to_owned(),
        namespace: pass.name.namespace.clone(),
        name: pass.name.name.clone(),
        uid: pass.meta.uid.clone(),
        resource_version: pass.meta.resource_version.clone(),
    }
}
