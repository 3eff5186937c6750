//! Which events were told lately: the same news again within five minutes is none.

use std::collections::HashMap;
use std::time::Duration;

use crate::event::Event;

/// How long the same event is no news (notification-controller, `--rate-limit-interval`).
const INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Events remembered. More than this in five minutes are told again rather than remembered.
const EVENTS: usize = 4096;

/// The events of the last five minutes.
#[derive(Debug, Default)]
pub struct Recent(HashMap<[u8; 32], Duration>);

impl Recent {
    /// Whether an event is a repetition; one that is not is remembered. `now` is the time since any fixed moment.
    pub fn repeats(&mut self, event: &Event, now: Duration) -> bool {
        let is_recent = |told: &Duration| now.saturating_sub(*told) < INTERVAL;
        let key = event.key();
        if self.0.get(&key).is_some_and(is_recent) {
            return true;
        }
        if self.0.len() >= EVENTS {
            self.0.retain(|_, told| is_recent(told));
        }
        if self.0.len() < EVENTS {
            self.0.insert(key, now);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event;

    #[test]
    fn the_same_news_is_told_once_in_five_minutes() {
        let mut recent = Recent::default();
        let begin = Duration::from_secs(1000);
        assert!(!recent.repeats(&event(), begin));
        assert!(recent.repeats(&event(), begin + INTERVAL / 2));
        let mut other = event();
        other.message = "ready again".to_owned();
        assert!(!recent.repeats(&other, begin + INTERVAL / 2));
        // Counted from when it was told, not from the last repetition.
        assert!(!recent.repeats(&event(), begin + INTERVAL));
        assert!(recent.repeats(&event(), begin + INTERVAL));
    }

    #[test]
    fn what_does_not_fit_is_told_and_the_old_makes_room() {
        let mut recent = Recent::default();
        let begin = Duration::from_secs(1000);
        let numbered = |number: usize| {
            let mut event = event();
            event.message = number.to_string();
            event
        };
        for number in 0..EVENTS {
            assert!(!recent.repeats(&numbered(number), begin));
        }
        assert!(!recent.repeats(&numbered(EVENTS), begin));
        assert!(!recent.repeats(&numbered(EVENTS), begin));
        assert!(!recent.repeats(&numbered(EVENTS), begin + INTERVAL));
        assert!(recent.repeats(&numbered(EVENTS), begin + INTERVAL));
    }
}
