//! The proof that this process leads, and who stands behind a write.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is kept between the end of a request's timeout and the end of leadership.
const MARGIN: Duration = Duration::from_millis(500);
/// A write with less time than this left is not begun: it would time out and leave an unknown
/// outcome.
const SHORTEST: Duration = Duration::from_secs(1);

/// A clock that goes on while the machine sleeps and never jumps.
pub trait Clock: Send + Sync + 'static {
    /// Time since an arbitrary, fixed moment.
    fn now(&self) -> Duration;
}

/// The machine's own: `CLOCK_BOOTTIME` on Linux (time in suspend counts, clock_gettime(2)),
/// elsewhere the monotonic one.
#[derive(Clone, Copy, Debug)]
pub struct BootClock;

/// Evidence of leadership: its epoch and, shared with the elector, the moment it ends.
///
/// An [`crate::Elector`] builds one, or a node for what is its own alone. Clones stay good for as long as the Lease is renewed
/// without a break.
#[derive(Clone)]
#[must_use = "a write needs it"]
pub struct Leadership {
    epoch: u64,
    deadline: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

/// Leadership has ended, or there is too little of it left to finish a write in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leadership of epoch {epoch} has ended; nothing was sent")]
pub struct NotLeading {
    /// The epoch that ended.
    pub epoch: u64,
}

/// Who stands behind a write.
#[derive(Clone, Copy, Debug)]
pub enum Authority<'a> {
    /// The leading agent; checked right before sending, and the request ends before the leadership
    /// can.
    Leader(&'a Leadership),
    /// A person at a terminal.
    Person,
}

// === impl BootClock ===

impl Clock for BootClock {
    fn now(&self) -> Duration {
        #[cfg(target_os = "linux")]
        let clock = nix::time::ClockId::CLOCK_BOOTTIME;
        #[cfg(not(target_os = "linux"))]
        let clock = nix::time::ClockId::CLOCK_MONOTONIC;
        // The call fails only for a clock the system does not have; zero would then keep every
        // deadline in the future, so the end of time is given and nothing is allowed.
        nix::time::clock_gettime(clock).map_or(Duration::MAX, Duration::from)
    }
}

// === impl Leadership ===

impl Leadership {
    pub(crate) fn new(epoch: u64, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            epoch,
            deadline: Arc::new(AtomicU64::new(milliseconds(deadline))),
            clock,
        }
    }

    /// The term of a node over what no other node writes: its own folder. It has no end but that of the process, since
    /// nobody takes over; the lock on the node's state keeps a second process away, and the epoch, above that of the
    /// process before, keeps one off that has the node's name elsewhere.
    pub fn of_a_node(epoch: u64) -> Self {
        Self::new(epoch, Duration::from_millis(u64::MAX), Arc::new(BootClock))
    }

    /// The term of a node that may not write at all: it has ended before it began.
    pub fn of_an_observer() -> Self {
        Self::new(0, Duration::ZERO, Arc::new(BootClock))
    }

    /// The Lease's count of transitions: higher for every later leader.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether this process still leads, by the clock that counts suspend.
    ///
    /// # Errors
    /// [`NotLeading`] from the deadline on.
    pub fn check(&self) -> Result<(), NotLeading> {
        if self.remaining().is_zero() {
            Err(NotLeading { epoch: self.epoch })
        } else {
            Ok(())
        }
    }

    /// How much time is left before the deadline.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.deadline.load(Ordering::SeqCst)).saturating_sub(self.clock.now())
    }

    pub(crate) fn extend(&self, deadline: Duration) {
        self.deadline
            .store(milliseconds(deadline), Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.deadline.store(0, Ordering::SeqCst);
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Leadership")
            .field("epoch", &self.epoch)
            .field("remaining", &self.remaining())
            .finish()
    }
}

// === impl Authority ===

impl Authority<'_> {
    /// Takes the longest a write may last and gives how long it may last under this authority.
    pub(crate) fn time_allowed(&self, longest: Duration) -> Result<Duration, NotLeading> {
        match self {
            Self::Person => Ok(longest),
            Self::Leader(leadership) => {
                let left = leadership.remaining().saturating_sub(MARGIN);
                if left < SHORTEST {
                    return Err(NotLeading {
                        epoch: leadership.epoch,
                    });
                }
                Ok(left.min(longest))
            }
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
