//! Sees foreign changes at once: one metadata watch per applied kind, feeding the ledger.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use windlass_api::names;
use windlass_cluster::{Cluster, Detail, Resource, Scope, WatchEvent};
use windlass_object::{GroupVersionKind, ObjectKey};
use windlass_plan::applier::Applier;

use crate::event::Event;
use crate::ledger::Ledger;
use crate::named::Named;

/// Starts the watches and hands on whose objects have drifted.
#[derive(Clone, Debug)]
pub(crate) struct DriftWatch {
    cluster: Cluster,
    ledger: Ledger,
    events: UnboundedSender<Event>,
    watches: Arc<Mutex<HashMap<(String, String), AbortHandle>>>,
    /// Whose objects they are.
    by: Applier,
    /// The objects are in another cluster, which is looked at and not watched.
    elsewhere: bool,
}

impl DriftWatch {
    pub(crate) fn new(
        cluster: Cluster,
        (ledger, by): (Ledger, Applier),
        events: UnboundedSender<Event>,
    ) -> Self {
        DriftWatch {
            cluster,
            ledger,
            events,
            watches: Arc::default(),
            by,
            elsewhere: false,
        }
    }

    /// For the objects of another cluster: nothing is watched there.
    pub(crate) fn elsewhere(&self) -> Self {
        DriftWatch {
            elsewhere: true,
            ..self.clone()
        }
    }

    /// Watches the kind from now on, if it is not watched yet.
    pub(crate) fn watch(&self, resource: &Resource) {
        if self.elsewhere || !resource.watchable {
            return;
        }
        let kind = (resource.gvk.group.clone(), resource.gvk.kind.clone());
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.entry(kind).or_insert_with(|| {
            let task = follow(self.clone(), resource.clone());
            tokio::spawn(task).abort_handle()
        });
    }

    /// Asks for a pass of the owner of a drifted object.
    pub(crate) fn report(&self, owner: &Named) {
        let event = match self.by {
            Applier::Kustomization => Event::Drift(owner.clone()),
            Applier::Folder => Event::FolderDrift,
            Applier::HelmRelease | Applier::ClientSideRelease => Event::ReleaseDrift(owner.clone()),
        };
        // The receiver is gone only when the agent stops.
        let _ = self.events.send(event);
    }

    /// Says that a pass does nothing but wait from now on, so that it keeps no other from its work.
    pub(crate) fn waits(&self, name: &Named) {
        let _ = self.events.send(Event::Waits(name.clone()));
    }

    /// Ends all watches: this node does not lead any more.
    pub(crate) fn stop(&self) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, watch) in watches.drain() {
            watch.abort();
        }
    }
}

async fn follow(drift: DriftWatch, resource: Resource) {
    let scope = Scope {
        label_selector: match drift.by {
            Applier::Kustomization => names::OWNER_NAME.to_owned(),
            Applier::Folder => names::MANIFESTS.to_owned(),
            Applier::HelmRelease | Applier::ClientSideRelease => names::HELM_OWNER_NAME.to_owned(),
        },
        ..Scope::default()
    };
    let mut watch = Box::pin(drift.cluster.watch(&resource, scope, Detail::Metadata));
    let mut relist = Relist::default();
    while let Some(event) = watch.next().await {
        for owner in relist.take(&drift.ledger, &resource.gvk, event) {
            drift.report(&owner);
        }
    }
}

/// Finds what vanished while nobody watched: known before the list, and not in it.
#[derive(Debug, Default)]
struct Relist {
    missing: HashSet<ObjectKey>,
    listing: bool,
}

impl Relist {
    fn take(&mut self, ledger: &Ledger, kind: &GroupVersionKind, event: WatchEvent) -> Vec<Named> {
        match event {
            WatchEvent::Restarted => {
                self.missing = ledger.known(&kind.group, &kind.kind).into_iter().collect();
                self.listing = true;
                Vec::new()
            }
            WatchEvent::Applied(object) => {
                let key = key_of(kind, &object);
                self.missing.remove(&key);
                let metadata = object.get("metadata").cloned().unwrap_or_default();
                let owner = match self.listing {
                    true => ledger.observe_listed(&key, metadata),
                    false => ledger.observe(&key, metadata),
                };
                owner.into_iter().collect()
            }
            WatchEvent::Deleted(object) => ledger
                .observe_gone(&key_of(kind, &object))
                .into_iter()
                .collect(),
            WatchEvent::Synced(version) => {
                self.listing = false;
                self.missing
                    .drain()
                    .filter_map(|key| ledger.observe_unlisted(&key, &version))
                    .collect()
            }
            WatchEvent::Failed(error) => {
                tracing::debug!(kind = %kind.kind, %error, "watch interrupted; it starts again by itself");
                Vec::new()
            }
        }
    }
}

/// Key of an object of a list or watch, whose items carry no kind of their own.
fn key_of(kind: &GroupVersionKind, object: &Value) -> ObjectKey {
    let field = |name| {
        object
            .pointer(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    ObjectKey {
        group: kind.group.clone(),
        kind: kind.kind.clone(),
        namespace: field("/metadata/namespace"),
        name: field("/metadata/name"),
    }
}

#[cfg(test)]
mod tests;
