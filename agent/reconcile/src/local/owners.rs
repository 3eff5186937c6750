//! Whose an object in the cluster is, where two places have it: the first owner keeps it.

use windlass_api::names;
use windlass_cluster::{ErrorClass, RequestError};
use windlass_object::Object;

use crate::context::Context;

/// Who else keeps the live object, if there is one and somebody does.
pub(super) async fn other_owner(
    context: &Context,
    node: &str,
    object: &Object,
) -> Result<Option<String>, RequestError> {
    if context.left_out.covers(object) {
        return Ok(Some("windlass itself".to_owned()));
    }
    let resource = match context.cluster.resolve(&object.gvk()).await {
        Ok(resource) => resource,
        // Its definition may come with it.
        Err(error) if error.class() == ErrorClass::UnknownKind => return Ok(None),
        Err(error) => return Err(error),
    };
    let namespace = object.namespace().unwrap_or_default();
    let live = context
        .cluster
        .get_metadata(&resource, namespace, object.name())
        .await?;
    Ok(live.and_then(|live| owner(&live, node)))
}

/// Whom the labels of an object name, if it is not this node.
fn owner(live: &Object, node: &str) -> Option<String> {
    match live.label(names::MANIFESTS) {
        Some(owner) if owner == node => return None,
        Some(owner) => return Some(format!("the manifests of node {owner}")),
        None => {}
    }
    let named = |kind: &str, name: &str, namespace: &str| {
        let (name, namespace) = (live.label(name)?, live.label(namespace).unwrap_or_default());
        Some(format!("{kind} {namespace}/{name}"))
    };
    named("Kustomization", names::OWNER_NAME, names::OWNER_NAMESPACE).or_else(|| {
        named(
            "HelmRelease",
            names::HELM_OWNER_NAME,
            names::HELM_OWNER_NAMESPACE,
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(labels: serde_json::Value) -> Object {
        let metadata = json!({"name": "a", "labels": labels});
        Object::from_value(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            .unwrap()
    }

    #[test]
    fn the_labels_of_an_object_name_its_owner() {
        let owner_of = |labels| owner(&live(labels), "node-a");
        assert_eq!(owner_of(json!({})), None);
        assert_eq!(owner_of(json!({"windlass.dev/manifests": "node-a"})), None);
        let other = owner_of(json!({"windlass.dev/manifests": "node-b"}));
        assert_eq!(other.as_deref(), Some("the manifests of node node-b"));
        let labels = json!({"kustomize.toolkit.fluxcd.io/name": "x", "kustomize.toolkit.fluxcd.io/namespace": "y"});
        assert_eq!(owner_of(labels).as_deref(), Some("Kustomization y/x"));
    }
}
