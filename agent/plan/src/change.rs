//! Whether a write would change anything, and what is done to an object before it is applied, as
//! Flux does (fluxcd/pkg `ssa/manager_diff.go`, `ssa/normalize`, `ssa/patch.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use windlass_api::names;
use windlass_object::Object;

use crate::applier::Applier;
use crate::fields;
use crate::metadata::{self, ManagerEntry};

/// Annotations that Flux removes (kustomize-controller, `kustomization_controller.go`, apply):
/// `kubectl apply`'s last input, and what early versions of Flux left.
const REMOVED_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];

/// Labels that Flux removes, left by its first version.
const REMOVED_LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];

/// How an object asks to be treated before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is dry-run and written when it differs.
    Apply,
    /// It is left alone: `reconcile: disabled`, `ssa: Ignore`, or `ssa: IfNotPresent` and it is
    /// there. It stays in the inventory.
    Skip,
}

/// Says whether an object is applied at all, from what Git says and from what is there.
pub fn treatment(desired: &Object, live: Option<&Object>) -> Treatment {
    let asks = |object: &Object| metadata::left_alone(metadata_of(object));
    let only_once = metadata::switched(metadata_of(desired), names::SSA, names::SSA_IF_NOT_PRESENT);
    if asks(desired) || live.is_some_and(asks) || (live.is_some() && only_once) {
        Treatment::Skip
    } else {
        Treatment::Apply
    }
}

/// Says whether an object asks to be deleted and made again when a field cannot be changed, from
/// what Git says and from what is there.
pub fn is_forced(desired: &Object, live: Option<&Object>) -> bool {
    [Some(desired), live]
        .into_iter()
        .flatten()
        .any(|object| metadata::switched(metadata_of(object), names::FORCE, names::ENABLED))
}

/// Says whether fields of other managers stay as they are (`ssa: Merge`).
pub fn is_merged(desired: &Object, live: Option<&Object>) -> bool {
    [Some(desired), live]
        .into_iter()
        .flatten()
        .any(|object| metadata::switched(metadata_of(object), names::SSA, names::SSA_MERGE))
}

/// Brings an object into the form in which it is applied: no `status` (but a definition's), no
/// `metadata.creationTimestamp`, a Secret's `stringData` moved into `data`, the protocol of ports
/// written out, a definition's `caBundle` dropped when it is no certificate, the rules of a role that
/// aggregates others left to the controller that writes them.
pub fn prepare(desired: &mut Object) {
    let gvk = desired.gvk();
    let value = desired.as_value_mut();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    if gvk.kind == "CustomResourceDefinition" && gvk.group == "apiextensions.k8s.io" {
        drop_false_ca_bundle(value);
    } else if let Some(root) = value.as_object_mut() {
        root.remove("status");
    }
    match (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()) {
        ("", "v1", "Secret") => move_string_data(value),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole") => drop_aggregated_rules(value),
        ("", "v1", "Service") => default_protocol(value.pointer_mut("/spec/ports")),
        ("", "v1", "Pod") => default_container_protocol(value.get_mut("spec")),
        ("apps", "v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "v1", "Job") => {
            default_container_protocol(value.pointer_mut("/spec/template/spec"));
        }
        ("batch", "v1", "CronJob") => {
            default_container_protocol(value.pointer_mut("/spec/jobTemplate/spec/template/spec"));
        }
        _ => {}
    }
}

/// Says whether the answer to a dry-run differs from what is there in labels, annotations or
/// anything but `metadata` and `status`. What people ask by (`kubectl rollout restart`, `requestedAt`) does not
/// count, and neither does the revision of the last write: a revision that says the same writes nothing.
pub fn differs(live: &Object, dry_run: &Object) -> bool {
    let map = |object: &Object, name: &str| -> Map<String, Value> {
        let mut map = metadata_of(object)
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        map.retain(|key, _| key != names::REVISION && !fields::is_request(key));
        map
    };
    map(live, "labels") != map(dry_run, "labels")
        || map(live, "annotations") != map(dry_run, "annotations")
        || body(live) != body(dry_run)
}

/// Makes the JSON patch that moves the fields of taken-over managers (`kubectl*`,
/// `before-first-apply`, Flux's own client-side entries; for a HelmRelease those of Helm) into our Apply entry and, for a
/// Kustomization, removes `kubectl apply`'s annotation and marks of early versions of Flux; `None` when there is nothing
/// to take over or the object asks a Kustomization for `ssa: Merge`. A concurrent write makes the patch fail with 409 because it carries the
/// resourceVersion that was read.
///
/// What `kubectl rollout restart` wrote stays with `kubectl`: moved to us it would be removed by
/// the next apply, and every pod restarted again. So does the `requestedAt` of `kubectl annotate`, which would be gone before it
/// was seen.
pub fn takeover(by: Applier, desired: &Object, live: &Object) -> Option<Value> {
    let kustomized = by.takes_manifests();
    if kustomized && is_merged(desired, Some(live)) {
        return None;
    }
    let metadata = metadata_of(live);
    let mut operations = Vec::new();
    let annotations = REMOVED_ANNOTATIONS.iter().map(|key| ("annotations", *key));
    let labels = REMOVED_LABELS.iter().map(|key| ("labels", *key));
    for (map, key) in annotations.chain(labels).filter(|_| kustomized) {
        if metadata::entry(metadata, map, key).is_some() {
            let path = format!("/metadata/{map}/{}", key.replace('/', "~1"));
            operations.push(json!({"op": "remove", "path": path}));
        }
    }
    if let Some(entries) = merged_managers(by, metadata) {
        let path = "/metadata/managedFields";
        operations.push(json!({"op": "replace", "path": path, "value": entries}));
    }
    if operations.is_empty() {
        return None;
    }
    if let Some(version) = live.resource_version() {
        let path = "/metadata/resourceVersion";
        operations.push(json!({"op": "replace", "path": path, "value": version}));
    }
    Some(Value::Array(operations))
}

/// Gives all entries with the taken-over ones merged into ours, which comes last.
fn merged_managers(by: Applier, metadata: &Value) -> Option<Vec<Value>> {
    let mut ours = ManagerEntry::all(metadata)
        .find(|entry| by.owns(*entry))
        .map(|entry| entry.0.clone());
    let mut kept = Vec::new();
    let mut changed = false;
    for entry in ManagerEntry::all(metadata) {
        if by.owns(entry) {
            continue;
        }
        if !by.takes_over(entry) {
            kept.push(entry.0.clone());
            continue;
        }
        let mut taken = entry.0.clone();
        let mut set = entry.fields().cloned().unwrap_or_else(|| json!({}));
        if let Some(asked) = fields::take_requests(&mut set) {
            let mut rest = entry.0.clone();
            set_field(&mut rest, "fieldsV1", asked);
            kept.push(rest);
            if fields::is_empty(&set) {
                continue;
            }
        }
        changed = true;
        match &mut ours {
            Some(ours) => match ours.get_mut("fieldsV1") {
                Some(mine) => fields::union(mine, &set),
                None => set_field(ours, "fieldsV1", set),
            },
            None => {
                set_field(&mut taken, "manager", json!(by.manager()));
                set_field(&mut taken, "operation", json!("Apply"));
                set_field(&mut taken, "fieldsV1", set);
                ours = Some(taken);
            }
        }
    }
    kept.extend(ours);
    changed.then_some(kept)
}

fn set_field(entry: &mut Value, field: &str, value: Value) {
    if let Some(entry) = entry.as_object_mut() {
        entry.insert(field.to_owned(), value);
    }
}

fn metadata_of(object: &Object) -> &Value {
    object.as_value().get("metadata").unwrap_or(&Value::Null)
}

/// Everything but `metadata` and `status`, without the restart annotation.
fn body(object: &Object) -> Map<String, Value> {
    let root = object.as_value().as_object();
    let mut body: Map<String, Value> = root
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "metadata" && *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let template = body
        .get_mut("spec")
        .and_then(|spec| spec.pointer_mut("/template/metadata"));
    if let Some(template) = template.and_then(Value::as_object_mut)
        && let Some(annotations) = template
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        && annotations.remove(fields::RESTARTED_AT).is_some()
        && annotations.is_empty()
    {
        template.remove("annotations");
    }
    body
}

/// The rules of a role that aggregates others are written by kube-controller-manager.
fn drop_aggregated_rules(role: &mut Value) {
    if let Some(role) = role.as_object_mut()
        && role
            .get("aggregationRule")
            .is_some_and(|rule| !rule.is_null())
    {
        role.remove("rules");
    }
}

/// Moves `stringData` into `data`. Values that are not text are left for the API server to refuse.
fn move_string_data(secret: &mut Value) {
    let Some(root) = secret.as_object_mut() else {
        return;
    };
    let Some(Value::Object(strings)) = root.get("stringData") else {
        return;
    };
    let encoded: Option<Vec<(String, Value)>> = strings
        .iter()
        .map(|(key, value)| Some((key.clone(), json!(STANDARD.encode(value.as_str()?)))))
        .collect();
    let Some(encoded) = encoded else { return };
    root.remove("stringData");
    let data = root.entry("data").or_insert_with(|| json!({}));
    if data.is_null() {
        *data = json!({});
    }
    if let Some(data) = data.as_object_mut() {
        data.extend(encoded);
    }
}

fn default_container_protocol(pod_spec: Option<&mut Value>) {
    let containers = pod_spec.and_then(|spec| spec.get_mut("containers"));
    for container in containers
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default_protocol(container.get_mut("ports"));
    }
}

/// Lists of ports are merged by port and protocol, so an absent protocol would be another port
/// (kubernetes-sigs/structured-merge-diff#130).
fn default_protocol(ports: Option<&mut Value>) {
    for port in ports.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut()
            && port
                .get("protocol")
                .is_none_or(|protocol| protocol.is_null() || protocol == "")
        {
            port.insert("protocol".to_owned(), json!("TCP"));
        }
    }
}

/// Definitions often ship a placeholder that cert-manager replaces later; the API server refuses
/// it.
fn drop_false_ca_bundle(definition: &mut Value) {
    let Some(client) = definition
        .pointer_mut("/spec/conversion/webhook/clientConfig")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let Some(bundle) = client.get("caBundle").and_then(Value::as_str) else {
        return;
    };
    let is_certificate = STANDARD.decode(bundle).is_ok_and(|bundle| {
        String::from_utf8_lossy(&bundle).contains("-----BEGIN CERTIFICATE-----")
    });
    // An empty bundle stands for the system's roots and is kept, as in Flux.
    if !bundle.is_empty() && !is_certificate {
        client.remove("caBundle");
    }
}

#[cfg(test)]
mod tests;
