//! The event loop: one task that knows everything, starts passes, and takes their outcomes.

mod assemble;
mod brought;
mod buckets;
mod charts;
mod dependencies;
mod fetched;
mod halt;
mod including;
mod kinds;
mod kustomizations;
mod oci;
mod records;
mod release_needs;
mod releases;
mod reloading;
mod remote_content;
mod repositories;
mod scrape;
mod sources;
mod standing;
mod suspensions;
mod values;
mod vouching;
mod webhooks;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::kustomization::KustomizationSpec;
use windlass_object::Object;

use self::buckets::Buckets;
use self::charts::HelmCharts;
use self::fetched::Fetching;
use self::kustomizations::KustomizationSlot;
use self::oci::OciRepositories;
use self::records::Records;
use self::releases::ReleaseSlot;
use self::repositories::HelmRepositories;
use self::sources::SourceSlot;
pub(crate) use self::standing::Standing;
use self::values::Values;
use self::webhooks::Webhooks;
use crate::context::Context;
use crate::event::Event;
use crate::herald::Heard;
use crate::named::Named;
use crate::node::NodeStatus;
use crate::queue::Queue;
use crate::reload::{Policy, Reloaded};
use crate::source::spec::SourceSpec;
use crate::trust::NodeTrust;
use crate::witness::Witnessed;

/// Fetches at once: each holds one transaction and one connection to windlass-net.
const CONCURRENT_SOURCES: usize = 4;

/// Charts packaged at once, and archives unpacked: each may hold a hundred MiB.
const CONCURRENT_CHARTS: usize = 2;

/// Releases worked on at once: each may wait for minutes, and renders for a moment.
const CONCURRENT_RELEASES: usize = 8;

/// What the agent knows, and what it is doing.
pub(crate) struct Controller {
    context: Arc<Context>,
    root: Root,
    sources: BTreeMap<Named, SourceSlot>,
    repositories: Fetching<HelmRepositories>,
    oci: Fetching<OciRepositories>,
    buckets: Fetching<Buckets>,
    charts: Fetching<HelmCharts>,
    kustomizations: BTreeMap<Named, KustomizationSlot>,
    releases: BTreeMap<Named, ReleaseSlot>,
    source_queue: Queue<Named>,
    kustomization_queue: Queue<Named>,
    release_queue: Queue<Named>,
    standing: Standing,
    values: Values,
    records: Records,
    webhooks: Webhooks,
    status: NodeStatus,
    /// What the config says of the passes.
    policy: Policy,
    trust: Arc<NodeTrust>,
    /// What is wrong with a trust file since it was changed last.
    trust_problem: Option<String>,
    /// What the nodes remember; asked for only when this one lost its ratchets.
    witnessed: Option<Arc<Vec<Witnessed>>>,
    passes: JoinSet<()>,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
}

/// The root pair, which the node's config owns.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) name: Named,
    pub(crate) spec: SourceSpec,
    pub(crate) settings: windlass_host::config::RootSettings,
    /// What the config says of the Kustomization.
    pub(crate) kustomization: Option<KustomizationSpec>,
    /// Both objects as the config makes them.
    pub(crate) pair: Arc<[Object; 2]>,
}

impl Controller {
    pub(crate) fn new(
        context: Arc<Context>,
        Reloaded {
            root,
            trust,
            policy,
        }: Reloaded,
        standing: Standing,
        status: NodeStatus,
        concurrency: usize,
        (sender, events): (UnboundedSender<Event>, UnboundedReceiver<Event>),
    ) -> Self {
        let mut controller = Controller {
            context,
            sources: BTreeMap::from([(root.name.clone(), SourceSlot::default())]),
            repositories: Fetching::new(CONCURRENT_SOURCES),
            oci: Fetching::new(CONCURRENT_CHARTS),
            buckets: Fetching::new(CONCURRENT_CHARTS),
            charts: Fetching::new(CONCURRENT_CHARTS),
            kustomizations: BTreeMap::new(),
            releases: BTreeMap::new(),
            source_queue: Queue::new(CONCURRENT_SOURCES),
            kustomization_queue: Queue::new(concurrency),
            release_queue: Queue::new(CONCURRENT_RELEASES),
            standing,
            values: Values::default(),
            records: Records::default(),
            webhooks: Webhooks::default(),
            status,
            policy,
            trust,
            trust_problem: None,
            witnessed: None,
            passes: JoinSet::new(),
            events,
            sender,
            root,
        };
        // The root is fetched and loaded whether or not there is a cluster to ask.
        controller.source_queue.wake(&controller.root.name.clone());
        controller
    }

    /// Runs until told to stop, then lets the passes that are under way end or drops them.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.start_passes();
            self.show_status();
            self.status.feed_watchdog();
            let due = self.next_due();
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                Some(_) = self.passes.join_next() => {}
                () = tokio::time::sleep_until(due) => {
                    self.standing.tick();
                    self.halt_if_needed();
                }
            }
            self.take_waiting();
        }
        self.status.stopping();
        self.context.stop_watching();
        self.webhooks.stop();
        self.passes.shutdown().await;
    }

    /// Takes what else has arrived, so that a burst of events starts each pass once.
    fn take_waiting(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::GitRepository(event) => self.git_repository_seen(event),
            Event::HelmRepository(event) => self.fetched_seen::<HelmRepositories>(event),
            Event::OciRepository(event) => self.fetched_seen::<OciRepositories>(event),
            Event::Bucket(event) => self.fetched_seen::<Buckets>(event),
            Event::HelmChart(event) => self.fetched_seen::<HelmCharts>(event),
            Event::Kustomization(event) => self.kustomization_seen(event),
            Event::HelmRelease(event) => self.helm_release_seen(event),
            Event::Alert(event) => self.context.herald.hear(Heard::Alert(event)),
            Event::Provider(event) => self.context.herald.hear(Heard::Provider(event)),
            Event::Receiver(event) => self.context.receivers.hear(event),
            Event::Definition(event) => self.definition_seen(&event),
            Event::Namespace(event) => self.api_seen(&event),
            Event::ApiGoing(what) => self.api_is_going(what),
            Event::Pause(event) => self.pause_seen(event),
            Event::Values(kind, event) => self.values_seen(kind, event),
            Event::Peer(event) => self.peer_seen(event),
            Event::Record(event) => self.record_seen(event),
            Event::Drift(owner) => self.wake_kustomization(&owner),
            Event::ReleaseDrift(owner) => self.release_queue.wake(&owner),
            Event::FolderDrift => self.context.folder_drift.notify_one(),
            Event::ManifestsComplain(text) => self.status.manifests_complain(text),
            Event::Waits(name) => self.kustomization_queue.park(&name),
            Event::Trust(read) => self.trust_changed(read),
            Event::Reloaded(new) => self.reloaded(*new),
            Event::WebhookMoved { asked, news } => self.webhook_moved(&asked, news),
            // Whoever asked may have left.
            Event::Scrape(to) => drop(to.send(self.scraped())),
            Event::Vouched(names) => self.sources_vouched_for(&names),
            Event::OwnWordRead { is_behind } => self.own_word_read(is_behind),
            Event::Witnessed(witnessed) => self.witnessed(witnessed),
            Event::Leadership(leadership) => self.leadership_changed(leadership),
            Event::Flux(standing) => self.flux_standing_changed(standing),
            Event::Established(result) => self.established(result),
            Event::SourceFound { name, snapshot } => self.source_found(&name, *snapshot),
            Event::Delivered { name, delivery } => self.delivered(&name, *delivery),
            Event::SourceFinished { name, outcome } => self.source_finished(&name, *outcome),
            Event::RepositoryFinished { name, outcome } => {
                self.fetched_finished::<HelmRepositories>(&name, *outcome);
            }
            Event::OciFinished { name, outcome } => {
                self.fetched_finished::<OciRepositories>(&name, *outcome);
            }
            Event::BucketFinished { name, outcome } => {
                self.fetched_finished::<Buckets>(&name, *outcome);
            }
            Event::ChartFinished { name, outcome } => {
                self.fetched_finished::<HelmCharts>(&name, *outcome);
            }
            Event::KustomizationFinished { name, outcome } => {
                self.kustomization_finished(&name, outcome);
            }
            Event::ReleaseFinished { name, outcome } => self.release_finished(&name, *outcome),
            Event::SourceBroke { name } => self.source_broke(&name),
            Event::RepositoryBroke { name } => self.fetched_broke::<HelmRepositories>(&name),
            Event::OciBroke { name } => self.fetched_broke::<OciRepositories>(&name),
            Event::BucketBroke { name } => self.fetched_broke::<Buckets>(&name),
            Event::ChartBroke { name } => self.fetched_broke::<HelmCharts>(&name),
            Event::KustomizationBroke { name } => self.kustomization_broke(&name),
            Event::ReleaseBroke { name } => self.release_broke(&name),
        }
    }

    fn start_passes(&mut self) {
        let now = Instant::now();
        while let Some(name) = self.source_queue.start(now) {
            self.start_source(name);
        }
        while let Some(name) = self.repositories.queue.start(now) {
            self.start_repository(name);
        }
        while let Some(name) = self.oci.queue.start(now) {
            self.start_oci(name);
        }
        while let Some(name) = self.buckets.queue.start(now) {
            self.start_bucket(name);
        }
        while let Some(name) = self.charts.queue.start(now) {
            self.start_chart(name);
        }
        if !self.may_reconcile() {
            return;
        }
        while let Some(name) = self.kustomization_queue.start(now) {
            self.start_kustomization(name);
        }
        while let Some(name) = self.release_queue.start(now) {
            self.start_release(name);
        }
    }

    fn next_due(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let reconciles = self.may_reconcile();
        let kustomizations = self.kustomization_queue.next_due();
        let releases = self.release_queue.next_due();
        [
            self.source_queue.next_due(),
            self.repositories.queue.next_due(),
            self.oci.queue.next_due(),
            self.buckets.queue.next_due(),
            self.charts.queue.next_due(),
            kustomizations.filter(|_| reconciles),
            releases.filter(|_| reconciles),
            self.standing.next_tick(),
            self.status.next_feed(),
        ]
        .into_iter()
        .flatten()
        .fold(far, Instant::min)
    }
}

/// Nothing is looked at more often than this, whatever an object asks for.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Spreads what is due at the same interval: up to 5 % earlier or later, as Flux does (--interval-jitter-percentage).
fn with_jitter(interval: Duration) -> Duration {
    interval
        .max(SHORTEST_INTERVAL)
        .mul_f64(rand::random_range(0.95..1.05))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_spread_by_a_twentieth_to_both_sides() {
        let minutes = Duration::from_secs(600);
        let spread: Vec<Duration> = (0..2000).map(|_| with_jitter(minutes)).collect();
        let (least, most) = (spread.iter().min().unwrap(), spread.iter().max().unwrap());
        assert!(*least >= minutes.mul_f64(0.95) && *most <= minutes.mul_f64(1.05));
        assert!(*least < minutes.mul_f64(0.96) && *most > minutes.mul_f64(1.04));
        assert!(with_jitter(Duration::ZERO) >= SHORTEST_INTERVAL.mul_f64(0.95));
    }
}
