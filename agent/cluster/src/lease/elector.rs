//! Runs the election over our own Lease and hands out the proof of leadership.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_object::Object;

use crate::backoff;
use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::{Authority, BootClock, Clock, Leadership};
use crate::lease::election::{Action, Election};
use crate::lease::record::{self, Holding, MANAGER, leases};
use crate::lease::settings::{ElectorSettings, LeaseView, SettingsError};
use crate::write::PatchOptions;

/// Longest time for giving the Lease back at a clean stop: systemd waits, and others take over without it anyway.
const RELEASE: Duration = Duration::from_secs(3);
/// Shortest time for one request of the election.
const SHORTEST: Duration = Duration::from_millis(500);

/// Takes part in the election of one Lease for as long as [`Elector::run`] runs.
pub struct Elector {
    cluster: Cluster,
    settings: ElectorSettings,
    identity: String,
    clock: Arc<dyn Clock>,
    leadership: watch::Sender<Option<Leadership>>,
    view: watch::Sender<LeaseView>,
}

/// What the loop carries from round to round.
struct Round {
    election: Election,
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
        let identity = format!("{}_{:016x}", settings.node, rand::random::<u64>());
        let (leadership, _) = watch::channel(None);
        let (view, _) = watch::channel(LeaseView::default());
        Ok(Self {
            cluster,
            settings,
            identity,
            clock,
            leadership,
            view,
        })
    }

    /// The name this process holds the Lease under.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The proof of leadership while there is one. Each new term of leadership is a new value; renewals are not.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Option<Leadership>> {
        self.leadership.subscribe()
    }

    /// The Lease as last seen: who leads, and what people or the leader wrote on it.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<LeaseView> {
        self.view.subscribe()
    }

    /// Takes part until told to stop, then gives the Lease back if it holds it. Errors never end it.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut round = Round {
            election: Election::new(self.identity.clone(), self.settings.renew_deadline),
            lease: None,
            annotated: BTreeMap::new(),
            reported: None,
        };
        loop {
            // The round is not cut short by the stop: a write in flight would leave it unknown who holds the Lease.
            round = self.attempt(round).await;
            let pause = self.pause(&round);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            if round.election.held(self.clock.now()).is_none() {
                self.end();
            }
        }
        self.release(round).await;
    }

    async fn attempt(&mut self, mut round: Round) -> Round {
        let within = self.time_limit(&round);
        let known = round
            .lease
            .take()
            .filter(|_| round.election.held(self.clock.now()).is_some());
        let lease = match known {
            Some(lease) => Ok(Some(lease)),
            None => {
                record::read(
                    &self.cluster,
                    &self.settings.namespace,
                    &self.settings.name,
                    within,
                )
                .await
            }
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => return self.failed(round, &error),
        };
        self.show(lease.as_ref());
        let (election, action) = round.election.step(
            lease.as_ref().map(record::record),
            first_epoch(),
            self.clock.now(),
        );
        round.election = election;
        let epoch = match action {
            Action::Stand => {
                self.end();
                return round;
            }
            Action::Create { epoch } | Action::Take { epoch } | Action::Renew { epoch } => epoch,
        };
        if !matches!(action, Action::Renew { .. }) {
            self.end();
        }
        self.write(round, lease, epoch, action, within).await
    }

    async fn write(
        &mut self,
        mut round: Round,
        lease: Option<Object>,
        epoch: u64,
        action: Action,
        within: Duration,
    ) -> Round {
        let sent = self.clock.now();
        let wanted = self.settings.annotations.borrow_and_update().clone();
        let holding = Holding {
            holder: &self.identity,
            duration: self.settings.lease_duration,
            transitions: epoch,
            acquired: !matches!(action, Action::Renew { .. }),
        };
        let written = match tokio::time::timeout(
            within,
            self.put(lease, &holding, &wanted, &round.annotated),
        )
        .await
        {
            Ok(written) => written,
            Err(_) => Err(timed_out(&self.settings, within)),
        };
        match written {
            Ok(lease) => {
                let now = self.clock.now();
                round.election = round
                    .election
                    .wrote(epoch, record::record(&lease), sent, now);
                self.show(Some(&lease));
                round.lease = Some(lease);
                round.annotated = wanted;
                round.reported = None;
                self.lead(&round.election, now);
                round
            }
            Err(error) => self.failed(round, &error),
        }
    }

    async fn put(
        &self,
        lease: Option<Object>,
        holding: &Holding<'_>,
        wanted: &BTreeMap<String, String>,
        before: &BTreeMap<String, String>,
    ) -> Result<Object, RequestError> {
        let exists = lease.is_some();
        let mut lease = match lease {
            Some(lease) => lease,
            None => record::blank(&self.settings.namespace, &self.settings.name)?,
        };
        record::hold(&mut lease, holding, Timestamp::now());
        record::annotate(&mut lease, wanted, before);
        // The election itself stands before all authority; its own fence is the Lease's resourceVersion.
        if exists {
            let options = PatchOptions {
                subresource: None,
                manager: MANAGER,
            };
            self.cluster
                .replace(Authority::Person, &leases(), &lease, &options)
                .await
        } else {
            self.cluster
                .create(Authority::Person, &leases(), &lease, MANAGER)
                .await
        }
    }

    /// Publishes leadership: a renewal moves the deadline of the proof that is out already.
    fn lead(&self, election: &Election, now: Duration) {
        let Some(held) = election.held(now) else {
            return self.end();
        };
        self.leadership.send_if_modified(|current| match current {
            Some(leadership) if leadership.epoch() == held.epoch => {
                leadership.extend(held.deadline);
                false
            }
            _ => {
                *current = Some(Leadership::new(
                    held.epoch,
                    held.deadline,
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

    fn failed(&self, mut round: Round, error: &RequestError) -> Round {
        round.lease = None;
        if round.election.held(self.clock.now()).is_none() {
            self.end();
        }
        // A conflict is another writer, and the next round reads what it wrote; the rest is told once per kind.
        if error.class() != ErrorClass::Conflict && round.reported != Some(error.class()) {
            tracing::warn!(error = %error, "the leader election cannot reach its Lease and goes on trying");
            round.reported = Some(error.class());
        }
        round
    }

    fn show(&self, lease: Option<&Object>) {
        let view = lease.map_or_else(LeaseView::default, |lease| {
            let record = record::record(lease);
            LeaseView {
                holder: record.holder,
                transitions: record.transitions,
                annotations: lease.annotations(),
            }
        });
        self.view.send_if_modified(|current| {
            let differs = *current != view;
            *current = view;
            differs
        });
    }

    /// A request of a holder ends early enough for a second attempt before the deadline.
    fn time_limit(&self, round: &Round) -> Duration {
        let half = self.settings.renew_deadline / 2;
        let now = self.clock.now();
        let left = round
            .election
            .held(now)
            .map_or(half, |held| held.deadline.saturating_sub(now));
        half.min(left).max(SHORTEST)
    }

    /// Time to the next attempt; a holder wakes at its deadline at the latest, others spread out.
    fn pause(&self, round: &Round) -> Duration {
        let now = self.clock.now();
        let retry = self.settings.retry_period;
        match round.election.held(now) {
            Some(_) if round.lease.is_none() => SHORTEST.min(retry),
            Some(held) => retry.min(held.deadline.saturating_sub(now)),
            None => retry.mul_f64(1.0 + backoff::random() / 5.0),
        }
    }

    async fn release(&self, round: Round) {
        self.end();
        let held = round.election.held(self.clock.now());
        let (Some(held), Some(lease)) = (held, round.lease) else {
            return;
        };
        let holding = Holding {
            holder: "",
            duration: Duration::from_secs(1),
            transitions: held.epoch,
            acquired: false,
        };
        let none = BTreeMap::new();
        let released =
            tokio::time::timeout(RELEASE, self.put(Some(lease), &holding, &none, &none)).await;
        match released {
            Ok(Ok(lease)) => self.show(Some(&lease)),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the Lease could not be given back; it runs out by itself")
            }
            Err(_) => {
                tracing::warn!("the Lease could not be given back in time; it runs out by itself")
            }
        }
    }
}

impl std::fmt::Debug for Elector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Elector")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// The count of transitions of a Lease that is made: minutes since 1970, so that it is higher than any before, also
/// when a person deleted the Lease and no process remembers it. Fits the API's 32 bits until the year 6053.
fn first_epoch() -> u64 {
    u64::try_from(Timestamp::now().as_second() / 60)
        .unwrap_or_default()
        .min(i32::MAX as u64 / 2)
}

fn timed_out(settings: &ElectorSettings, within: Duration) -> RequestError {
    RequestError::local(
        "replace",
        &format!("Lease/{}/{}", settings.namespace, settings.name),
        ErrorClass::Timeout,
        format!("no answer within {:.1} s", within.as_secs_f64()),
    )
}
