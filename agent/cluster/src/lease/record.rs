//! A coordination.k8s.io/v1 Lease as a record, and reading and writing it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_object::{GroupVersionKind, Object};

use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::lease::election::Record;

/// The field manager of everything windlass writes into Leases.
pub(super) const MANAGER: &str = "windlass";

/// What is written into a Lease.
pub(super) struct Holding<'a> {
    pub(super) holder: &'a str,
    pub(super) duration: Duration,
    pub(super) transitions: u64,
    /// Whether the holder changes with it.
    pub(super) acquired: bool,
}

/// The Lease kind; built in, so it needs no discovery.
pub(super) fn leases() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("coordination.k8s.io/v1", "Lease"),
        plural: "leases".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}

/// Reads a Lease within a time limit.
pub(super) async fn read(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    within: Duration,
) -> Result<Option<Object>, RequestError> {
    match tokio::time::timeout(within, cluster.get(&leases(), namespace, name)).await {
        Ok(answer) => answer,
        Err(_) => Err(RequestError::local(
            "get",
            &format!("Lease/{namespace}/{name}"),
            ErrorClass::Timeout,
            format!("no answer within {:.1} s", within.as_secs_f64()),
        )),
    }
}

/// What an election needs to know of a Lease.
pub(super) fn record(lease: &Object) -> Record {
    let text = |pointer: &str| {
        lease
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let number = |pointer: &str| {
        lease
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    Record {
        holder: text("/spec/holderIdentity"),
        duration: Duration::from_secs(number("/spec/leaseDurationSeconds")),
        transitions: number("/spec/leaseTransitions"),
        renewed: text("/spec/renewTime"),
        acquired: text("/spec/acquireTime"),
    }
}

/// A Lease that does not exist yet.
pub(super) fn blank(namespace: &str, name: &str) -> Result<Object, RequestError> {
    let value = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {},
    });
    Object::from_value(value).map_err(|error| {
        RequestError::local(
            "create",
            &format!("Lease/{namespace}/{name}"),
            ErrorClass::Invalid,
            error.to_string(),
        )
    })
}

/// Writes who holds it into a Lease's spec; everything else in it stays.
pub(super) fn hold(lease: &mut Object, holding: &Holding<'_>, now: Timestamp) {
    // MicroTime of the API: exactly six digits of a second.
    let time = format!("{now:.6}");
    let Some(fields) = lease.as_value_mut().as_object_mut() else {
        return;
    };
    let spec = fields.entry("spec").or_insert_with(|| json!({}));
    if !spec.is_object() {
        *spec = json!({});
    }
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("holderIdentity".to_owned(), holding.holder.into());
        spec.insert(
            "leaseDurationSeconds".to_owned(),
            holding.duration.as_secs().max(1).into(),
        );
        spec.insert("leaseTransitions".to_owned(), holding.transitions.into());
        spec.insert("renewTime".to_owned(), time.as_str().into());
        if holding.acquired {
            spec.insert("acquireTime".to_owned(), time.into());
        }
    }
}

/// Sets annotations, and removes those that were set before and are wanted no more.
pub(super) fn annotate(
    lease: &mut Object,
    wanted: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) {
    for name in before.keys().filter(|name| !wanted.contains_key(*name)) {
        lease.remove_annotation(name);
    }
    for (name, value) in wanted {
        lease.set_annotation(name, value);
    }
}
