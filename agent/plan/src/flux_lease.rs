//! Keeping Flux's own controllers from acting beside us (decision 2): the leading node holds
//! Flux's Leases under a name that all nodes share, all of them or none.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lease::{Clock, Record, Seen, duration, freed};

/// The name under which any windlass node holds Flux's Leases.
pub const HOLDER: &str = windlass_api::names::FLUX_LEASE_HOLDER;

/// How long a Lease holds without renewal: long enough that a power cut of all nodes does not
/// hand the cluster to a standing Flux pod.
pub const LEASE_DURATION: Duration = Duration::from_secs(900);

/// How often they are renewed.
pub const RENEW_PERIOD: Duration = Duration::from_secs(300);

/// How soon to look again after a controller of Flux was found at work.
pub const RETRY_PERIOD: Duration = Duration::from_secs(10);

/// What is remembered between steps: since when each Lease is known as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    observed: BTreeMap<String, (Record, Duration)>,
}

/// One Lease to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The Lease's name.
    pub name: String,
    /// What to write.
    pub record: Record,
    /// Whether it must be created; otherwise it must be as it was read.
    pub create: bool,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All are ours; nothing to do until then.
    Held {
        /// When to look again.
        next: Duration,
    },
    /// All are ours or free: write these. We may act only after every write succeeded; when one
    /// fails, the others are written back by the next step.
    Take {
        /// The Leases to write.
        writes: Vec<Write>,
    },
    /// A controller of Flux is at work: stand by and say so.
    Blocked {
        /// The Lease that it holds.
        name: String,
        /// Who holds it.
        holder: String,
        /// The Leases of ours to free, so that none of Flux is kept from work without need.
        release: Vec<Write>,
        /// When to look again.
        next: Duration,
    },
    /// A Lease could not be read: nothing is known, so stand by.
    Unknown {
        /// The Lease.
        name: String,
        /// When to look again.
        next: Duration,
    },
}

/// Takes one step over all of Flux's Leases that cover what windlass does. When one of them is
/// held by somebody else, nothing is taken.
pub fn step(state: &mut State, seen: &[(&str, Seen)], clock: Clock) -> Step {
    if let Some((name, _)) = seen.iter().find(|(_, seen)| *seen == Seen::Unreadable) {
        return Step::Unknown {
            name: (*name).to_owned(),
            next: RETRY_PERIOD,
        };
    }
    let mut writes = Vec::new();
    let mut ours = Vec::new();
    let mut blocked: Option<(String, String, Duration)> = None;
    let mut next = RENEW_PERIOD;
    for (name, seen) in seen {
        let Seen::Present(record) = seen else {
            state.observed.remove(*name);
            writes.push(write(name, held(0, clock), true));
            continue;
        };
        let age = clock
            .boot
            .saturating_sub(state.observe(name, record, clock.boot));
        if record.holder == HOLDER {
            ours.push(write(name, freed(record.transitions, clock.wall), false));
            if age >= RENEW_PERIOD {
                let renewed = Record {
                    renewed: Some(clock.wall),
                    ..record.clone()
                };
                writes.push(write(name, renewed, false));
            }
            next = next.min(RENEW_PERIOD.saturating_sub(age));
        } else if record.holder.is_empty() || age >= duration(record) {
            let transitions = record.transitions.saturating_add(1);
            writes.push(write(name, held(transitions, clock), false));
        } else {
            let remaining = duration(record).saturating_sub(age).min(RETRY_PERIOD);
            blocked.get_or_insert(((*name).to_owned(), record.holder.clone(), remaining));
        }
    }
    match blocked {
        Some((name, holder, next)) => Step::Blocked {
            name,
            holder,
            release: ours,
            next,
        },
        None if writes.is_empty() => Step::Held { next },
        None => Step::Take { writes },
    }
}

/// The Leases of ours to free when windlass is uninstalled or the cluster goes back to Flux. At a
/// clean stop they are kept: a standing Flux pod would take them within seconds.
pub fn release(seen: &[(&str, Seen)], clock: Clock) -> Vec<Write> {
    seen.iter()
        .filter_map(|(name, seen)| match seen {
            Seen::Present(record) if record.holder == HOLDER => {
                Some(write(name, freed(record.transitions, clock.wall), false))
            }
            _ => None,
        })
        .collect()
}

// === impl State ===

impl State {
    /// Remembers a record; gives since when it is known like this.
    fn observe(&mut self, name: &str, record: &Record, boot: Duration) -> Duration {
        if let Some((known, since)) = self.observed.get(name)
            && known == record
        {
            return *since;
        }
        self.observed
            .insert(name.to_owned(), (record.clone(), boot));
        boot
    }
}

fn held(transitions: i64, clock: Clock) -> Record {
    Record {
        holder: HOLDER.to_owned(),
        duration_seconds: i64::try_from(LEASE_DURATION.as_secs()).unwrap_or(i64::MAX),
        acquired: Some(clock.wall),
        renewed: Some(clock.wall),
        transitions,
    }
}

fn write(name: &str, record: Record, create: bool) -> Write {
    Write {
        name: name.to_owned(),
        record,
        create,
    }
}

#[cfg(test)]
mod tests;
