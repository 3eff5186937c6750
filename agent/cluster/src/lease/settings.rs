//! How an election is run, and what it shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// How the election is run.
#[derive(Clone, Debug)]
pub struct ElectorSettings {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// This node's name; a random suffix makes every process another holder.
    pub node: String,
    /// How long others wait for a holder that does not renew (12 s).
    pub lease_duration: Duration,
    /// How long a holder that cannot renew goes on (8 s); less than `lease_duration`.
    pub renew_deadline: Duration,
    /// Time between attempts (2 s), half of it while another node leads; less than `renew_deadline`.
    pub retry_period: Duration,
    /// Annotations that the leader keeps on the Lease; written with the next renewal after they
    /// change.
    pub annotations: watch::Receiver<BTreeMap<String, String>>,
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "lease_duration ({lease_duration:?}) must be longer than renew_deadline ({renew_deadline:?}), \
     and that at least twice retry_period ({retry_period:?}), which must be at least 100 ms"
)]
pub struct SettingsError {
    lease_duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// The Lease as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseView {
    /// Who holds it; `""` when nobody does or it was never seen.
    pub holder: String,
    /// Its count of transitions.
    pub transitions: u64,
    /// Its annotations, also of other leaders and of people.
    pub annotations: BTreeMap<String, String>,
}

/// Highest epoch that an object can ask for: the API counts transitions in 32 bits, and a person's
/// typing must not use them up.
const EPOCH: u64 = i32::MAX as u64 / 2;

/// What every new epoch must exceed, shared with whoever reads epochs on objects.
///
/// When a Lease was deleted while no process knew its count and the clock was wrong, objects hold
/// higher epochs than the leader's. A leader that is told of one ends its term and begins another
/// above it; without this it would find itself stale for ever.
#[derive(Clone, Debug, Default)]
pub struct EpochFloor(Arc<AtomicI64>);

// === impl EpochFloor ===

impl EpochFloor {
    /// Takes an epoch that was found; lower ones than before, and absurd ones, change nothing.
    pub fn raise(&self, epoch: u64) {
        if let Some(epoch) = i64::try_from(epoch).ok().filter(|_| epoch <= EPOCH) {
            self.0.fetch_max(epoch, Ordering::SeqCst);
        }
    }

    pub(super) fn get(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

// === impl ElectorSettings ===

impl ElectorSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let works = self.lease_duration > self.renew_deadline
            && self.renew_deadline >= self.retry_period * 2
            && self.retry_period >= Duration::from_millis(100)
            && self.lease_duration.as_secs() >= 1;
        if works {
            return Ok(());
        }
        Err(SettingsError {
            lease_duration: self.lease_duration,
            renew_deadline: self.renew_deadline,
            retry_period: self.retry_period,
        })
    }
}
