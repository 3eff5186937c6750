//! Everything that can wake the agent, in one list.

use std::sync::Arc;

use windlass_api::names;
use windlass_cluster::{FluxStanding, Leadership, WatchEvent};

use crate::artifact::Outcome;
use crate::bucket::BucketSnapshot;
use crate::chart::ChartSnapshot;
use crate::kustomization::Outcome as KustomizationOutcome;
use crate::named::Named;
use crate::oci::OciSnapshot;
use crate::release::Outcome as ReleaseOutcome;
use crate::reload::Reloaded;
use crate::repository::IndexSnapshot;
use crate::source::Outcome as SourceOutcome;
use crate::source::delivery::Delivery;
use crate::source::fetch::Snapshot;
use crate::trust::NodeTrust;
use crate::witness::Witnessed;
use crate::work::webhook::Asked;

/// What values are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValuesKind {
    ConfigMap,
    Secret,
}

/// One reason to do something.
#[derive(Debug)]
pub(crate) enum Event {
    /// A GitRepository appeared, changed or went.
    GitRepository(WatchEvent),
    /// A HelmChart appeared, changed or went.
    HelmChart(WatchEvent),
    /// A HelmRepository appeared, changed or went.
    HelmRepository(WatchEvent),
    /// An OCIRepository appeared, changed or went.
    OciRepository(WatchEvent),
    /// A Bucket appeared, changed or went.
    Bucket(WatchEvent),
    /// A HelmRelease appeared, changed or went.
    HelmRelease(WatchEvent),
    Alert(WatchEvent),
    Provider(WatchEvent),
    Receiver(WatchEvent),
    /// A Kustomization appeared, changed or went.
    Kustomization(WatchEvent),
    /// The namespace of Flux appeared, changed or went.
    Namespace(WatchEvent),
    /// News of a CustomResourceDefinition, anybody's.
    Definition(WatchEvent),
    /// What of Flux's API is being deleted, asked for afresh; `None`: nothing.
    ApiGoing(Option<String>),
    /// The pause was set, changed or taken back.
    Pause(WatchEvent),
    /// A ConfigMap or Secret with Flux's label for it appeared, changed or went.
    Values(ValuesKind, WatchEvent),
    /// A node said otherwise than before where its ratchets stand.
    Peer(WatchEvent),
    /// A Secret that holds a revision of a release appeared, changed or went.
    Record(WatchEvent),
    /// Somebody changed an object of this Kustomization.
    Drift(Named),
    /// Somebody changed an object of this HelmRelease, which wants to know.
    ReleaseDrift(Named),
    /// Somebody changed an object of this node's folder.
    FolderDrift,
    /// What is wrong with this node's folder, if anything is.
    ManifestsComplain(Option<String>),
    /// A pass of this Kustomization only waits from now on.
    Waits(Named),
    /// Leadership was won or lost.
    Leadership(Option<Leadership>),
    /// Who holds Flux's Leases.
    Flux(FluxStanding),
    /// The trust files changed: what they say now, or what is wrong with them.
    Trust(Result<Arc<NodeTrust>, String>),
    /// The node's configuration was read again.
    Reloaded(Box<Reloaded>),
    /// Prometheus asks how things stand.
    Scrape(tokio::sync::oneshot::Sender<crate::metrics::Scraped>),
    /// A webhook may answer now; `news`: because something changed.
    WebhookMoved {
        asked: Asked,
        news: bool,
    },
    /// A build holds other sources than before, or holds these otherwise.
    Vouched(Vec<Named>),
    /// What this node told the cluster when it ran last was compared with what it keeps.
    OwnWordRead {
        is_behind: bool,
    },
    /// What the nodes said of where ratchets stood, asked for because this one lost its own.
    Witnessed(Vec<Witnessed>),
    /// Definitions, namespace and root pair are there, or why not.
    Established(Result<(), String>),
    /// A pass of this source came to a revision; its status says so only after this.
    SourceFound {
        name: Named,
        snapshot: Box<Snapshot>,
    },
    /// Somebody on this node brought a bundle for this source.
    Delivered {
        name: Named,
        delivery: Box<Delivery>,
    },
    SourceFinished {
        name: Named,
        outcome: Box<SourceOutcome>,
    },
    ChartFinished {
        name: Named,
        outcome: Box<Outcome<ChartSnapshot>>,
    },
    RepositoryFinished {
        name: Named,
        outcome: Box<Outcome<IndexSnapshot>>,
    },
    OciFinished {
        name: Named,
        outcome: Box<Outcome<OciSnapshot>>,
    },
    BucketFinished {
        name: Named,
        outcome: Box<Outcome<BucketSnapshot>>,
    },
    KustomizationFinished {
        name: Named,
        outcome: KustomizationOutcome,
    },
    ReleaseFinished {
        name: Named,
        outcome: Box<ReleaseOutcome>,
    },
    /// A pass broke off with a panic.
    SourceBroke {
        name: Named,
    },
    ChartBroke {
        name: Named,
    },
    RepositoryBroke {
        name: Named,
    },
    OciBroke {
        name: Named,
    },
    BucketBroke {
        name: Named,
    },
    KustomizationBroke {
        name: Named,
    },
    ReleaseBroke {
        name: Named,
    },
}

impl Event {
    /// Of which object a pass broke off.
    pub(crate) fn pass(&self) -> Option<(&'static str, &Named)> {
        match self {
            Event::SourceBroke { name } => Some((names::GIT_REPOSITORY, name)),
            Event::ChartBroke { name } => Some((names::HELM_CHART, name)),
            Event::RepositoryBroke { name } => Some((names::HELM_REPOSITORY, name)),
            Event::OciBroke { name } => Some((names::OCI_REPOSITORY, name)),
            Event::BucketBroke { name } => Some((names::BUCKET, name)),
            Event::KustomizationBroke { name } => Some((names::KUSTOMIZATION, name)),
            Event::ReleaseBroke { name } => Some((names::HELM_RELEASE, name)),
            _ => None,
        }
    }
}
