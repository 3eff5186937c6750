//! What a pass of a HelmRepository says in the cluster, in Flux's words.

use windlass_api::{conditions, names, reasons};
use windlass_object::Object;
use windlass_wire::{DisplayUrl, FailureClass};

use super::IndexSnapshot;
use super::pass::{Pass, PassError};
use crate::artifact::{Held, Problem, Told};
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
    let held = index.map(IndexSnapshot::held);
    let told = Told {
        kind: names::HELM_REPOSITORY,
        latest: "index.yaml",
        held: held.as_ref(),
        problem,
        now: jiff::Timestamp::now().into(),
    };
    let new = told.status(&pass.seen.meta, &pass.seen.status);
    let object = (&context.kinds.helm_repository, &pass.seen, &new);
    let words = (reasons::NEW_ARTIFACT, reasons::SUCCEEDED);
    let message = || index.map_or_else(String::new, IndexSnapshot::news);
    let leadership = pass.leadership.as_ref();
    told.conclude(context, leadership, object, (words, message))
        .await
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
