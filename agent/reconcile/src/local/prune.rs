//! Deletes what left the folder, if it is still this node's.

use windlass_api::inventory::Entry;
use windlass_api::names;
use windlass_cluster::{
    Authority, Cluster, ErrorClass, Leadership, Preconditions, Propagation, RequestError,
};
use windlass_object::{GroupVersionKind, ObjectKey};
use windlass_plan::order;

use crate::work::wait::served;

/// Entries in the order of deletion. One that names no object is none: a wrong guess would delete something else.
pub(super) fn in_order(stale: &[Entry]) -> Vec<(ObjectKey, String)> {
    let mut keys: Vec<ObjectKey> = stale.iter().filter_map(|entry| entry.key().ok()).collect();
    order::sort_for_delete(&mut keys);
    let version = |key: &ObjectKey| {
        let id = windlass_api::inventory::id(key);
        let entry = stale.iter().find(|entry| entry.id == id);
        entry.map(|entry| entry.version.clone()).unwrap_or_default()
    };
    keys.into_iter()
        .map(|key| (key.clone(), version(&key)))
        .collect()
}

/// Deletes one object. Gives whether it was there and this node's; after either answer it is settled.
pub(super) async fn delete(
    cluster: &Cluster,
    leadership: &Leadership,
    node: &str,
    (key, version): &(ObjectKey, String),
) -> Result<bool, RequestError> {
    let kind = served(GroupVersionKind {
        group: key.group.clone(),
        version: version.clone(),
        kind: key.kind.clone(),
    });
    let resource = match cluster.resolve(&kind).await {
        Ok(resource) => resource,
        // Without its kind the object is gone too.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(false),
        Err(error) => return Err(error),
    };
    let live = cluster
        .get_metadata(&resource, &key.namespace, &key.name)
        .await?;
    let Some(live) = live.filter(|live| live.label(names::MANIFESTS) == Some(node)) else {
        return Ok(false);
    };
    let preconditions = Preconditions {
        uid: live.uid().map(str::to_owned),
        resource_version: live.resource_version().map(str::to_owned),
    };
    let authority = Authority::Leader(leadership);
    let (namespace, name) = (&key.namespace, &key.name);
    let policy = Propagation::Background;
    let deleted = cluster
        .delete(
            authority,
            &resource,
            namespace,
            name,
            &preconditions,
            policy,
        )
        .await;
    match deleted {
        Err(error) if error.class() != ErrorClass::NotFound => Err(error),
        _ => Ok(true),
    }
}
