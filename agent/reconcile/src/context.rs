//! What all passes share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windlass_api::names;
use windlass_cluster::{Cluster, Leadership, Resource};
use windlass_object::GroupVersionKind;

use crate::drift::DriftWatch;
use crate::herald::Herald;
use crate::lan::Lan;
use crate::ledger::Ledger;
use crate::left_out::LeftOut;
use crate::metrics::Durations;
use crate::net::Net;
use crate::observe::Observations;
use crate::receivers::Receivers;
use crate::sight::Sight;
use crate::source::keep::Keep;
use crate::vouch::Vouchers;
use crate::witness::peers::Peers;
use crate::work::Corrections;
use crate::work::remote::Remotes;

/// Handles on the world and what was learned of it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) cluster: Cluster,
    pub(crate) keep: Arc<Keep>,
    pub(crate) net: Arc<Net>,
    pub(crate) ledger: Ledger,
    pub(crate) drift: DriftWatch,
    /// The same of the objects of HelmReleases whose drift is looked for.
    pub(crate) release_ledger: Ledger,
    pub(crate) release_drift: DriftWatch,
    pub(crate) corrections: Corrections,
    /// Other clusters that Kustomizations name.
    pub(crate) remotes: Arc<Remotes>,
    pub(crate) left_out: LeftOut,
    pub(crate) vouchers: Arc<Vouchers>,
    /// What the other nodes accepted.
    pub(crate) peers: Peers,
    /// Who this node is to them.
    pub(crate) lan: Arc<Lan>,
    /// Tells others what happens.
    pub(crate) herald: Herald,
    /// What the cluster looked like last, for whoever asks on this node.
    pub(crate) sight: Arc<Sight>,
    /// Notified when somebody changed an object of this node's folder.
    pub(crate) folder_drift: Arc<tokio::sync::Notify>,
    /// How long passes took.
    pub(crate) durations: Arc<Durations>,
    /// Where others reach this node's metrics.
    pub(crate) metrics_at: tokio::sync::watch::Sender<Option<std::net::SocketAddr>>,
    /// What this node found, if it only looks.
    pub(crate) observations: Arc<Observations>,
    /// Takes webhooks.
    pub(crate) receivers: Receivers,
    pub(crate) kinds: Kinds,
    /// Tells each time the definitions of our kinds have been installed.
    pub(crate) installed: tokio::sync::watch::Sender<()>,
    /// Whether this node may say what it accepted: not while everything is paused.
    pub(crate) may_tell: tokio::sync::watch::Sender<bool>,
    /// Whether a fetch of the root source has ended since the start, however it did.
    pub(crate) root_asked: tokio::sync::watch::Sender<bool>,
    /// The leadership under which everything may be written now, if it may.
    pub(crate) writer: tokio::sync::watch::Sender<Option<Leadership>>,
    /// Set while nothing may be written: paused, or Flux was uninstalled. Passes under way look at it.
    pub(crate) halted: Arc<AtomicBool>,
}

/// Our own kinds: known from the start, so that nothing has to be discovered for them.
#[derive(Debug)]
pub(crate) struct Kinds {
    pub(crate) alert: Resource,
    pub(crate) bucket: Resource,
    pub(crate) git_repository: Resource,
    pub(crate) helm_chart: Resource,
    pub(crate) helm_release: Resource,
    pub(crate) helm_repository: Resource,
    pub(crate) kustomization: Resource,
    pub(crate) oci_repository: Resource,
    pub(crate) provider: Resource,
    pub(crate) receiver: Resource,
}

impl Context {
    /// Ends the watches on applied objects.
    pub(crate) fn stop_watching(&self) {
        self.drift.stop();
        self.release_drift.stop();
    }
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Kinds {
            alert: without_status(own(names::NOTIFICATION_API_VERSION, names::ALERT, "alerts")),
            bucket: own(names::SOURCE_API_VERSION, names::BUCKET, "buckets"),
            git_repository: own(
                names::SOURCE_API_VERSION,
                names::GIT_REPOSITORY,
                "gitrepositories",
            ),
            helm_chart: own(names::SOURCE_API_VERSION, names::HELM_CHART, "helmcharts"),
            helm_release: own(names::HELM_API_VERSION, names::HELM_RELEASE, "helmreleases"),
            helm_repository: own(
                names::SOURCE_API_VERSION,
                names::HELM_REPOSITORY,
                "helmrepositories",
            ),
            kustomization: own(
                names::KUSTOMIZE_API_VERSION,
                names::KUSTOMIZATION,
                "kustomizations",
            ),
            oci_repository: own(
                names::SOURCE_API_VERSION,
                names::OCI_REPOSITORY,
                "ocirepositories",
            ),
            provider: without_status(own(
                names::NOTIFICATION_API_VERSION,
                names::PROVIDER,
                "providers",
            )),
            receiver: own(names::RECEIVER_API_VERSION, names::RECEIVER, "receivers"),
        }
    }
}

fn own(api_version: &str, kind: &str, plural: &str) -> Resource {
    Resource {
        gvk: GroupVersionKind::new(api_version, kind),
        plural: plural.to_owned(),
        namespaced: true,
        watchable: true,
        has_status: true,
    }
}

fn without_status(kind: Resource) -> Resource {
    Resource {
        has_status: false,
        ..kind
    }
}

/// Known from the start, too: one of them is the pause.
pub(crate) fn config_maps() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "ConfigMap"),
        plural: "configmaps".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}
