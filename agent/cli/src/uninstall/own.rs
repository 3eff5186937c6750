//! What windlass keeps in a cluster for itself, beside its Leases: the ways to its nodes, what is known of their manifests,
//! and who they are.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_api::inventory::{Entry, Inventory};
use windlass_api::names;
use windlass_cluster::{Detail, ErrorClass, Resource, Scope};
use windlass_object::{GroupVersionKind, Object};

use crate::error::CommandError;
use crate::removal::{Removal, label};
use crate::screen::Screen;

/// The roles that the identities of several nodes share (`packaging/rbac`).
const SHARED_ROLES: [&str; 3] = ["windlass-impersonate", "windlass-cache", "windlass-observe"];

impl Removal<'_> {
    /// Services and slices. A Service that was Flux's gets back what leads it to Flux's pods.
    pub(crate) async fn doors(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("discovery.k8s.io/v1", "EndpointSlice");
        let (keeper, us) = names::SLICES_KEPT_BY;
        let is_ours = |slice: &Object| slice.label(keeper) == Some(us);
        self.all(screen, &kind, is_ours).await?;
        let kind = GroupVersionKind::new("v1", "Service");
        for name in [names::WEBHOOK_RECEIVER, names::METRICS_SERVICE] {
            let found = self.find(&kind, name).await?;
            let (door, us) = names::DOOR;
            match found.filter(|(_, service)| service.label(door) == Some(us)) {
                Some((services, service)) if service.label(names::PART_OF) == Some("flux") => {
                    let what = label(&services, &service);
                    screen.action(&format!("{what} leads to Flux's pods again"))?;
                    self.patch((&services, &service), &flux_service()).await?;
                }
                Some((services, service)) => self.delete(screen, &services, &service).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// What was applied from the nodes' own folders is known no more, and stays.
    pub(super) async fn manifests(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("v1", "ConfigMap");
        let cluster = &self.session.cluster;
        let maps = cluster.resolve(&kind).await?;
        let scope = Scope::in_namespace(names::FLUX_SYSTEM);
        for map in cluster.list(&maps, &scope, Detail::Object).await? {
            if let Some(node) = map.name().strip_prefix(names::MANIFESTS_OF) {
                self.record(screen, (&maps, &map), node).await?;
            }
        }
        Ok(())
    }

    /// The record of one node's manifests goes, after the label on what it names.
    async fn record(
        &self,
        screen: &mut Screen<'_>,
        (maps, map): (&Resource, &Object),
        node: &str,
    ) -> Result<(), CommandError> {
        let record = map
            .pointer("/data")
            .and_then(|data| data.get(names::MANIFESTS_KEY));
        let record = record.and_then(Value::as_str).unwrap_or_default();
        // One that cannot be read names nothing.
        let files: BTreeMap<String, Inventory> = serde_json::from_str(record).unwrap_or_default();
        for entry in files.values().flat_map(|inventory| &inventory.entries) {
            match self.unlabel(screen, entry, node).await {
                Err(CommandError::Request(error)) if is_left(error.class()) => {
                    let text = format!("the label {} stays on {}", names::MANIFESTS, entry.id);
                    screen.warning(&text)?;
                }
                done => done?,
            }
        }
        self.delete(screen, maps, map).await
    }

    /// An object that another node or nobody keeps by now is left alone.
    async fn unlabel(
        &self,
        screen: &mut Screen<'_>,
        entry: &Entry,
        node: &str,
    ) -> Result<(), CommandError> {
        let Ok(key) = entry.key() else { return Ok(()) };
        let cluster = &self.session.cluster;
        let kind = GroupVersionKind {
            group: key.group,
            version: entry.version.clone(),
            kind: key.kind,
        };
        let resource = cluster.resolve(&kind).await?;
        let found = cluster.get_metadata(&resource, &key.namespace, &key.name);
        match found.await? {
            Some(object) if object.label(names::MANIFESTS) == Some(node) => {
                screen.action(&format!("label off {}", label(&resource, &object)))?;
                let patch = json!({"metadata": {"labels": {(names::MANIFESTS): null}}});
                self.patch((&resource, &object), &patch).await
            }
            _ => Ok(()),
        }
    }

    /// The identity of every node; that of whoever does this goes last.
    pub(super) async fn identities(&self, screen: &mut Screen<'_>) -> Result<(), CommandError> {
        let mut nodes = self.nodes().await?;
        let own = self.session.cluster.own();
        let own = own.as_ref().map(|own| own.account().name());
        let own = own.and_then(|own| own.strip_prefix(names::IDENTITY));
        nodes.sort_by_key(|node| own == Some(node));
        let last = nodes.pop();
        for node in &nodes {
            self.identity(screen, node).await?;
        }
        let kind = GroupVersionKind::new("rbac.authorization.k8s.io/v1", "ClusterRole");
        for name in SHARED_ROLES {
            if let Some((roles, role)) = self.find(&kind, name).await? {
                self.delete(screen, &roles, &role).await?;
            }
        }
        match last {
            Some(node) => self.identity(screen, &node).await,
            None => Ok(()),
        }
    }

    /// What is one node's alone, when others go on.
    pub(super) async fn node(
        &self,
        screen: &mut Screen<'_>,
        node: &str,
    ) -> Result<(), CommandError> {
        match self.try_node(screen, node).await {
            Err(CommandError::Request(error)) if error.class() == ErrorClass::Forbidden => {
                let text = format!(
                    "its identity is still there; on a server: windlass identity revoke {node}"
                );
                Ok(screen.warning(&text)?)
            }
            done => done,
        }
    }

    async fn try_node(&self, screen: &mut Screen<'_>, node: &str) -> Result<(), CommandError> {
        let kind = GroupVersionKind::new("v1", "ConfigMap");
        let name = format!("{}{node}", names::MANIFESTS_OF);
        if let Some((maps, map)) = self.find(&kind, &name).await? {
            self.record(screen, (&maps, &map), node).await?;
        }
        self.identity(screen, node).await
    }

    /// Deletes what a condition holds for, of a kind in Flux's namespace.
    async fn all(
        &self,
        screen: &mut Screen<'_>,
        kind: &GroupVersionKind,
        goes: impl Fn(&Object) -> bool,
    ) -> Result<(), CommandError> {
        let cluster = &self.session.cluster;
        let resource = cluster.resolve(kind).await?;
        let scope = Scope::in_namespace(names::FLUX_SYSTEM);
        let found = cluster.list(&resource, &scope, Detail::Metadata).await?;
        for object in found.iter().filter(|object| goes(object)) {
            self.delete(screen, &resource, object).await?;
        }
        Ok(())
    }
}

/// Whether what keeps a label from being taken off is no reason to stop: somebody's rights, or a kind that is gone.
fn is_left(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Forbidden | ErrorClass::UnknownKind)
}

/// What `flux install` applies of its Service `webhook-receiver`, as a patch.
fn flux_service() -> Value {
    let (door, _) = names::DOOR;
    json!({
        "metadata": {"labels": {door: null}},
        "spec": {
            "selector": {"app": "notification-controller"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http-webhook"}],
        },
    })
}
