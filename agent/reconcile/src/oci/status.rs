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
use crate::artifact::{self, Held, Problem};
use crate::context::Context;
use crate::download::DownloadError;
use crate::registry::RegistryError;
use crate::source::status::chain;

/// Where whoever made an artifact says what it was made from (OCI image specification, annotations).
const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";

pub(super) fn problem(error: &PassError) -> Problem {
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
    problem: Option<&Problem>,
) -> Option<Object> {
    let leadership = pass.leadership.as_ref()?;
    let (old, held) = (&pass.seen.status, snapshot.map(OciSnapshot::held));
    let now = jiff::Timestamp::now().into();
    let new = status(pass, snapshot.zip(held.as_ref()), problem, now);
    let resource = &context.kinds.oci_repository;
    let (cluster, statuses) = (&context.cluster, (old, &new));
    let manager = names::SOURCE_STATUS_MANAGER;
    let written =
        crate::status::write(cluster, leadership, resource, &pass.name, statuses, manager).await;
    let said = (old.conditions.as_slice(), old.artifact.as_ref());
    let words = (reasons::NEW_ARTIFACT, reasons::SUCCEEDED);
    let message = || snapshot.map_or_else(String::new, OciSnapshot::news);
    if let Some(news) = artifact::news(said, held.as_ref(), problem, words, message) {
        let object = (names::OCI_REPOSITORY, &pass.seen.meta);
        artifact::tell(context, leadership, object, held.as_ref(), news).await;
    }
    written.unwrap_or_else(|error| {
        tracing::warn!(repository = %pass.name, %error, "the status could not be written");
        None
    })
}

/// The new status. Equal to the old one when nothing changed, so that nothing is written.
fn status(
    pass: &Pass,
    held: Option<(&OciSnapshot, &Held)>,
    problem: Option<&Problem>,
    now: Time,
) -> OciRepositoryStatus {
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
    say_verified(&mut status.conditions, pass, held, problem, now);
    let Some((snapshot, held)) = held else {
        return status;
    };
    let (kind, old) = (names::OCI_REPOSITORY, pass.seen.status.artifact.as_ref());
    let mut artifact = artifact::artifact(kind, meta, held, old, now);
    artifact.metadata.clone_from(&snapshot.archive.annotations);
    status.artifact = Some(artifact);
    status.url = Some(artifact::latest(kind, meta, "latest.tar.gz"));
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
