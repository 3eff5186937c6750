//! What this node's folder has applied, by file: a ConfigMap of the node's own, which is its fence too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use windlass_api::inventory::{Entry, Inventory};
use windlass_api::names;
use windlass_cluster::{ApplyOptions, Authority, Cluster, Leadership, RequestError};
use windlass_object::{Object, ObjectKey, Value};

use crate::context::config_maps;
use crate::ours;
use crate::seen::Meta;

/// The objects of each file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByFile(pub(super) BTreeMap<String, Inventory>);

/// The inventory as the cluster has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) by_file: ByFile,
    /// `None` where there is no ConfigMap yet.
    pub(super) meta: Option<Meta>,
}

// === impl ByFile ===

impl ByFile {
    /// Which file an object belongs to.
    pub(super) fn file_of(&self, key: &ObjectKey) -> Option<&str> {
        let id = windlass_api::inventory::id(key);
        let holds = |inventory: &Inventory| inventory.entries.iter().any(|entry| entry.id == id);
        let found = self.0.iter().find(|(_, inventory)| holds(inventory));
        found.map(|(file, _)| file.as_str())
    }

    /// Every entry, with its file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let files = self.0.iter();
        files.flat_map(|(file, inventory)| {
            inventory
                .entries
                .iter()
                .map(move |entry| (file.as_str(), entry))
        })
    }

    pub(super) fn add(&mut self, file: &str, entry: Entry) {
        let inventory = self.0.entry(file.to_owned()).or_default();
        if !inventory.entries.iter().any(|known| known.id == entry.id) {
            inventory.entries.push(entry);
        }
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        let id = windlass_api::inventory::id(key);
        for inventory in self.0.values_mut() {
            inventory.entries.retain(|entry| entry.id != id);
        }
        self.0.retain(|_, inventory| !inventory.entries.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The name of a node's ConfigMap.
pub(super) fn name(node: &str) -> String {
    format!("{}{node}", names::MANIFESTS_OF)
}

/// Reads the inventory of a node. One that cannot be understood is an error: pruning from a guess would delete.
pub(super) async fn read(cluster: &Cluster, node: &str) -> Result<Stored, ReadError> {
    let live = cluster
        .get(&config_maps(), names::FLUX_SYSTEM, &name(node))
        .await?;
    let Some(live) = live else {
        return Ok(Stored::default());
    };
    let text = live
        .pointer("/data")
        .and_then(|data| data.get(names::MANIFESTS_KEY));
    let text = text.and_then(Value::as_str).unwrap_or("{}");
    Ok(Stored {
        by_file: serde_json::from_str(text)?,
        meta: Meta::parse(live.as_value()),
    })
}

/// What keeps the inventory from being read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(
        "the ConfigMap with the inventory of this node's manifests cannot be read ({0}): delete it to begin anew; what was applied stays"
    )]
    Malformed(#[from] serde_json::Error),
}

/// Writes the inventory if it is another one; only if nobody wrote it since it was read.
pub(super) async fn write(
    cluster: &Cluster,
    leadership: &Leadership,
    node: &str,
    (before, after): (&mut Stored, ByFile),
) -> Result<(), RequestError> {
    if before.by_file == after && before.meta.is_some() {
        return Ok(());
    }
    let text = serde_json::to_string(&after).unwrap_or_default();
    // Without it the ConfigMap is made; null is as good as none.
    let known = before.meta.as_ref().map(|meta| &meta.resource_version);
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": name(node), "namespace": names::FLUX_SYSTEM, "resourceVersion": known,
            "annotations": {(ours::EPOCH): leadership.epoch().to_string()},
        },
        "data": {(names::MANIFESTS_KEY): text},
    });
    let Ok(config_map) = Object::from_value(config_map) else {
        return Ok(());
    };
    let options = ApplyOptions {
        manager: ours::MANAGER,
        force: true,
    };
    let authority = Authority::Leader(leadership);
    let written = cluster
        .apply(authority, &config_maps(), &config_map, &options)
        .await?;
    before.by_file = after;
    before.meta = Meta::parse(written.as_value());
    Ok(())
}

impl Stored {
    /// The term in which the ConfigMap was written last.
    pub(super) fn epoch(&self) -> u64 {
        let epoch = self
            .meta
            .as_ref()
            .and_then(|meta| meta.annotation(ours::EPOCH));
        epoch.and_then(|epoch| epoch.parse().ok()).unwrap_or(0)
    }
}
