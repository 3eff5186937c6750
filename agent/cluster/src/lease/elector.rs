//! Runs the election over our own Lease and hands out the proof of leadership.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_object::Object;
use windlass_plan::lease::{self, Action, Record, Seen, State};

use crate::backoff;
use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::{Authority, BootClock, Clock, Leadership};
use crate::lease::record::{Annotations, Leases, seen};
use crate::lease::settings::{ElectorSettings, EpochFloor, LeaseView, SettingsError};

/// Longest time for giving the Lease back at a clean stop: systemd waits, and others take over
/// without it anyway.
const RELEASE: Duration = Duration::from_secs(3);
/// Shortest time for one request of the election, and the pause after one that failed for a leader.
const SHORTEST: Duration = Duration::from_millis(500);

/// Takes part in the election of one Lease for as long as [`Elector::run`] runs.
pub struct Elector {
    leases: Leases,
    settings: ElectorSettings,
    rules: lease::Settings,
    clock: Arc<dyn Clock>,
    floor: EpochFloor,
    leadership: watch::Sender<Option<Leadership>>,
    view: watch::Sender<LeaseView>,
}

/// What the loop carries from round to round.
#[derive(Default)]
struct Round {
    state: State,
    /// The Lease as this process last wrote it: a holder renews without reading first.
    lease: Option<Object>,
    annotated: BTreeMap<String, String>,
    reported: Option<ErrorClass>,
}

// === impl Elector ===

impl Elector {
    /// Takes the cluster and the settings and gives an elector that does nothing until it is run.
    ///
    /// # Errors
    /// Times with which two could lead at once.
    pub fn new(cluster: Cluster, settings: ElectorSettings) -> Result<Self, SettingsError> {
        Self::with_clock(cluster, settings, Arc::new(BootClock))
    }

    /// Like [`Elector::new`] with a clock given by the caller.
    ///
    /// # Errors
    /// As [`Elector::new`].
    pub fn with_clock(
        cluster: Cluster,
        settings: ElectorSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let rules = lease::Settings {
            identity: format!("{}_{:016x}", settings.node, rand::random::<u64>()),
            lease_duration: settings.lease_duration,
            renew_deadline: settings.renew_deadline,
            retry_period: settings.retry_period,
        };
        let leases = Leases {
            cluster,
            namespace: settings.namespace.clone(),
        };
        let (leadership, _) = watch::channel(None);
        let (view, _) = watch::channel(LeaseView::default());
        Ok(Self {
            leases,
            settings,
            rules,
            clock,
            floor: EpochFloor::default(),
            leadership,
            view,
        })
    }

    /// The name this process holds the Lease under.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.rules.identity
    }

    /// Where to tell of a higher epoch that was found on an object.
    #[must_use]
    pub fn epoch_floor(&self) -> EpochFloor {
        self.floor.clone()
    }

    /// The proof of leadership while there is one. Each new term of leadership is a new value;
    /// renewals are not.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Option<Leadership>> {
        self.leadership.subscribe()
    }

    /// The Lease as last seen: who leads, and what people or the leader wrote on it.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<LeaseView> {
        self.view.subscribe()
    }

    /// Takes part until told to stop, then gives the Lease back if it holds it. Errors never end
    /// it.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut round = Round::default();
        loop {
            // A round is not cut short by the stop: a write in flight would leave it unknown who
            // holds the Lease.
            let next = self.attempt(&mut round).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.pause(&round, next)) => {}
            }
            if round.state.leading(self.clock.now()).is_none() {
                self.end();
            }
        }
        self.release(round).await;
    }

    /// One round: look, decide, write. Gives when to take the next.
    async fn attempt(&mut self, round: &mut Round) -> Duration {
        round.state.raise_floor(self.floor.get());
        let within = self.time_limit(round);
        let leads = round.state.leading(self.clock.now()).is_some();
        let lease = match round.lease.take().filter(|_| leads) {
            Some(lease) => Some(lease),
            None => match self.leases.read(&self.settings.name, within).await {
                Ok(lease) => lease,
                Err(error) => {
                    let clock = self.clocks();
                    let step = lease::step(&mut round.state, &self.rules, &Seen::Unreadable, clock);
                    self.failed(round, &error);
                    return step.next;
                }
            },
        };
        self.show(lease.as_ref());
        if lease.is_none() {
            round.state.raise_floor(first_epoch());
        }
        let step = lease::step(
            &mut round.state,
            &self.rules,
            &seen(lease.as_ref()),
            self.clocks(),
        );
        if round.state.leading(self.clock.now()).is_none() {
            self.end();
        }
        match step.action {
            Action::Wait => {}
            Action::Create(record) => self.write(round, None, &record, within).await,
            Action::Update(record) => self.write(round, lease, &record, within).await,
        }
        step.next
    }

    async fn write(
        &mut self,
        round: &mut Round,
        lease: Option<Object>,
        record: &Record,
        within: Duration,
    ) {
        let wanted = self.settings.annotations.borrow_and_update().clone();
        let annotations = Annotations {
            wanted: &wanted,
            before: &round.annotated,
        };
        let sent = self.clock.now();
        // The election itself stands before all authority; its fence is the Lease's
        // resourceVersion.
        let name = &self.settings.name;
        let written = self
            .leases
            .write(Authority::Person, name, lease, record, annotations, within)
            .await;
        match written {
            Ok(lease) => {
                round
                    .state
                    .written(&self.rules, &Record::from_lease(lease.as_value()), sent);
                self.show(Some(&lease));
                round.lease = Some(lease);
                round.annotated = wanted;
                round.reported = None;
                self.lead(&round.state);
            }
            Err(error) => self.failed(round, &error),
        }
    }

    /// Publishes leadership: a renewal moves the deadline of the proof that is out already.
    fn lead(&self, state: &State) {
        let Some(leading) = state.leading(self.clock.now()) else {
            return self.end();
        };
        let epoch = u64::try_from(leading.epoch).unwrap_or_default();
        self.leadership.send_if_modified(|current| match current {
            Some(leadership) if leadership.epoch() == epoch => {
                leadership.extend(leading.until);
                false
            }
            _ => {
                *current = Some(Leadership::new(
                    epoch,
                    leading.until,
                    Arc::clone(&self.clock),
                ));
                true
            }
        });
    }

    /// Ends the proof that is out: all its clones are void from here on.
    fn end(&self) {
        self.leadership
            .send_if_modified(|current| match current.take() {
                Some(leadership) => {
                    leadership.end();
                    true
                }
                None => false,
            });
    }

    fn failed(&self, round: &mut Round, error: &RequestError) {
        round.lease = None;
        if round.state.leading(self.clock.now()).is_none() {
            self.end();
        }
        // A conflict is another writer, and the next round reads what it wrote; the rest is told
        // once per kind.
        if error.class() != ErrorClass::Conflict && round.reported != Some(error.class()) {
            tracing::warn!(error = %error, "the leader election cannot reach its Lease and goes on trying");
            round.reported = Some(error.class());
        }
    }

    fn show(&self, lease: Option<&Object>) {
        let view = lease.map_or_else(LeaseView::default, |lease| {
            let record = Record::from_lease(lease.as_value());
            LeaseView {
                holder: record.holder,
                transitions: u64::try_from(record.transitions).unwrap_or_default(),
                annotations: lease.annotations(),
            }
        });
        self.view.send_if_modified(|current| {
            let differs = *current != view;
            *current = view;
            differs
        });
    }

    fn clocks(&self) -> lease::Clock {
        lease::Clock {
            boot: self.clock.now(),
            wall: Timestamp::now(),
        }
    }

    /// A request of a holder ends early enough for a second attempt before the deadline.
    fn time_limit(&self, round: &Round) -> Duration {
        let half = self.settings.renew_deadline / 2;
        let now = self.clock.now();
        let left = round
            .state
            .leading(now)
            .map_or(half, |leading| leading.until.saturating_sub(now));
        half.min(left).max(SHORTEST)
    }

    /// Time to the next attempt: a leader whose write failed tries again soon and wakes at its
    /// deadline at the latest; those that wait spread out.
    fn pause(&self, round: &Round, next: Duration) -> Duration {
        let now = self.clock.now();
        match round.state.leading(now) {
            Some(_) if round.lease.is_none() => SHORTEST.min(next),
            Some(leading) => next.min(leading.until.saturating_sub(now)),
            None => next.mul_f64(1.0 + backoff::random() / 5.0),
        }
    }

    async fn release(&self, round: Round) {
        let record = round.state.release(self.clocks());
        self.end();
        let (Some(record), Some(lease)) = (record, round.lease) else {
            return;
        };
        let (name, untouched) = (&self.settings.name, Annotations::untouched());
        let released = self
            .leases
            .write(
                Authority::Person,
                name,
                Some(lease),
                &record,
                untouched,
                RELEASE,
            )
            .await;
        match released {
            Ok(lease) => self.show(Some(&lease)),
            Err(error) => {
                tracing::warn!(error = %error, "the Lease could not be given back; it runs out by itself")
            }
        }
    }
}

impl std::fmt::Debug for Elector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Elector")
            .field("identity", &self.identity())
            .finish_non_exhaustive()
    }
}

/// What the count of transitions of a Lease that is made must exceed: minutes since 1970, so that
/// it is higher than any before, also when a person deleted the Lease and no process remembers it.
/// Fits the API's 32 bits until the year 4010.
fn first_epoch() -> i64 {
    (Timestamp::now().as_second() / 60).clamp(0, i64::from(i32::MAX / 2))
}
