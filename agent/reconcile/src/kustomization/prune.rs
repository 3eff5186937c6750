//! Deletes what the last revisions applied and this one does not hold any more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use windlass_api::inventory::Inventory;
use windlass_api::reasons;
use windlass_cluster::{Authority, ErrorClass, Preconditions, Propagation, RequestError};
use windlass_object::{GroupVersionKind, ObjectKey};
use windlass_plan::{order, prune as rules};

use super::moves::{self, Claims};
use super::pass::Pass;
use crate::left_out::LeftOut;
use crate::work::error::StageError;
use crate::work::wait::served;

/// One entry of an inventory: the object and the version it was last applied in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) key: ObjectKey,
    pub(crate) version: String,
}

impl Stale {
    /// The kind of the object, in the version it was last applied in; an older Flux may have written one that is not
    /// served any more.
    pub(crate) fn kind(&self) -> GroupVersionKind {
        served(GroupVersionKind {
            group: self.key.group.clone(),
            version: self.version.clone(),
            kind: self.key.kind.clone(),
        })
    }
}

/// What a prune did. Objects that are not settled stay in the inventory and are tried again.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    pub(crate) deleted: Vec<ObjectKey>,
    /// Deleted, gone already, or somebody else's by now.
    pub(crate) settled: BTreeSet<ObjectKey>,
    pub(crate) error: Option<StageError>,
}

/// What of an inventory may be deleted, in the order of deletion.
///
/// An entry whose id cannot be read is none: a wrong guess would delete something else.
pub(crate) fn deletable(inventory: &Inventory, left_out: &LeftOut) -> Vec<Stale> {
    let entries = inventory.entries.iter().filter_map(|entry| {
        let key = entry.key().ok().filter(|key| !left_out.covers_key(key))?;
        Some(Stale {
            key,
            version: entry.version.clone(),
        })
    });
    in_order_of_deletion(entries.collect())
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
    if stale.is_empty() {
        return pruned;
    }
    let claimed = match moves::claimed(pass).await {
        Ok(claimed) => claimed,
        Err(error) => {
            pruned.error = Some(failed(&error));
            return pruned;
        }
    };
    for entry in stale {
        match delete(pass, &entry, &claimed).await {
            Ok(Deletion::Deleted) => {
                pass.ledger.forget(&pass.name, &entry.key);
                pruned.deleted.push(entry.key.clone());
                pruned.settled.insert(entry.key);
            }
            Ok(Deletion::NotOurs) => {
                pruned.settled.insert(entry.key);
            }
            Ok(Deletion::LeftOut | Deletion::Claimed) => {}
            Err(error) => {
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
    /// Another Kustomization is about to take it.
    Claimed,
}

/// A busy object moves between the look and the deletion; it is looked at again this often.
const TRIES: usize = 3;

async fn delete(pass: &Pass, entry: &Stale, claimed: &Claims) -> Result<Deletion, StageError> {
    for _ in 1..TRIES {
        match try_delete(pass, entry, claimed).await {
            Err(error) if error.class() == ErrorClass::Conflict => {}
            answer => return answer.map_err(|error| failed(&error)),
        }
    }
    try_delete(pass, entry, claimed)
        .await
        .map_err(|error| failed(&error))
}

fn failed(error: &RequestError) -> StageError {
    StageError::request(reasons::PRUNE_FAILED, error)
}

async fn try_delete(
    pass: &Pass,
    entry: &Stale,
    claimed: &Claims,
) -> Result<Deletion, RequestError> {
    let cluster = &pass.client;
    let key = &entry.key;
    let resource = match cluster.resolve(&entry.kind()).await {
        Ok(resource) => resource,
        // Without its kind the object is gone too.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(Deletion::NotOurs),
        Err(error) => return Err(error),
    };
    let live = cluster
        .get_metadata(&resource, &key.namespace, &key.name)
        .await?;
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
    if let Some(other) = claimed.get(key) {
        tracing::info!(kind = "Kustomization", name = %pass.name, "{key} is kept: Kustomization {other} takes it");
        return Ok(Deletion::Claimed);
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
        Err(error) => Err(error),
    }
}
