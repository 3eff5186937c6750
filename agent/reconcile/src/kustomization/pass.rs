//! What one pass of a Kustomization works with.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus, SourceKind};
use windlass_api::names;
use windlass_cluster::{Cluster, EpochFloor, Leadership, Resource};
use windlass_host::config::RemoteSettings;
use windlass_object::Object;
use windlass_plan::applier::Applier;
use windlass_plan::guard::Limits;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;

use super::settled::Settled;
use crate::drift::DriftWatch;
use crate::event::Event;
use crate::herald::Herald;
use crate::ledger::Ledger;
use crate::left_out::LeftOut;
use crate::named::Named;
use crate::net::Net;
use crate::offer::Offer;
use crate::secrets::SecretPolicy;
use crate::seen::Meta;
use crate::source::keep::Keep;
use crate::vouch::{Made, Vouchers};
use crate::work::depends::Dependency;
use crate::work::error::StageError;
use crate::work::fence::Fence;
use crate::work::hidden::Hidden;
use crate::work::remote::{Remotes, Seeking};
use crate::work::{self, Corrections, Work};

/// Everything a pass may use; built by the controller, consumed by the pass.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: Named,
    pub(crate) meta: Meta,
    pub(crate) spec: KustomizationSpec,
    pub(crate) status: KustomizationStatus,
    /// The agent's own client: status, finalizer, epoch.
    pub(crate) cluster: Cluster,
    /// The client for the objects: impersonated where the spec says so, of another cluster where it names one.
    pub(crate) client: Cluster,
    /// The same cluster, asked as the agent itself.
    pub(crate) target: Cluster,
    pub(crate) remotes: Arc<Remotes>,
    pub(crate) herald: Herald,
    /// The Kustomization kind itself.
    pub(crate) resource: Resource,
    pub(crate) leadership: Leadership,
    pub(crate) epoch_floor: EpochFloor,
    pub(crate) ledger: Ledger,
    pub(crate) drift: DriftWatch,
    pub(crate) keep: Arc<Keep>,
    pub(crate) source: SourceState,
    pub(crate) vouching: Vouching,
    pub(crate) dependencies: Vec<Dependency>,
    /// The Kustomization is not worked on; this is why.
    pub(crate) refusal: Option<Refusal>,
    /// Why no waiting for the dependencies helps.
    pub(crate) unmet: Option<String>,
    pub(crate) left_out: LeftOut,
    /// What the node's config says, to compare with a copy in the repository.
    pub(crate) root_pair: Arc<[Object; 2]>,
    pub(crate) corrections: Corrections,
    /// How much a revision may delete without asking.
    pub(crate) prune_limits: Limits,
    /// What asks other places.
    pub(crate) net: Arc<Net>,
    /// What becomes of content that is named elsewhere.
    pub(crate) remote: RemoteSettings,
    /// Keys of the node, and what it wants of encrypted files.
    pub(crate) secrets: Arc<SecretPolicy>,
    /// What no message may say.
    pub(crate) hidden: Hidden,
    /// How the health of some kinds is told; read from the spec when the pass begins.
    pub(crate) checks: CustomChecks,
    /// Fields that are left to others; read from the spec when the pass begins.
    pub(crate) ignored: IgnoreRules,
    /// Whether namespaces belong to people who do not trust each other.
    pub(crate) apart: bool,
    /// Nothing may be written any more, whoever leads.
    pub(crate) halted: Arc<AtomicBool>,
    /// What the last pass left behind, if it came to its end.
    pub(crate) settled: Option<Arc<Settled>>,
    /// Whether the pass is the regular one, in which rate-limited corrections are made up for.
    pub(crate) at_interval: bool,
    /// Since when health of this revision and generation is waited for.
    pub(crate) waiting_since: Option<Waiting>,
    /// Cancelled when something newer should be done instead of waiting for health.
    pub(crate) overtaken: CancellationToken,
}

/// Where a build says what verified commits made.
#[derive(Debug)]
pub(crate) struct Vouching {
    pub(crate) vouchers: Arc<Vouchers>,
    /// Whether a verified commit made this Kustomization as it is.
    pub(crate) may: bool,
    pub(crate) events: UnboundedSender<Event>,
}

/// Why a Kustomization is not worked on, for its condition.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// What is known of the source.
#[derive(Clone, Debug)]
pub(crate) enum SourceState {
    /// Something that may be built.
    Ready(Box<Offer>),
    /// The source is there but nothing of it is verified yet.
    NoRevision,
    NotFound,
    /// A kind that is not served yet.
    Unsupported,
}

/// A wait for health that an interruption does not start anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) revision: String,
    pub(crate) generation: i64,
    pub(crate) since: Instant,
}

/// The source that a Kustomization names.
pub(crate) fn source_of(name: &Named, spec: &KustomizationSpec) -> (SourceKind, Named) {
    let reference = &spec.source_ref;
    let namespace = reference
        .namespace
        .as_deref()
        .filter(|text| !text.is_empty());
    let namespace = namespace.unwrap_or(&name.namespace);
    (reference.kind, Named::new(namespace, &reference.name))
}

impl Pass {
    /// Fails when this node does not lead any more, or everything was halted.
    pub(crate) fn may_write(&self) -> Result<(), StageError> {
        work::may_write(&self.leadership, &self.halted)
    }

    /// What the work on the objects takes.
    pub(crate) fn work(&self) -> Work<'_> {
        let on_error = self.meta.annotation(names::ON_ERROR);
        Work {
            name: &self.name,
            by: Applier::Kustomization,
            client: &self.client,
            leadership: &self.leadership,
            halted: &self.halted,
            ledger: &self.ledger,
            drift: &self.drift,
            corrections: &self.corrections,
            checks: &self.checks,
            ignored: &self.ignored,
            overtaken: &self.overtaken,
            at_interval: self.at_interval,
            replaces: self.spec.force,
            only_content: false,
            goes_on: on_error.is_some_and(|value| value.eq_ignore_ascii_case(names::CONTINUE)),
            mark: self.mark(),
        }
    }

    /// The revision that its objects are marked with, where it asks for that.
    fn mark(&self) -> Option<String> {
        match &self.source {
            SourceState::Ready(offer) if self.meta.marks_revision() => {
                Some(offer.revision().to_owned())
            }
            _ => None,
        }
    }

    /// The write position of the Kustomization.
    pub(crate) fn fence(&self) -> Fence<'_> {
        let leading = (&self.leadership, &self.epoch_floor);
        Fence::new(&self.cluster, leading, &self.resource, &self.meta)
    }

    /// What finding another cluster takes.
    pub(crate) fn seeking(&self) -> Seeking<'_> {
        Seeking {
            namespace: &self.name.namespace,
            cluster: &self.cluster,
            leadership: &self.leadership,
            halted: &self.halted,
            remotes: &self.remotes,
        }
    }

    /// Notes which sources and Kustomizations the verified revision makes; those that it makes otherwise than before
    /// are looked at again.
    pub(crate) fn vouch(&self, made: Made) {
        let Vouching {
            vouchers,
            may,
            events,
        } = &self.vouching;
        let made = if *may { made } else { Made::default() };
        let changed = vouchers.record(&self.name, made);
        if !changed.is_empty() {
            // The receiver is gone only when the agent stops.
            let _ = events.send(Event::Vouched(changed));
        }
    }
}
