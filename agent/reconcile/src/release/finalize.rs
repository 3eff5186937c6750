//! A HelmRelease is being deleted: its release is uninstalled first, unless it is suspended.

use std::time::Duration;

use windlass_api::reasons;

use super::course::Course;
use super::pass::Pass;
use super::storage::Storage;
use super::{Outcome, remediate, template};
use crate::kustomization::Next;
use crate::work::error::{Class, StageError};
use crate::work::{account_is_gone, remote};
use crate::{finalizer, uninstall};

/// How soon a deletion that did not come to its end is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Uninstalls, takes the HelmChart away, and releases the finalizer.
pub(super) async fn finalize(pass: &Pass, aimed: Result<(), StageError>) -> Outcome {
    if !finalizer::is_on(&pass.meta) {
        return Outcome::quiet(Next::Never);
    }
    let mut course = Course::new(pass);
    match take_away(&mut course, aimed).await {
        Ok(()) => Outcome::quiet(Next::Never),
        Err(error) if error.class == Class::Gone => Outcome::quiet(Next::Never),
        Err(error) => {
            tracing::warn!(release = %pass.name, %error, "the deletion is not finished; trying again");
            if let Err(error) = course.save().await {
                tracing::debug!(release = %pass.name, %error, "the status could not be written");
            }
            Outcome {
                object: course.object,
                ..Outcome::quiet(Next::In(AGAIN))
            }
        }
    }
}

async fn take_away(
    course: &mut Course<'_>,
    aimed: Result<(), StageError>,
) -> Result<(), StageError> {
    let pass = course.pass;
    let failed = |error| StageError::request(reasons::UNINSTALL_FAILED, &error);
    if uninstalls(pass, aimed).await? {
        uninstall_release(course).await?;
        template::remove(course).await?;
    }
    finalizer::release_now(&pass.cluster, &pass.leadership, &pass.resource, &pass.name)
        .await
        .map_err(failed)
}

async fn uninstalls(pass: &Pass, aimed: Result<(), StageError>) -> Result<bool, StageError> {
    let failed = |error| StageError::request(reasons::UNINSTALL_FAILED, &error);
    if pass.spec.suspend {
        return Ok(false);
    }
    // Asked afresh, not from what a watch said: a wrong answer would delete the workloads.
    if uninstall::api_is_going(&pass.cluster)
        .await
        .map_err(failed)?
        .is_some()
    {
        return Ok(false);
    }
    if let Err(error) = aimed {
        let gone = match &pass.spec.kube_config {
            Some(reference) => remote::is_gone(pass.seeking(), reference).await?,
            None => false,
        };
        if !gone {
            return Err(error);
        }
        // As in Flux: nobody knows any more where the release is.
        tracing::warn!(release = %pass.name, %error, "what it released to another cluster stays there");
        return Ok(false);
    }
    if account_is_gone(&pass.client, &pass.target)
        .await
        .map_err(failed)?
    {
        tracing::warn!(release = %pass.name, "its service account is gone; the release stays");
        return Ok(false);
    }
    Ok(true)
}

async fn uninstall_release(course: &mut Course<'_>) -> Result<(), StageError> {
    let pass = course.pass;
    let (Some(namespace), Some(latest)) = (
        course.status.storage_namespace.clone(),
        course.latest().cloned(),
    ) else {
        return Ok(());
    };
    course.fence.raise().await?;
    course.storage = Some(Storage::load(&pass.client, &namespace, &latest.name).await?);
    match course.storage()?.last()?.cloned() {
        Some(record) => remediate::released(course, record).await,
        None => Ok(()),
    }
}
