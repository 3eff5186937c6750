//! How often one object is put right: whoever changes it again and again is not fought.

use std::time::Duration;

/// How many corrections [`WINDOW`] allows.
pub const CORRECTIONS: usize = 3;

/// Over which time corrections are counted.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);

/// When one object was put right lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Corrections {
    /// The times since boot, the newest first.
    times: [Option<Duration>; CORRECTIONS],
}

/// What to do about a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Put it right now; it was noted.
    Correct,
    /// This is one too many: say so once and wait for the interval.
    HoldAndTell,
    /// Wait for the interval; it was said before.
    Hold,
}

/// The state of an object that may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limiter {
    corrections: Corrections,
    told: bool,
}

// === impl Limiter ===

impl Limiter {
    /// Judges a drift seen at `now` (time since boot).
    pub fn judge(&mut self, now: Duration) -> Verdict {
        if self.corrections.oldest_within(now) {
            let verdict = if self.told {
                Verdict::Hold
            } else {
                Verdict::HoldAndTell
            };
            self.told = true;
            return verdict;
        }
        self.told = false;
        self.corrections.note(now);
        Verdict::Correct
    }
}

// === impl Corrections ===

impl Corrections {
    /// Says whether as many corrections as allowed lie within the window.
    fn oldest_within(&self, now: Duration) -> bool {
        let oldest = self.times.last().copied().flatten();
        oldest.is_some_and(|oldest| now.saturating_sub(oldest) < WINDOW)
    }

    fn note(&mut self, now: Duration) {
        self.times.rotate_right(1);
        if let Some(newest) = self.times.first_mut() {
            *newest = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_corrections_in_five_minutes_are_made_and_the_fourth_is_told_once() {
        let mut limiter = Limiter::default();
        let at = Duration::from_secs;
        let verdicts = [0, 10, 20, 30, 40, 299].map(|second| limiter.judge(at(second)));
        use Verdict::{Correct, Hold, HoldAndTell};
        assert_eq!(
            verdicts,
            [Correct, Correct, Correct, HoldAndTell, Hold, Hold]
        );
        assert_eq!(limiter.judge(at(300)), Correct);
        assert_eq!(limiter.judge(at(301)), HoldAndTell);
        assert_eq!(limiter.judge(at(310)), Correct);
    }

    #[test]
    fn an_object_that_drifts_now_and_then_is_always_put_right() {
        let mut limiter = Limiter::default();
        for minute in 0..100 {
            let now = Duration::from_secs(minute * 101);
            assert_eq!(limiter.judge(now), Verdict::Correct);
        }
    }
}
