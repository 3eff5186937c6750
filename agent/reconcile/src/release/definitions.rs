//! The definitions in a chart's `crds/`: applied before its objects, and never deleted.

use windlass_api::helm_release::CrdsPolicy;
use windlass_api::reasons;
use windlass_object::Object;
use windlass_plan::release::Action;
use windlass_release::Definition;

use super::course::Course;
use super::render::Wanted;
use super::{objects, revision};
use crate::work::error::StageError;
use crate::work::wait::{self, Target};

/// Applies the definitions as the spec says; gives those that are the release's now.
pub(super) async fn apply(
    course: &mut Course<'_>,
    wanted: &Wanted,
    (definitions, action): (&[Definition], Action),
) -> Result<Vec<Object>, StageError> {
    let pass = course.pass;
    let policy = windlass_release::policy(&pass.spec, revision::operation(action));
    if policy == CrdsPolicy::Skip || definitions.is_empty() {
        return Ok(Vec::new());
    }
    let defined = windlass_release::definitions(&pass.owner(), definitions)
        .map_err(|why| StageError::retry(reasons::RECONCILE_ERROR, why))?;
    let (all, others) = (defined.all, defined.others);
    for (source, other) in others {
        let (release, key) = (&pass.name, other.key());
        tracing::warn!(%release, "{source}: {key} is no CustomResourceDefinition and is left out, as Helm says; the chart should move it to templates/");
    }
    let (mut changed, mut there) = (Vec::with_capacity(all.len()), Vec::new());
    for object in &all {
        if policy == CrdsPolicy::CreateReplace || !is_there(course, object).await? {
            changed.push(object.clone());
        } else {
            there.push(Target::of(object));
        }
    }
    let applied = objects::apply(course, changed, &wanted.chart_and_version()).await;
    applied.error.map_or(Ok(()), Err)?;
    if !there.is_empty() {
        // Another release may have made them a moment ago, and nothing serves their kinds yet.
        wait::stage_ready(&pass.work(), &there).await?;
    }
    Ok(all)
}

async fn is_there(course: &Course<'_>, object: &Object) -> Result<bool, StageError> {
    let live = objects::live(course.pass, object).await;
    let live = live.map_err(|error| StageError::request(reasons::RECONCILE_ERROR, &error))?;
    Ok(live.is_some())
}
