//! Whether what was applied has come to rest, and how long that may take.

use tokio::time::Instant;
use windlass_api::duration::GoDuration;

use super::pass::{Pass, Waiting};
use super::status::HealthChecked;
use super::{Progress, report, report_progress};
use crate::offer::Offer;
use crate::work::error::{Class, StageError};
use crate::work::fence::Fence;
use crate::work::wait::{self, Target};

/// Looks at health if the spec asks for it, and waits for it as long as the spec allows.
pub(super) async fn check(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
    offer: &Offer,
    applied: Vec<Target>,
) -> Result<(), StageError> {
    let targets = targets(pass, applied);
    if targets.is_empty() {
        progress.health = Some(HealthChecked::NotAsked);
        return Ok(());
    }
    if wait::all_current(&pass.work(), &targets).await? {
        progress.health = Some(HealthChecked::Passed);
        return Ok(());
    }
    let timeout = pass.spec.effective_timeout();
    let words = GoDuration(timeout);
    let message = format!(
        "Running health checks for revision {} with a timeout of {words}",
        offer.revision()
    );
    report_progress(pass, fence, progress, offer, &message).await?;
    // Told before the wait, which may be long and may be cut short.
    report::changes(pass, progress, Some(offer.revision())).await;
    let waiting = waiting(pass, offer);
    progress.waiting_since = Some(waiting.clone());
    pass.drift.waits(&pass.name);
    let result = wait::healthy(&pass.work(), targets, waiting.since + timeout, timeout).await;
    progress.health = match &result {
        Ok(()) => Some(HealthChecked::Passed),
        Err(error) if error.class == Class::Overtaken => None,
        Err(_) => Some(HealthChecked::Failed),
    };
    result
}

fn waiting(pass: &Pass, offer: &Offer) -> Waiting {
    let fresh = Waiting {
        revision: offer.revision().to_owned(),
        generation: pass.meta.generation,
        since: Instant::now(),
    };
    let earlier = pass.waiting_since.as_ref().filter(|earlier| {
        earlier.revision == fresh.revision && earlier.generation == fresh.generation
    });
    earlier.cloned().unwrap_or(fresh)
}

fn targets(pass: &Pass, applied: Vec<Target>) -> Vec<Target> {
    if pass.spec.wait {
        return applied;
    }
    let named = pass.spec.health_checks.iter().map(Target::from_reference);
    named
        .filter(|target| !pass.left_out.covers_key(&target.key))
        .collect()
}
