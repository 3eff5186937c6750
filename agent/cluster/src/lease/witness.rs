//! One Lease per node, on which it says what the other nodes, or itself after a loss, may have to be told. Nobody holds
//! these: they are notes that live as long as the cluster.

use std::collections::BTreeMap;

use serde_json::json;
use windlass_object::Object;

use super::record::{MANAGER, resource};
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::Authority;
use crate::watch::{Detail, Scope};
use crate::write::ApplyOptions;

/// The notes of all nodes, in one namespace.
#[derive(Clone, Debug)]
pub struct Witnesses {
    /// Where the API server is.
    pub cluster: Cluster,
    /// The namespace of the Leases.
    pub namespace: String,
    /// What the Lease of a node is called before the node's name.
    pub prefix: String,
    /// The label by which all of them are found; its value is empty.
    pub label: String,
    /// The annotation that holds what is said.
    pub annotation: String,
}

// === impl Witnesses ===

impl Witnesses {
    /// Their kind, and which of them they are: to be watched.
    #[must_use]
    pub fn leases(&self) -> (Resource, Scope) {
        let scope = Scope {
            namespace: self.namespace.clone(),
            label_selector: self.label.clone(),
            ..Scope::default()
        };
        (resource(), scope)
    }

    /// Gives what each node said last: its name and its annotations.
    ///
    /// # Errors
    /// The Leases cannot be listed.
    pub async fn said(&self) -> Result<Vec<(String, BTreeMap<String, String>)>, RequestError> {
        let (kind, scope) = self.leases();
        let leases = self.cluster.list(&kind, &scope, Detail::Metadata);
        let said = leases.await?.into_iter().filter_map(|lease| {
            let node = lease.name().strip_prefix(&self.prefix)?.to_owned();
            Some((node, lease.annotations()))
        });
        Ok(said.collect())
    }

    /// Gives the text that each node said last, by its name.
    ///
    /// # Errors
    /// The Leases cannot be listed.
    pub async fn all(&self) -> Result<Vec<(String, String)>, RequestError> {
        let said = self.said().await?.into_iter();
        let texts =
            said.filter_map(|(node, mut said)| Some((node, said.remove(&self.annotation)?)));
        Ok(texts.collect())
    }

    /// Gives what one node said last: the annotations of its Lease.
    ///
    /// # Errors
    /// The Lease cannot be read.
    pub async fn of(&self, node: &str) -> Result<Option<BTreeMap<String, String>>, RequestError> {
        let name = self.name(node);
        let kind = resource();
        let lease = self.cluster.get_metadata(&kind, &self.namespace, &name);
        Ok(lease.await?.map(|lease| lease.annotations()))
    }

    /// Says something in a node's name, in place of what it said before.
    ///
    /// Without leadership: each node writes its own note only, and nothing is decided by it.
    ///
    /// # Errors
    /// The Lease cannot be written.
    pub async fn tell(
        &self,
        node: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<(), RequestError> {
        let name = self.name(node);
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": { self.label.as_str(): "" },
                "annotations": annotations,
            },
            "spec": { "holderIdentity": node },
        });
        let lease = Object::from_value(lease).map_err(|error| {
            let what = format!("Lease/{}/{name}", self.namespace);
            RequestError::local("apply", &what, ErrorClass::Invalid, error.to_string())
        })?;
        let options = ApplyOptions {
            manager: MANAGER,
            force: true,
        };
        self.cluster
            .apply(Authority::Person, &resource(), &lease, &options)
            .await
            .map(drop)
    }

    fn name(&self, node: &str) -> String {
        format!("{}{node}", self.prefix)
    }
}
