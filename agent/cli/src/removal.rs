//! Taking objects of windlass's own out of a cluster, or only saying which would go.

use serde_json::json;
use windlass_api::names;
use windlass_cluster::{
    Authority, Detail, ErrorClass, Preconditions, Propagation, RequestError, Resource, Scope,
};
use windlass_object::{GroupVersionKind, Object};

use crate::error::CommandError;
use crate::facts::{place, text};
use crate::screen::Screen;
use crate::session::Session;

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const CLUSTER_ROLE_BINDING: &str = "ClusterRoleBinding";
/// What an identity consists of, in the order in which it goes. The last of it is what it is found by again when this was cut
/// short.
const PARTS: [(&str, &str, &str); 5] = [
    ("v1", "ServiceAccount", names::IDENTITY),
    ("coordination.k8s.io/v1", "Lease", names::WITNESS),
    (RBAC, "Role", names::IDENTITY),
    (RBAC, "RoleBinding", names::IDENTITY),
    (RBAC, CLUSTER_ROLE_BINDING, names::IDENTITY),
];

/// Takes objects away, and says each.
pub(crate) struct Removal<'a> {
    pub(crate) session: &'a Session,
    pub(crate) dry_run: bool,
}

/// An object that is there, and its kind.
type Found = (Resource, Object);

// === impl Removal ===

impl<'a> Removal<'a> {
    /// One that does what it says.
    pub(crate) fn now(session: &'a Session) -> Self {
        Removal {
            session,
            dry_run: false,
        }
    }

    /// Takes a node's identity away. One that takes itself away could not go on after the first of its parts: it
    /// makes all of them depend on that one, and Kubernetes takes them away after it.
    pub(crate) async fn identity(
        &self,
        screen: &mut Screen<'_>,
        node: &str,
    ) -> Result<(), CommandError> {
        let found = self.parts(node).await?;
        let own = self.session.cluster.own();
        let account = format!("{}{node}", names::IDENTITY);
        let is_own = own.is_some_and(|own| own.account().name() == account);
        match found.split_last() {
            Some((binding, rest)) if is_own && binding.1.kind() == CLUSTER_ROLE_BINDING => {
                for part in rest {
                    self.bind(screen, part, &binding.1).await?;
                }
                self.delete(screen, &binding.0, &binding.1).await
            }
            _ => {
                for (resource, object) in &found {
                    self.delete(screen, resource, object).await?;
                }
                Ok(())
            }
        }
    }

    async fn parts(&self, node: &str) -> Result<Vec<Found>, RequestError> {
        let mut found = Vec::new();
        for (api_version, kind, prefix) in PARTS {
            let kind = GroupVersionKind::new(api_version, kind);
            found.extend(self.find(&kind, &format!("{prefix}{node}")).await?);
        }
        Ok(found)
    }

    /// The nodes that have an identity: by the bindings that `identity mint` makes. An account that is only called like
    /// one of ours is somebody else's.
    pub(crate) async fn nodes(&self) -> Result<Vec<String>, RequestError> {
        let kind = GroupVersionKind::new(RBAC, CLUSTER_ROLE_BINDING);
        let bindings = self.session.cluster.resolve(&kind).await?;
        let all = Scope::all();
        let cluster = &self.session.cluster;
        let found = cluster.list(&bindings, &all, Detail::Object).await?;
        let ours = found.iter().filter(|binding| {
            text(binding, "/subjects/0/kind") == "ServiceAccount"
                && text(binding, "/subjects/0/namespace") == names::FLUX_SYSTEM
                && text(binding, "/subjects/0/name") == binding.name()
        });
        let nodes = ours.filter_map(|binding| binding.name().strip_prefix(names::IDENTITY));
        Ok(nodes.map(str::to_owned).collect())
    }

    /// An object of the whole cluster or of Flux's namespace, if it is there.
    pub(crate) async fn find(
        &self,
        kind: &GroupVersionKind,
        name: &str,
    ) -> Result<Option<Found>, RequestError> {
        let resource = self.session.cluster.resolve(kind).await?;
        let namespace = match resource.namespaced {
            true => names::FLUX_SYSTEM,
            false => "",
        };
        let found = self.session.cluster.get(&resource, namespace, name).await?;
        Ok(found.map(|object| (resource, object)))
    }

    /// Has Kubernetes delete an object when another one is gone.
    async fn bind(
        &self,
        screen: &mut Screen<'_>,
        (resource, object): &Found,
        owner: &Object,
    ) -> Result<(), CommandError> {
        screen.action(&format!(
            "{} goes with {} {}",
            label(resource, object),
            owner.kind(),
            owner.name()
        ))?;
        let reference = json!([{
            "apiVersion": RBAC, "kind": owner.kind(), "name": owner.name(), "uid": text(owner, "/metadata/uid"),
        }]);
        let patch = json!({"metadata": {"ownerReferences": reference}});
        self.patch((resource, object), &patch).await
    }

    /// Changes an object that may be gone meanwhile.
    pub(crate) async fn patch(
        &self,
        (resource, object): (&Resource, &Object),
        patch: &serde_json::Value,
    ) -> Result<(), CommandError> {
        if self.dry_run {
            return Ok(());
        }
        match self.session.patch((resource, object), patch).await {
            Err(error) if error.class() == ErrorClass::NotFound => Ok(()),
            patched => Ok(patched?),
        }
    }

    pub(crate) async fn delete(
        &self,
        screen: &mut Screen<'_>,
        resource: &Resource,
        object: &Object,
    ) -> Result<(), CommandError> {
        screen.action(&format!("deleting {}", label(resource, object)))?;
        if self.dry_run {
            return Ok(());
        }
        let namespace = object.namespace().unwrap_or_default();
        Ok(remove(self.session, resource, (namespace, object.name())).await?)
    }
}

/// Deletes an object if it is there.
pub(crate) async fn remove(
    session: &Session,
    resource: &Resource,
    (namespace, name): (&str, &str),
) -> Result<(), RequestError> {
    let anything = Preconditions::default();
    let deleted = session.cluster.delete(
        Authority::Person,
        resource,
        namespace,
        name,
        &anything,
        Propagation::Background,
    );
    match deleted.await {
        Err(error) if error.class() == ErrorClass::NotFound => Ok(()),
        deleted => deleted,
    }
}

pub(crate) fn label(resource: &Resource, object: &Object) -> String {
    let namespace = object.namespace().unwrap_or_default();
    place(&resource.gvk.kind, namespace, object.name())
}
