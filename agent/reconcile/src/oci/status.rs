//! What a pass of an OCIRepository says in the cluster, in Flux's words.

use windlass_api::conditions::Statement;
use windlass_api::meta::{Condition, ConditionStatus};
use windlass_api::oci_repository::OciRepositoryStatus;
use windlass_api::time::Time;
use windlass_api::{conditions, names, reasons};
use windlass_object::Object;
use windlass_wire::{DisplayUrl, FailureClass};

use super::OciSnapshot;
use super::pass::{Pass, PassError};
use crate::archive::pass::Trouble;
use crate::artifact::{Held, Problem, Told};
use crate::context::Context;
use crate::download::DownloadError;
use crate::registry::RegistryError;
use crate::source::status::chain;

/// Where whoever made an artifact says what it was made from (OCI image specification, annotations).
const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";

pub(super) fn trouble(error: &PassError) -> Trouble {
    Trouble {
        problem: problem(error),
        is_passing: error.is_passing(),
    }
}

fn problem(error: &PassError) -> Problem {
    let fetch = conditions::FETCH_FAILED;
    let (condition, reason, stalled) = match error {
        PassError::Unusable(unusable) => return Problem::unusable(unusable.clone()),
        PassError::Registry(RegistryError::Download(DownloadError::Failed {
            class: FailureClass::InvalidUrl,
            ..
        })) => (fetch, reasons::URL_INVALID, true),
        PassError::Spec(_) => (fetch, reasons::OCI_ARTIFACT_PULL_FAILED, true),
        PassError::Registry(_) | PassError::NoMatch(_) | PassError::Broke(_) => {
            (fetch, reasons::OCI_ARTIFACT_PULL_FAILED, false)
        }
        PassError::Layer(_) | PassError::Open(_) => {
            (fetch, reasons::OCI_ARTIFACT_LAYER_OPERATION_FAILED, false)
        }
        PassError::Verification(_) => {
            let verified = conditions::SOURCE_VERIFIED;
            (verified, reasons::VERIFICATION_ERROR, false)
        }
        PassError::Changed { .. } => (fetch, reasons::DIGEST_CHANGED, false),
        PassError::Lower { .. } => (fetch, reasons::LOWER_VERSION, false),
        PassError::NotPinned { .. } => (fetch, reasons::NOT_PINNED, false),
        PassError::Store(_) => {
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
    snapshot: Option<&OciSnapshot>,
    trouble: Option<&Trouble>,
) -> Option<Object> {
    let held = snapshot.map(OciSnapshot::held);
    let told = Told {
        kind: names::OCI_REPOSITORY,
        latest: "latest.tar.gz",
        held: held.as_ref(),
        problem: trouble.map(|trouble| &trouble.problem),
        now: jiff::Timestamp::now().into(),
    };
    let new = status(pass, snapshot, &told);
    let object = (&context.kinds.oci_repository, &pass.seen, &new);
    let words = (reasons::NEW_ARTIFACT, reasons::SUCCEEDED);
    let message = || snapshot.map_or_else(String::new, OciSnapshot::news);
    let leadership = pass.leadership.as_ref();
    told.conclude(context, leadership, object, (words, message))
        .await
}

fn status(pass: &Pass, snapshot: Option<&OciSnapshot>, told: &Told<'_>) -> OciRepositoryStatus {
    let mut status = told.status(&pass.seen.meta, &pass.seen.status);
    let held = snapshot.zip(told.held);
    say_verified(&mut status.conditions, pass, held, told.problem, told.now);
    let Some(snapshot) = snapshot else {
        return status;
    };
    if let Some(artifact) = &mut status.artifact {
        artifact.metadata.clone_from(&snapshot.archive.annotations);
    }
    status
        .observed_ignore
        .clone_from(&snapshot.selection.ignore);
    let layer = &snapshot.selection.layer;
    status.observed_layer_selector.clone_from(layer);
    status
}

/// Says that the signature is good, where one is asked for.
fn say_verified(
    all: &mut Vec<Condition>,
    pass: &Pass,
    held: Option<(&OciSnapshot, &Held)>,
    problem: Option<&Problem>,
    now: Time,
) {
    let (kind, spec) = (conditions::SOURCE_VERIFIED, pass.seen.spec.as_ref());
    if spec.is_ok_and(|spec| spec.verification.is_none()) {
        conditions::remove(all, kind);
        return;
    }
    let verified = held.filter(|(snapshot, _)| snapshot.verified.is_some());
    let is_bad = problem.is_some_and(|problem| problem.condition == kind);
    if let Some((_, held)) = verified.filter(|_| !is_bad) {
        let message = format!("verified signature of revision {}", held.revision);
        let (value, reason) = (ConditionStatus::True, reasons::SUCCEEDED);
        let generation = Some(pass.seen.meta.generation);
        let statement = Statement::new(kind, value, reason, message, generation);
        conditions::set(all, statement, now);
    }
}

impl OciSnapshot {
    fn held(&self) -> Held {
        let archive = &self.archive;
        Held {
            reason: reasons::SUCCEEDED,
            message: format!("stored artifact for digest '{}'", archive.revision),
            revision: archive.revision.clone(),
            digest: archive.artifact.digest.clone(),
            size: archive.artifact.size,
            file: format!("{}.tar.gz", self.manifest),
        }
    }

    fn news(&self) -> String {
        let (revision, url) = (&self.archive.revision, DisplayUrl(&self.selection.url));
        let news = format!("stored artifact with revision '{revision}' from '{url}'");
        let said = |name| self.archive.annotations.get(name);
        match (said(SOURCE), said(REVISION)) {
            (Some(source), Some(revision)) => {
                format!("{news}, origin source '{source}', origin revision '{revision}'")
            }
            _ => news,
        }
    }
}
