//! What an object is (its group, version and kind) and which one it is (its key).

use std::fmt;

/// The type of an object: API group, version and kind.
///
/// The group of the core API is the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version inside the group, such as `v1`.
    pub version: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
}

/// The identity of an object in a cluster; the version is left out because one object is served
/// in many versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// The name.
    pub name: String,
}

// === impl GroupVersionKind ===

impl GroupVersionKind {
    /// Splits an `apiVersion` (`apps/v1`, or `v1` for the core group) and pairs it with a kind.
    ///
    /// Text after the first slash is the version, as in Kubernetes' `ParseGroupVersion`.
    #[must_use]
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// Gives the `apiVersion` field: `group/version`, or only the version for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, Kind={}", self.api_version(), self.kind)
    }
}

// === impl ObjectKey ===

/// Prints `Kind/namespace/name`, or `Kind/name` for a cluster-scoped object, as Flux does in its
/// events (`FmtObjMetadata` of fluxcd/pkg/ssa).
impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(formatter, "{}/{}", self.kind, self.name)
        } else {
            write!(formatter, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_version_splits_at_the_slash_and_joins_again() {
        for api_version in ["v1", "apps/v1", "kustomize.toolkit.fluxcd.io/v1beta2"] {
            assert_eq!(
                GroupVersionKind::new(api_version, "X").api_version(),
                api_version
            );
        }
        let deployment = GroupVersionKind::new("apps/v1", "Deployment");
        assert_eq!(deployment.group, "apps");
        assert_eq!(deployment.version, "v1");
        assert_eq!(GroupVersionKind::new("v1", "Pod").group, "");
    }

    #[test]
    fn key_prints_without_a_namespace_when_cluster_scoped() {
        let mut key = ObjectKey {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "web".to_owned(),
            name: "front".to_owned(),
        };
        assert_eq!(key.to_string(), "Deployment/web/front");
        key.namespace.clear();
        assert_eq!(key.to_string(), "Deployment/front");
    }
}
