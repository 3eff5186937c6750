//! Kustomizations: one pass is one chain of stages, and its conclusion the only way to a status.

mod build;
mod conclude;
mod decrypt;
mod finalize;
mod guard;
mod health;
mod inputs;
mod moves;
pub(crate) mod observe;
mod outcome;
pub(crate) mod pass;
pub(crate) mod pinned;
mod prune;
mod report;
pub(crate) mod settled;
mod status;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_api::inventory::{Entry, Inventory};
use windlass_api::kustomization::KustomizationSpec;
use windlass_api::{names, reasons, time::Time};
use windlass_object::{Object, ObjectKey};
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::order;

pub(crate) use self::decrypt::refuse_ciphertext;

use self::conclude::{conclude, finalized, written_status};
use self::inputs::Inputs;
pub(crate) use self::outcome::{Next, Outcome};
use self::pass::{Pass, Refusal, SourceState, Waiting};
use self::settled::Settled;
use self::status::HealthChecked;
use crate::finalizer;
use crate::ledger::Ledger;
use crate::left_out;
use crate::offer::Offer;
use crate::seen::kustomization_object;
use crate::work::apply::{self, Change};
use crate::work::error::StageError;
use crate::work::fence::Fence;
use crate::work::webhook;
use crate::work::{depends, remote};

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
    /// What is not what it was; `None` when nothing was built.
    doubts: Option<build::Doubts>,
    health: Option<HealthChecked>,
    waiting_since: Option<Waiting>,
    settled: Option<Arc<Settled>>,
}

/// Stands in for a spec that cannot be read, so that its condition can still be written.
pub(crate) fn placeholder_spec() -> KustomizationSpec {
    let spec = serde_json::json!({
        "interval": "10m", "prune": false, "sourceRef": {"kind": "GitRepository", "name": ""},
    });
    serde_json::from_value(spec).expect("all required fields stand above")
}

/// Runs one pass to its end.
pub(crate) async fn run(mut pass: Pass) -> Outcome {
    if pass.meta.deleting {
        let aimed = aim(&mut pass).await;
        return finalized(&pass, finalize::finalize(&pass, aimed).await).await;
    }
    if pass.spec.suspend {
        return Outcome::quiet(Next::Never);
    }
    read_expressions(&mut pass);
    let started = Instant::now();
    let mut progress = Progress::default();
    let aimed = aim(&mut pass).await;
    let result = match stages(&pass, aimed, &mut progress).await {
        Err(error) => {
            let held = held(&pass, &progress);
            Err(webhook::explain(&pass.target, &held, error).await)
        }
        Ok(()) => Ok(()),
    };
    conclude(&pass, progress, result, started).await
}

/// An expression that is no CEL, or a rule that cannot be used, is a refusal: only another spec helps.
fn read_expressions(pass: &mut Pass) {
    match IgnoreRules::compile(&pass.spec.ignore) {
        Ok(ignored) => pass.ignored = ignored,
        Err(message) => {
            pass.refusal.get_or_insert(Refusal {
                reason: reasons::RECONCILIATION_FAILED,
                message,
            });
        }
    }
    match CustomChecks::compile(&pass.spec.health_check_exprs) {
        Ok(checks) => pass.checks = checks,
        Err(error) => {
            pass.refusal.get_or_insert(Refusal {
                reason: reasons::INVALID_CEL_EXPRESSION,
                message: format!("spec.healthCheckExprs: {error}"),
            });
        }
    }
}

async fn stages(
    pass: &Pass,
    aimed: Result<(), StageError>,
    progress: &mut Progress,
) -> Result<(), StageError> {
    if let Some(refusal) = &pass.refusal {
        return Err(StageError::stalled(refusal.reason, refusal.message.clone()));
    }
    let mut fence = pass.fence();
    add_finalizer(pass, &mut fence, progress).await?;
    let offer = source(pass)?;
    depends::check(pass.unmet.as_deref(), &pass.dependencies, || {
        kustomization_object(&pass.meta, Some(&pass.spec), &pass.status)
    })?;
    aimed?;
    window::check(pass, offer.revision())?;
    let inputs = inputs::read(pass, offer).await?;
    let made_from = inputs.digest;
    if !is_news(pass, offer)
        && let Some(known) = &pass.settled
        && known.holds(pass, made_from).await?
    {
        let targets = known.recall(progress);
        progress.settled = Some(Arc::clone(known));
        return health::check(pass, &mut fence, progress, offer, targets).await;
    }
    let (left_out, wanted) = render(pass, progress, offer, inputs).await?;
    let kept: Vec<_> = left_out.iter().map(identity).collect();
    let planned = wanted.iter().map(identity).chain(kept.iter().cloned());
    let planned = inventory_of(&planned.collect::<Vec<_>>());
    if let Err(held) = guard::check(pass, &planned).await {
        guard::correct_what_stays(pass, &mut fence, progress, wanted).await;
        return Err(held);
    }
    begin(pass, &mut fence, progress, offer, planned).await?;
    let mut report = apply::apply(&pass.work(), &mut fence, order::stages(wanted)).await;
    progress.changes = std::mem::take(&mut report.changes);
    progress.wrote = !progress.changes.is_empty();
    let handled = std::mem::take(&mut report.handled);
    let handled: Vec<_> = handled.into_iter().chain(kept).collect();
    progress.inventory = Some(inventory_of(&handled));
    if let Some(error) = report.error.take() {
        keep_the_rest(pass, progress);
        return Err(error);
    }
    prune_stale(pass, &mut fence, progress).await?;
    progress.settled = Settled::of(pass, made_from, progress, &report).map(Arc::new);
    health::check(pass, &mut fence, progress, offer, report.targets).await
}

/// Makes the pass work on the cluster that its spec names. Until this has succeeded nothing may be applied or deleted.
///
/// Nothing is watched there: what is known of an object is known in this pass only.
async fn aim(pass: &mut Pass) -> Result<(), StageError> {
    let Some(reference) = &pass.spec.kube_config else {
        return Ok(());
    };
    let target = remote::cluster(pass.seeking(), reference).await?;
    pass.client = match pass.client.impersonated() {
        Some(account) => target.impersonating(account.clone()),
        None => target.clone(),
    };
    pass.target = target;
    pass.ledger.forget_owner(&pass.name);
    pass.ledger = Ledger::default();
    pass.drift = pass.drift.elsewhere();
    pass.left_out = pass.left_out.elsewhere();
    Ok(())
}

/// What the Kustomization has in its inventory now.
fn held(pass: &Pass, progress: &Progress) -> Vec<ObjectKey> {
    let inventory = progress.inventory.as_ref();
    let inventory = inventory.or(pass.status.inventory.as_ref());
    let entries = inventory.iter().flat_map(|inventory| &inventory.entries);
    entries.filter_map(|entry| entry.key().ok()).collect()
}

/// Builds the objects; gives what is left out, and what is to be applied.
async fn render(
    pass: &Pass,
    progress: &mut Progress,
    offer: &Offer,
    inputs: Inputs,
) -> Result<(Vec<Object>, Vec<Object>), StageError> {
    let mut rendered = build::build(pass, offer, inputs).await?;
    pass.vouch(rendered.made);
    pass.client.fit_scope(&mut rendered.objects).await;
    progress.digest = Some(rendered.digest);
    progress.doubts = Some(rendered.doubts);
    decrypt::refuse_doubts(pass, progress)?;
    let (left_out, wanted): (Vec<_>, Vec<_>) = rendered
        .objects
        .into_iter()
        .partition(|object| pass.left_out.covers(object));
    if is_news(pass, offer) {
        let differences = left_out::differences(&left_out, &*pass.root_pair);
        report::overruled(pass, &differences, offer.revision()).await;
    }
    Ok((left_out, wanted))
}

fn identity(object: &Object) -> (ObjectKey, String) {
    (object.key(), object.gvk().version)
}

/// Writes what is about to be applied into the inventory, if anything of it is new, and says that there is work.
///
/// Before anything is created, so that nothing leaks whatever happens to this pass.
async fn begin(
    pass: &Pass,
    fence: &mut Fence<'_>,
    progress: &mut Progress,
    offer: &Offer,
    planned: Inventory,
) -> Result<(), StageError> {
    let empty = Inventory::default();
    let new = !planned
        .without(pass.status.inventory.as_ref().unwrap_or(&empty))
        .is_empty();
    if !new && !is_news(pass, offer) {
        return Ok(());
    }
    pass.may_write()?;
    progress.inventory = Some(planned);
    keep_the_rest(pass, progress);
    let timeout = windlass_api::duration::GoDuration(pass.spec.effective_timeout());
    let revision = offer.revision();
    let message = format!("Applying revision {revision} with a timeout of {timeout}");
    report_progress(pass, fence, progress, offer, &message).await
}

fn source(pass: &Pass) -> Result<&Offer, StageError> {
    let reference = &pass.spec.source_ref;
    let namespace = reference
        .namespace
        .as_deref()
        .unwrap_or(&pass.name.namespace);
    let name = format!("{}/{namespace}/{}", reference.kind.as_str(), reference.name);
    let wait = Duration::from_secs(30);
    match &pass.source {
        SourceState::Ready(offer) => Ok(offer),
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
fn is_news(pass: &Pass, offer: &Offer) -> bool {
    pass.status.last_applied_revision.as_deref() != Some(offer.revision())
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
    offer: &Offer,
    message: &str,
) -> Result<(), StageError> {
    let base = written_status(pass, progress);
    let mut status = status::progressing(
        &base,
        pass.meta.generation,
        offer.revision(),
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
        pass.ledger.forget(&pass.name, &key);
    }
    if stale.entries.is_empty() || !pass.spec.prune {
        return Ok(());
    }
    // Until it is deleted it stays ours, whatever stops this pass.
    new.entries.extend(stale.entries.iter().cloned());
    let deletable = prune::deletable(&stale, &pass.left_out);
    if deletable.is_empty() {
        return Ok(());
    }
    pass.may_write()?;
    fence.raise().await?;
    let pruned = prune::prune(pass, deletable).await;
    new.entries
        .retain(|entry| !entry.key().is_ok_and(|key| pruned.settled.contains(&key)));
    progress.wrote |= !pruned.deleted.is_empty();
    progress.pruned = pruned.deleted;
    pruned.error.map_or(Ok(()), Err)
}

fn now() -> Time {
    jiff::Timestamp::now().into()
}
