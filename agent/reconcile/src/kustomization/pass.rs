//! What one pass of a Kustomization works with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::kustomization::{KustomizationSpec, KustomizationStatus};
use windlass_api::reasons;
use windlass_cluster::{
    BootClock, Clock, Cluster, EpochFloor, ErrorClass, Leadership, RequestError, Resource,
};
use windlass_object::{Object, ObjectKey};
use windlass_plan::guard::Limits;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::rate::{Limiter, Verdict as Rate};

use super::depends::Dependency;
use super::error::{Class, StageError};
use super::hidden::Hidden;
use super::remote::Remotes;
use crate::drift::DriftWatch;
use crate::event::Event;
use crate::ledger::{Ledger, Verdict};
use crate::left_out::LeftOut;
use crate::named::Named;
use crate::secrets::SecretPolicy;
use crate::seen::Meta;
use crate::source::fetch::Snapshot;
use crate::source::keep::Keep;
use crate::vouch::{Made, Vouchers};
use tokio::sync::mpsc::UnboundedSender;

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
    /// The dependencies form a circle; it is named here.
    pub(crate) cycle: Option<String>,
    pub(crate) left_out: LeftOut,
    /// What the node's config says, to compare with a copy in the repository.
    pub(crate) root_pair: Arc<[Object; 2]>,
    pub(crate) corrections: Corrections,
    /// How much a revision may delete without asking.
    pub(crate) prune_limits: Limits,
    /// Keys of the node, and what it wants of encrypted files.
    pub(crate) secrets: Arc<SecretPolicy>,
    /// What no message may say.
    pub(crate) hidden: Hidden,
    /// How the health of some kinds is told; read from the spec when the pass begins.
    pub(crate) checks: CustomChecks,
    /// Fields that are left to others; read from the spec when the pass begins.
    pub(crate) ignored: IgnoreRules,
    /// Nothing may be written any more, whoever leads.
    pub(crate) halted: Arc<AtomicBool>,
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

/// How often each object was put back lately.
pub(crate) type Corrections = Arc<Mutex<HashMap<ObjectKey, Limiter>>>;

/// Whether a drifted object is put back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Correction {
    Make,
    /// Not now, and this is the first time, so it is worth an event.
    HoldAndTell,
    Hold,
}

/// Says of a kind that is not there what to do about it.
fn why_unknown(object: &Object, error: &RequestError) -> String {
    let kind = object.gvk();
    if error.class() != ErrorClass::UnknownKind {
        return error.to_string();
    }
    if kind.group.ends_with("toolkit.fluxcd.io") {
        return format!(
            "this version of windlass does not serve {} yet; move it out of the path of this Kustomization",
            kind.kind
        );
    }
    format!(
        "{}; is its CustomResourceDefinition installed?",
        error.message
    )
}

/// What is known of the source.
#[derive(Clone, Debug)]
pub(crate) enum SourceState {
    /// A verified revision.
    Ready(Box<Snapshot>),
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

impl Pass {
    /// Fails when this node does not lead any more, or everything was halted.
    pub(crate) fn may_write(&self) -> Result<(), StageError> {
        let not_leading = |message: String| StageError {
            reason: reasons::RECONCILIATION_FAILED,
            message,
            class: Class::NotLeading,
        };
        if self.halted.load(Ordering::SeqCst) {
            return Err(not_leading("everything is paused".to_owned()));
        }
        self.leadership
            .check()
            .map_err(|error| not_leading(error.to_string()))
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

    /// The API resource of an object.
    pub(crate) async fn resolve(&self, object: &Object) -> Result<Resource, StageError> {
        self.client.resolve(&object.gvk()).await.map_err(|error| {
            let mut stage = StageError::request(reasons::RECONCILIATION_FAILED, &error);
            stage.message = format!("{}: {}", object.key(), why_unknown(object, &error));
            stage
        })
    }

    /// Whether a drifted object may be put back now, or has been too often of late.
    pub(crate) fn judge_correction(&self, key: &ObjectKey, verdict: &Verdict) -> Correction {
        if self.at_interval || !matches!(verdict, Verdict::Drifted(_) | Verdict::Vanished) {
            return Correction::Make;
        }
        let now = BootClock.now();
        let mut corrections = self
            .corrections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match corrections.entry(key.clone()).or_default().judge(now) {
            Rate::Correct => Correction::Make,
            Rate::HoldAndTell => Correction::HoldAndTell,
            Rate::Hold => Correction::Hold,
        }
    }
}
