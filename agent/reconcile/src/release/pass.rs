//! What one pass of a HelmRelease works with.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;
use windlass_api::helm_release::{HelmReleaseSpec, HelmReleaseStatus};
use windlass_api::names;
use windlass_cluster::{Cluster, EpochFloor, Leadership, Resource};
use windlass_helm::{ApplyMethod, Record};
use windlass_plan::applier::Applier;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_release::Owner;

use super::act;
use super::settled::Settled;
use super::switches::Writes;
use crate::archive::ArchiveSnapshot;
use crate::chart::ChartSnapshot;
use crate::drift::DriftWatch;
use crate::herald::Herald;
use crate::kustomization::pass::Refusal;
use crate::ledger::Ledger;
use crate::named::Named;
use crate::seen::{Meta, SeenHelmChart};
use crate::source::keep::Keep;
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
    pub(crate) spec: HelmReleaseSpec,
    pub(crate) status: HelmReleaseStatus,
    /// The agent's own client: status, finalizer, epoch, the HelmChart.
    pub(crate) cluster: Cluster,
    /// The client for the release: impersonated where the spec says so, of another cluster where it names one.
    pub(crate) client: Cluster,
    /// The same cluster, asked as the agent itself.
    pub(crate) target: Cluster,
    pub(crate) remotes: Arc<Remotes>,
    pub(crate) herald: Herald,
    /// The HelmRelease kind itself.
    pub(crate) resource: Resource,
    /// The HelmChart kind.
    pub(crate) charts: Resource,
    pub(crate) leadership: Leadership,
    pub(crate) epoch_floor: EpochFloor,
    pub(crate) ledger: Ledger,
    pub(crate) drift: DriftWatch,
    pub(crate) keep: Arc<Keep>,
    pub(crate) chart: ChartState,
    /// The HelmChart that is made for the release, as it is now.
    pub(crate) made: Option<SeenHelmChart>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The HelmRelease is not worked on; this is why.
    pub(crate) refusal: Option<Refusal>,
    /// Why no waiting for the dependencies helps.
    pub(crate) unmet: Option<String>,
    pub(crate) corrections: Corrections,
    /// What no message may say.
    pub(crate) hidden: Hidden,
    /// How the health of some kinds is told; read from the spec when the pass begins.
    pub(crate) checks: CustomChecks,
    /// Fields that are left to others when drift is looked for; read from the spec when the pass begins.
    pub(crate) ignored: IgnoreRules,
    /// None: a revision that is made is applied whole.
    pub(crate) whole: IgnoreRules,
    /// Nothing may be written any more, whoever leads.
    pub(crate) halted: Arc<AtomicBool>,
    /// Cancelled when everything is halted.
    pub(crate) overtaken: CancellationToken,
    /// Whether the pass is the regular one, in which rate-limited corrections are made up for.
    pub(crate) at_interval: bool,
    /// What an earlier pass found in sync.
    pub(crate) settled: Option<Arc<Settled>>,
}

/// What is known of the chart.
#[derive(Clone, Debug)]
pub(crate) enum ChartState {
    /// This one is to be released.
    Ready(Box<ReleaseChart>),
    /// There is none yet, and why.
    NotReady(String),
    /// The object that offers it is not there.
    NotFound(String),
    /// A kind that is not served yet.
    Unsupported(&'static str),
}

/// A chart as a release takes it.
#[derive(Clone, Debug)]
pub(crate) enum ReleaseChart {
    /// Of a HelmChart.
    Packaged(ChartSnapshot),
    /// In an artifact of a registry.
    Archived(ArchiveSnapshot),
}

// === impl Pass ===

impl Pass {
    pub(super) fn may_write(&self) -> Result<(), StageError> {
        work::may_write(&self.leadership, &self.halted)
    }

    /// What looking for drift takes, and undoing it, in the objects of a stored revision.
    pub(super) fn drift_work(&self, record: &Record) -> Work<'_> {
        Work {
            by: applier(record.apply_method.unwrap_or(ApplyMethod::Client)),
            mark: self.mark(&act::chart_of(record)),
            ignored: &self.ignored,
            only_content: true,
            ..self.work()
        }
    }

    /// What writing the objects of a revision takes, which is of the chart `<name>@<version>`.
    pub(super) fn writing(&self, writes: Writes, chart: &str) -> Work<'_> {
        Work {
            by: applier(writes.method),
            replaces: writes.replaces,
            mark: self.mark(chart),
            ..self.work()
        }
    }

    /// What the work on the objects takes.
    pub(super) fn work(&self) -> Work<'_> {
        Work {
            name: &self.name,
            by: Applier::HelmRelease,
            client: &self.client,
            leadership: &self.leadership,
            halted: &self.halted,
            ledger: &self.ledger,
            drift: &self.drift,
            corrections: &self.corrections,
            checks: &self.checks,
            ignored: &self.whole,
            overtaken: &self.overtaken,
            at_interval: self.at_interval,
            replaces: false,
            only_content: false,
            goes_on: false,
            mark: None,
        }
    }

    /// What the objects that are made of a chart are marked with, where that is asked for.
    pub(super) fn mark(&self, chart: &str) -> Option<String> {
        self.meta.marks_revision().then(|| chart.to_owned())
    }

    /// The write position of the HelmRelease.
    pub(super) fn fence(&self) -> Fence<'_> {
        let leading = (&self.leadership, &self.epoch_floor);
        Fence::new(&self.cluster, leading, &self.resource, &self.meta)
    }

    /// What finding another cluster takes.
    pub(super) fn seeking(&self) -> Seeking<'_> {
        Seeking {
            namespace: &self.name.namespace,
            cluster: &self.cluster,
            leadership: &self.leadership,
            halted: &self.halted,
            remotes: &self.remotes,
        }
    }

    /// The HelmRelease, for what is worked out of it.
    pub(super) fn owner(&self) -> Owner<'_> {
        Owner {
            namespace: &self.name.namespace,
            name: &self.name.name,
            spec: &self.spec,
        }
    }

    /// The release's name, as long as Helm takes it.
    pub(super) fn release_name(&self) -> String {
        self.owner().release_name()
    }

    pub(super) fn release_namespace(&self) -> &str {
        self.owner().release_namespace()
    }

    pub(super) fn storage_namespace(&self) -> &str {
        self.owner().storage_namespace()
    }

    /// Whether a person asked for an action whatever the state, and it was not seen yet.
    pub(super) fn is_forced(&self, status: &HelmReleaseStatus) -> bool {
        let asked = self.asked_with(names::FORCE_AT);
        asked.is_some() && asked != status.last_handled_force_at.as_deref()
    }

    /// Whether a person asked for the failures to be forgotten, and it was not seen yet.
    pub(super) fn is_reset(&self, status: &HelmReleaseStatus) -> bool {
        let asked = self.asked_with(names::RESET_AT);
        asked.is_some() && asked != status.last_handled_reset_at.as_deref()
    }

    /// An annotation that counts only together with the one that asks for a pass.
    pub(super) fn asked_with(&self, annotation: &str) -> Option<&str> {
        let requested = self.meta.annotation(names::REQUESTED_AT);
        let asked = self.meta.annotation(annotation);
        asked.filter(|_| asked == requested)
    }
}

fn applier(method: ApplyMethod) -> Applier {
    match method {
        ApplyMethod::Server => Applier::HelmRelease,
        ApplyMethod::Client => Applier::ClientSideRelease,
    }
}
