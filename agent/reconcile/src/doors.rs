//! The ways from the cluster to what listens on its nodes: Services without a selector, whose EndpointSlices the leader
//! keeps, so that an Ingress or a ServiceMonitor needs to know no node.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use windlass_api::names;
use windlass_api::node::NodeStatus;
use windlass_cluster::{
    ApplyOptions, Authority, Cluster, Detail, ErrorClass, Leadership, PatchOptions, Preconditions,
    Propagation, RequestError, Resource, Scope,
};
use windlass_host::config::Settings;
use windlass_object::{GroupVersionKind, Object};

use crate::context::Context;
use crate::ours;
use crate::witness::witnesses;

/// How soon it is tried again to write them, or to find where this node is.
const AGAIN: Duration = Duration::from_secs(15);

/// How soon it is looked again which nodes have metrics.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// The label of a slice with the name of its Service.
const SERVICE: &str = "kubernetes.io/service-name";

/// One Service and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    service: &'static str,
    /// Name and number of its port.
    port: (&'static str, u16),
    /// By the names of nodes.
    nodes: BTreeMap<String, SocketAddr>,
}

/// Says where this node's metrics are, and keeps the Services as long as it leads, for good.
pub(crate) async fn follow(context: Arc<Context>, settings: watch::Receiver<Settings>) {
    let mut writer = context.writer.subscribe();
    let announced = tokio::spawn(announce(Arc::clone(&context), settings.clone()));
    loop {
        let leadership = writer.borrow_and_update().clone();
        let settings = settings.borrow().clone();
        let kept = match &leadership {
            Some(leadership) => keep(&context.cluster, leadership, &settings).await,
            None => Ok(()),
        };
        if let Err(error) = &kept {
            tracing::warn!(%error, "the Services that lead to this node could not be written; trying again");
        }
        let looks = settings.metrics.listen.is_some() && leadership.is_some();
        tokio::select! {
            changed = writer.changed() => if changed.is_err() { return announced.abort() },
            () = tokio::time::sleep(AGAIN), if kept.is_err() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if looks => {}
        }
    }
}

/// Finds where others reach the metrics of this node; its Lease says so from then on.
async fn announce(context: Arc<Context>, settings: watch::Receiver<Settings>) {
    let settings = settings.borrow().clone();
    let Some(listen) = settings.metrics.listen else {
        return;
    };
    loop {
        match reached_at(&context.cluster, &settings, listen).await {
            Ok(address) => {
                let metrics = address.map(|address| SocketAddr::new(address, listen.port()));
                context.metrics_at.send_replace(metrics);
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "where this node is could not be asked; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn keep(
    cluster: &Cluster,
    leadership: &Leadership,
    settings: &Settings,
) -> Result<(), RequestError> {
    let mut nodes = BTreeMap::new();
    if let Some(listen) = settings.receiver.listen
        && let Some(address) = reached_at(cluster, settings, listen).await?
    {
        nodes.insert(
            settings.node.name.clone(),
            SocketAddr::new(address, listen.port()),
        );
    }
    let receiver = Door {
        service: names::WEBHOOK_RECEIVER,
        port: ("http", 80),
        nodes,
    };
    receiver.keep(cluster, leadership).await?;
    let metrics = Door {
        service: names::METRICS_SERVICE,
        port: ("metrics", 9797),
        nodes: told(cluster, settings).await?,
    };
    metrics.keep(cluster, leadership).await
}

/// Where each node says that its metrics are, this one among them.
async fn told(
    cluster: &Cluster,
    settings: &Settings,
) -> Result<BTreeMap<String, SocketAddr>, RequestError> {
    let mut nodes = BTreeMap::new();
    let Some(listen) = settings.metrics.listen else {
        return Ok(nodes);
    };
    for (name, said) in witnesses(cluster.clone()).said().await? {
        let metrics = NodeStatus::from_annotations(&said).metrics;
        if let Some(metrics) = metrics.and_then(|metrics| metrics.parse().ok()) {
            nodes.insert(name, metrics);
        }
    }
    if let Some(address) = reached_at(cluster, settings, listen).await? {
        let own = SocketAddr::new(address, listen.port());
        nodes.insert(settings.node.name.clone(), own);
    }
    Ok(nodes)
}

/// At which address the cluster reaches what listens here; `None`: at none.
async fn reached_at(
    cluster: &Cluster,
    settings: &Settings,
    listen: SocketAddr,
) -> Result<Option<IpAddr>, RequestError> {
    if let Some(address) = settings.node.address {
        return Ok(Some(address));
    }
    if !listen.ip().is_unspecified() {
        return Ok(Some(listen.ip()).filter(|address| !address.is_loopback()));
    }
    let name = &settings.node.name;
    let address = node_address(cluster, name).await?;
    if address.is_none() {
        tracing::warn!(
            node = name,
            "there is no Node of this name with an InternalIP, so no Service leads here; set [node] address"
        );
    }
    Ok(address)
}

/// The address of a node, by its Node.
pub(crate) async fn node_address(
    cluster: &Cluster,
    name: &str,
) -> Result<Option<IpAddr>, RequestError> {
    let nodes = cluster
        .resolve(&GroupVersionKind::new("v1", "Node"))
        .await?;
    let node = cluster.get(&nodes, "", name).await?;
    Ok(node.as_ref().and_then(internal_address))
}

fn internal_address(node: &Object) -> Option<IpAddr> {
    let addresses = node.pointer("/status/addresses").and_then(Value::as_array);
    let mut internal = addresses.into_iter().flatten().filter_map(|address| {
        let is_internal = address.get("type")?.as_str()? == "InternalIP";
        is_internal.then_some(address.get("address")?.as_str()?)
    });
    internal.next()?.parse().ok()
}

// === impl Door ===

impl Door {
    /// Writes Service and slices, and takes away what leads elsewhere. A Service that leads nowhere is not made.
    async fn keep(&self, cluster: &Cluster, leadership: &Leadership) -> Result<(), RequestError> {
        let authority = Authority::Leader(leadership);
        let apply = ApplyOptions {
            manager: ours::MANAGER,
            force: true,
        };
        let slices = cluster
            .resolve(&GroupVersionKind::new(SLICES, "EndpointSlice"))
            .await?;
        if !self.nodes.is_empty() {
            let services = cluster
                .resolve(&GroupVersionKind::new("v1", "Service"))
                .await?;
            self.unselect(cluster, authority, &services).await?;
            let service = self.service();
            cluster
                .apply(authority, &services, &service, &apply)
                .await?;
        }
        for (node, address) in &self.nodes {
            let slice = self.slice(node, *address);
            cluster.apply(authority, &slices, &slice, &apply).await?;
        }
        self.close_others(cluster, authority, &slices).await
    }

    /// Flux's own Service has a selector, by which Kubernetes would keep leading it to Flux's pods.
    async fn unselect(
        &self,
        cluster: &Cluster,
        authority: Authority<'_>,
        services: &Resource,
    ) -> Result<(), RequestError> {
        let (namespace, name) = (names::FLUX_SYSTEM, self.service);
        let there = cluster.get(services, namespace, name).await?;
        if there.is_none_or(|there| there.pointer("/spec/selector").is_none()) {
            return Ok(());
        }
        let options = PatchOptions {
            subresource: None,
            manager: ours::MANAGER,
        };
        let patch = json!({ "spec": { "selector": null } });
        cluster
            .patch_merge(authority, services, namespace, name, &patch, &options)
            .await
            .map(drop)
    }

    async fn close_others(
        &self,
        cluster: &Cluster,
        authority: Authority<'_>,
        slices: &Resource,
    ) -> Result<(), RequestError> {
        let scope = Scope {
            namespace: names::FLUX_SYSTEM.to_owned(),
            label_selector: format!("{SERVICE}={}", self.service),
            ..Scope::default()
        };
        let any = Preconditions::default();
        for slice in cluster.list(slices, &scope, Detail::Metadata).await? {
            let wanted = self
                .nodes
                .keys()
                .any(|node| slice.name() == self.slice_name(node));
            let (keeper, us) = names::SLICES_KEPT_BY;
            let is_ours = slice.label(keeper) == Some(us);
            // Where nothing listens here, another one may lead to Flux's own pods.
            if wanted || (self.nodes.is_empty() && !is_ours) {
                continue;
            }
            let gone = cluster.delete(
                authority,
                slices,
                names::FLUX_SYSTEM,
                slice.name(),
                &any,
                Propagation::Background,
            );
            match gone.await {
                Err(error) if error.class() == ErrorClass::NotFound => {}
                answer => answer?,
            }
        }
        Ok(())
    }

    fn service(&self) -> Object {
        let (name, number) = self.port;
        object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": self.metadata(self.service, json!({})),
            "spec": {
                "type": "ClusterIP",
                "ports": [{ "name": name, "port": number, "protocol": "TCP", "targetPort": name }],
            },
        }))
    }

    fn slice(&self, node: &str, address: SocketAddr) -> Object {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let (keeper, us) = names::SLICES_KEPT_BY;
        let labels = json!({ SERVICE: self.service, keeper: us });
        object(json!({
            "apiVersion": SLICES, "kind": "EndpointSlice",
            "metadata": self.metadata(&self.slice_name(node), labels),
            "addressType": family,
            "ports": [{ "name": self.port.0, "port": address.port(), "protocol": "TCP" }],
            "endpoints": [{
                "addresses": [address.ip().to_string()],
                "conditions": { "ready": true },
                "nodeName": node,
            }],
        }))
    }

    fn metadata(&self, name: &str, mut labels: Value) -> Value {
        if let Some(labels) = labels.as_object_mut() {
            let (label, us) = names::DOOR;
            labels.insert(label.to_owned(), us.into());
        }
        json!({ "name": name, "namespace": names::FLUX_SYSTEM, "labels": labels })
    }

    fn slice_name(&self, node: &str) -> String {
        format!("{}-{node}", self.service)
    }
}

/// apiVersion of an EndpointSlice.
const SLICES: &str = "discovery.k8s.io/v1";

fn object(value: Value) -> Object {
    Object::from_value(value).expect("it has apiVersion, kind and metadata: it stands above")
}
