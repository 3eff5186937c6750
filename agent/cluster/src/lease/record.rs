//! Reading and writing coordination.k8s.io/v1 Leases.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use windlass_object::{GroupVersionKind, Object};
use windlass_plan::lease::{Record, Seen};

use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::Authority;
use crate::write::PatchOptions;

/// The field manager of everything windlass writes into Leases.
pub(super) const MANAGER: &str = "windlass";

/// The Leases of one namespace.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    pub(super) cluster: Cluster,
    pub(super) namespace: String,
}

// === impl Leases ===

impl Leases {
    /// Reads a Lease within a time limit.
    pub(super) async fn read(
        &self,
        name: &str,
        within: Duration,
    ) -> Result<Option<Object>, RequestError> {
        let resource = resource();
        let reading = self.cluster.get(&resource, &self.namespace, name);
        match tokio::time::timeout(within, reading).await {
            Ok(answer) => answer,
            Err(_) => Err(self.timed_out("get", name, within)),
        }
    }

    /// Writes a record into a Lease within a time limit: into the one that was read, only if nobody
    /// changed it since, or into a new one. Everything else in it stays, but for the annotations
    /// that are given or were given before.
    pub(super) async fn write(
        &self,
        authority: Authority<'_>,
        name: &str,
        lease: Option<Object>,
        record: &Record,
        annotations: Annotations<'_>,
        within: Duration,
    ) -> Result<Object, RequestError> {
        let exists = lease.is_some();
        let mut lease = match lease {
            Some(lease) => lease,
            None => self.blank(name)?,
        };
        put(&mut lease, record);
        annotations.write(&mut lease);
        let resource = resource();
        let writing = async {
            if exists {
                let options = PatchOptions {
                    subresource: None,
                    manager: MANAGER,
                };
                self.cluster
                    .replace(authority, &resource, &lease, &options)
                    .await
            } else {
                self.cluster
                    .create(authority, &resource, &lease, MANAGER)
                    .await
            }
        };
        match tokio::time::timeout(within, writing).await {
            Ok(answer) => answer,
            Err(_) => Err(self.timed_out("replace", name, within)),
        }
    }

    fn blank(&self, name: &str) -> Result<Object, RequestError> {
        let value = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": name, "namespace": self.namespace },
        });
        Object::from_value(value).map_err(|error| {
            RequestError::local(
                "create",
                &self.label(name),
                ErrorClass::Invalid,
                error.to_string(),
            )
        })
    }

    fn timed_out(&self, verb: &'static str, name: &str, within: Duration) -> RequestError {
        let message = format!("no answer within {:.1} s", within.as_secs_f64());
        RequestError::local(verb, &self.label(name), ErrorClass::Timeout, message)
    }

    fn label(&self, name: &str) -> String {
        format!("Lease/{}/{name}", self.namespace)
    }
}

/// The annotations to have on a Lease, and those that the same writer set before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Annotations<'a> {
    pub(super) wanted: &'a BTreeMap<String, String>,
    pub(super) before: &'a BTreeMap<String, String>,
}

// === impl Annotations ===

impl Annotations<'_> {
    /// Leaves all annotations as they are.
    pub(super) fn untouched() -> Self {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        Annotations {
            wanted: &NONE,
            before: &NONE,
        }
    }

    fn write(self, lease: &mut Object) {
        for name in self
            .before
            .keys()
            .filter(|name| !self.wanted.contains_key(*name))
        {
            lease.remove_annotation(name);
        }
        for (name, value) in self.wanted {
            lease.set_annotation(name, value);
        }
    }
}

/// What an election sees of a Lease.
pub(super) fn seen(lease: Option<&Object>) -> Seen {
    lease.map_or(Seen::Absent, |lease| {
        Seen::Present(Record::from_lease(lease.as_value()))
    })
}

fn put(lease: &mut Object, record: &Record) {
    let Some(fields) = lease.as_value_mut().as_object_mut() else {
        return;
    };
    let spec = fields.entry("spec").or_insert_with(|| json!({}));
    if !spec.is_object() {
        *spec = json!({});
    }
    if let (Some(spec), Some(written)) = (spec.as_object_mut(), record.to_spec().as_object_mut()) {
        spec.append(written);
    }
}

/// The Lease kind; built in, so it needs no discovery.
pub(super) fn resource() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("coordination.k8s.io/v1", "Lease"),
        plural: "leases".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}
