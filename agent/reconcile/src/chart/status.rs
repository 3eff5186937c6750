//! What a pass of a HelmChart says in the cluster, in Flux's words.

use windlass_api::helm_chart::HelmChartStatus;
use windlass_api::time::Time;
use windlass_api::{conditions, names, reasons};
use windlass_object::Object;

use super::ChartSnapshot;
use super::build::Cause;
use super::pass::{Pass, PassError};
use super::pull::PullError;
use crate::artifact::{self, Held, Problem};
use crate::context::Context;
use crate::source::status::chain;

pub(super) fn problem(error: &PassError) -> Problem {
    let (fetch, build) = (conditions::FETCH_FAILED, conditions::BUILD_FAILED);
    let (condition, reason, stalled) = match error {
        PassError::NotFound { .. } => (fetch, reasons::SOURCE_UNAVAILABLE, false),
        PassError::NoArtifact { .. } => (fetch, reasons::NO_SOURCE_ARTIFACT, false),
        PassError::Verify => (fetch, reasons::FAILED, true),
        PassError::Unsupported { .. } => (fetch, reasons::SOURCE_UNAVAILABLE, true),
        PassError::Unusable(unusable) => return Problem::unusable(unusable.clone()),
        PassError::Build(error) | PassError::Pull(PullError::Build(error)) => match error.cause {
            Cause::Reference => (fetch, reasons::INVALID_CHART_REFERENCE, true),
            Cause::Metadata => (build, reasons::METADATA_PATCH_ERROR, true),
            Cause::Values => (build, reasons::VALUES_FILES_ERROR, true),
            Cause::Dependency => (build, reasons::DEPENDENCY_BUILD_ERROR, false),
            Cause::Package => (build, reasons::CHART_PACKAGE_ERROR, false),
        },
        PassError::Pull(error) => match error {
            PullError::Reference(_) => (fetch, reasons::INVALID_CHART_REFERENCE, true),
            PullError::Changed { .. } | PullError::NotAsPinned { .. } => {
                (build, reasons::DIGEST_CHANGED, false)
            }
            PullError::NotPinned { .. } => (build, reasons::NOT_PINNED, false),
            _ => (fetch, reasons::CHART_PULL_ERROR, false),
        },
        PassError::Package(_) => (build, reasons::CHART_PACKAGE_ERROR, false),
        PassError::View(_) | PassError::Store(_) => {
            let storage = conditions::STORAGE_OPERATION_FAILED;
            (storage, reasons::ARCHIVE_OPERATION_FAILED, false)
        }
    };
    Problem {
        condition,
        reason,
        message: chain(error),
        stalled,
    }
}

/// Writes status and events, if this node leads.
pub(super) async fn conclude(
    context: &Context,
    pass: &Pass,
    snapshot: Option<&ChartSnapshot>,
    problem: Option<&Problem>,
) -> Option<Object> {
    let leadership = pass.leadership.as_ref()?;
    let (old, held) = (&pass.seen.status, snapshot.map(ChartSnapshot::held));
    let now = jiff::Timestamp::now().into();
    let new = status(pass, snapshot.zip(held.as_ref()), problem, now);
    let resource = &context.kinds.helm_chart;
    let (cluster, statuses) = (&context.cluster, (old, &new));
    let manager = names::SOURCE_STATUS_MANAGER;
    let written =
        crate::status::write(cluster, leadership, resource, &pass.name, statuses, manager).await;
    let said = (old.conditions.as_slice(), old.artifact.as_ref());
    let reason = held.as_ref().map_or(reasons::FAILED, |held| held.reason);
    let message = || {
        held.as_ref()
            .map_or_else(String::new, |held| held.message.clone())
    };
    let news = artifact::news(said, held.as_ref(), problem, (reason, reason), message);
    if let Some(news) = news {
        let object = (names::HELM_CHART, &pass.seen.meta);
        artifact::tell(context, leadership, object, held.as_ref(), news).await;
    }
    written.unwrap_or_else(|error| {
        tracing::warn!(chart = %pass.name, %error, "the status could not be written");
        None
    })
}

/// The new status. Equal to the old one when nothing changed, so that nothing is written.
fn status(
    pass: &Pass,
    held: Option<(&ChartSnapshot, &Held)>,
    problem: Option<&Problem>,
    now: Time,
) -> HelmChartStatus {
    let mut status = pass.seen.status.clone();
    let meta = &pass.seen.meta;
    let generation = Some(meta.generation);
    let asked = meta.annotation(names::REQUESTED_AT).map(str::to_owned);
    status.last_handled_reconcile_at = asked.or(status.last_handled_reconcile_at);
    let what = held.map(|(_, held)| held);
    artifact::say(&mut status.conditions, generation, what, problem, now);
    if problem.is_none_or(|problem| problem.stalled) {
        status.observed_generation = generation;
    }
    let Some((snapshot, held)) = held else {
        return status;
    };
    let (kind, old) = (names::HELM_CHART, pass.seen.status.artifact.as_ref());
    status.artifact = Some(artifact::artifact(kind, meta, held, old, now));
    status.url = Some(artifact::latest(kind, meta, "latest.tar.gz"));
    status.observed_chart_name = Some(snapshot.name.clone());
    // A registry has no revision of its own.
    let revision = Some(snapshot.source_revision.clone());
    status.observed_source_artifact_revision = revision.filter(|revision| !revision.is_empty());
    let spec = pass.seen.spec.as_ref();
    let ignores = spec.is_ok_and(|spec| spec.ignore_missing_values_files);
    status.observed_values_files = match ignores {
        true => snapshot.values_files.clone(),
        false => Vec::new(),
    };
    status
}

impl ChartSnapshot {
    fn held(&self) -> Held {
        let (action, reason) = match self.packaged {
            true => ("packaged", reasons::CHART_PACKAGE_SUCCEEDED),
            false => ("pulled", reasons::CHART_PULL_SUCCEEDED),
        };
        let (name, version) = (&self.name, &self.version);
        let values = match self.values_files.as_slice() {
            [] => String::new(),
            files => format!(" and merged values files [{}]", files.join(" ")),
        };
        Held {
            reason,
            message: format!("{action} '{name}' chart with version '{version}'{values}"),
            revision: version.clone(),
            digest: self.digest.clone(),
            size: self.size,
            file: format!("{name}-{version}.tgz"),
        }
    }
}
