//! What kustomize takes for the identity of a resource: group, version, kind, name, namespace.

use std::fmt;

use windlass_object::GroupVersionKind;

use crate::cluster_scope::is_cluster_scoped;

/// The namespace that stands for "none given".
const DEFAULT_NAMESPACE: &str = "default";

/// The namespace kustomize gives to a cluster-scoped kind when a selector asks for it.
const CLUSTER_SCOPE: &str = "_non_namespaceable_";

/// An identity. Two are the same when group, version, kind, name and effective namespace are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) gvk: GroupVersionKind,
    pub(crate) name: String,
    /// As written; empty when absent.
    pub(crate) namespace: String,
    pub(crate) cluster_scoped: bool,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn new(gvk: GroupVersionKind, name: &str, namespace: &str) -> Self {
        let cluster_scoped = is_cluster_scoped(&gvk);
        Self {
            gvk,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            cluster_scoped,
        }
    }

    /// `default` for an absent namespace, one reserved word for a cluster-scoped kind.
    pub(crate) fn effective_namespace(&self) -> &str {
        if self.cluster_scoped {
            CLUSTER_SCOPE
        } else if self.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &self.namespace
        }
    }

    /// This identity with its effective namespace, so that `==` and hashing follow kustomize.
    pub(crate) fn canonical(mut self) -> Self {
        if self.cluster_scoped || self.namespace.is_empty() {
            self.namespace = self.effective_namespace().to_owned();
        }
        self
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.same_type_and_name(other) && self.same_namespace(other)
    }

    pub(crate) fn same_type_and_name(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    pub(crate) fn same_namespace(&self, other: &Self) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api_version = self.gvk.api_version();
        if !api_version.is_empty() {
            write!(formatter, "{api_version} ")?;
        }
        if self.cluster_scoped || self.namespace.is_empty() {
            write!(formatter, "{}/{}", self.gvk.kind, self.name)
        } else {
            write!(
                formatter,
                "{}/{}/{}",
                self.gvk.kind, self.namespace, self.name
            )
        }
    }
}

/// Whether a type fits a partial one: an empty group, version or kind fits all.
pub(crate) fn is_selected(gvk: &GroupVersionKind, partial: &GroupVersionKind) -> bool {
    (partial.group.is_empty() || partial.group == gvk.group)
        && (partial.version.is_empty() || partial.version == gvk.version)
        && (partial.kind.is_empty() || partial.kind == gvk.kind)
}
