//! What a pass of a Bucket says in the cluster, in Flux's words.

use windlass_api::{conditions, names, reasons};
use windlass_object::Object;
use windlass_wire::FailureClass;

use super::BucketSnapshot;
use super::contents::ContentsError;
use super::fetch::FetchError;
use super::pass::{Pass, PassError};
use crate::archive::pass::Trouble;
use crate::artifact::{Held, Problem, Told};
use crate::context::Context;
use crate::source::status::chain;

pub(super) fn trouble(error: &PassError) -> Trouble {
    Trouble {
        problem: problem(error),
        is_passing: error.is_passing(),
    }
}

fn problem(error: &PassError) -> Problem {
    let fetch = conditions::FETCH_FAILED;
    let (condition, reason) = match error {
        PassError::Unusable(unusable) => return Problem::unusable(unusable.clone()),
        PassError::Fetch(FetchError::Store(_)) | PassError::Store(_) => {
            let storage = conditions::STORAGE_OPERATION_FAILED;
            (storage, reasons::ARCHIVE_OPERATION_FAILED)
        }
        PassError::Fetch(error) => (fetch, reason(error)),
        PassError::Open(_) | PassError::Broke(_) => (fetch, reasons::BUCKET_OPERATION_FAILED),
        PassError::Changed { .. } | PassError::NotAsPinned { .. } => {
            (fetch, reasons::DIGEST_CHANGED)
        }
        PassError::NotPinned { .. } => (fetch, reasons::NOT_PINNED),
    };
    Problem {
        condition,
        reason,
        message: chain(error),
        stalled: false,
    }
}

fn reason(error: &FetchError) -> &'static str {
    match (error, error.class()) {
        (FetchError::Contents(ContentsError::Name { .. }), _) => reasons::INVALID_NAME,
        // As for a HelmRepository; Flux has one reason for all of it.
        (_, Some(FailureClass::Authentication)) => reasons::AUTHENTICATION_FAILED,
        (_, Some(FailureClass::InvalidUrl)) => reasons::URL_INVALID,
        _ => reasons::BUCKET_OPERATION_FAILED,
    }
}

/// Writes status and events, if this node leads.
pub(super) async fn conclude(
    context: &Context,
    pass: &Pass,
    snapshot: Option<&BucketSnapshot>,
    trouble: Option<&Trouble>,
) -> Option<Object> {
    let held = snapshot.map(BucketSnapshot::held);
    let told = Told {
        kind: names::BUCKET,
        latest: "latest.tar.gz",
        held: held.as_ref(),
        problem: trouble.map(|trouble| &trouble.problem),
        now: jiff::Timestamp::now().into(),
    };
    let mut new = told.status(&pass.seen.meta, &pass.seen.status);
    if let Some(snapshot) = snapshot {
        new.observed_ignore.clone_from(&snapshot.selection.ignore);
    }
    let object = (&context.kinds.bucket, &pass.seen, &new);
    let words = (reasons::NEW_ARTIFACT, reasons::SUCCEEDED);
    let message = || snapshot.map_or_else(String::new, BucketSnapshot::news);
    let leadership = pass.leadership.as_ref();
    told.conclude(context, leadership, object, (words, message))
        .await
}

impl BucketSnapshot {
    fn held(&self) -> Held {
        let archive = &self.archive;
        let revision = &archive.revision;
        let hex = revision.strip_prefix("sha256:").unwrap_or(revision);
        Held {
            reason: reasons::SUCCEEDED,
            message: format!("stored artifact: revision '{revision}'"),
            revision: revision.clone(),
            digest: archive.artifact.digest.clone(),
            size: archive.artifact.size,
            file: format!("{hex}.tar.gz"),
        }
    }

    fn news(&self) -> String {
        let bucket = self.selection.address.rsplit('/').next();
        let (files, bucket) = (self.files, bucket.unwrap_or_default());
        format!("stored artifact with {files} fetched files from '{bucket}' bucket")
    }
}
