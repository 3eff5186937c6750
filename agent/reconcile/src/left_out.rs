//! What windlass replaces and therefore leaves out (decision 3): not applied, not corrected, never pruned.

use windlass_api::names;
use windlass_object::{Object, ObjectKey, Value};

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
    /// The objects are in another cluster, where windlass takes the place of nothing.
    elsewhere: bool,
}

impl LeftOut {
    pub(crate) fn new(root: Named) -> Self {
        LeftOut {
            root,
            elsewhere: false,
        }
    }

    /// For the objects of another cluster.
    pub(crate) fn elsewhere(&self) -> Self {
        LeftOut {
            elsewhere: true,
            ..self.clone()
        }
    }

    /// Whether an object, from a manifest or live, is one that windlass takes the place of.
    pub(crate) fn covers(&self, object: &Object) -> bool {
        let labelled = object.label(names::PART_OF) == Some("flux")
            && object.label(names::INSTANCE) == Some(names::FLUX_SYSTEM);
        (labelled && !self.elsewhere) || self.covers_key(&object.key())
    }

    /// The same by identity alone, for inventories and health checks.
    pub(crate) fn covers_key(&self, key: &ObjectKey) -> bool {
        !self.elsewhere
            && (self.is_of_root_pair(key) || self.is_own_namespace(key) || is_flux_itself(key))
    }

    /// Whether this is the name of the root pair.
    pub(crate) fn is_root(&self, name: &Named) -> bool {
        self.root == *name
    }

    fn is_own_namespace(&self, key: &ObjectKey) -> bool {
        let own = key.name == names::FLUX_SYSTEM || key.name == self.root.namespace;
        key.group.is_empty() && key.kind == "Namespace" && own
    }

    fn is_of_root_pair(&self, key: &ObjectKey) -> bool {
        let pair = (key.group == names::SOURCE_GROUP && key.kind == names::GIT_REPOSITORY)
            || (key.group == names::KUSTOMIZE_GROUP && key.kind == names::KUSTOMIZATION);
        pair && key.namespace == self.root.namespace && key.name == self.root.name
    }
}

/// Says where the repository's copy of the root pair differs from the node's config, which counts.
///
/// Credentials are not compared: those of the node are files on it.
pub(crate) fn differences(found: &[Object], pair: &[Object]) -> Vec<String> {
    let copies = found.iter().filter_map(|copy| {
        let ours = pair.iter().find(|ours| ours.key() == copy.key())?;
        Some((copy, ours))
    });
    copies
        .flat_map(|(copy, ours)| {
            let fields = copy.pointer("/spec").and_then(Value::as_object);
            let fields = fields.into_iter().flatten();
            fields.filter_map(|(field, theirs)| difference(copy, ours, field, theirs))
        })
        .collect()
}

fn difference(copy: &Object, ours: &Object, field: &str, theirs: &Value) -> Option<String> {
    let here = ours.pointer("/spec").and_then(|spec| spec.get(field));
    if field == "secretRef" || here.is_some_and(|here| is_same(here, theirs)) {
        return None;
    }
    let here = here.map_or("not set".to_owned(), Value::to_string);
    Some(format!(
        "{}: spec.{field} is {theirs} in the repository and {here} here",
        copy.key()
    ))
}

/// `./a` and `a` are the same path.
fn is_same(here: &Value, there: &Value) -> bool {
    let plain = |value: &Value| {
        let text = value.as_str().map(|text| text.trim_start_matches("./"));
        text.map(|text| text.trim_end_matches('/').to_owned())
    };
    here == there || (plain(here).is_some() && plain(here) == plain(there))
}

fn is_flux_itself(key: &ObjectKey) -> bool {
    match key.kind.as_str() {
        "CustomResourceDefinition" => {
            key.name.ends_with(".toolkit.fluxcd.io") || key.name.ends_with(FLUX_OPERATOR)
        }
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
    fn a_copy_of_the_root_pair_that_says_something_else_is_told_field_by_field() {
        let object = |spec: serde_json::Value| {
            Object::from_value(json!({"apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository", "spec": spec,
                "metadata": {"name": "flux-system", "namespace": "flux-system"}}))
            .unwrap()
        };
        let ours = [object(
            json!({"url": "a", "path": "./x", "interval": "1m0s"}),
        )];
        let same = object(json!({"url": "a", "path": "x/", "secretRef": {"name": "x"}}));
        assert_eq!(differences(&[same], &ours), Vec::<String>::new());
        let other = object(json!({"url": "b", "interval": "1m0s", "suspend": true}));
        assert_eq!(
            differences(&[other], &ours),
            [
                "GitRepository/flux-system/flux-system: spec.suspend is true in the repository and \
                 not set here",
                "GitRepository/flux-system/flux-system: spec.url is \"b\" in the repository and \
                 \"a\" here",
            ]
        );
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
