//! Holds the Leases of Flux's own controllers, so that they stand by while windlass does their
//! work.
//!
//! Flux's controllers elect by Leases `<controller>-leader-election` in their namespace (fluxcd/pkg
//! runtime/leaderelection, each controller's main.go); their pods wait for as long as somebody
//! renews these.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_object::Object;
use windlass_plan::flux_lease::{self, Step, Write};
use windlass_plan::lease::{self, Seen};

use crate::backoff;
use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};
use crate::leadership::{Authority, BootClock, Clock, Leadership};
use crate::lease::record::{Annotations, Leases, seen};

/// Longest time for one request on one of them.
const REQUEST: Duration = Duration::from_secs(5);
/// Time between attempts while they cannot be read or written.
const RETRY: Duration = Duration::from_secs(5);

/// Where windlass stands with Flux's Leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FluxStanding {
    /// Not known yet, or not leading.
    #[default]
    Unknown,
    /// All of them are held for windlass: no Flux controller acts.
    Held,
    /// Flux holds one: windlass must not act.
    HeldBy {
        /// The Lease.
        lease: String,
        /// Its holder.
        holder: String,
    },
}

/// The Leases of those Flux controllers whose work windlass does.
pub struct FluxLeases {
    leases: Leases,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    state: flux_lease::State,
    standing: watch::Sender<FluxStanding>,
}

type Found = BTreeMap<String, Option<Object>>;

// === impl FluxLeases ===

impl FluxLeases {
    /// Takes the namespace of Flux's pods and the names of the Leases to hold together.
    #[must_use]
    pub fn new(cluster: Cluster, namespace: &str, names: Vec<String>) -> Self {
        Self::with_clock(cluster, namespace, names, Arc::new(BootClock))
    }

    /// Like [`FluxLeases::new`] with a clock given by the caller.
    #[must_use]
    pub fn with_clock(
        cluster: Cluster,
        namespace: &str,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let leases = Leases {
            cluster,
            namespace: namespace.to_owned(),
        };
        let (standing, _) = watch::channel(FluxStanding::Unknown);
        Self {
            leases,
            names,
            clock,
            state: flux_lease::State::default(),
            standing,
        }
    }

    /// Where windlass stands, as [`FluxLeases::run`] finds it.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<FluxStanding> {
        self.standing.subscribe()
    }

    /// Holds them while this node leads, until told to stop; a stop or a lost leadership releases
    /// nothing, since the next node goes on with them.
    pub async fn run(
        mut self,
        mut leadership: watch::Receiver<Option<Leadership>>,
        stop: CancellationToken,
    ) {
        let mut reported = None;
        loop {
            let leader = leadership.borrow_and_update().clone();
            let pause = match leader {
                None => {
                    self.publish(FluxStanding::Unknown);
                    None
                }
                Some(leader) => Some(self.round(&leader, &mut reported).await),
            };
            let waited = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = waited => {}
                changed = leadership.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Takes or renews all of them, or none: while Flux holds one, those that windlass holds are
    /// given back. Gives where windlass stands and when to ask again; [`FluxLeases::run`] does so
    /// by itself.
    ///
    /// # Errors
    /// A Lease that cannot be read or written; class `NotFound` when the namespace is not there.
    pub async fn hold(
        &mut self,
        leader: &Leadership,
    ) -> Result<(FluxStanding, Duration), RequestError> {
        let found = self.read().await?;
        match self.step(&found) {
            Step::Held { next } => Ok((FluxStanding::Held, next)),
            Step::Blocked {
                name,
                holder,
                release,
                next,
            } => {
                self.write(Authority::Leader(leader), found, release)
                    .await?;
                Ok((
                    FluxStanding::HeldBy {
                        lease: name,
                        holder,
                    },
                    next,
                ))
            }
            Step::Take { writes } => {
                self.write(Authority::Leader(leader), found, writes).await?;
                Ok((FluxStanding::Held, flux_lease::RENEW_PERIOD))
            }
            // Only a Lease that could not be read comes to this, and that was an error above.
            Step::Unknown { next, .. } => Ok((FluxStanding::Unknown, next)),
        }
    }

    /// Gives back all that windlass holds, so that Flux's controllers begin within seconds: for
    /// uninstalling windlass and for moving back to Flux only.
    ///
    /// # Errors
    /// The first Lease that could not be given back; the others were tried.
    pub async fn release(&self, authority: Authority<'_>) -> Result<(), RequestError> {
        let found = self.read().await?;
        let writes = flux_lease::release(&all_seen(&found), self.clocks());
        self.write(authority, found, writes).await
    }

    /// One attempt and how long to wait after it. A standing of before an error stays: what keeps
    /// windlass from the API server keeps Flux from it too, and the Leases it holds run out only
    /// after the time of three renewals.
    async fn round(&mut self, leader: &Leadership, reported: &mut Option<ErrorClass>) -> Duration {
        match self.hold(leader).await {
            Ok((standing, next)) => {
                *reported = None;
                self.publish(standing);
                next.mul_f64(1.0 - backoff::random() / 10.0)
            }
            Err(error) => {
                let conflict = error.class() == ErrorClass::Conflict;
                if !conflict && *reported != Some(error.class()) {
                    tracing::warn!(error = %error, "Flux's Leases cannot be held for windlass; it is tried again");
                    *reported = Some(error.class());
                }
                RETRY.max(error.retry_after.unwrap_or_default())
            }
        }
    }

    async fn read(&self) -> Result<Found, RequestError> {
        let mut found = Found::new();
        for name in &self.names {
            found.insert(name.clone(), self.leases.read(name, REQUEST).await?);
        }
        Ok(found)
    }

    fn step(&mut self, found: &Found) -> Step {
        let clock = self.clocks();
        flux_lease::step(&mut self.state, &all_seen(found), clock)
    }

    /// Writes each; the first error is given after all were tried.
    async fn write(
        &self,
        authority: Authority<'_>,
        mut found: Found,
        writes: Vec<Write>,
    ) -> Result<(), RequestError> {
        let mut first = Ok(());
        for write in writes {
            let lease = found.remove(&write.name).flatten();
            let untouched = Annotations::untouched();
            let written = self
                .leases
                .write(
                    authority,
                    &write.name,
                    lease,
                    &write.record,
                    untouched,
                    REQUEST,
                )
                .await;
            first = first.and(written.map(drop));
        }
        first
    }

    fn clocks(&self) -> lease::Clock {
        lease::Clock {
            boot: self.clock.now(),
            wall: Timestamp::now(),
        }
    }

    fn publish(&self, standing: FluxStanding) {
        self.standing.send_if_modified(|current| {
            let differs = *current != standing;
            *current = standing;
            differs
        });
    }
}

impl std::fmt::Debug for FluxLeases {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FluxLeases")
            .field("namespace", &self.leases.namespace)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

fn all_seen(found: &Found) -> Vec<(&str, Seen)> {
    found
        .iter()
        .map(|(name, lease)| (name.as_str(), seen(lease.as_ref())))
        .collect()
}
