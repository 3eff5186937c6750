//! In whose name objects are applied.

use serde::{Deserialize, Serialize};
use windlass_api::names;

use crate::metadata::ManagerEntry;

/// Whose work it is to apply an object: Flux's controllers have a field manager each, and take over other ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applier {
    /// A Kustomization's.
    Kustomization,
    /// A node's, from its own folder of manifests.
    Folder,
    /// A HelmRelease's.
    HelmRelease,
    /// A HelmRelease's whose objects are worked out by the client.
    ClientSideRelease,
}

/// The field manager of the `helm` command.
const HELM: &str = "helm";

// === impl Applier ===

impl Applier {
    /// The field manager that objects are applied as.
    #[must_use]
    pub const fn manager(self) -> &'static str {
        match self {
            Self::Kustomization => names::APPLY_MANAGER,
            Self::Folder => names::MANIFESTS_MANAGER,
            Self::HelmRelease | Self::ClientSideRelease => names::HELM_CONTROLLER,
        }
    }

    /// Whether manifests are applied as they are written, so that what their annotations say of that counts.
    #[must_use]
    pub const fn takes_manifests(self) -> bool {
        matches!(self, Self::Kustomization | Self::Folder)
    }

    /// Says whether an entry is the one that applying makes.
    pub(crate) fn owns(self, entry: ManagerEntry<'_>) -> bool {
        let by_client = self == Self::ClientSideRelease;
        entry.manager() == self.manager()
            && (by_client || entry.operation() == "Apply")
            && entry.is_main()
    }

    /// Says whether an entry's fields are taken over before an object is applied.
    pub(crate) fn takes_over(self, entry: ManagerEntry<'_>) -> bool {
        entry.is_main()
            && match self {
                Self::Kustomization | Self::Folder => is_flux_or_kubectl(entry),
                Self::HelmRelease => is_helm(entry),
                Self::ClientSideRelease => false,
            }
    }
}

/// What `kubectl` wrote, what was there before the first apply, and what Flux's own client-side versions wrote
/// (kustomize-controller, `kustomization_controller.go`, apply).
fn is_flux_or_kubectl(entry: ManagerEntry<'_>) -> bool {
    let (manager, operation) = (entry.manager(), entry.operation());
    let update = operation == "Update";
    let foreign = manager.starts_with("kubectl") && (update || operation == "Apply");
    let earlier =
        manager.starts_with("before-first-apply") || manager.starts_with(names::APPLY_MANAGER);
    foreign || (update && earlier)
}

/// What releases wrote that were made by the client, and what the `helm` command wrote (0220).
fn is_helm(entry: ManagerEntry<'_>) -> bool {
    let client = entry.manager() == names::HELM_CONTROLLER && entry.operation() == "Update";
    client || entry.manager() == HELM
}
