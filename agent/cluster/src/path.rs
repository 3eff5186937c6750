//! Paths and queries of the API server.

use std::fmt::Write as _;

use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};

/// The name-value pairs after the question mark, encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(String);

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) resource: &'a Resource,
    /// `""` for cluster-scoped kinds, and for a collection over all namespaces.
    pub(crate) namespace: &'a str,
    /// `""` for a collection.
    pub(crate) name: &'a str,
    pub(crate) subresource: Option<&'a str>,
}

// === impl Query ===

impl Query {
    pub(crate) fn add(mut self, name: &str, value: &str) -> Self {
        let separator = if self.0.is_empty() { '?' } else { '&' };
        self.0.push(separator);
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
        self
    }

    /// Adds the pair only when there is a value.
    pub(crate) fn add_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.add(name, value)
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    /// A target that is one object; refused where the namespace does not go with the kind's scope,
    /// since the path of a namespaced object without its namespace is another collection.
    pub(crate) fn object(
        verb: &'static str,
        resource: &'a Resource,
        namespace: &'a str,
        name: &'a str,
    ) -> Result<Self, RequestError> {
        let target = Self {
            resource,
            namespace: if resource.namespaced { namespace } else { "" },
            name,
            subresource: None,
        };
        if resource.namespaced && namespace.is_empty() {
            return Err(target.refused(verb, "it has no namespace, and its kind is namespaced"));
        }
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return Err(target.refused(verb, "its name is not one path segment"));
        }
        if matches!(namespace, "." | "..") || namespace.contains('/') {
            return Err(target.refused(verb, "its namespace is not one path segment"));
        }
        Ok(target)
    }

    pub(crate) fn collection(resource: &'a Resource, namespace: &'a str) -> Self {
        let namespace = if resource.namespaced { namespace } else { "" };
        Self {
            resource,
            namespace,
            name: "",
            subresource: None,
        }
    }

    pub(crate) fn subresource(self, subresource: Option<&'a str>) -> Self {
        Self {
            subresource,
            ..self
        }
    }

    /// `Kind/namespace/name` as Flux prints objects, `Kind` for a collection.
    pub(crate) fn label(&self) -> String {
        let parts = [self.resource.gvk.kind.as_str(), self.namespace, self.name];
        parts
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("/")
    }

    pub(crate) fn path(&self) -> String {
        let mut path = version_path(&self.resource.gvk.group, &self.resource.gvk.version);
        let mut segments = Vec::new();
        if !self.namespace.is_empty() {
            segments.extend(["namespaces", self.namespace]);
        }
        segments.push(&self.resource.plural);
        segments.extend((!self.name.is_empty()).then_some(self.name));
        segments.extend(self.subresource);
        for segment in segments {
            path.push('/');
            encode(segment, &mut path);
        }
        path
    }

    fn refused(&self, verb: &'static str, why: &str) -> RequestError {
        RequestError::local(
            verb,
            &self.label(),
            ErrorClass::Invalid,
            format!("{why}; nothing was sent"),
        )
    }
}

/// `/api/v1` for the core group, `/apis/GROUP/VERSION` for the others.
pub(crate) fn version_path(group: &str, version: &str) -> String {
    let mut path = if group.is_empty() {
        "/api/".to_owned()
    } else {
        "/apis/".to_owned()
    };
    if !group.is_empty() {
        encode(group, &mut path);
        path.push('/');
    }
    encode(version, &mut path);
    path
}

/// Percent-encodes everything but what RFC 3986 calls unreserved, and the colon that names of RBAC
/// objects hold.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            into.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_object::GroupVersionKind;

    use super::*;

    fn resource(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
        let gvk = GroupVersionKind::new(api_version, kind);
        Resource {
            gvk,
            plural: plural.to_owned(),
            namespaced,
            watchable: true,
            has_status: false,
        }
    }

    #[test]
    fn core_group_and_named_groups_have_their_own_roots() {
        let pods = resource("v1", "Pod", "pods", true);
        let roles = resource(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "clusterroles",
            false,
        );
        let target = Target::object("get", &pods, "default", "web").expect("a target");
        assert_eq!(target.path(), "/api/v1/namespaces/default/pods/web");
        let target = Target::object("get", &roles, "ignored", "system:node").expect("a target");
        assert_eq!(
            target.path(),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"
        );
        assert_eq!(target.label(), "ClusterRole/system:node");
    }

    #[test]
    fn a_name_cannot_climb_out_of_its_collection() {
        let pods = resource("v1", "Pod", "pods", true);
        for (namespace, name) in [("a", ".."), ("a", "b/c"), ("..", "b"), ("", "b"), ("a", "")] {
            assert!(
                Target::object("get", &pods, namespace, name).is_err(),
                "{namespace:?} {name:?}"
            );
        }
        let target = Target::object("get", &pods, "a", "b?x#y%").expect("a target");
        assert_eq!(target.path(), "/api/v1/namespaces/a/pods/b%3Fx%23y%25");
    }

    #[test]
    fn query_values_are_encoded() {
        let query = Query::default()
            .add("labelSelector", "a=b,c in (d)")
            .add_some("fieldSelector", "")
            .add("limit", "5");
        assert_eq!(
            query.as_str(),
            "?labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=5"
        );
    }
}
