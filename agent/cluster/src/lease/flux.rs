//! Holds the Leases of Flux's own controllers, so that they stand by while windlass does their work.
//!
//! Flux's controllers elect by Leases `<controller>-leader-election` in their namespace (fluxcd/pkg runtime/leaderelection,
//! each controller's main.go); their pods wait for as long as somebody renews these.

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
use crate::lease::election::Observation;
use crate::lease::record::{self, Holding, MANAGER, leases};
use crate::write::PatchOptions;

/// The holder that all windlass nodes share: who of them leads is our own Lease's matter.
const HOLDER: &str = "windlass";
/// Long enough that a node can reboot without a Flux pod taking over.
const DURATION: Duration = Duration::from_secs(900);
/// A third of it: two renewals may fail.
const RENEW: Duration = Duration::from_secs(300);
/// Time between attempts while Flux holds one, or the API server cannot be asked.
const RETRY: Duration = Duration::from_secs(5);
/// Longest time for reading one of them.
const READ: Duration = Duration::from_secs(5);

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
    cluster: Cluster,
    namespace: String,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    seen: BTreeMap<String, Observation>,
    standing: watch::Sender<FluxStanding>,
}

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
        let (standing, _) = watch::channel(FluxStanding::Unknown);
        Self {
            cluster,
            namespace: namespace.to_owned(),
            names,
            clock,
            seen: BTreeMap::new(),
            standing,
        }
    }

    /// Where windlass stands, as [`FluxLeases::run`] finds it.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<FluxStanding> {
        self.standing.subscribe()
    }

    /// Holds them while this node leads, until told to stop; a stop or a lost leadership releases nothing, since the
    /// next node goes on with them.
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

    /// Takes or renews all of them, or none: when one is held by Flux, those taken in this attempt are given back.
    /// To be called again within [`FluxLeases::run`]'s intervals by whoever does not run it.
    ///
    /// # Errors
    /// A Lease that cannot be read or written; class `NotFound` when the namespace is not there.
    pub async fn hold(&mut self, leader: &Leadership) -> Result<FluxStanding, RequestError> {
        let mut found = Vec::new();
        for name in self.names.clone() {
            let lease = record::read(&self.cluster, &self.namespace, &name, READ).await?;
            if let Some(standing) = self.observe(&name, lease.as_ref()) {
                return Ok(standing);
            }
            found.push((name, lease));
        }
        let mut taken = Vec::new();
        for (name, lease) in found {
            let ours = lease
                .as_ref()
                .is_some_and(|lease| record::record(lease).holder == HOLDER);
            match self
                .put(Authority::Leader(leader), &name, lease, HOLDER)
                .await
            {
                Ok(_) if ours => {}
                Ok(written) => taken.push((name, written)),
                Err(error) => {
                    self.give_back(leader, taken).await;
                    return if error.class() == ErrorClass::Conflict {
                        Ok(FluxStanding::HeldBy {
                            lease: name,
                            holder: "another writer".to_owned(),
                        })
                    } else {
                        Err(error)
                    };
                }
            }
        }
        Ok(FluxStanding::Held)
    }

    /// Gives back all that windlass holds, so that Flux's controllers begin within seconds: for uninstalling windlass
    /// and for moving back to Flux only.
    ///
    /// # Errors
    /// The first Lease that could not be given back; the others were tried.
    pub async fn release(&self, authority: Authority<'_>) -> Result<(), RequestError> {
        let mut first = Ok(());
        for name in &self.names {
            let released = match record::read(&self.cluster, &self.namespace, name, READ).await {
                Ok(Some(lease)) if record::record(&lease).holder == HOLDER => {
                    self.put(authority, name, Some(lease), "").await.map(drop)
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            first = first.and(released);
        }
        first
    }

    /// One attempt and how long to wait after it. A standing of before an error stays while the Leases cannot have
    /// run out: no request reached them, so neither did Flux's.
    async fn round(&mut self, leader: &Leadership, reported: &mut Option<ErrorClass>) -> Duration {
        match self.hold(leader).await {
            Ok(standing) => {
                *reported = None;
                let pause = if standing == FluxStanding::Held {
                    RENEW
                } else {
                    RETRY
                };
                self.publish(standing);
                pause.mul_f64(1.0 - backoff::random() / 10.0)
            }
            Err(error) => {
                if *reported != Some(error.class()) {
                    tracing::warn!(error = %error, "Flux's Leases cannot be held for windlass; it is tried again");
                    *reported = Some(error.class());
                }
                RETRY.max(error.retry_after.unwrap_or_default())
            }
        }
    }

    /// Takes a Lease as read and says if Flux holds it: somebody else's and not seen unchanged for its duration.
    fn observe(&mut self, name: &str, lease: Option<&Object>) -> Option<FluxStanding> {
        let now = self.clock.now();
        let previous = self.seen.remove(name);
        let observation = Observation::next(previous, record::record(lease?), now);
        let holder = observation.record().holder.clone();
        let held = holder != HOLDER && !observation.is_free(now);
        self.seen.insert(name.to_owned(), observation);
        held.then(|| FluxStanding::HeldBy {
            lease: name.to_owned(),
            holder,
        })
    }

    async fn give_back(&self, leader: &Leadership, taken: Vec<(String, Object)>) {
        for (name, lease) in taken {
            if let Err(error) = self
                .put(Authority::Leader(leader), &name, Some(lease), "")
                .await
            {
                tracing::warn!(error = %error, "a Lease of Flux could not be given back; the next attempt goes on with it");
            }
        }
    }

    async fn put(
        &self,
        authority: Authority<'_>,
        name: &str,
        lease: Option<Object>,
        holder: &str,
    ) -> Result<Object, RequestError> {
        let before = lease.as_ref().map(record::record);
        let exists = lease.is_some();
        let mut lease = match lease {
            Some(lease) => lease,
            None => record::blank(&self.namespace, name)?,
        };
        let before = before.unwrap_or_default();
        let changes = before.holder != holder;
        let holding = Holding {
            holder,
            duration: if holder.is_empty() {
                Duration::from_secs(1)
            } else {
                DURATION
            },
            transitions: before.transitions + u64::from(changes && !holder.is_empty()),
            acquired: changes,
        };
        record::hold(&mut lease, &holding, Timestamp::now());
        if exists {
            let options = PatchOptions {
                subresource: None,
                manager: MANAGER,
            };
            self.cluster
                .replace(authority, &leases(), &lease, &options)
                .await
        } else {
            self.cluster
                .create(authority, &leases(), &lease, MANAGER)
                .await
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
            .field("namespace", &self.namespace)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
