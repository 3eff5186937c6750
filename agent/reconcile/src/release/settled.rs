//! What a pass leaves behind that found a release as it should be, so that the next one reads nothing again: neither the
//! revisions, which may be of a MiB each, nor the chart.

use windlass_api::helm_release::HelmReleaseStatus;
use windlass_helm::{config_digest, json_digest};
use windlass_object::{Object, ObjectKey};

use super::course::Course;
use super::pass::{ChartState, Pass, ReleaseChart};
use super::storage::Kept;
use super::values;
use crate::work::error::StageError;

/// What was in sync with what.
#[derive(Debug)]
pub(crate) struct Settled {
    generation: i64,
    chart: String,
    /// Digest of all values put together.
    values: String,
    /// Digest of the status as it was written, but for the requests that were answered.
    status: String,
    /// The revisions.
    pub(crate) kept: Kept,
    /// The objects that somebody wants to know of when others change them.
    watched: Vec<ObjectKey>,
}

/// What a pass found on its way to the end that makes the next one short.
#[derive(Debug)]
pub(super) struct Found {
    /// Digest of all values put together.
    pub(super) values: String,
    pub(super) watched: Vec<ObjectKey>,
}

// === impl Settled ===

impl Settled {
    /// None where nobody hears of what becomes of the revisions, or of the objects.
    pub(super) fn of(course: &Course<'_>) -> Option<Self> {
        let (pass, found) = (course.pass, course.found.as_ref()?);
        Some(Settled {
            generation: pass.meta.generation,
            chart: identity(&pass.chart)?,
            values: found.values.clone(),
            status: digest(&course.status),
            kept: course.kept()?,
            watched: found.watched.clone(),
        })
    }

    /// Whether a pass that looked at everything would find the same.
    pub(super) async fn holds(&self, pass: &Pass) -> Result<bool, StageError> {
        let asked = pass.is_forced(&pass.status) || pass.is_reset(&pass.status);
        let same = self.generation == pass.meta.generation
            && identity(&pass.chart).as_ref() == Some(&self.chart)
            && digest(&pass.status) == self.status;
        let mut watched = self.watched.iter();
        if asked || !same || !watched.all(|key| pass.ledger.is_as_left(&pass.name, key)) {
            return Ok(false);
        }
        // Those that stand in the spec are as they were.
        Ok(pass.spec.values_from.is_empty()
            || config_digest(&values::compose(pass).await?) == self.values)
    }
}

/// The chart that is released, in a word.
fn identity(chart: &ChartState) -> Option<String> {
    let ChartState::Ready(chart) = chart else {
        return None;
    };
    Some(match &**chart {
        ReleaseChart::Packaged(chart) => format!("{}@{}", chart.version, chart.digest),
        ReleaseChart::Archived(archive) => {
            let artifact = &archive.artifact.digest;
            format!("{}@{}@{artifact}", archive.revision, archive.blob)
        }
    })
}

fn digest(status: &HelmReleaseStatus) -> String {
    json_digest(&HelmReleaseStatus {
        last_handled_reconcile_at: None,
        last_handled_force_at: None,
        last_handled_reset_at: None,
        ..status.clone()
    })
}

/// The objects by their keys, if every one of them is of a kind that can be watched.
pub(super) async fn watchable(pass: &Pass, objects: &[Object]) -> Option<Vec<ObjectKey>> {
    let mut keys = Vec::with_capacity(objects.len());
    for object in objects {
        let resource = pass.client.resolve(&object.gvk()).await.ok()?;
        keys.push(resource.watchable.then(|| object.key())?);
    }
    Some(keys)
}
