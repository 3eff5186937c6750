//! Deletes what the last revisions applied and this one does not hold any more.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_api::inventory::{Entry, Inventory};
use windlass_api::reasons;
use windlass_cluster::{Authority, ErrorClass, Preconditions, Propagation};
use windlass_object::{GroupVersionKind, ObjectKey};
use windlass_plan::{order, prune as rules};

use super::error::StageError;
use super::pass::Pass;
use crate::left_out::LeftOut;

/// One entry of an inventory: the object and the version it was last applied in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) key: ObjectKey,
    pub(crate) version: String,
}

/// What a prune did. Objects that could not be deleted stay in the inventory and are tried again.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    pub(crate) deleted: Vec<ObjectKey>,
    pub(crate) kept: Vec<Stale>,
    pub(crate) error: Option<StageError>,
}

/// Parts an inventory into what may be deleted, in the order of deletion, and what is left out for good.
///
/// An entry whose id cannot be read is kept: a wrong guess would delete something else.
pub(crate) fn split(inventory: &Inventory, left_out: &LeftOut) -> (Vec<Stale>, Vec<Entry>) {
    let mut deletable = Vec::new();
    let mut kept = Vec::new();
    for entry in &inventory.entries {
        match entry.key() {
            Ok(key) if !left_out.covers_key(&key) => {
                deletable.push(Stale {
                    key,
                    version: entry.version.clone(),
                });
            }
            _ => kept.push(entry.clone()),
        }
    }
    (in_order_of_deletion(deletable), kept)
}

fn in_order_of_deletion(stale: Vec<Stale>) -> Vec<Stale> {
    let mut keys: Vec<ObjectKey> = stale.iter().map(|entry| entry.key.clone()).collect();
    let mut versions: BTreeMap<ObjectKey, String> = stale
        .into_iter()
        .map(|entry| (entry.key, entry.version))
        .collect();
    order::sort_for_delete(&mut keys);
    let ordered = keys.into_iter().filter_map(|key| {
        let version = versions.remove(&key)?;
        Some(Stale { key, version })
    });
    ordered.collect()
}

/// Deletes the objects in the order given. Only live objects that carry the owner's labels are touched.
pub(crate) async fn prune(pass: &Pass, stale: Vec<Stale>) -> Pruned {
    let mut pruned = Pruned::default();
    for entry in stale {
        match delete(pass, &entry).await {
            Ok(Deletion::Deleted) => {
                pass.ledger.forget(&entry.key);
                pruned.deleted.push(entry.key);
            }
            Ok(Deletion::NotOurs) => pass.ledger.forget(&entry.key),
            Ok(Deletion::LeftOut) => pruned.kept.push(entry),
            Err(error) => {
                pruned.kept.push(entry);
                pruned.error.get_or_insert(error);
            }
        }
    }
    pruned
}

enum Deletion {
    Deleted,
    /// Gone already, or somebody says hands off.
    NotOurs,
    /// A part of Flux that windlass takes the place of.
    LeftOut,
}

async fn delete(pass: &Pass, entry: &Stale) -> Result<Deletion, StageError> {
    let cluster = &pass.client;
    let key = &entry.key;
    let failed = |error| StageError::request(reasons::PRUNE_FAILED, &error);
    let kind = GroupVersionKind {
        group: key.group.clone(),
        version: entry.version.clone(),
        kind: key.kind.clone(),
    };
    let resource = match cluster.resolve(&kind).await {
        Ok(resource) => resource,
        // Without its kind the object is gone too.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(Deletion::NotOurs),
        Err(error) => return Err(failed(error)),
    };
    let live = cluster
        .get_metadata(&resource, &key.namespace, &key.name)
        .await
        .map_err(failed)?;
    let Some(live) = live else {
        return Ok(Deletion::NotOurs);
    };
    if pass.left_out.covers(&live) {
        return Ok(Deletion::LeftOut);
    }
    let metadata = live.pointer("/metadata").unwrap_or(&Value::Null);
    if rules::may_delete(metadata, &pass.name.namespace, &pass.name.name).is_err() {
        return Ok(Deletion::NotOurs);
    }
    let preconditions = Preconditions {
        uid: live.uid().map(str::to_owned),
        resource_version: live.resource_version().map(str::to_owned),
    };
    let (authority, policy) = (Authority::Leader(&pass.leadership), Propagation::Background);
    let answer = cluster
        .delete(
            authority,
            &resource,
            &key.namespace,
            &key.name,
            &preconditions,
            policy,
        )
        .await;
    match answer {
        Ok(()) => Ok(Deletion::Deleted),
        Err(error) if error.class() == ErrorClass::NotFound => Ok(Deletion::Deleted),
        Err(error) => Err(failed(error)),
    }
}
