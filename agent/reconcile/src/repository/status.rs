//! What a pass of a HelmRepository says in the cluster, in Flux's words.

use windlass_api::helm_repository::HelmRepositoryStatus;
use windlass_api::time::Time;
use windlass_api::{conditions, names, reasons};
use windlass_object::Object;
use windlass_wire::{DisplayUrl, FailureClass};

use super::IndexSnapshot;
use super::pass::{Pass, PassError};
use crate::artifact::{self, Held, Problem};
use crate::context::Context;
use crate::download::DownloadError;
use crate::source::status::chain;

pub(super) fn problem(error: &PassError) -> Problem {
    let (condition, reason) = match error {
        PassError::Unusable(unusable) => return Problem::unusable(unusable.clone()),
        PassError::Download(DownloadError::Failed { class, .. }) => {
            let reason = match class {
                FailureClass::Authentication => reasons::AUTHENTICATION_FAILED,
                FailureClass::InvalidUrl => reasons::URL_INVALID,
                _ => reasons::INDEXATION_FAILED,
            };
            (conditions::FETCH_FAILED, reason)
        }
        PassError::Download(_) | PassError::Index(_) | PassError::Broke(_) => {
            (conditions::FETCH_FAILED, reasons::INDEXATION_FAILED)
        }
        PassError::Store(_) => {
            let reason = reasons::ARCHIVE_OPERATION_FAILED;
            (conditions::STORAGE_OPERATION_FAILED, reason)
        }
    };
    let message = chain(error);
    Problem {
        condition,
        reason,
        message,
        stalled: false,
    }
}

/// Writes status and events, if this node leads.
pub(super) async fn conclude(
    context: &Context,
    pass: &Pass,
    index: Option<&IndexSnapshot>,
    problem: Option<&Problem>,
) -> Option<Object> {
    let leadership = pass.leadership.as_ref()?;
    let (old, held) = (&pass.seen.status, index.map(IndexSnapshot::held));
    let now = jiff::Timestamp::now().into();
    let new = status(pass, held.as_ref(), problem, now);
    let resource = &context.kinds.helm_repository;
    let (cluster, statuses) = (&context.cluster, (old, &new));
    let manager = names::SOURCE_STATUS_MANAGER;
    let written =
        crate::status::write(cluster, leadership, resource, &pass.name, statuses, manager).await;
    let said = (old.conditions.as_slice(), old.artifact.as_ref());
    let words = (reasons::NEW_ARTIFACT, reasons::SUCCEEDED);
    let message = || index.map_or_else(String::new, IndexSnapshot::news);
    if let Some(news) = artifact::news(said, held.as_ref(), problem, words, message) {
        let object = (names::HELM_REPOSITORY, &pass.seen.meta);
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
    held: Option<&Held>,
    problem: Option<&Problem>,
    now: Time,
) -> HelmRepositoryStatus {
    let mut status = pass.seen.status.clone();
    let meta = &pass.seen.meta;
    let generation = Some(meta.generation);
    let asked = meta.annotation(names::REQUESTED_AT).map(str::to_owned);
    status.last_handled_reconcile_at = asked.or(status.last_handled_reconcile_at);
    artifact::say(&mut status.conditions, generation, held, problem, now);
    if problem.is_none_or(|problem| problem.stalled) {
        status.observed_generation = generation;
    }
    if let Some(held) = held {
        let (kind, old) = (names::HELM_REPOSITORY, pass.seen.status.artifact.as_ref());
        status.artifact = Some(artifact::artifact(kind, meta, held, old, now));
        status.url = Some(artifact::latest(kind, meta, "index.yaml"));
    }
    status
}

impl IndexSnapshot {
    fn held(&self) -> Held {
        let hex = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        Held {
            reason: reasons::SUCCEEDED,
            message: format!("stored artifact: revision '{}'", self.digest),
            revision: self.digest.clone(),
            digest: self.digest.clone(),
            size: self.size,
            file: format!("index-{hex}.yaml"),
        }
    }

    fn news(&self) -> String {
        let (size, url) = (self.size, DisplayUrl(&self.url));
        format!("stored fetched index of {size} bytes from '{url}'")
    }
}
