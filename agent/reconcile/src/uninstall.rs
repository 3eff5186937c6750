//! Removing the API never removes the workloads (decision 4).

use windlass_api::names;
use windlass_cluster::{Cluster, RequestError, Resource};
use windlass_object::GroupVersionKind;

/// The definitions of which one that goes means: Flux is being uninstalled.
const DEFINITIONS: [&str; 3] = [
    "helmreleases.helm.toolkit.fluxcd.io",
    "kustomizations.kustomize.toolkit.fluxcd.io",
    "gitrepositories.source.toolkit.fluxcd.io",
];

/// Whether the end of this definition or namespace may be the end of Flux's API.
pub(crate) fn concerns(name: &str) -> bool {
    DEFINITIONS.contains(&name) || name == names::FLUX_SYSTEM
}

/// Says what of Flux's API or namespace is being deleted or is gone; `None` when all is there.
pub(crate) async fn api_is_going(cluster: &Cluster) -> Result<Option<String>, RequestError> {
    for name in DEFINITIONS {
        if is_going(cluster, &definitions(), name).await? {
            return Ok(Some(format!("CustomResourceDefinition/{name}")));
        }
    }
    let going = is_going(cluster, &namespaces(), names::FLUX_SYSTEM).await?;
    Ok(going.then(|| format!("Namespace/{}", names::FLUX_SYSTEM)))
}

async fn is_going(
    cluster: &Cluster,
    resource: &Resource,
    name: &str,
) -> Result<bool, RequestError> {
    let live = cluster.get_metadata(resource, "", name).await?;
    Ok(live.is_none_or(|live| live.pointer("/metadata/deletionTimestamp").is_some()))
}

/// The kind of definitions; it is built in, so nothing has to be discovered.
pub(crate) fn definitions() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        plural: "customresourcedefinitions".to_owned(),
        namespaced: false,
        watchable: true,
        has_status: true,
    }
}

/// The kind of namespaces.
pub(crate) fn namespaces() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "Namespace"),
        plural: "namespaces".to_owned(),
        namespaced: false,
        watchable: true,
        has_status: true,
    }
}
