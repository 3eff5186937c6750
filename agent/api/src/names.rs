//! Names that are part of Flux's API: groups, labels, annotations, finalizer, field managers.

/// API group of the sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
/// API group of Kustomizations.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// apiVersion of a GitRepository.
pub const SOURCE_API_VERSION: &str = "source.toolkit.fluxcd.io/v1";
/// apiVersion of a Kustomization.
pub const KUSTOMIZE_API_VERSION: &str = "kustomize.toolkit.fluxcd.io/v1";
/// API group of HelmReleases.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// apiVersion of a HelmRelease.
pub const HELM_API_VERSION: &str = "helm.toolkit.fluxcd.io/v2";
/// API group of Alerts and Providers.
pub const NOTIFICATION_GROUP: &str = "notification.toolkit.fluxcd.io";
/// apiVersion of Alerts and Providers.
pub const NOTIFICATION_API_VERSION: &str = "notification.toolkit.fluxcd.io/v1beta3";
/// Kind of what somebody is told of.
pub const ALERT: &str = "Alert";
/// Kind of a place that notifications are sent to.
pub const PROVIDER: &str = "Provider";
/// apiVersion of Receivers.
pub const RECEIVER_API_VERSION: &str = "notification.toolkit.fluxcd.io/v1";
/// Kind of what webhooks come to.
pub const RECEIVER: &str = "Receiver";
/// Kind of a release of a chart.
pub const HELM_RELEASE: &str = "HelmRelease";
/// Kind of a Git source.
pub const GIT_REPOSITORY: &str = "GitRepository";
/// Kind of a chart.
pub const HELM_CHART: &str = "HelmChart";
/// Kind of a repository of charts.
pub const HELM_REPOSITORY: &str = "HelmRepository";
/// Kind of an artifact of a registry.
pub const OCI_REPOSITORY: &str = "OCIRepository";
/// Kind of a bucket.
pub const BUCKET: &str = "Bucket";
/// Kind of a set of applied objects.
pub const KUSTOMIZATION: &str = "Kustomization";

/// The namespace that Flux lives in, and the name of its root objects.
pub const FLUX_SYSTEM: &str = "flux-system";
/// The Flux release whose API this is; also the label value stock clients read the version from.
pub const FLUX_VERSION: &str = "v2.9.5";

/// On every object that Flux reconciles.
pub const FINALIZER: &str = "finalizers.fluxcd.io";

/// Label with the name of the Kustomization that applied an object.
pub const OWNER_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// Label with the namespace of the Kustomization that applied an object.
pub const OWNER_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";
/// Label with the name of the node whose folder of manifests an object is from. Not Flux's.
pub const MANIFESTS: &str = "windlass.dev/manifests";
/// ConfigMaps in [`FLUX_SYSTEM`], one for each node that has manifests of its own, are called this and the node's name: what
/// was applied from them. Not Flux's.
pub const MANIFESTS_OF: &str = "windlass-manifests-";
/// The key of their data: the inventory of each file.
pub const MANIFESTS_KEY: &str = "inventory";
/// Field manager of what is applied from a node's folder. Not Flux's.
pub const MANIFESTS_MANAGER: &str = "windlass-manifests";
/// Label with the name of the HelmRelease that made an object.
pub const HELM_OWNER_NAME: &str = "helm.toolkit.fluxcd.io/name";
/// Label with the namespace of the HelmRelease that made an object.
pub const HELM_OWNER_NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";
/// Label of ConfigMaps and Secrets whose change is acted on at once.
pub const WATCH: &str = "reconcile.fluxcd.io/watch";
/// The value of [`WATCH`] that switches it on.
pub const WATCH_ENABLED: &str = "Enabled";

/// Annotation by which a person asks for a pass now. Its value is opaque text.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation that, equal to [`REQUESTED_AT`], asks for a forced pass.
pub const FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation of a HelmRelease that, equal to [`REQUESTED_AT`], forgets its failures.
pub const RESET_AT: &str = "reconcile.fluxcd.io/resetAt";
/// Annotation or label: `disabled` leaves the object alone.
pub const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Annotation or label: `disabled` keeps the object when it leaves the source.
pub const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// Annotation or label: how the object is applied, one of the `SSA_` values.
pub const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Annotation or label: `enabled` recreates the object when a field cannot be changed.
pub const FORCE: &str = "kustomize.toolkit.fluxcd.io/force";
/// Annotation or label: `disabled` keeps variables in the object as they are.
pub const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Annotation: `Disabled` leaves the object encrypted.
pub const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// Prefix of annotations that are copied into events.
pub const EVENT_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Event annotation with the revision it is about.
pub const EVENT_REVISION: &str = "kustomize.toolkit.fluxcd.io/revision";
/// Event annotation of a source with the revision it is about.
pub const SOURCE_EVENT_REVISION: &str = "source.toolkit.fluxcd.io/revision";

/// Event annotation of a source with the digest of its artifact.
pub const SOURCE_EVENT_DIGEST: &str = "source.toolkit.fluxcd.io/digest";

/// Event annotation of a HelmRelease with the version of its chart.
pub const HELM_EVENT_REVISION: &str = "helm.toolkit.fluxcd.io/revision";
/// Event annotation of a HelmRelease with the digest of its values.
pub const HELM_EVENT_TOKEN: &str = "helm.toolkit.fluxcd.io/token";
/// Event annotation of a HelmRelease with the appVersion of its chart.
pub const HELM_EVENT_APP_VERSION: &str = "helm.toolkit.fluxcd.io/app-version";
/// Event annotation of a HelmRelease with the digest of the artifact its chart came in.
pub const HELM_EVENT_OCI_DIGEST: &str = "helm.toolkit.fluxcd.io/oci-digest";
/// Annotation or label: `disabled` leaves foreign changes to an object of a release alone.
pub const DRIFT_DETECTION: &str = "helm.toolkit.fluxcd.io/driftDetection";

/// Label that Helm puts on every object of a release, and its value.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");
/// Annotation that Helm puts on every object: the release's name.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation that Helm puts on every object: the release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Annotation by which an object of a release stays when it leaves the release.
pub const RESOURCE_POLICY: (&str, &str) = ("helm.sh/resource-policy", "keep");

/// Value of the switches above (compared without case).
pub const DISABLED: &str = "disabled";
/// Value of the switches above (compared without case).
pub const ENABLED: &str = "enabled";
/// Value of [`SSA`]: fields of others are taken over (the default).
pub const SSA_OVERRIDE: &str = "Override";
/// Value of [`SSA`]: fields of others stay.
pub const SSA_MERGE: &str = "Merge";
/// Value of [`SSA`]: the object is created, never changed.
pub const SSA_IF_NOT_PRESENT: &str = "IfNotPresent";
/// Value of [`SSA`]: the object is left alone.
pub const SSA_IGNORE: &str = "Ignore";

/// Field manager of applied objects.
pub const APPLY_MANAGER: &str = "kustomize-controller";
/// Field manager of a Kustomization's status and finalizer.
pub const KUSTOMIZATION_STATUS_MANAGER: &str = "gotk-kustomize-controller";
/// Field manager of a source's status and finalizer.
pub const SOURCE_STATUS_MANAGER: &str = "gotk-source-controller";
/// `reportingComponent` of events about sources, and the component label of their CRD.
pub const SOURCE_CONTROLLER: &str = "source-controller";
/// `reportingComponent` of events about Kustomizations, and the component label of their CRD.
pub const KUSTOMIZE_CONTROLLER: &str = "kustomize-controller";
/// `reportingComponent` of events about HelmReleases, the component label of their CRD, and the field manager of
/// what they apply.
pub const HELM_CONTROLLER: &str = "helm-controller";
/// `reportingComponent` of events about Alerts, and the component label of their CRD.
pub const NOTIFICATION_CONTROLLER: &str = "notification-controller";

/// Label by which stock clients find the parts of Flux.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Label with the instance, on the parts of Flux.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label with the version, on the parts of Flux.
pub const VERSION: &str = "app.kubernetes.io/version";
/// Label with the component, on the parts of Flux.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// Annotation with the time (RFC 3339) at which a suspension ends by itself. Not Flux's.
pub const SUSPEND_UNTIL: &str = "windlass.dev/suspend-until";
/// Selector of the ConfigMaps and Secrets whose change wakes whoever reads them (`--watch-configs-label-selector`).
pub const WATCHED: &str = "reconcile.fluxcd.io/watch=Enabled";

/// Helm's label for the Secrets that hold revisions.
pub const HELM_RECORDS: &str = "owner=helm";
/// Annotation of a Kustomization: `disabled`, or how much of it one revision may delete without asking, such as
/// `50%`. Not Flux's.
pub const PRUNE_GUARD: &str = "windlass.dev/prune-guard";
/// Annotation of a Kustomization by which a person confirms one deletion that is held. Not Flux's.
pub const CONFIRM_PRUNE: &str = "windlass.dev/confirm-prune";
/// Annotation of a Kustomization: when new revisions may be applied, such as `Sat,Sun 02:00-05:00` (UTC). Not
/// Flux's.
pub const WINDOW: &str = "windlass.dev/window";
/// Annotation of a Kustomization: with [`CONTINUE`], an object that cannot be applied does not stop the others. Not Flux's.
pub const ON_ERROR: &str = "windlass.dev/on-error";
/// Value of [`ON_ERROR`] (compared without case).
pub const CONTINUE: &str = "continue";
/// Annotation of a Kustomization or HelmRelease: [`ENABLED`] has each of its objects carry [`REVISION`]. Not Flux's.
pub const MARK_REVISION: &str = "windlass.dev/mark-revision";
/// Annotation of an applied object, where [`MARK_REVISION`] asks for it: the revision of the source, or chart and version of the
/// release, with which it was last written. Not Flux's.
pub const REVISION: &str = "windlass.dev/revision";
/// Annotation of a Kustomization or HelmRelease: what has to be ready first beside `spec.dependsOn`, of either kind, such as
/// `HelmRelease/cert-manager/cert-manager, Kustomization/crds`. Not Flux's.
pub const DEPENDS_ON: &str = "windlass.dev/depends-on";
/// ConfigMap in [`FLUX_SYSTEM`] that stops every node's writes. Not Flux's.
pub const PAUSE: &str = "windlass-pause";
/// Service in [`FLUX_SYSTEM`] that leads to where webhooks come in.
pub const WEBHOOK_RECEIVER: &str = "webhook-receiver";
/// Service in [`FLUX_SYSTEM`] that leads to the metrics of the nodes. Not Flux's.
pub const METRICS_SERVICE: &str = "windlass";
/// Label of the EndpointSlices of those Services, with who keeps them: nobody else touches them. Not Flux's.
pub const SLICES_KEPT_BY: (&str, &str) = ("endpointslice.kubernetes.io/managed-by", "windlass.dev");
/// Label of those Services and slices with whose they are. Not Flux's.
pub const DOOR: (&str, &str) = ("app.kubernetes.io/name", "windlass");
/// Lease in [`FLUX_SYSTEM`] that the leading node holds. Not Flux's.
pub const LEASE: &str = "windlass";
/// Flux's own Leases of the controllers whose work windlass does: it holds them while it leads (decision 2).
pub const FLUX_LEASES: [&str; 4] = [
    "source-controller-leader-election",
    "kustomize-controller-leader-election",
    "helm-controller-leader-election",
    "notification-controller-leader-election",
];
/// Who holds them then.
pub const FLUX_LEASE_HOLDER: &str = "windlass";
/// Leases in [`FLUX_SYSTEM`], one per node, are called this and the node's name: where the node's ratchets stand. Not Flux's.
pub const WITNESS: &str = "windlass-witness-";
/// Service accounts in [`FLUX_SYSTEM`], one per node that has an identity of its own, are called this and the node's name. Not
/// Flux's.
pub const IDENTITY: &str = "windlass-";
/// Label of those Leases. Not Flux's.
pub const WITNESS_LABEL: &str = "windlass.dev/witness";
/// How the name of every label and annotation of windlass begins.
pub const OWN_PREFIX: &str = "windlass.dev/";
/// Annotation of those Leases with the ratchets. Not Flux's.
pub const ACCEPTED: &str = "windlass.dev/accepted";
/// Annotation of the same Lease with the sources whose server does not have yet what the node took, separated by commas.
pub const UNSHOWN: &str = "windlass.dev/unshown";
/// The socket by which commands on a node ask the agent there, unless its config says otherwise. Not Flux's.
pub const CONTROL_SOCKET: &str = "/run/windlass-agent/control.sock";
