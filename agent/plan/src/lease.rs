//! One step of the election among windlass nodes over a Kubernetes Lease, in client-go's way
//! (`tools/leaderelection`): others' clocks are never read, a lease counts as expired when it was
//! seen unchanged for its whole duration.
//!
//! Unlike client-go, a node that finds its own name without knowing that it leads (after a
//! restart) takes a new epoch, and epochs never fall, also when the Lease is deleted: the epoch is
//! what stale leaders are told apart by (decision 5).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

/// How the election runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This node's name in the Lease.
    pub identity: String,
    /// How long others wait after the last renewal before they take over.
    pub lease_duration: Duration,
    /// How long this node leads after its last successful renewal; shorter than the duration.
    pub renew_deadline: Duration,
    /// How often a step is taken.
    pub retry_period: Duration,
}

/// Two clocks, read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Time since boot, suspend included (`CLOCK_BOOTTIME`): all decisions are made with it.
    pub boot: Duration,
    /// The time of day: it is only written into the Lease, for people and other programs.
    pub wall: Timestamp,
}

/// The part of a Lease that matters (`coordination.k8s.io/v1`, LeaseSpec).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Who holds it; empty when nobody does.
    pub holder: String,
    /// How long it holds without renewal.
    pub duration_seconds: i64,
    /// When the holder took it.
    pub acquired: Option<Timestamp>,
    /// When the holder renewed it.
    pub renewed: Option<Timestamp>,
    /// How often it changed hands: the epoch.
    pub transitions: i64,
}

/// What a read of the Lease gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There is no such Lease.
    Absent,
    /// The Lease.
    Present(Record),
    /// It could not be read.
    Unreadable,
}

/// What is to be done with the Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create it; it must not exist.
    Create(Record),
    /// Replace it; it must be as it was read (resourceVersion).
    Update(Record),
    /// Nothing.
    Wait,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do now. After a success, [`State::written`] is called.
    pub action: Action,
    /// When to take the next step.
    pub next: Duration,
}

/// A leadership that was won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leading {
    /// Which leadership it is; higher than every earlier one.
    pub epoch: i64,
    /// The boot time at which it ends unless it is renewed.
    pub until: Duration,
}

/// What a node knows about the election.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    observed: Option<Observed>,
    leading: Option<Leading>,
    /// The highest epoch seen anywhere.
    floor: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Observed {
    record: Record,
    /// The boot time at which the record was first seen like this.
    since: Duration,
}

// === impl State ===

impl State {
    /// The leadership, as long as it lasts.
    pub fn leading(&self, boot: Duration) -> Option<Leading> {
        self.leading.filter(|leading| boot < leading.until)
    }

    /// Who else holds the Lease, when that was seen.
    pub fn holder(&self) -> Option<&str> {
        let holder = self
            .observed
            .as_ref()
            .map(|observed| observed.record.holder.as_str());
        holder.filter(|holder| !holder.is_empty())
    }

    /// Takes note of an epoch found on an object. A higher one than our own ends our leadership:
    /// somebody took over whose Lease we did not see.
    pub fn raise_floor(&mut self, epoch: i64) {
        self.floor = self.floor.max(Some(epoch));
        if self.leading.is_some_and(|leading| leading.epoch < epoch) {
            self.leading = None;
        }
    }

    /// Takes note of a write that succeeded. `sent_at` is the boot time right before it was sent,
    /// so that the leadership ends before anybody who saw the write may take over.
    pub fn written(&mut self, settings: &Settings, record: &Record, sent_at: Duration) {
        self.floor = self.floor.max(Some(record.transitions));
        self.observed = Some(Observed {
            record: record.clone(),
            since: sent_at,
        });
        let until = sent_at.saturating_add(settings.renew_deadline);
        self.leading = (record.holder == settings.identity).then_some(Leading {
            epoch: record.transitions,
            until,
        });
    }

    /// Gives the record that frees the Lease at a clean stop, when this node leads; after it is
    /// written the leadership is over.
    pub fn release(&self, clock: Clock) -> Option<Record> {
        let leading = self.leading(clock.boot)?;
        Some(freed(leading.epoch, clock.wall))
    }
}

/// Takes one step: judges what was read and says what to write.
pub fn step(state: &mut State, settings: &Settings, seen: &Seen, clock: Clock) -> Step {
    state.leading = state.leading(clock.boot);
    let wait = |next| Step {
        action: Action::Wait,
        next,
    };
    let record = match seen {
        Seen::Unreadable => return wait(settings.retry_period),
        Seen::Absent => {
            state.observed = None;
            state.leading = None;
            let epoch = state.floor.map_or(0, |floor| floor.saturating_add(1));
            let record = held_by_us(settings, epoch, clock.wall, clock.wall);
            return Step {
                action: Action::Create(record),
                next: settings.retry_period,
            };
        }
        Seen::Present(record) => record,
    };
    let since = state.observe(record, clock.boot);
    let update = |record| Step {
        action: Action::Update(record),
        next: settings.retry_period,
    };
    let renewing = state.leading.filter(|leading| {
        record.holder == settings.identity && record.transitions == leading.epoch
    });
    if let Some(leading) = renewing {
        let acquired = record.acquired.unwrap_or(clock.wall);
        return update(held_by_us(settings, leading.epoch, acquired, clock.wall));
    }
    state.leading = None;
    let expires = since.saturating_add(duration(record));
    let held = !record.holder.is_empty() && record.holder != settings.identity;
    if held && clock.boot < expires {
        let remaining = expires.saturating_sub(clock.boot);
        // Whoever steps down frees the Lease and tells nobody: looking twice as often as is renewed costs a read.
        return wait((settings.retry_period / 2).min(remaining));
    }
    let epoch = state
        .floor
        .unwrap_or(record.transitions)
        .max(record.transitions)
        .saturating_add(1);
    update(held_by_us(settings, epoch, clock.wall, clock.wall))
}

impl State {
    /// Remembers a record; gives since when it is known like this.
    fn observe(&mut self, record: &Record, boot: Duration) -> Duration {
        if let Some(observed) = &self.observed
            && observed.record == *record
        {
            return observed.since;
        }
        self.observed = Some(Observed {
            record: record.clone(),
            since: boot,
        });
        boot
    }
}

fn held_by_us(settings: &Settings, epoch: i64, acquired: Timestamp, renewed: Timestamp) -> Record {
    Record {
        holder: settings.identity.clone(),
        duration_seconds: i64::try_from(settings.lease_duration.as_secs()).unwrap_or(i64::MAX),
        acquired: Some(acquired),
        renewed: Some(renewed),
        transitions: epoch,
    }
}

/// A Lease that nobody holds, as client-go leaves it on release: the duration may not be 0.
pub(crate) fn freed(transitions: i64, wall: Timestamp) -> Record {
    Record {
        holder: String::new(),
        duration_seconds: 1,
        acquired: Some(wall),
        renewed: Some(wall),
        transitions,
    }
}

/// How long a record holds without renewal; nonsense counts as no time.
pub(crate) fn duration(record: &Record) -> Duration {
    Duration::from_secs(u64::try_from(record.duration_seconds).unwrap_or(0))
}

// === impl Record ===

impl Record {
    /// Reads a Lease object; fields that are absent or broken read as empty, as an election must
    /// go on whatever somebody wrote.
    pub fn from_lease(lease: &Value) -> Self {
        let field = |name: &str| lease.get("spec").and_then(|spec| spec.get(name));
        let time = |name| {
            field(name)
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
        };
        let number = |name| field(name).and_then(Value::as_i64).unwrap_or(0);
        Self {
            holder: field("holderIdentity")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            duration_seconds: number("leaseDurationSeconds"),
            acquired: time("acquireTime"),
            renewed: time("renewTime"),
            transitions: number("leaseTransitions"),
        }
    }

    /// Writes the `spec` of a Lease.
    pub fn to_spec(&self) -> Value {
        let mut spec = json!({
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self.duration_seconds,
            "leaseTransitions": self.transitions,
        });
        if let Some(spec) = spec.as_object_mut() {
            for (name, time) in [("acquireTime", self.acquired), ("renewTime", self.renewed)] {
                // MicroTime takes exactly six digits (apimachinery, RFC3339Micro).
                spec.extend(time.map(|time| (name.to_owned(), json!(format!("{time:.6}")))));
            }
        }
        spec
    }
}

#[cfg(test)]
mod tests;
