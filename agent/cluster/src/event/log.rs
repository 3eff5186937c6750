//! Which Events were written lately, so that one that happens again is counted instead of written
//! again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::EventSpec;

/// How long an Event may be counted up: the API server keeps it for an hour after its last change
/// by default.
const AGE: Duration = Duration::from_secs(50 * 60);
/// Events remembered: what a busy hour of a small cluster makes; the oldest is forgotten first.
const EVENTS: usize = 512;

/// An Event that lies in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(super) name: String,
    pub(super) count: u64,
}

/// The Events of this process.
#[derive(Default)]
pub(crate) struct EventLog {
    events: Mutex<HashMap<EventSpec, (Written, Instant)>>,
}

// === impl EventLog ===

impl EventLog {
    /// Takes an Event to publish and gives the one it repeats.
    pub(super) fn repeated(&self, spec: &EventSpec, now: Instant) -> Option<Written> {
        let events = self.lock();
        let (written, last) = events.get(&key(spec))?;
        (now.saturating_duration_since(*last) < AGE).then(|| written.clone())
    }

    /// Remembers what lies in the cluster now.
    pub(super) fn remember(&self, spec: &EventSpec, written: Written, now: Instant) {
        let mut events = self.lock();
        events.insert(key(spec), (written, now));
        if events.len() > EVENTS {
            let oldest = events
                .iter()
                .min_by_key(|(_, (_, last))| *last)
                .map(|(spec, _)| spec.clone());
            oldest.map(|oldest| events.remove(&oldest));
        }
    }

    /// Forgets one that is gone.
    pub(super) fn forget(&self, spec: &EventSpec) {
        self.lock().remove(&key(spec));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EventSpec, (Written, Instant)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of it but the version of the object, which moves without the news being other news.
fn key(spec: &EventSpec) -> EventSpec {
    let mut key = spec.clone();
    key.regarding.resource_version.clear();
    key
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{EventType, ObjectReference};

    fn spec(name: &str, version: &str) -> EventSpec {
        EventSpec {
            regarding: ObjectReference {
                name: name.to_owned(),
                resource_version: version.to_owned(),
                ..ObjectReference::default()
            },
            event_type: EventType::Normal,
            reason: "Progressing".to_owned(),
            message: "m".to_owned(),
            annotations: BTreeMap::new(),
            component: "kustomize-controller".to_owned(),
            instance: "node-1".to_owned(),
        }
    }

    fn written(count: u64) -> Written {
        Written {
            name: "web.1".to_owned(),
            count,
        }
    }

    #[test]
    fn the_same_news_of_the_same_object_is_a_repetition_until_it_is_old() {
        let log = EventLog::default();
        let begin = Instant::now();
        assert_eq!(log.repeated(&spec("web", "1"), begin), None);
        log.remember(&spec("web", "1"), written(1), begin);
        assert_eq!(
            log.repeated(&spec("web", "2"), begin + AGE / 2),
            Some(written(1))
        );
        assert_eq!(log.repeated(&spec("other", "1"), begin), None);
        assert_eq!(log.repeated(&spec("web", "1"), begin + AGE), None);
        log.forget(&spec("web", "3"));
        assert_eq!(log.repeated(&spec("web", "1"), begin), None);
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let log = EventLog::default();
        let begin = Instant::now();
        for number in 0..=EVENTS {
            let now = begin + Duration::from_millis(u64::try_from(number).expect("a small number"));
            log.remember(&spec(&number.to_string(), ""), written(1), now);
        }
        assert_eq!(log.repeated(&spec("0", ""), begin), None);
        assert!(log.repeated(&spec("1", ""), begin).is_some());
    }
}
