//! The definitions in a chart's `crds/`: applied before its objects, and never deleted.

use std::sync::Arc;

use windlass_api::helm_release::{CrdsPolicy, HelmReleaseSpec};
use windlass_api::{names, reasons};
use windlass_object::Object;
use windlass_plan::release::Action;

use super::course::Course;
use super::objects;
use crate::work::error::StageError;
use crate::work::wait::{self, Target};

/// Applies the definitions as the spec says; gives those that are the release's now.
pub(super) async fn apply(
    course: &mut Course<'_>,
    definitions: &[(String, Arc<[u8]>)],
    action: Action,
) -> Result<Vec<Object>, StageError> {
    let pass = course.pass;
    let policy = policy(&pass.spec, action);
    if policy == CrdsPolicy::Skip || definitions.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for (source, bytes) in definitions {
        let text = String::from_utf8_lossy(bytes);
        let found = objects::parse(&text).map_err(|why| {
            StageError::retry(reasons::RECONCILE_ERROR, format!("{source}: {why}"))
        })?;
        let (found, others) = found.into_iter().partition::<Vec<Object>, _>(is_definition);
        for other in others {
            let (release, key) = (&pass.name, other.key());
            tracing::warn!(%release, "{source}: {key} is no CustomResourceDefinition and is left out, as Helm says; the chart should move it to templates/");
        }
        all.extend(found);
    }
    for object in &mut all {
        object.set_label(names::HELM_OWNER_NAME, &pass.name.name);
        object.set_label(names::HELM_OWNER_NAMESPACE, &pass.name.namespace);
    }
    let (mut wanted, mut there) = (Vec::with_capacity(all.len()), Vec::new());
    for object in &all {
        if policy == CrdsPolicy::CreateReplace || !is_there(course, object).await? {
            wanted.push(object.clone());
        } else {
            there.push(Target::of(object));
        }
    }
    let applied = objects::apply(course, wanted).await;
    applied.error.map_or(Ok(()), Err)?;
    if !there.is_empty() {
        // Another release may have made them a moment ago, and nothing serves their kinds yet.
        wait::stage_ready(&pass.work(), &there).await?;
    }
    Ok(all)
}

fn is_definition(object: &Object) -> bool {
    let kind = object.gvk();
    kind.group == "apiextensions.k8s.io" && kind.kind == "CustomResourceDefinition"
}

async fn is_there(course: &Course<'_>, object: &Object) -> Result<bool, StageError> {
    let live = objects::live(course.pass, object).await;
    let live = live.map_err(|error| StageError::request(reasons::RECONCILE_ERROR, &error))?;
    Ok(live.is_some())
}

fn policy(spec: &HelmReleaseSpec, action: Action) -> CrdsPolicy {
    let (given, skip) = match action {
        Action::Install => {
            let install = spec.install.as_ref();
            (
                install.and_then(|it| it.crds),
                install.is_some_and(|it| it.skip_crds),
            )
        }
        _ => (spec.upgrade.as_ref().and_then(|it| it.crds), false),
    };
    given.unwrap_or(if skip {
        CrdsPolicy::Skip
    } else {
        CrdsPolicy::Create
    })
}
