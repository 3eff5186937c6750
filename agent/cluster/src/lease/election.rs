//! One step of a leader election over a Lease: pure, the time is an argument.
//!
//! The rule is client-go's (`tools/leaderelection`): a Lease may be taken when nobody holds it, or when it was seen
//! unchanged, by the local clock, for as long as it is good for. Clocks of two machines are never compared.

use std::time::Duration;

/// What an election needs to know of a Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// `""` when released.
    pub(crate) holder: String,
    pub(crate) duration: Duration,
    pub(crate) transitions: u64,
    /// Only compared for being the same.
    pub(crate) renewed: String,
    pub(crate) acquired: String,
}

/// A record and since when it has been seen unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observation {
    record: Record,
    since: Duration,
}

/// What this process knows of the election.
#[derive(Clone, Debug)]
pub(crate) struct Election {
    identity: String,
    /// How long a renewal counts for this process: shorter than the Lease's duration, so that it stops before others
    /// may begin.
    renew_deadline: Duration,
    seen: Option<Observation>,
    /// Highest count of transitions ever seen: a Lease that somebody deleted goes on from there.
    highest: u64,
    held: Option<Held>,
}

/// Leadership that this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) epoch: u64,
    pub(crate) deadline: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// There is no Lease: create it with this count of transitions.
    Create { epoch: u64 },
    /// It is free or has run out: take it with this count of transitions.
    Take { epoch: u64 },
    /// It is held by this process: renew it.
    Renew { epoch: u64 },
    /// Somebody else leads.
    Stand,
}

// === impl Observation ===

impl Observation {
    /// Takes what is read now and gives the observation after it: the same record keeps its age.
    pub(crate) fn next(previous: Option<Self>, record: Record, now: Duration) -> Self {
        match previous {
            Some(previous) if previous.record == record => previous,
            _ => Self { record, since: now },
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Whether nobody holds it, or whoever did has not renewed it for as long as it is good for.
    pub(crate) fn is_free(&self, now: Duration) -> bool {
        self.record.holder.is_empty() || now.saturating_sub(self.since) >= self.record.duration
    }
}

// === impl Election ===

impl Election {
    pub(crate) fn new(identity: String, renew_deadline: Duration) -> Self {
        Self {
            identity,
            renew_deadline,
            seen: None,
            highest: 0,
            held: None,
        }
    }

    /// The leadership this process has at a moment.
    pub(crate) fn held(&self, now: Duration) -> Option<Held> {
        self.held.filter(|held| now < held.deadline)
    }

    /// Takes what the Lease says now (`None`: there is none), a count for a new Lease, and the time, and gives the
    /// election after it with what to do.
    pub(crate) fn step(
        mut self,
        lease: Option<Record>,
        first_epoch: u64,
        now: Duration,
    ) -> (Self, Action) {
        let held = self.held(now);
        let Some(record) = lease else {
            self.seen = None;
            self.held = None;
            let epoch = first_epoch.max(self.highest.saturating_add(1));
            return (self, Action::Create { epoch });
        };
        self.highest = self.highest.max(record.transitions);
        let seen = Observation::next(self.seen.take(), record, now);
        let action = match held {
            Some(held)
                if seen.record.holder == self.identity && seen.record.transitions == held.epoch =>
            {
                Action::Renew { epoch: held.epoch }
            }
            // Its own Lease without leadership: the answer to the write that took it was lost, or it ran out
            // meanwhile. Nobody else can have led in between, yet a new count keeps old proofs from coming back.
            _ if seen.record.holder == self.identity || seen.is_free(now) => Action::Take {
                epoch: self.highest.saturating_add(1),
            },
            _ => Action::Stand,
        };
        if !matches!(action, Action::Renew { .. }) {
            self.held = None;
        }
        self.seen = Some(seen);
        (self, action)
    }

    /// Takes that a write of this epoch, sent at a moment, succeeded, with the record it left.
    pub(crate) fn wrote(
        mut self,
        epoch: u64,
        record: Record,
        sent: Duration,
        now: Duration,
    ) -> Self {
        self.highest = self.highest.max(epoch);
        self.held = Some(Held {
            epoch,
            deadline: sent.saturating_add(self.renew_deadline),
        });
        self.seen = Some(Observation::next(self.seen.take(), record, now));
        self
    }
}

#[cfg(test)]
mod tests;
