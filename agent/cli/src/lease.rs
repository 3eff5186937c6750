//! Who leads, from windlass's Lease.

use jiff::Timestamp;
use windlass_api::{names, node::NodeStatus};
use windlass_cluster::{Detail, RequestError, Scope};
use windlass_object::{GroupVersionKind, Object, Value};

use crate::facts::text;
use crate::session::Session;

/// What the Lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lead {
    /// The node; empty after a clean stop.
    pub(crate) node: String,
    /// When it last renewed the Lease.
    pub(crate) renewed: Option<Timestamp>,
    /// How long a renewal holds.
    pub(crate) holds_for: i64,
    /// What the node says about itself.
    pub(crate) status: NodeStatus,
}

/// Reads the Lease; `None` when no node has ever led.
pub(crate) async fn lead(session: &Session) -> Result<Option<Lead>, RequestError> {
    let leases = GroupVersionKind::new("coordination.k8s.io/v1", "Lease");
    let resource = session.cluster.resolve(&leases).await?;
    let found = session
        .cluster
        .get(&resource, names::FLUX_SYSTEM, names::LEASE)
        .await?;
    Ok(found.as_ref().map(read))
}

/// What every node says of itself in its own Lease, by the node's name.
pub(crate) async fn nodes(session: &Session) -> Result<Vec<(String, NodeStatus)>, RequestError> {
    let leases = GroupVersionKind::new("coordination.k8s.io/v1", "Lease");
    let resource = session.cluster.resolve(&leases).await?;
    let scope = Scope {
        namespace: names::FLUX_SYSTEM.to_owned(),
        label_selector: names::WITNESS_LABEL.to_owned(),
        ..Scope::default()
    };
    let found = session.cluster.list(&resource, &scope, Detail::Metadata);
    let said = found.await?.into_iter().filter_map(|lease| {
        let node = lease.name().strip_prefix(names::WITNESS)?.to_owned();
        Some((node, NodeStatus::from_annotations(&lease.annotations())))
    });
    let mut nodes: Vec<_> = said.collect();
    nodes.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(nodes)
}

fn read(lease: &Object) -> Lead {
    let holder = text(lease, "/spec/holderIdentity");
    let holds_for = lease.pointer("/spec/leaseDurationSeconds");
    Lead {
        // The identity is the node's name and a random part of the process.
        node: holder
            .rsplit_once('_')
            .map_or(holder, |(node, _)| node)
            .to_owned(),
        renewed: text(lease, "/spec/renewTime").parse().ok(),
        holds_for: holds_for.and_then(Value::as_i64).unwrap_or_default(),
        status: NodeStatus::from_annotations(&lease.annotations()),
    }
}

impl Lead {
    /// Whether somebody leads at `now`. Clocks of two machines differ: twice the time is allowed.
    pub(crate) fn is_held(&self, now: Timestamp) -> bool {
        let slack = self.holds_for.saturating_mul(2).max(1);
        !self.node.is_empty() && self.age(now).is_some_and(|age| age <= slack)
    }

    /// Seconds since the last renewal.
    pub(crate) fn age(&self, now: Timestamp) -> Option<i64> {
        self.renewed
            .map(|renewed| now.as_second().saturating_sub(renewed.as_second()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lease(holder: &str, renewed: &str) -> Lead {
        read(&Object::from_value(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": "windlass", "annotations": { "windlass.dev/version": "0.1.0" } },
            "spec": {
                "holderIdentity": holder, "renewTime": renewed,
                "leaseDurationSeconds": 15, "leaseTransitions": 3,
            },
        }))
        .unwrap())
    }

    #[test]
    fn a_lease_names_the_node_and_is_held_while_it_is_renewed() {
        let held = lease("node_1_00ff00ff00ff00ff", "2026-01-01T00:00:00.123456Z");
        assert_eq!(held.node, "node_1");
        assert_eq!(held.status.version.as_deref(), Some("0.1.0"));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(held.is_held(at("2026-01-01T00:00:29Z")));
        assert!(!held.is_held(at("2026-01-01T00:00:31Z")));
        assert!(!lease("", "2026-01-01T00:00:00Z").is_held(at("2026-01-01T00:00:01Z")));
        assert!(!lease("node-1_0", "never").is_held(at("2026-01-01T00:00:01Z")));
    }
}
