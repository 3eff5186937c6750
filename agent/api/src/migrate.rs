//! Versions of Flux's kinds that are not served any more, and the ones that took their place, as `flux migrate` writes
//! them: the version changes, the fields stay.

use crate::names;

/// Takes a group, a kind and a version and gives the version that is written in its place; `None` when it stays.
#[must_use]
pub fn migrated(group: &str, kind: &str, version: &str) -> Option<&'static str> {
    let (old, new): (&[&str], _) = match (group, kind) {
        (
            names::SOURCE_GROUP,
            "GitRepository" | "OCIRepository" | "HelmRepository" | "HelmChart" | "Bucket",
        )
        | (names::KUSTOMIZE_GROUP, "Kustomization")
        | (
            "image.toolkit.fluxcd.io",
            "ImageRepository" | "ImagePolicy" | "ImageUpdateAutomation",
        ) => (&["v1alpha1", "v1alpha2", "v1beta1", "v1beta2"], "v1"),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => (&["v2beta1", "v2beta2"], "v2"),
        ("notification.toolkit.fluxcd.io", "Receiver") => {
            (&["v1beta1", "v1beta2", "v1beta3"], "v1")
        }
        ("notification.toolkit.fluxcd.io", "Alert" | "Provider") => {
            (&["v1beta1", "v1beta2"], "v1beta3")
        }
        _ => return None,
    };
    old.contains(&version).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_fluxs_kinds_become_the_served_ones_and_nothing_else_changes() {
        let kustomize = "kustomize.toolkit.fluxcd.io";
        for (group, kind, version, expected) in [
            (kustomize, "Kustomization", "v1beta1", Some("v1")),
            (kustomize, "Kustomization", "v1beta2", Some("v1")),
            (kustomize, "Kustomization", "v1", None),
            ("kustomize.config.k8s.io", "Kustomization", "v1beta1", None),
            (
                "source.toolkit.fluxcd.io",
                "GitRepository",
                "v1beta2",
                Some("v1"),
            ),
            (
                "helm.toolkit.fluxcd.io",
                "HelmRelease",
                "v2beta2",
                Some("v2"),
            ),
            (
                "notification.toolkit.fluxcd.io",
                "Provider",
                "v1beta1",
                Some("v1beta3"),
            ),
            ("notification.toolkit.fluxcd.io", "Alert", "v1beta3", None),
            ("apps", "Deployment", "v1beta2", None),
        ] {
            assert_eq!(
                migrated(group, kind, version),
                expected,
                "{group} {kind} {version}"
            );
        }
    }
}
