//! Which objects wait for a pass, which are in one, and when each is due next: pure, time is an argument.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::time::Instant;

/// A work queue over keys: each key is in at most one pass at a time, and a key that is woken
/// during its pass gets exactly one more afterwards.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    slots: BTreeMap<K, Slot>,
    due: BTreeSet<(Instant, K)>,
    ready: VecDeque<K>,
    running: usize,
    limit: usize,
}

#[derive(Debug, Default)]
struct Slot {
    due: Option<Instant>,
    running: bool,
    /// In a pass that takes no worker any more.
    parked: bool,
    woken: bool,
}

impl<K: Ord + Clone> Queue<K> {
    /// `limit` is how many passes may run at once.
    pub(crate) fn new(limit: usize) -> Self {
        Queue {
            slots: BTreeMap::new(),
            due: BTreeSet::new(),
            ready: VecDeque::new(),
            running: 0,
            limit,
        }
    }

    /// Asks for a pass as soon as a worker is free.
    pub(crate) fn wake(&mut self, key: &K) {
        let slot = self.slots.entry(key.clone()).or_default();
        if slot.woken {
            return;
        }
        slot.woken = true;
        if !slot.running {
            self.ready.push_back(key.clone());
        }
    }

    /// Says when the key is due if nothing wakes it before.
    pub(crate) fn schedule(&mut self, key: &K, at: Instant) {
        let slot = self.slots.entry(key.clone()).or_default();
        if let Some(old) = slot.due.replace(at) {
            self.due.remove(&(old, key.clone()));
        }
        self.due.insert((at, key.clone()));
    }

    /// Takes the next key to work on, if one is ready and a worker is free.
    pub(crate) fn start(&mut self, now: Instant) -> Option<K> {
        self.wake_due(now);
        while self.running < self.limit {
            let key = self.ready.pop_front()?;
            let Some(slot) = self.slots.get_mut(&key) else {
                continue;
            };
            if slot.running || !slot.woken {
                continue;
            }
            slot.running = true;
            slot.woken = false;
            // What was due is this pass; its end says when the next one is.
            if let Some(due) = slot.due.take() {
                self.due.remove(&(due, key.clone()));
            }
            self.running += 1;
            return Some(key);
        }
        None
    }

    /// Gives the key's worker back. A key that was woken meanwhile is ready again.
    pub(crate) fn finish(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if !std::mem::take(&mut slot.running) {
            return;
        }
        if !std::mem::take(&mut slot.parked) {
            self.running -= 1;
        }
        if slot.woken {
            self.ready.push_back(key.clone());
        }
    }

    /// Gives the key's worker back while its pass goes on waiting.
    pub(crate) fn park(&mut self, key: &K) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if slot.running && !std::mem::replace(&mut slot.parked, true) {
            self.running -= 1;
        }
    }

    /// Whether the key is in a pass now.
    pub(crate) fn is_running(&self, key: &K) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.running)
    }

    /// Forgets a key that is not in a pass; one that is stays until it is finished and forgotten again.
    pub(crate) fn forget(&mut self, key: &K) {
        if self.is_running(key) {
            return;
        }
        if let Some(due) = self.slots.remove(key).and_then(|slot| slot.due) {
            self.due.remove(&(due, key.clone()));
        }
    }

    /// When the earliest scheduled key is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn wake_due(&mut self, now: Instant) {
        while let Some((at, key)) = self.due.first().cloned() {
            if at > now {
                return;
            }
            self.due.pop_first();
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.due = None;
            }
            self.wake(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn queue(limit: usize) -> Queue<&'static str> {
        Queue::new(limit)
    }

    #[test]
    fn a_key_woken_twice_before_its_pass_gets_one_pass() {
        let (mut queue, now) = (queue(2), Instant::now());
        queue.wake(&"a");
        queue.wake(&"a");
        assert_eq!(queue.start(now), Some("a"));
        assert_eq!(queue.start(now), None);
    }

    #[test]
    fn a_key_woken_during_its_pass_gets_one_more_afterwards() {
        let (mut queue, now) = (queue(2), Instant::now());
        queue.wake(&"a");
        queue.start(now);
        queue.wake(&"a");
        queue.wake(&"a");
        assert_eq!(
            queue.start(now),
            None,
            "never two passes of one key at a time"
        );
        queue.finish(&"a");
        assert_eq!(queue.start(now), Some("a"));
        queue.finish(&"a");
        assert_eq!(queue.start(now), None);
    }

    #[test]
    fn no_more_passes_run_than_the_limit() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.wake(&"a");
        queue.wake(&"b");
        assert_eq!(queue.start(now), Some("a"));
        assert_eq!(queue.start(now), None);
        queue.finish(&"a");
        assert_eq!(queue.start(now), Some("b"));
    }

    #[test]
    fn a_scheduled_key_starts_when_it_is_due_and_only_the_last_schedule_counts() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.schedule(&"a", now + Duration::from_secs(1));
        queue.schedule(&"a", now + Duration::from_secs(9));
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(9)));
        assert_eq!(queue.start(now + Duration::from_secs(2)), None);
        assert_eq!(queue.start(now + Duration::from_secs(9)), Some("a"));
    }

    #[test]
    fn a_pass_that_was_woken_early_takes_the_place_of_the_one_that_was_due() {
        let (mut queue, now) = (queue(1), Instant::now());
        let soon = now + Duration::from_secs(1);
        queue.schedule(&"a", soon);
        queue.wake(&"a");
        assert_eq!(queue.start(now), Some("a"));
        assert_eq!(queue.next_due(), None);
        assert_eq!(queue.start(soon), None);
        queue.finish(&"a");
        assert_eq!(queue.start(soon), None, "it had its pass");
    }

    #[test]
    fn a_pass_that_only_waits_keeps_no_other_from_its_work_but_stays_the_only_one_of_its_key() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.wake(&"a");
        queue.wake(&"b");
        assert_eq!(queue.start(now), Some("a"));
        queue.park(&"a");
        queue.wake(&"a");
        assert_eq!(queue.start(now), Some("b"));
        queue.finish(&"b");
        assert_eq!(queue.start(now), None, "a is still in its pass");
        queue.finish(&"a");
        assert_eq!(queue.start(now), Some("a"));
        assert_eq!(queue.start(now), None);
    }

    #[test]
    fn a_forgotten_key_is_neither_ready_nor_due() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.wake(&"a");
        queue.schedule(&"a", now);
        queue.forget(&"a");
        assert_eq!(queue.start(now + Duration::from_secs(1)), None);
        assert_eq!(queue.next_due(), None);
    }
}
