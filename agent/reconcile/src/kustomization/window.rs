//! The maintenance window: outside of it a revision that is new waits.

use std::time::Duration;

use jiff::Timestamp;
use windlass_api::{names, reasons};
use windlass_plan::window::Window;

use super::pass::Pass;
use crate::work::error::StageError;

/// A clock that jumps must not make it miss the window.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// Fails while a new revision has to wait. What was applied before goes on being corrected, as long as nothing newer
/// waits; what never was applied does not wait, and neither does what a person asks for.
pub(super) fn check(pass: &Pass, revision: &str) -> Result<(), StageError> {
    let Some(text) = pass.meta.annotation(names::WINDOW) else {
        return Ok(());
    };
    let applied = pass.status.last_applied_revision.as_deref();
    let asked = pass.meta.annotation(names::REQUESTED_AT);
    let asked = asked.is_some() && asked != pass.status.last_handled_reconcile_at.as_deref();
    if asked || applied.is_none_or(|applied| applied == revision) {
        return Ok(());
    }
    let now = Timestamp::now();
    let window = Window::parse(text).map_err(|why| {
        let message = format!("the annotation {} cannot be used: {why}", names::WINDOW);
        StageError::stalled(reasons::OUTSIDE_WINDOW, message)
    })?;
    let Some(at) = window.opens(now) else {
        return Ok(());
    };
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or(LOOK_AGAIN);
    let (namespace, name) = (&pass.name.namespace, &pass.name.name);
    let message = format!(
        "revision {revision} waits for the window {text:?}, which opens at {at:.0}; to apply it now: windlass \
         reconcile kustomization {name} -n {namespace}"
    );
    Err(StageError::waiting(
        reasons::OUTSIDE_WINDOW,
        message,
        wait.min(LOOK_AGAIN),
    ))
}
