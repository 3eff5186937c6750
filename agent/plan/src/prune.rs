//! What is deleted because it left the source, and what is not (fluxcd/pkg
//! `ssa/manager_delete.go`, kustomize-controller `internal/inventory`).

use serde_json::Value;
use windlass_api::inventory::{Inventory, InventoryIdError};
use windlass_api::names;
use windlass_object::ObjectKey;

use crate::metadata;
use crate::order::sort_for_delete;

/// The objects that left the source.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Stale {
    /// The objects, in the order in which they are deleted.
    pub keys: Vec<ObjectKey>,
    /// Entries that name no object; they are left alone and reported.
    pub unreadable: Vec<InventoryIdError>,
}

/// Why an object stays although it left the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// Another Kustomization or a person has it now.
    #[error("its owner labels name another Kustomization or none")]
    NotOwned,
    /// `kustomize.toolkit.fluxcd.io/prune: disabled`.
    #[error("it carries {key}: {value}", key = names::PRUNE, value = names::DISABLED)]
    PruneDisabled,
    /// `kustomize.toolkit.fluxcd.io/reconcile: disabled`.
    #[error("it carries {key}: {value}", key = names::RECONCILE, value = names::DISABLED)]
    ReconcileDisabled,
    /// `kustomize.toolkit.fluxcd.io/ssa: Ignore`.
    #[error("it carries {key}: {value}", key = names::SSA, value = names::SSA_IGNORE)]
    Ignored,
}

/// Gives the objects that are in the old inventory and not in the new one; versions do not count.
pub fn stale(old: &Inventory, new: &Inventory) -> Stale {
    let mut stale = Stale::default();
    for entry in old.without(new) {
        match entry.key() {
            Ok(key) => stale.keys.push(key),
            Err(error) => stale.unreadable.push(error),
        }
    }
    sort_for_delete(&mut stale.keys);
    stale.keys.dedup();
    stale
}

/// Judges from an object's live metadata whether the Kustomization `namespace/name` may delete it.
///
/// # Errors
/// Why it stays.
pub fn may_delete(live_metadata: &Value, namespace: &str, name: &str) -> Result<(), Skip> {
    let label = |key| metadata::entry(live_metadata, "labels", key);
    if label(names::OWNER_NAME) != Some(name) || label(names::OWNER_NAMESPACE) != Some(namespace) {
        return Err(Skip::NotOwned);
    }
    let carries = |key, value| metadata::switched(live_metadata, key, value);
    if carries(names::PRUNE, names::DISABLED) {
        Err(Skip::PruneDisabled)
    } else if carries(names::RECONCILE, names::DISABLED) {
        Err(Skip::ReconcileDisabled)
    } else if carries(names::SSA, names::SSA_IGNORE) {
        Err(Skip::Ignored)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
