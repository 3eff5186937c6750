//! Applies the objects of a Kustomization in Flux's stages: dry-run of the whole stage, then its writes.

use futures::stream::{self, StreamExt};
use windlass_api::{names, reasons};
use windlass_cluster::{ApplyOptions, Authority, ErrorClass, PatchOptions, RequestError, Resource};
use windlass_object::{Object, ObjectKey};
use windlass_plan::change::{self, Treatment};
use windlass_plan::{fingerprint, health, order};

use super::error::StageError;
use super::fence::Fence;
use super::pass::{Correction, Pass};
use super::replace;
use super::wait::{self, Target};
use crate::ledger::{Applied, Verdict};

/// Requests in flight at once while a stage is dry-run or written.
const CONCURRENT_REQUESTS: usize = 16;
/// As Flux applies: its field manager, conflicts forced.
const APPLY: ApplyOptions<'static> = ApplyOptions {
    manager: names::APPLY_MANAGER,
    force: true,
};

/// What applying did, also when it stopped half way: nothing applied is ever missing from `handled`.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Every object that is now the Kustomization's, with the version it was applied in.
    pub(crate) handled: Vec<(ObjectKey, String)>,
    /// What was written, and why.
    pub(crate) changes: Vec<Change>,
    pub(crate) error: Option<StageError>,
}

/// One object that a pass wrote.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: ObjectKey,
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Created,
    Configured,
    /// Put back: somebody else had changed it.
    Corrected(String),
    /// Put back: somebody else had deleted it.
    Restored,
    /// Not put back before the next regular pass: it was too often of late.
    Held(String),
}

/// An object of the stage that needs a request, after its dry-run.
struct Checked {
    object: Object,
    resource: Resource,
    verdict: Verdict,
    dry_run: DryRun,
}

enum DryRun {
    /// The API server takes it; `before` is the resourceVersion of the live object, if there is one.
    Accepted {
        before: Option<String>,
        live: Object,
    },
    /// Only deleting and creating it again helps, and the owner allows that.
    Replace,
    /// The live object says hands off.
    Skip,
}

/// Applies all stages. Stops at the first one that fails.
pub(crate) async fn apply(pass: &Pass, fence: &mut Fence<'_>, objects: Vec<Object>) -> Report {
    let mut report = Report::default();
    for stage in order::stages(objects) {
        if let Err(error) = apply_stage(pass, fence, stage, &mut report).await {
            report.error = Some(error);
            return report;
        }
    }
    report
}

async fn apply_stage(
    pass: &Pass,
    fence: &mut Fence<'_>,
    stage: order::Stage,
    report: &mut Report,
) -> Result<(), StageError> {
    let keys: Vec<_> = stage
        .objects
        .iter()
        .map(|o| (o.key(), o.gvk().version))
        .collect();
    let needed = needing_requests(pass, stage.objects).await?;
    let waited: Vec<Target> = needed
        .iter()
        .map(|(object, ..)| Target::of(object))
        .collect();
    let checked = dry_run_all(pass, needed).await?;
    report.handled.extend(keys);
    if checked
        .iter()
        .any(|one| !matches!(one.dry_run, DryRun::Skip))
    {
        pass.may_write()?;
        fence.raise().await?;
        write_all(pass, checked, report).await?;
    }
    if stage.wait && !waited.is_empty() {
        wait::stage_ready(pass, &waited).await?;
    }
    Ok(())
}

/// Drops the objects that are as we left them, and those whose manifest says hands off.
async fn needing_requests(
    pass: &Pass,
    objects: Vec<Object>,
) -> Result<Vec<(Object, Resource, Verdict)>, StageError> {
    let mut needed = Vec::new();
    for object in objects {
        let digest = fingerprint::digest(&object);
        let verdict = pass.ledger.verdict(&pass.name, &object.key(), &digest);
        let skipped = change::treatment(&object, None) == Treatment::Skip;
        if verdict == Verdict::Unchanged || skipped {
            continue;
        }
        let resource = pass.resolve(&object).await?;
        needed.push((object, resource, verdict));
    }
    Ok(needed)
}

async fn dry_run_all(
    pass: &Pass,
    needed: Vec<(Object, Resource, Verdict)>,
) -> Result<Vec<Checked>, StageError> {
    let answers: Vec<_> = stream::iter(needed)
        .map(|(object, resource, verdict)| dry_run(pass, object, resource, verdict))
        .buffered(CONCURRENT_REQUESTS)
        .collect()
        .await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let mut errors = bad.into_iter().filter_map(Result::err);
    match errors.next() {
        None => Ok(good.into_iter().filter_map(Result::ok).collect()),
        Some(first) => Err(with_count(first, errors.count())),
    }
}

fn with_count(first: StageError, more: usize) -> StageError {
    if more == 0 {
        return first;
    }
    StageError {
        message: format!("{} (and {more} more objects failed)", first.message),
        ..first
    }
}

async fn dry_run(
    pass: &Pass,
    object: Object,
    resource: Resource,
    verdict: Verdict,
) -> Result<Checked, StageError> {
    if only_created(&object) {
        let namespace = object.namespace().unwrap_or_default();
        let there = pass
            .client
            .get_metadata(&resource, namespace, object.name())
            .await;
        if there.map_err(|error| refused(&object, &error))?.is_some() {
            return Ok(Checked {
                object,
                resource,
                verdict,
                dry_run: DryRun::Skip,
            });
        }
    }
    let outcome = match pass.client.apply_dry_run(&resource, &object, &APPLY).await {
        Ok(live) => judge(&object, live),
        Err(error) if replace::helps(pass, &object, &error) => DryRun::Replace,
        Err(error) => return Err(refused(&object, &error)),
    };
    Ok(Checked {
        object,
        resource,
        verdict,
        dry_run: outcome,
    })
}

/// `ssa: IfNotPresent`: once the object is there, it is left alone.
fn only_created(object: &Object) -> bool {
    change::treatment(object, Some(object)) == Treatment::Skip
}

/// The answer to a dry-run shows the live object; one that is not there yet has no resourceVersion.
fn judge(object: &Object, live: Object) -> DryRun {
    let before = live.resource_version().map(str::to_owned);
    let left_alone = before.is_some() && change::treatment(object, Some(&live)) == Treatment::Skip;
    if left_alone {
        DryRun::Skip
    } else {
        DryRun::Accepted { before, live }
    }
}

/// Writes the checked objects: kinds in order, objects of one kind side by side.
async fn write_all(
    pass: &Pass,
    checked: Vec<Checked>,
    report: &mut Report,
) -> Result<(), StageError> {
    let mut rest = checked.into_iter().peekable();
    while let Some(first) = rest.next() {
        let kind = first.object.gvk();
        let mut batch = vec![first];
        while let Some(next) = rest.next_if(|next| next.object.gvk() == kind) {
            batch.push(next);
        }
        let answers: Vec<_> = stream::iter(batch)
            .map(|one| write(pass, one))
            .buffered(CONCURRENT_REQUESTS)
            .collect()
            .await;
        let mut failure = None;
        for answer in answers {
            match answer {
                Ok(change) => report.changes.extend(change),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(())
}

async fn write(pass: &Pass, checked: Checked) -> Result<Option<Change>, StageError> {
    let Checked {
        object,
        resource,
        verdict,
        dry_run,
    } = checked;
    let key = object.key();
    let before = match &dry_run {
        DryRun::Skip => return Ok(None),
        DryRun::Replace => None,
        DryRun::Accepted { before, .. } => before.clone(),
    };
    match pass.judge_correction(&key, &verdict) {
        Correction::Make => {}
        Correction::Hold => return Ok(None),
        Correction::HoldAndTell => {
            let action = Action::Held(describe(&object, &verdict));
            return Ok(Some(Change { key, action }));
        }
    }
    pass.ledger.begin(&pass.name, &key);
    pass.drift.watch(&resource);
    match send(pass, &object, &resource, dry_run).await {
        Ok(applied) => {
            let after = applied.resource_version().map(str::to_owned);
            settle(pass, &object, &applied);
            let action = (before != after).then(|| action(&object, &verdict, before.is_some()));
            Ok(action.map(|action| Change { key, action }))
        }
        Err(error) => {
            pass.ledger.unsettle(&key);
            Err(refused(&object, &error))
        }
    }
}

async fn send(
    pass: &Pass,
    object: &Object,
    resource: &Resource,
    dry_run: DryRun,
) -> Result<Object, RequestError> {
    let authority = Authority::Leader(&pass.leadership);
    match &dry_run {
        DryRun::Replace => replace::delete_and_wait(pass, object, resource).await?,
        DryRun::Accepted { live, .. } => {
            if let Some(patch) = change::takeover(object, live) {
                let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
                let options = PatchOptions {
                    subresource: None,
                    manager: names::APPLY_MANAGER,
                };
                pass.client
                    .patch_json(authority, resource, namespace, name, &patch, &options)
                    .await?;
            }
        }
        DryRun::Skip => {}
    }
    pass.client.apply(authority, resource, object, &APPLY).await
}

fn settle(pass: &Pass, object: &Object, applied: &Object) {
    let needs_pass = pass.ledger.settle(
        &object.key(),
        Applied {
            fingerprint: fingerprint::of(applied, object),
            resource_version: applied.resource_version().unwrap_or_default().to_owned(),
            health: health::assess(applied, jiff::Timestamp::now()),
        },
    );
    if needs_pass {
        pass.drift.report(&pass.name);
    }
}

fn action(object: &Object, verdict: &Verdict, existed: bool) -> Action {
    match verdict {
        Verdict::Drifted(_) => Action::Corrected(describe(object, verdict)),
        Verdict::Vanished => Action::Restored,
        Verdict::Changed | Verdict::Unchanged if existed => Action::Configured,
        Verdict::Changed | Verdict::Unchanged => Action::Created,
    }
}

/// Names the fields and who changed them, as far as the metadata tells.
fn describe(object: &Object, verdict: &Verdict) -> String {
    let Verdict::Drifted(seen) = verdict else {
        return "it was deleted".to_owned();
    };
    let exact: Vec<String> = fingerprint::explain(object, &seen.metadata)
        .into_iter()
        .map(|(manager, field)| format!("{field} was changed by {manager}"))
        .collect();
    if !exact.is_empty() {
        return exact.join(", ");
    }
    let managers = match seen.drift.managers.as_slice() {
        [] => "somebody".to_owned(),
        managers => managers.join(", "),
    };
    match seen.drift.fields.as_slice() {
        [] => format!("it was changed by {managers}"),
        fields => format!("{} changed by {managers}", fields.join(", ")),
    }
}

fn refused(object: &Object, error: &RequestError) -> StageError {
    let mut stage = StageError::request(reasons::RECONCILIATION_FAILED, error);
    if error.class() != ErrorClass::NotLeading {
        stage.message = format!("{}: {}", object.key(), stage.message);
    }
    stage
}
