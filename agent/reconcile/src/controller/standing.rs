//! Whether this node may act at all: leadership, Flux's Leases, pause, uninstall.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use windlass_api::pause::Pause;
use windlass_api::time::Time;
use windlass_cluster::{Cluster, EpochFloor, ErrorClass, FluxStanding, Leadership, RequestError};
use windlass_host::config::{Role, Settings};

use super::Controller;
use crate::establish::establish;
use crate::event::Event;
use crate::flux_pods;

/// How soon a failed preparation of the cluster is tried again.
const ESTABLISH_AGAIN: Duration = Duration::from_secs(5);

/// What decides whether this node may write.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) leadership: Option<Leadership>,
    pub(crate) epoch_floor: EpochFloor,
    pub(crate) flux: FluxStanding,
    /// Whether this node may lead at all.
    pub(crate) role: Role,
    /// Whether this node only looks at what it would do.
    pub(crate) observes: bool,
    /// Whether Flux's Leases count.
    pub(crate) flux_leases: bool,
    pub(super) established: Established,
    /// The preparation under way is to be followed by another.
    establish_again: bool,
    /// Definitions and namespace that were seen and are not being deleted.
    pub(super) alive: BTreeSet<String>,
    pub(crate) sources_listed: bool,
    pub(crate) sources_listing: bool,
    pub(super) repositories_listed: bool,
    pub(super) buckets_listed: bool,
    pub(crate) kustomizations_listed: bool,
    pub(crate) kustomizations_listing: bool,
    pub(super) own_word_read: bool,
    pub(crate) pause: Option<Pause>,
    /// Whether the cluster was asked for a pause at all.
    pub(super) pause_known: bool,
    pub(super) pause_found: bool,
    pub(crate) uninstall: Option<String>,
    /// Where it is remembered that Flux's API was removed on purpose.
    pub(super) uninstall_mark: PathBuf,
    /// What the status line says of the API server when not all is well with it.
    pub(crate) api_error: Option<&'static str>,
    /// When a definition came or changed last.
    pub(super) definitions_moved: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Established {
    Done,
    UnderWay,
    Due(Instant),
}

/// Our kinds, where they are treated alike.
#[derive(Clone, Copy, Debug)]
pub(super) enum OwnKind {
    GitRepository,
    Kustomization,
    HelmRelease,
}

impl Standing {
    pub(crate) fn new(
        settings: &Settings,
        epoch_floor: EpochFloor,
        uninstall_mark: PathBuf,
    ) -> Self {
        let uninstall = std::fs::read_to_string(&uninstall_mark).ok();
        Standing {
            leadership: None,
            epoch_floor,
            flux: FluxStanding::Unknown,
            flux_leases: settings.leadership.flux_leases,
            role: settings.node.role,
            observes: settings.node.observes(),
            established: Established::Due(Instant::now()),
            establish_again: false,
            alive: BTreeSet::new(),
            sources_listed: false,
            sources_listing: false,
            repositories_listed: false,
            buckets_listed: false,
            kustomizations_listed: false,
            kustomizations_listing: false,
            own_word_read: false,
            pause: None,
            pause_known: false,
            pause_found: false,
            uninstall,
            uninstall_mark,
            api_error: None,
            definitions_moved: None,
        }
    }

    /// Takes that the API server answered, or why it did not.
    pub(crate) fn api_answered(&mut self, answer: Result<(), &RequestError>) {
        self.api_error = answer.err().and_then(|error| match error.class() {
            // Flux's definitions are not there yet: an answer like another.
            ErrorClass::UnknownKind => None,
            ErrorClass::Forbidden | ErrorClass::Unauthorized => {
                Some("API server refuses this node")
            }
            _ => Some("API server does not answer"),
        });
    }

    /// Lets go of what has ended by itself.
    pub(crate) fn tick(&mut self) {
        if self
            .pause
            .as_ref()
            .is_some_and(|pause| !pause.holds_at(now()))
        {
            tracing::info!("the pause has ended");
            self.pause = None;
        }
    }

    /// When the standing changes by itself.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let pause = self
            .pause
            .as_ref()
            .and_then(|pause| pause.until)
            .map(|until| {
                let left = until.timestamp().duration_since(Timestamp::now());
                Instant::now() + Duration::try_from(left).unwrap_or(Duration::ZERO)
            });
        let due = match self.established {
            Established::Due(at) if self.may_write() => Some(at),
            _ => None,
        };
        [pause, due].into_iter().flatten().min()
    }

    /// Whether this node may write anything to the cluster now.
    fn may_write(&self) -> bool {
        self.leads() && self.pause_known && !self.is_halted()
    }

    pub(super) fn is_halted(&self) -> bool {
        self.pause.is_some() || self.uninstall.is_some() || !self.flux_stands_by()
    }

    /// Whether a node may say what it accepted, whoever leads.
    pub(super) fn may_tell(&self) -> bool {
        self.pause_known && self.pause.is_none() && self.uninstall.is_none()
    }

    fn flux_stands_by(&self) -> bool {
        !self.flux_leases || self.flux == FluxStanding::Held
    }

    pub(super) fn leads(&self) -> bool {
        self.leadership
            .as_ref()
            .is_some_and(|leadership| leadership.check().is_ok())
    }
}

/// Fails with the names of Flux's pods that would work beside this node.
async fn nothing_of_flux_runs(cluster: &Cluster) -> Result<(), String> {
    let pods = flux_pods::unheld(cluster)
        .await
        .map_err(|error| error.to_string())?;
    if pods.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Flux runs without leader election or with shards, so nothing keeps two from working at once: \
         scale down {}",
        pods.join(", ")
    ))
}

impl Controller {
    /// Whether this node may write anything to the cluster now.
    pub(super) fn may_write(&self) -> bool {
        self.standing.may_write()
    }

    /// Whether Kustomizations may be worked on now.
    pub(super) fn may_reconcile(&self) -> bool {
        let standing = &self.standing;
        let led = || {
            self.may_write() && standing.own_word_read && standing.established == Established::Done
        };
        (standing.observes || led()) && standing.sources_listed && standing.kustomizations_listed
    }

    /// Under which term a pass works; an observer's allows no write.
    pub(super) fn term(&self) -> Option<Leadership> {
        match self.standing.observes {
            true => Some(Leadership::of_an_observer()),
            false => self.standing.leadership.clone(),
        }
    }

    pub(super) fn leadership_changed(&mut self, leadership: Option<Leadership>) {
        match &leadership {
            Some(leadership) => tracing::info!(epoch = leadership.epoch(), "this node leads"),
            None if self.standing.leadership.is_some() => tracing::info!("this node stands by"),
            None => {}
        }
        self.standing.leadership = leadership;
        self.forget_the_cluster();
        self.prepare();
        self.finish_uninstall();
    }

    pub(super) fn flux_standing_changed(&mut self, standing: FluxStanding) {
        if let FluxStanding::HeldBy { lease, holder } = &standing {
            tracing::warn!(
                lease,
                holder,
                "Flux is running and leads; this node stands by"
            );
        }
        if self.standing.flux == FluxStanding::Held && standing != FluxStanding::Held {
            self.forget_the_cluster();
        }
        self.standing.flux = standing;
        self.halt_if_needed();
        self.prepare();
    }

    /// What another leader does is not known: nothing of the old term is believed.
    fn forget_the_cluster(&mut self) {
        self.context.stop_watching();
        self.webhooks.stop();
        self.context.ledger.clear();
        self.context.release_ledger.clear();
        self.unsettle_all_releases();
        self.standing.established = Established::Due(Instant::now());
    }

    /// Prepares the cluster if that is due; reconciling begins when it is done.
    pub(super) fn prepare(&mut self) {
        let due = matches!(self.standing.established, Established::Due(at) if at <= Instant::now());
        let Some(leadership) = self
            .standing
            .leadership
            .clone()
            .filter(|_| due && self.may_write())
        else {
            return;
        };
        self.standing.established = Established::UnderWay;
        let (context, settings) = (Arc::clone(&self.context), self.root.settings.clone());
        let leases_count = self.standing.flux_leases;
        let work = async move {
            if leases_count {
                nothing_of_flux_runs(&context.cluster).await?;
            }
            establish(&context, &leadership, &settings)
                .await
                .map_err(|error| error.to_string())
        };
        let broke = Event::Established(Err("the preparation broke off".to_owned()));
        self.spawn(work, Event::Established, broke);
    }

    pub(super) fn establish_again(&mut self) {
        match self.standing.established {
            Established::Done => {
                self.standing.established = Established::Due(Instant::now());
                self.prepare();
            }
            Established::UnderWay => self.standing.establish_again = true,
            Established::Due(_) => {}
        }
    }

    pub(super) fn established(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) if std::mem::take(&mut self.standing.establish_again) => {
                self.standing.established = Established::Due(Instant::now());
                self.prepare();
            }
            Ok(()) => {
                self.standing.established = Established::Done;
                self.wake_all_sources();
                self.charts.wake(&self.charts.names());
                self.wake_all_kustomizations();
                self.wake_all_releases();
            }
            Err(error) => {
                tracing::warn!(error, "the cluster could not be prepared; trying again");
                self.standing.established = Established::Due(Instant::now() + ESTABLISH_AGAIN);
            }
        }
    }

    /// Starts work that ends in an event, also when it panics.
    pub(super) fn spawn<Output: Send + 'static>(
        &mut self,
        work: impl Future<Output = Output> + Send + 'static,
        finished: impl FnOnce(Output) -> Event + Send + 'static,
        broke: Event,
    ) {
        let sender = self.sender.clone();
        let (durations, began) = (Arc::clone(&self.context.durations), Instant::now());
        let task = tokio::spawn(work);
        let cancel = AbortOnDrop(task.abort_handle());
        self.passes.spawn(async move {
            let _cancel = cancel;
            let done = task.await;
            if let Some((kind, name)) = broke.pass() {
                durations.note(kind, name, began.elapsed());
            }
            let event = match done {
                Ok(output) => finished(output),
                Err(_) => broke,
            };
            // The receiver is gone only when the agent stops.
            let _ = sender.send(event);
        });
    }

    pub(super) fn show_status(&mut self) {
        if matches!(self.standing.established, Established::Due(at) if at <= Instant::now()) {
            self.prepare();
        }
        self.show_writer();
        self.status.metrics_at = *self.context.metrics_at.borrow();
        self.status.peer = self.context.lan.word();
        let observes = self.standing.observes;
        self.status.observed = observes.then(|| self.context.observations.summary());
        let root = self.sources.get(&self.root.name);
        let revision = root
            .and_then(|slot| slot.snapshot.as_ref())
            .map(|s| s.revision.clone());
        let readiness = self.readiness();
        let roots = &self.trust.digest;
        self.status
            .show(&self.standing, revision.as_deref(), readiness, roots);
        // Only now does the node's own word tell of it.
        self.context
            .root_asked
            .send_replace(self.status.was_asked());
    }
}

pub(super) fn now() -> Time {
    Timestamp::now().into()
}

/// Stops a task together with whoever waits for it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
