//! Flux's finalizer on our kinds.

use serde_json::json;
use windlass_api::names;
use windlass_cluster::{
    Authority, Cluster, ErrorClass, Leadership, PatchOptions, RequestError, Resource,
};
use windlass_object::Object;

use crate::named::Named;
use crate::ours;
use crate::seen::Meta;

/// How often an object that changes meanwhile is read again; each time somebody else has got a write done.
const CONFLICT_LIMIT: usize = 10;

/// Whether the object carries it.
pub(crate) fn is_on(meta: &Meta) -> bool {
    meta.finalizers.iter().any(|name| name == names::FINALIZER)
}

/// Whether it was on the object and is not any more, with nobody deleting it. Of an object that is seen for the first time
/// it was where somebody has worked on it.
pub(crate) fn was_taken_off(meta: &Meta, before: Option<&Meta>, worked_on: bool) -> bool {
    before.map_or(worked_on, is_on) && !is_on(meta) && !meta.deleting
}

/// Puts it on, if it is not there. The write is conditional, so that nobody else's finalizer is lost.
pub(crate) async fn add(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    meta: &Meta,
) -> Result<Option<Object>, RequestError> {
    if is_on(meta) || meta.deleting {
        return Ok(None);
    }
    match write(cluster, leadership, resource, meta, with_ours(meta)).await {
        Err(error) if error.class() == ErrorClass::Conflict => {
            // Somebody wrote it meanwhile: its finalizers are looked at again.
            let name = &meta.name;
            let live = cluster
                .get_metadata(resource, &name.namespace, &name.name)
                .await?;
            let now = live.as_ref().and_then(|live| Meta::parse(live.as_value()));
            match now.filter(|now| !is_on(now) && !now.deleting) {
                Some(now) => write(cluster, leadership, resource, &now, with_ours(&now))
                    .await
                    .map(Some),
                None => Ok(None),
            }
        }
        answer => answer.map(Some),
    }
}

fn with_ours(meta: &Meta) -> Vec<String> {
    let mut finalizers = meta.finalizers.clone();
    finalizers.push(names::FINALIZER.to_owned());
    finalizers
}

/// Takes it off, so that the API server can let the object go. An object that is gone already is fine.
pub(crate) async fn release(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    meta: &Meta,
) -> Result<(), RequestError> {
    if !is_on(meta) {
        return Ok(());
    }
    let rest = meta
        .finalizers
        .iter()
        .filter(|name| *name != names::FINALIZER)
        .cloned()
        .collect();
    match write(cluster, leadership, resource, meta, rest).await {
        Err(error) if error.class() != ErrorClass::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn write(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    meta: &Meta,
    finalizers: Vec<String>,
) -> Result<Object, RequestError> {
    let body = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": meta.resource_version,
    }});
    let options = PatchOptions {
        subresource: None,
        manager: ours::MANAGER,
    };
    let (authority, name) = (Authority::Leader(leadership), &meta.name);
    cluster
        .patch_merge(
            authority,
            resource,
            &name.namespace,
            &name.name,
            &body,
            &options,
        )
        .await
}

/// Takes it off whatever the object looks like by now; for the end of Flux's API.
pub(crate) async fn release_now(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    name: &Named,
) -> Result<(), RequestError> {
    let mut attempts = 1;
    loop {
        let live = cluster
            .get_metadata(resource, &name.namespace, &name.name)
            .await?;
        let Some(meta) = live.as_ref().and_then(|live| Meta::parse(live.as_value())) else {
            return Ok(());
        };
        match release(cluster, leadership, resource, &meta).await {
            // A write of ours that was under way, or somebody else's, came between.
            Err(error) if error.class() == ErrorClass::Conflict && attempts < CONFLICT_LIMIT => {
                attempts += 1;
            }
            answer => return answer,
        }
    }
}

/// How often a release is tried, and how soon again.
const RELEASE_TRIES: usize = 5;
const RELEASE_AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

/// Releases with several tries; that it cannot be done is logged with what to do by hand.
pub(crate) async fn release_for_good(
    cluster: &Cluster,
    leadership: &Leadership,
    resource: &Resource,
    name: &Named,
) {
    for _ in 1..RELEASE_TRIES {
        if release_now(cluster, leadership, resource, name)
            .await
            .is_ok()
        {
            return;
        }
        tokio::time::sleep(RELEASE_AGAIN).await;
    }
    if let Err(error) = release_now(cluster, leadership, resource, name).await {
        tracing::warn!(
            kind = %resource.gvk.kind, %name, %error,
            "the finalizer could not be released; remove {} from it by hand", names::FINALIZER
        );
    }
}
