//! In which order objects are applied and deleted, as Flux does (fluxcd/pkg `ssa/sort.go`,
//! `ssa/manager_apply.go`).

use windlass_object::{Object, ObjectKey};

/// Kinds that others refer to, in the order in which they are applied.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that can refuse what comes after them.
const LAST: [&str; 2] = [
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Objects that are applied together; each stage ends before the next begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The objects, sorted.
    pub objects: Vec<Object>,
    /// Whether all of them must be ready before the next stage begins.
    pub wait: bool,
}

/// Cuts objects into stages: definitions (CustomResourceDefinition, Namespace, ClusterRole), then
/// kinds that end in `Class`, then the rest. Empty stages are left out; nothing is waited for
/// after the last kind of stage.
pub fn stages(objects: Vec<Object>) -> Vec<Stage> {
    let (definitions, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_definition);
    let (classes, rest): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|object| object.kind().ends_with("Class"));
    [(definitions, true), (classes, true), (rest, false)]
        .into_iter()
        .filter(|(objects, _)| !objects.is_empty())
        .map(|(mut objects, wait)| {
            sort(&mut objects);
            Stage { objects, wait }
        })
        .collect()
}

/// Sorts objects into the order in which they are applied.
pub fn sort(objects: &mut [Object]) {
    objects.sort_by_cached_key(|object| rank(object.key()));
}

/// Sorts objects into the order in which they are deleted: the other way round.
pub fn sort_for_delete(keys: &mut [ObjectKey]) {
    keys.sort_by_cached_key(|key| rank(key.clone()));
    keys.reverse();
}

/// What sorts an object: its place among the kinds, then group, kind, namespace and name.
fn rank(key: ObjectKey) -> (usize, ObjectKey) {
    let place = FIRST
        .iter()
        .position(|kind| *kind == key.kind)
        .or_else(|| {
            LAST.iter()
                .position(|kind| *kind == key.kind)
                .map(|at| FIRST.len() + 1 + at)
        })
        .unwrap_or(FIRST.len());
    (place, key)
}

fn is_definition(object: &Object) -> bool {
    let gvk = object.gvk();
    matches!(
        (gvk.group.as_str(), gvk.kind.as_str()),
        ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("", "Namespace")
            | ("rbac.authorization.k8s.io", "ClusterRole")
    )
}

#[cfg(test)]
mod tests;
