//! A release that a person made with helm, and that is what the HelmRelease says, is taken over as it is.

use windlass_helm::{Operation, Record, Release, Status, config_digest};

use super::course::Course;
use super::render::{self, Wanted};
use super::{act, objects};
use crate::work::error::StageError;

/// Takes the newest revision into the history, if it is what would be released now; says whether it did.
pub(super) async fn adopt(course: &mut Course<'_>, wanted: &Wanted) -> Result<bool, StageError> {
    let pass = course.pass;
    let changes_objects = wanted.post_renderers.is_some() || wanted.common_metadata.is_some();
    let Some(record) = course.storage()?.last()?.cloned() else {
        return Ok(false);
    };
    let looks_alike = record.status() == Status::Deployed
        && record.namespace == pass.release_namespace()
        && act::is_of_chart(&record, wanted)
        && config_digest(&record.config) == wanted.config_digest;
    if changes_objects || !looks_alike {
        return Ok(false);
    }
    let release = Release {
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        revision: record.version,
        operation: match record.version {
            1 => Operation::Install,
            _ => Operation::Upgrade,
        },
        skips_schema: true,
    };
    // A chart that fails with these values says so when it is upgraded.
    let Ok(rendered) = render::rendered(pass, wanted, release).await else {
        return Ok(false);
    };
    if rendered.manifest() != record.manifest || !has_hooks(&record, &rendered) {
        return Ok(false);
    }
    let held = objects::of_manifest(pass, &record.manifest).await?;
    course.status.inventory = Some(objects::inventory(&held));
    course.observe(&record, None);
    let (name, chart) = (act::full_name(&record), act::chart_of(&record));
    tracing::info!(release = %pass.name, "took over release {name} with chart {chart} as it is");
    Ok(true)
}

fn has_hooks(record: &Record, rendered: &windlass_helm::Rendered) -> bool {
    let recorded = record.hooks.iter().map(|hook| (&hook.path, &hook.manifest));
    let now = rendered
        .hooks
        .iter()
        .map(|hook| (&hook.path, &hook.manifest));
    recorded.eq(now)
}
