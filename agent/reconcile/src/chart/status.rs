//! What a pass of a HelmChart says in the cluster, in Flux's words.

use windlass_api::conditions::Statement;
use windlass_api::helm_chart::HelmChartStatus;
use windlass_api::meta::{Condition, ConditionStatus};
use windlass_api::{conditions, names, reasons};
use windlass_object::Object;
use windlass_release::chart::Cause;

use super::ChartSnapshot;
use super::pass::{Pass, PassError};
use super::pull::PullError;
use crate::artifact::{Held, Problem, Told};
use crate::context::Context;
use crate::registry::verify::VerifyError;
use crate::source::status::chain;

pub(super) fn problem(error: &PassError) -> Problem {
    let (fetch, build) = (conditions::FETCH_FAILED, conditions::BUILD_FAILED);
    let (condition, reason, stalled) = match error {
        PassError::NotFound { .. } => (fetch, reasons::SOURCE_UNAVAILABLE, false),
        PassError::NoArtifact { .. } => (fetch, reasons::NO_SOURCE_ARTIFACT, false),
        PassError::Verify => (fetch, reasons::FAILED, true),
        PassError::Verification(error) | PassError::Pull(PullError::Verification(error)) => {
            match error {
                VerifyError::Spec(_) => (fetch, reasons::FAILED, true),
                VerifyError::Signature(_) => {
                    let verified = conditions::SOURCE_VERIFIED;
                    (verified, reasons::VERIFICATION_ERROR, false)
                }
                VerifyError::Registry(_) => (fetch, reasons::CHART_PULL_ERROR, false),
            }
        }
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
    let held = snapshot.map(ChartSnapshot::held);
    let told = Told {
        kind: names::HELM_CHART,
        latest: "latest.tar.gz",
        held: held.as_ref(),
        problem,
        now: jiff::Timestamp::now().into(),
    };
    let new = status(pass, snapshot, &told);
    let object = (&context.kinds.helm_chart, &pass.seen, &new);
    let reason = held.as_ref().map_or(reasons::FAILED, |held| held.reason);
    let message = || {
        let message = held.as_ref().map(|held| held.message.clone());
        message.unwrap_or_default()
    };
    let leadership = pass.leadership.as_ref();
    told.conclude(context, leadership, object, ((reason, reason), message))
        .await
}

fn status(pass: &Pass, snapshot: Option<&ChartSnapshot>, told: &Told<'_>) -> HelmChartStatus {
    let mut status = told.status(&pass.seen.meta, &pass.seen.status);
    say_verified(&mut status.conditions, pass, snapshot, told);
    let Some(snapshot) = snapshot else {
        return status;
    };
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

/// Says that the signature is good, where one is asked for.
fn say_verified(
    all: &mut Vec<Condition>,
    pass: &Pass,
    snapshot: Option<&ChartSnapshot>,
    told: &Told<'_>,
) {
    let (kind, spec) = (conditions::SOURCE_VERIFIED, pass.seen.spec.as_ref());
    if spec.is_ok_and(|spec| spec.verification.is_none()) {
        conditions::remove(all, kind);
        return;
    }
    let verified = snapshot.filter(|snapshot| snapshot.verified.is_some());
    if let Some(snapshot) = verified.filter(|_| told.problem.is_none()) {
        let message = format!("verified signature of version {}", snapshot.version);
        let (value, reason) = (ConditionStatus::True, reasons::SUCCEEDED);
        let generation = Some(pass.seen.meta.generation);
        let statement = Statement::new(kind, value, reason, message, generation);
        conditions::set(all, statement, told.now);
    }
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
