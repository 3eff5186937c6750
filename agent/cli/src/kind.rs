//! The kinds that commands show and act on.

use windlass_api::names;
use windlass_object::GroupVersionKind;

/// A kind of Flux's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OciRepository,
    Bucket,
    GitRepository,
    HelmRepository,
    HelmChart,
    ExternalArtifact,
    HelmRelease,
    Kustomization,
    Provider,
    Alert,
    Receiver,
}

/// Every source, in the order of `flux get sources all`.
pub(crate) const SOURCES: [Kind; 6] = [
    Kind::OciRepository,
    Kind::Bucket,
    Kind::GitRepository,
    Kind::HelmRepository,
    Kind::HelmChart,
    Kind::ExternalArtifact,
];

impl Kind {
    /// The source of this kind of object.
    pub(crate) fn of_source(kind: &str) -> Option<Kind> {
        SOURCES.into_iter().find(|source| source.name() == kind)
    }

    /// The kind as it stands in objects.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::OciRepository => names::OCI_REPOSITORY,
            Kind::Bucket => names::BUCKET,
            Kind::GitRepository => names::GIT_REPOSITORY,
            Kind::HelmRepository => names::HELM_REPOSITORY,
            Kind::HelmChart => names::HELM_CHART,
            Kind::ExternalArtifact => "ExternalArtifact",
            Kind::HelmRelease => names::HELM_RELEASE,
            Kind::Kustomization => names::KUSTOMIZATION,
            Kind::Provider => names::PROVIDER,
            Kind::Alert => names::ALERT,
            Kind::Receiver => names::RECEIVER,
        }
    }

    /// The kind in the words of commands, as `source git`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Kind::OciRepository => "source oci",
            Kind::Bucket => "source bucket",
            Kind::GitRepository => "source git",
            Kind::HelmRepository => "source helm",
            Kind::HelmChart => "source chart",
            Kind::ExternalArtifact => "source external",
            Kind::HelmRelease => "helmrelease",
            Kind::Kustomization => "kustomization",
            Kind::Provider => "alert-provider",
            Kind::Alert => "alert",
            Kind::Receiver => "receiver",
        }
    }

    /// Group, version and kind.
    pub(crate) fn gvk(self) -> GroupVersionKind {
        let api_version = match self {
            Kind::HelmRelease => names::HELM_API_VERSION,
            Kind::Kustomization => names::KUSTOMIZE_API_VERSION,
            Kind::Provider | Kind::Alert => names::NOTIFICATION_API_VERSION,
            Kind::Receiver => names::RECEIVER_API_VERSION,
            _ => names::SOURCE_API_VERSION,
        };
        GroupVersionKind::new(api_version, self.name())
    }

    /// Whether objects of the kind have no status: nothing is ever done about the object itself.
    pub(crate) fn is_static(self) -> bool {
        matches!(self, Kind::Provider | Kind::Alert)
    }

    /// Whether objects of the kind have a revision.
    pub(crate) fn has_revision(self) -> bool {
        !self.is_static() && self != Kind::Receiver
    }

    /// What a successful pass is reported as, before the revision.
    pub(crate) fn success(self) -> &'static str {
        match self {
            Kind::HelmRelease | Kind::Kustomization => "applied revision",
            _ => "fetched revision",
        }
    }
}
