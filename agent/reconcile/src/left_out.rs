//! What windlass replaces and therefore leaves out (decision 3): not applied, not corrected, never pruned.

use windlass_api::names;
use windlass_object::{Object, ObjectKey};

use crate::named::Named;

/// The group of flux-operator's own kinds.
const FLUX_OPERATOR: &str = "fluxcd.controlplane.io";
/// Charts and releases by which flux-operator installs Flux.
const FLUX_RELEASES: [&str; 2] = ["flux-operator", "flux-instance"];
/// What Flux's own Deployments are called.
const FLUX_CONTROLLERS: [&str; 7] = [
    "source-controller",
    "kustomize-controller",
    "helm-controller",
    "notification-controller",
    "image-reflector-controller",
    "image-automation-controller",
    "source-watcher",
];

/// Knows the root pair, which the node's config owns.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    root: Named,
}

impl LeftOut {
    pub(crate) fn new(root: Named) -> Self {
        LeftOut { root }
    }

    /// Whether an object, from a manifest or live, is one that windlass takes the place of.
    pub(crate) fn covers(&self, object: &Object) -> bool {
        let labelled = object.label(names::PART_OF) == Some("flux")
            && object.label(names::INSTANCE) == Some(names::FLUX_SYSTEM);
        labelled || self.covers_key(&object.key())
    }

    /// The same by identity alone, for inventories and health checks.
    pub(crate) fn covers_key(&self, key: &ObjectKey) -> bool {
        self.is_of_root_pair(key) || is_flux_itself(key)
    }

    /// Whether this is the name of the root pair.
    pub(crate) fn is_root(&self, name: &Named) -> bool {
        self.root == *name
    }

    fn is_of_root_pair(&self, key: &ObjectKey) -> bool {
        let pair = (key.group == names::SOURCE_GROUP && key.kind == names::GIT_REPOSITORY)
            || (key.group == names::KUSTOMIZE_GROUP && key.kind == names::KUSTOMIZATION);
        pair && key.namespace == self.root.namespace && key.name == self.root.name
    }
}

fn is_flux_itself(key: &ObjectKey) -> bool {
    match key.kind.as_str() {
        "CustomResourceDefinition" => {
            key.name.ends_with(".toolkit.fluxcd.io") || key.name.ends_with(FLUX_OPERATOR)
        }
        "Namespace" => key.name == names::FLUX_SYSTEM,
        "Deployment" => {
            key.namespace == names::FLUX_SYSTEM && FLUX_CONTROLLERS.contains(&key.name.as_str())
        }
        "HelmRelease" => FLUX_RELEASES.contains(&key.name.as_str()),
        _ => key.group == FLUX_OPERATOR,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn covered(api_version: &str, kind: &str, namespace: &str, name: &str, part_of: &str) -> bool {
        let object = Object::from_value(json!({"apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": {
                "app.kubernetes.io/part-of": part_of, "app.kubernetes.io/instance": "flux-system"}}}))
        .unwrap();
        LeftOut::new(Named::new("flux-system", "flux-system")).covers(&object)
    }

    #[test]
    fn the_root_pair_flux_and_its_operator_are_left_out() {
        let flux = "flux-system";
        assert!(covered(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            flux,
            flux,
            ""
        ));
        assert!(covered(
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            flux,
            flux,
            ""
        ));
        assert!(covered(
            "v1",
            "ServiceAccount",
            flux,
            "kustomize-controller",
            "flux"
        ));
        assert!(covered(
            "apps/v1",
            "Deployment",
            flux,
            "source-controller",
            ""
        ));
        assert!(covered(
            "fluxcd.controlplane.io/v1",
            "FluxInstance",
            flux,
            "flux",
            ""
        ));
    }

    #[test]
    fn everything_else_is_applied() {
        let flux = "flux-system";
        assert!(!covered(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            flux,
            "apps",
            ""
        ));
        assert!(!covered("v1", "ConfigMap", flux, "cluster-settings", ""));
        assert!(!covered(
            "apps/v1",
            "Deployment",
            "apps",
            "source-controller",
            ""
        ));
    }
}
