//! What Kustomizations and releases hold, read in one look, so that a deleted one counts with all of it.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_api::inventory::Inventory;
use windlass_api::kustomization::DeletionPolicy;
use windlass_api::names;
use windlass_cluster::{Detail, ErrorClass, RequestError, Scope};
use windlass_object::{GroupVersionKind, Object, ObjectKey};

use super::Pass;
use crate::named::Named;
use crate::seen::SeenKustomization;

const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
const HELM_RELEASE: &str = "HelmRelease";

/// Whose labels an object carries that goes with its owner.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    Kustomization(Named),
    /// What Helm installed carries no labels that tell whether it may be deleted.
    Release,
    /// A Kustomization or a release whose objects are in another cluster.
    Elsewhere(String),
}

/// Inventories by their owner's key.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<ObjectKey, Entry>);

#[derive(Debug)]
struct Entry {
    owner: Owner,
    inventory: Inventory,
    /// Whether its objects go when it is deleted.
    deletes: bool,
}

impl Owner {
    pub(super) fn of(pass: &Pass) -> Self {
        Owner::Kustomization(pass.name.clone())
    }
}

// === impl Held ===

impl Held {
    /// Reads all inventories of a cluster whose Kustomizations hold others; nothing else needs them.
    pub(super) async fn read(pass: &Pass, inventory: &Inventory) -> Result<Self, RequestError> {
        let mut held = Held::default();
        let keys: Vec<ObjectKey> = inventory
            .entries
            .iter()
            .flat_map(|entry| entry.key())
            .collect();
        if !keys
            .iter()
            .any(|key| is_kustomization(key) || is_release(key))
        {
            return Ok(held);
        }
        let releases = GroupVersionKind::new(&format!("{HELM_GROUP}/v2"), HELM_RELEASE);
        for object in all(pass, &pass.resource.gvk).await? {
            held.add_kustomization(&object);
        }
        let found = all(pass, &releases).await?;
        found.iter().for_each(|object| held.add_release(object));
        Ok(held)
    }

    fn add_kustomization(&mut self, object: &Object) {
        let Some(seen) = SeenKustomization::parse(object.as_value()) else {
            return;
        };
        let deletes = seen.spec.as_ref().is_ok_and(|spec| {
            let policy = spec.effective_deletion_policy();
            let orphans = policy == DeletionPolicy::Orphan;
            !spec.suspend && !orphans
        });
        let name = seen.meta.name;
        let elsewhere = seen.spec.is_ok_and(|spec| spec.kube_config.is_some());
        let owner = if elsewhere {
            Owner::Elsewhere(format!("{} {name}", names::KUSTOMIZATION))
        } else {
            Owner::Kustomization(name)
        };
        let entry = Entry {
            owner,
            inventory: seen.status.inventory.unwrap_or_default(),
            deletes,
        };
        self.0.insert(object.key(), entry);
    }

    fn add_release(&mut self, object: &Object) {
        let inventory = object.pointer("/status/inventory").cloned();
        let target = object.pointer("/spec/kubeConfig");
        let owner = if target.is_some_and(|target| !target.is_null()) {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name());
            Owner::Elsewhere(format!("{HELM_RELEASE} {}", Named::new(namespace, name)))
        } else {
            Owner::Release
        };
        let entry = Entry {
            owner,
            inventory: inventory
                .and_then(|inventory| serde_json::from_value(inventory).ok())
                .unwrap_or_default(),
            deletes: object.pointer("/spec/suspend") != Some(&Value::Bool(true)),
        };
        self.0.insert(object.key(), entry);
    }

    /// What goes with this object when it is deleted.
    pub(super) fn taken_by(&self, key: &ObjectKey) -> Option<(Owner, Inventory)> {
        let entry = self.0.get(key).filter(|entry| entry.deletes)?;
        Some((entry.owner.clone(), entry.inventory.clone()))
    }

    /// How many objects an inventory holds, with what those hold.
    pub(super) fn count(&self, inventory: &Inventory) -> usize {
        let mut seen = std::collections::BTreeSet::new();
        let mut due = vec![inventory];
        while let Some(inventory) = due.pop() {
            for key in inventory.entries.iter().flat_map(|entry| entry.key()) {
                let held = self.0.get(&key);
                if seen.insert(key) {
                    due.extend(held.map(|entry| &entry.inventory));
                }
            }
        }
        seen.len()
    }
}

/// Every object of a kind; none where there is no such kind.
async fn all(pass: &Pass, kind: &GroupVersionKind) -> Result<Vec<Object>, RequestError> {
    let (target, everywhere) = (&pass.target, Scope::all());
    match target.resolve(kind).await {
        Ok(kind) => target.list(&kind, &everywhere, Detail::Object).await,
        Err(error) if error.class() == ErrorClass::UnknownKind => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_kustomization(key: &ObjectKey) -> bool {
    key.group == names::KUSTOMIZE_GROUP && key.kind == names::KUSTOMIZATION
}

fn is_release(key: &ObjectKey) -> bool {
    key.group == HELM_GROUP && key.kind == HELM_RELEASE
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(name: &str, spec: Value) -> Object {
        let object = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": HELM_RELEASE,
            "metadata": {"name": name, "namespace": "apps"}, "spec": spec,
            "status": {"inventory": {"entries": [{"id": "apps_data__PersistentVolumeClaim", "v": "v1"}]}}});
        Object::from_value(object).unwrap()
    }

    #[test]
    fn what_a_release_holds_in_another_cluster_is_not_looked_for_in_this_one() {
        let mut held = Held::default();
        let here = release("here", json!({}));
        let there = release(
            "there",
            json!({"kubeConfig": {"secretRef": {"name": "other"}}}),
        );
        held.add_release(&here);
        held.add_release(&there);
        let (owner, _) = held.taken_by(&here.key()).unwrap();
        assert!(matches!(owner, Owner::Release));
        let (owner, inventory) = held.taken_by(&there.key()).unwrap();
        assert!(
            matches!(&owner, Owner::Elsewhere(name) if name == "HelmRelease apps/there"),
            "{owner:?}"
        );
        assert_eq!(inventory.entries.len(), 1);
    }
}
