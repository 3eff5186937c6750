//! `force`: an object that cannot be changed in place is deleted and created again, if its owner allows it.

use std::time::Duration;

use windlass_cluster::{Authority, Preconditions, Propagation, RequestError, Resource};
use windlass_object::Object;
use windlass_plan::change;

use super::Work;

/// How long a deletion may take before the pass gives up on it; finalizers of others may hold it.
const GONE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Whether this refusal is of the kind that a new object would not meet, and force is on.
pub(crate) fn helps(work: &Work<'_>, object: &Object, error: &RequestError) -> bool {
    let kustomized = work.by.takes_manifests();
    let forced = work.replaces || (kustomized && change::is_forced(object, None));
    // The words are the API server's own, for fields that no update may touch.
    let immutable = error.message.contains("is immutable")
        || error.message.contains("immutable field")
        || matches!(error.status, Some(409 | 422));
    forced && immutable
}

/// Deletes the live object and waits until it is gone.
pub(crate) async fn delete_and_wait(
    work: &Work<'_>,
    object: &Object,
    resource: &Resource,
) -> Result<(), RequestError> {
    let authority = Authority::Leader(work.leadership);
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
    let Some(live) = work.client.get(resource, namespace, name).await? else {
        return Ok(());
    };
    let preconditions = Preconditions {
        uid: live.uid().map(str::to_owned),
        resource_version: live.resource_version().map(str::to_owned),
    };
    work.client
        .delete(
            authority,
            resource,
            namespace,
            name,
            &preconditions,
            Propagation::Background,
        )
        .await?;
    let give_up = tokio::time::Instant::now() + GONE_WITHIN;
    while let Some(there) = work.client.get_metadata(resource, namespace, name).await? {
        let same = there.uid() == live.uid();
        if !same || tokio::time::Instant::now() > give_up {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}
