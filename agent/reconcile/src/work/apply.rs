//! Applies objects in stages: dry-run of a whole stage, then its writes.

use futures::stream::{self, StreamExt};
use windlass_cluster::{Authority, ErrorClass, PatchOptions, RequestError, Resource};
use windlass_object::{Object, ObjectKey};
use windlass_plan::applier::Applier;
use windlass_plan::change;
use windlass_plan::{fingerprint, order};

use super::check::{self, Checked, Finding, refused};
use super::error::StageError;
use super::failures::Failures;
use super::fence::Fence;
use super::replace;
use super::wait::{self, Target};
use super::{Correction, Work};
use crate::ledger::{Applied, Verdict};

/// Requests in flight at once while a stage is dry-run or written.
pub(crate) const CONCURRENT_REQUESTS: usize = 16;
/// How often an object that changes meanwhile is taken over anew; each time somebody else has got a write done.
pub(super) const CONFLICT_LIMIT: usize = 10;

/// What applying did, also when it stopped half way: nothing applied is ever missing from `handled`.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Every object that is now the owner's, with the version it was applied in.
    pub(crate) handled: Vec<(ObjectKey, String)>,
    /// Whose health counts where it is waited for: what is not left alone.
    pub(crate) targets: Vec<Target>,
    /// Some kind cannot be watched: its objects have to be looked at in every regular pass.
    pub(crate) unwatched: bool,
    /// Those of the targets that are left alone once they are there.
    pub(crate) only_created: Vec<Target>,
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

// === impl Change ===

impl Change {
    /// What happened, for people.
    pub(crate) fn line(&self) -> String {
        let key = &self.key;
        match &self.action {
            Action::Created => format!("{key} created"),
            Action::Configured => format!("{key} configured"),
            Action::Corrected(what) => format!("{key} put back: {what}"),
            Action::Held(what) => format!(
                "{key} is changed again and again and is left alone until the next regular pass: {what}"
            ),
            Action::Restored => format!("{key} put back: it had been deleted"),
        }
    }
}

/// What applying would write, and why; nothing is written.
pub(crate) async fn look(
    work: &Work<'_>,
    objects: Vec<Object>,
) -> Result<Vec<(ObjectKey, String)>, StageError> {
    let mut failures = Failures::default();
    let placed = check::place(work, objects, &mut failures).await;
    failures.stop(work)?;
    let needed = check::needing_requests(work, placed);
    let checked = check::check_all(work, needed, &mut failures).await;
    failures.stop(work)?;
    let different = checked.into_iter().filter_map(|one| {
        let why = match &one.finding {
            Finding::Nothing => return None,
            Finding::Accepted { before: None, .. } => "it was deleted".to_owned(),
            _ if matches!(one.verdict, Verdict::Drifted(_)) => {
                describe(work.by, &one.object, &one.verdict)
            }
            _ => "it is not as the release left it".to_owned(),
        };
        Some((one.object.key(), why))
    });
    Ok(different.collect())
}

/// Applies all stages. Stops at the first one that fails, unless the others are to go on.
pub(crate) async fn apply(
    work: &Work<'_>,
    fence: &mut Fence<'_>,
    stages: Vec<order::Stage>,
) -> Report {
    let mut report = Report::default();
    let mut failures = Failures::default();
    for stage in stages {
        let applied = apply_stage(work, fence, stage, &mut report, &mut failures).await;
        if let Err(error) = applied {
            report.error = Some(error);
            return report;
        }
    }
    report.error = failures.take();
    report
}

async fn apply_stage(
    work: &Work<'_>,
    fence: &mut Fence<'_>,
    stage: order::Stage,
    report: &mut Report,
    failures: &mut Failures,
) -> Result<(), StageError> {
    let placed = check::place(work, stage.objects, failures).await;
    failures.stop(work)?;
    let keys: Vec<_> = placed
        .iter()
        .map(|(object, _)| (object.key(), object.gvk().version))
        .collect();
    report.unwatched |= placed.iter().any(|(_, resource)| !resource.watchable);
    let targets: Vec<Target> = placed
        .iter()
        .filter(|(object, _)| !work.skips(object, None))
        .map(|(object, _)| Target::of(object))
        .collect();
    let once = placed
        .iter()
        .filter(|(object, _)| check::only_created(work, object))
        .map(|(object, _)| Target::of(object));
    report.only_created.extend(once);
    let needed = check::needing_requests(work, placed);
    let mut waited: Vec<Target> = needed
        .iter()
        .map(|needed| Target::of(&needed.object))
        .collect();
    let checked = check::check_all(work, needed, failures).await;
    failures.stop(work)?;
    report.handled.extend(keys);
    report.targets.extend(targets);
    if checked
        .iter()
        .any(|one| !matches!(one.finding, Finding::Nothing))
    {
        work.may_write()?;
        fence.raise().await?;
        write_all(work, checked, report, failures).await?;
    }
    waited.retain(|target| !failures.contains(&target.key));
    if stage.wait
        && !waited.is_empty()
        && let Err(error) = wait::stage_ready(work, &waited).await
    {
        failures.add(None, error);
        failures.stop(work)?;
    }
    Ok(())
}

/// Writes the checked objects: kinds in order, objects of one kind side by side.
async fn write_all(
    work: &Work<'_>,
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
                (key, write(work, one).await)
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
        failures.stop(work)?;
    }
    Ok(())
}

async fn write(work: &Work<'_>, checked: Checked) -> Result<Option<Change>, StageError> {
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
    match work.judge_correction(&key, &verdict) {
        Correction::Make => {}
        Correction::Hold => return Ok(None),
        Correction::HoldAndTell => {
            let action = Action::Held(describe(work.by, &object, &verdict));
            return Ok(Some(Change { key, action }));
        }
    }
    work.ledger.begin(work.name, &key);
    work.drift.watch(&resource);
    match send(work, &object, &resource, finding).await {
        Ok(applied) => {
            let after = applied.resource_version().map(str::to_owned);
            settle(work, (&object, digest), &applied);
            let action =
                (before != after).then(|| action(work.by, &object, &verdict, before.is_some()));
            Ok(action.map(|action| Change { key, action }))
        }
        Err(error) => {
            work.ledger.unsettle(&key);
            Err(refused(&object, &error))
        }
    }
}

async fn send(
    work: &Work<'_>,
    object: &Object,
    resource: &Resource,
    finding: Finding,
) -> Result<Object, RequestError> {
    let authority = Authority::Leader(work.leadership);
    match &finding {
        Finding::Replace => replace::delete_and_wait(work, object, resource).await?,
        Finding::Accepted { answer, .. } => take_over(work, object, resource, answer).await?,
        Finding::Nothing => {}
    }
    work.client
        .apply(authority, resource, &work.marked(object), &work.options())
        .await
}

/// Moves what `kubectl` and an older Flux own into our entry. Whoever writes in between, such as a controller
/// its status, makes it begin again with what is there now.
async fn take_over(
    work: &Work<'_>,
    object: &Object,
    resource: &Resource,
    answer: &Object,
) -> Result<(), RequestError> {
    let authority = Authority::Leader(work.leadership);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let options = PatchOptions {
        subresource: None,
        manager: work.by.manager(),
    };
    let mut patch = change::takeover(work.by, object, answer);
    let mut attempts = 1;
    while let Some(operations) = &patch {
        let taken = work
            .client
            .patch_json(authority, resource, namespace, name, operations, &options)
            .await;
        match taken {
            Ok(_) => break,
            Err(error) if error.class() == ErrorClass::Conflict && attempts < CONFLICT_LIMIT => {
                attempts += 1;
                let answer = work
                    .client
                    .apply_dry_run(resource, object, &work.options())
                    .await?;
                patch = change::takeover(work.by, object, &answer);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Puts what is there now into the ledger, with the digest of what is desired.
pub(super) fn settle(work: &Work<'_>, (object, digest): (&Object, [u8; 32]), applied: &Object) {
    let key = object.key();
    let needs_pass = work.ledger.settle(
        &key,
        Applied {
            fingerprint: fingerprint::of_sent(work.by, applied, object, digest),
            resource_version: applied.resource_version().unwrap_or_default().to_owned(),
            judge: work.checks.judge(&key.group, &key.kind),
            health: work.checks.assess(applied, jiff::Timestamp::now()),
        },
    );
    if needs_pass {
        work.drift.report(work.name);
    }
}

fn action(by: Applier, object: &Object, verdict: &Verdict, existed: bool) -> Action {
    match verdict {
        Verdict::Drifted(_) => Action::Corrected(describe(by, object, verdict)),
        Verdict::Vanished => Action::Restored,
        _ if existed => Action::Configured,
        _ => Action::Created,
    }
}

/// Names the fields and who changed them, as far as the metadata tells.
fn describe(by: Applier, object: &Object, verdict: &Verdict) -> String {
    let Verdict::Drifted(seen) = verdict else {
        return "it was deleted".to_owned();
    };
    let exact: Vec<String> = fingerprint::explain(by, object, &seen.metadata)
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
