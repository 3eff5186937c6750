//! Client-side apply, as Helm does it for releases that ask for it or were made so: what an object becomes is worked
//! out here, from what was applied last, what is wanted, and what is there.

use std::collections::HashMap;

use serde_json::{Value, json};
use windlass_api::names;
use windlass_cluster::{Authority, ErrorClass, PatchOptions, RequestError, Resource};
use windlass_object::patch::{difference, merge, three_way};
use windlass_object::{Object, ObjectKey};
use windlass_plan::{fingerprint, order};

use super::Work;
use super::apply::{Action, CONFLICT_LIMIT, Change, Report, settle};
use super::check::{self, refused};
use super::error::StageError;
use super::failures::Failures;
use super::fence::Fence;
use super::wait::{self, Target};

/// Applies all stages; stops at the first object that fails. `old` is what was applied last.
pub(crate) async fn apply(
    work: &Work<'_>,
    fence: &mut Fence<'_>,
    old: &[Object],
    stages: Vec<order::Stage>,
) -> Report {
    let old: HashMap<ObjectKey, &Object> = old.iter().map(|one| (one.key(), one)).collect();
    let mut report = Report::default();
    for stage in stages {
        if let Err(error) = apply_stage(work, fence, &old, stage, &mut report).await {
            report.error = Some(error);
            break;
        }
    }
    report
}

async fn apply_stage(
    work: &Work<'_>,
    fence: &mut Fence<'_>,
    old: &HashMap<ObjectKey, &Object>,
    stage: order::Stage,
    report: &mut Report,
) -> Result<(), StageError> {
    let mut failures = Failures::default();
    let placed = check::place(work, stage.objects, &mut failures).await;
    failures.stop(work)?;
    let targets: Vec<Target> = placed
        .iter()
        .map(|(object, _)| Target::of(object))
        .collect();
    report.targets.extend(targets.iter().cloned());
    work.may_write()?;
    fence.raise().await?;
    for (object, resource) in placed {
        work.may_write()?;
        let key = object.key();
        let action = apply_one(work, old.get(&key).copied(), &object, &resource).await;
        let action = action.map_err(|error| refused(&object, &error))?;
        report.handled.push((key.clone(), object.gvk().version));
        report
            .changes
            .extend(action.map(|action| Change { key, action }));
    }
    match stage.wait {
        true => wait::stage_ready(work, &targets).await,
        false => Ok(()),
    }
}

/// Writes one object, if it is not as it should be.
async fn apply_one(
    work: &Work<'_>,
    old: Option<&Object>,
    object: &Object,
    resource: &Resource,
) -> Result<Option<Action>, RequestError> {
    let key = object.key();
    work.ledger.begin(work.name, &key);
    work.drift.watch(resource);
    match write(work, old, object, resource).await {
        Ok((applied, action)) => {
            settle(work, (object, fingerprint::digest(object)), &applied);
            Ok(action)
        }
        Err(error) => {
            work.ledger.unsettle(&key);
            Err(error)
        }
    }
}

/// Whoever writes in between makes it begin again with what is there now.
async fn write(
    work: &Work<'_>,
    old: Option<&Object>,
    object: &Object,
    resource: &Resource,
) -> Result<(Object, Option<Action>), RequestError> {
    let authority = Authority::Leader(work.leadership);
    let manager = work.by.manager();
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let mut attempts = 1;
    loop {
        let Some(live) = work.client.get(resource, namespace, name).await? else {
            let created = work
                .client
                .create(authority, resource, &work.marked(object), manager)
                .await?;
            return Ok((created, Some(Action::Created)));
        };
        let written = if work.replaces {
            replace(work, &live, object, resource).await
        } else {
            patch(work, (old, &live), object, resource).await
        };
        match written {
            Ok(Some(applied)) => return Ok((applied, Some(Action::Configured))),
            Ok(None) => return Ok((live, None)),
            Err(error) if error.class() == ErrorClass::Conflict && attempts < CONFLICT_LIMIT => {
                attempts += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The three-way merge, as a patch of what it changes.
async fn patch(
    work: &Work<'_>,
    (old, live): (Option<&Object>, &Object),
    object: &Object,
    resource: &Resource,
) -> Result<Option<Object>, RequestError> {
    let new = object.as_value();
    // What was not applied before is taken over as it is.
    let old = old.map_or(new, Object::as_value);
    let merged = three_way(old, new, live.as_value());
    let Some(mut patch) = difference(live.as_value(), &merged) else {
        return Ok(None);
    };
    merge(&mut patch, &at_version(live));
    if let Some(mark) = &work.mark {
        let annotations = json!({names::REVISION: mark});
        merge(
            &mut patch,
            &json!({"metadata": {"annotations": annotations}}),
        );
    }
    let authority = Authority::Leader(work.leadership);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let patched = work
        .client
        .patch_merge(authority, resource, namespace, name, &patch, &options(work))
        .await;
    patched.map(Some)
}

/// `force`: the object is put in the place of what is there, whoever wrote it.
async fn replace(
    work: &Work<'_>,
    live: &Object,
    object: &Object,
    resource: &Resource,
) -> Result<Option<Object>, RequestError> {
    let mut object = work.marked(object).into_owned();
    merge(object.as_value_mut(), &at_version(live));
    let authority = Authority::Leader(work.leadership);
    let options = options(work);
    let replaced = work.client.replace(authority, resource, &object, &options);
    replaced.await.map(Some)
}

/// A write holds only for what was read.
fn at_version(live: &Object) -> Value {
    json!({"metadata": {"resourceVersion": live.resource_version()}})
}

fn options(work: &Work<'_>) -> PatchOptions<'static> {
    PatchOptions {
        subresource: None,
        manager: work.by.manager(),
    }
}
