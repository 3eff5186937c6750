//! Applies the objects of a Kustomization in Flux's stages: dry-run of the whole stage, then its writes.

use futures::stream::{self, StreamExt};
use windlass_api::names;
use windlass_cluster::{ApplyOptions, Authority, ErrorClass, PatchOptions, RequestError, Resource};
use windlass_object::{Object, ObjectKey};
use windlass_plan::change::{self, Treatment};
use windlass_plan::{fingerprint, order};

use super::check::{self, Checked, Finding, refused};
use super::error::StageError;
use super::failures::Failures;
use super::fence::Fence;
use super::pass::{Correction, Pass};
use super::replace;
use super::wait::{self, Target};
use crate::ledger::{Applied, Verdict};

/// Requests in flight at once while a stage is dry-run or written.
pub(super) const CONCURRENT_REQUESTS: usize = 16;
/// As Flux applies: its field manager, conflicts forced.
pub(super) const APPLY: ApplyOptions<'static> = ApplyOptions {
    manager: names::APPLY_MANAGER,
    force: true,
};

/// How often an object that changes meanwhile is taken over anew; each time somebody else has got a write done.
const CONFLICT_LIMIT: usize = 10;

/// What applying did, also when it stopped half way: nothing applied is ever missing from `handled`.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Every object that is now the Kustomization's, with the version it was applied in.
    pub(crate) handled: Vec<(ObjectKey, String)>,
    /// Whose health counts when the spec says `wait`: what is not left alone.
    pub(crate) targets: Vec<Target>,
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

/// Applies all stages. Stops at the first one that fails, unless the others are to go on.
pub(crate) async fn apply(pass: &Pass, fence: &mut Fence<'_>, objects: Vec<Object>) -> Report {
    let mut report = Report::default();
    let mut failures = Failures::default();
    for stage in order::stages(objects) {
        let applied = apply_stage(pass, fence, stage, &mut report, &mut failures).await;
        if let Err(error) = applied {
            report.error = Some(error);
            return report;
        }
    }
    report.error = failures.take();
    report
}

async fn apply_stage(
    pass: &Pass,
    fence: &mut Fence<'_>,
    stage: order::Stage,
    report: &mut Report,
    failures: &mut Failures,
) -> Result<(), StageError> {
    let placed = check::place(pass, stage.objects, failures).await;
    failures.stop(pass)?;
    let keys: Vec<_> = placed
        .iter()
        .map(|(object, _)| (object.key(), object.gvk().version))
        .collect();
    let targets: Vec<Target> = placed
        .iter()
        .filter(|(object, _)| change::treatment(object, None) == Treatment::Apply)
        .map(|(object, _)| Target::of(object))
        .collect();
    let needed = check::needing_requests(pass, placed);
    let mut waited: Vec<Target> = needed
        .iter()
        .map(|needed| Target::of(&needed.object))
        .collect();
    let checked = check::check_all(pass, needed, failures).await;
    failures.stop(pass)?;
    report.handled.extend(keys);
    report.targets.extend(targets);
    if checked
        .iter()
        .any(|one| !matches!(one.finding, Finding::Nothing))
    {
        pass.may_write()?;
        fence.raise().await?;
        write_all(pass, checked, report, failures).await?;
    }
    waited.retain(|target| !failures.contains(&target.key));
    if stage.wait
        && !waited.is_empty()
        && let Err(error) = wait::stage_ready(pass, &waited).await
    {
        failures.add(None, error);
        failures.stop(pass)?;
    }
    Ok(())
}

/// Writes the checked objects: kinds in order, objects of one kind side by side.
async fn write_all(
    pass: &Pass,
    checked: Vec<Checked>,
    report: &mut Report,
    failures: &mut Failures,
) -> Result<(), StageError> {
    let mut rest = checked.into_iter().peekable();
    while let Some(first) = rest.next() {
        let kind = first.object.gvk();
        let mut batch = vec![first];
        while let Some(next) = rest.next_if(|next| next.object.gvk() == kind) {
            batch.push(next);
        }
        let answers: Vec<_> = stream::iter(batch)
            .map(|one| async {
                let key = one.object.key();
                (key, write(pass, one).await)
            })
            .buffered(CONCURRENT_REQUESTS)
            .collect()
            .await;
        for (key, answer) in answers {
            match answer {
                Ok(change) => report.changes.extend(change),
                Err(error) => failures.add(Some(key), error),
            }
        }
        failures.stop(pass)?;
    }
    Ok(())
}

async fn write(pass: &Pass, checked: Checked) -> Result<Option<Change>, StageError> {
    let Checked {
        object,
        digest,
        resource,
        verdict,
        finding,
    } = checked;
    let key = object.key();
    let before = match &finding {
        Finding::Nothing => return Ok(None),
        Finding::Replace => None,
        Finding::Accepted { before, .. } => before.clone(),
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
    match send(pass, &object, &resource, finding).await {
        Ok(applied) => {
            let after = applied.resource_version().map(str::to_owned);
            settle(pass, (&object, digest), &applied);
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
    finding: Finding,
) -> Result<Object, RequestError> {
    let authority = Authority::Leader(&pass.leadership);
    match &finding {
        Finding::Replace => replace::delete_and_wait(pass, object, resource).await?,
        Finding::Accepted { answer, .. } => take_over(pass, object, resource, answer).await?,
        Finding::Nothing => {}
    }
    pass.client.apply(authority, resource, object, &APPLY).await
}

/// Moves what `kubectl` and an older Flux own into our entry. Whoever writes in between, such as a controller
/// its status, makes it begin again with what is there now.
async fn take_over(
    pass: &Pass,
    object: &Object,
    resource: &Resource,
    answer: &Object,
) -> Result<(), RequestError> {
    let authority = Authority::Leader(&pass.leadership);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let options = PatchOptions {
        subresource: None,
        manager: names::APPLY_MANAGER,
    };
    let mut patch = change::takeover(object, answer);
    let mut attempts = 1;
    while let Some(operations) = &patch {
        let taken = pass
            .client
            .patch_json(authority, resource, namespace, name, operations, &options)
            .await;
        match taken {
            Ok(_) => break,
            Err(error) if error.class() == ErrorClass::Conflict && attempts < CONFLICT_LIMIT => {
                attempts += 1;
                let answer = pass.client.apply_dry_run(resource, object, &APPLY).await?;
                patch = change::takeover(object, &answer);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Puts what is there now into the ledger, with the digest of what is desired.
pub(super) fn settle(pass: &Pass, (object, digest): (&Object, [u8; 32]), applied: &Object) {
    let key = object.key();
    let needs_pass = pass.ledger.settle(
        &key,
        Applied {
            fingerprint: fingerprint::of_sent(applied, object, digest),
            resource_version: applied.resource_version().unwrap_or_default().to_owned(),
            judge: pass.checks.judge(&key.group, &key.kind),
            health: pass.checks.assess(applied, jiff::Timestamp::now()),
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
        _ if existed => Action::Configured,
        _ => Action::Created,
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
