//! What the agent knows of each object it applied: fingerprint, drift seen by the watches, health verdict.
//!
//! A pass asks the ledger which objects need a request at all; the metadata watches write into it what
//! moved. Events of an object whose apply is in flight wait for the answer, because only then is it known
//! what the object should look like.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;
use windlass_cluster::is_before;
use windlass_object::ObjectKey;
use windlass_plan::fingerprint::{self, Drift, Fingerprint};
use windlass_plan::health::{Health, Judge};

use crate::named::Named;

/// Shared between the passes and the watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<ObjectKey, Entry>,
    waiters: HashMap<Named, Arc<Notify>>,
}

#[derive(Debug)]
struct Entry {
    owner: Named,
    fingerprint: Option<Fingerprint>,
    live: Live,
    in_flight: bool,
    held_back: Option<Observation>,
    health: Option<HealthVerdict>,
}

/// What the watch last said of an object, against the fingerprint.
#[derive(Clone, Debug, PartialEq)]
enum Live {
    /// Nothing since the fingerprint was taken; the apply answer had this resourceVersion.
    AsApplied(String),
    /// Seen, and nothing that we set has changed.
    Matches(String),
    Drifted(Seen),
    Gone,
}

/// A drift and the metadata that showed it, which may tell more once the manifest is at hand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) drift: Drift,
    pub(crate) metadata: Value,
}

#[derive(Debug)]
enum Observation {
    Present(Value),
    Gone,
    /// Not in the list of this resourceVersion: what was applied after it is not gone.
    Unlisted(String),
}

/// Why an object has to be looked at in this pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The object is as we left it: no request.
    Unchanged,
    /// Nothing is known of it in this term of leadership.
    Unknown,
    /// The desired state changed.
    Changed,
    /// Somebody else changed it.
    Drifted(Seen),
    /// Somebody else deleted it.
    Vanished,
}

impl Ledger {
    /// Compares what a pass wants with what is known. `desired` is the digest of the prepared object.
    pub(crate) fn verdict(&self, owner: &Named, key: &ObjectKey, desired: &[u8; 32]) -> Verdict {
        let inner = self.lock();
        let Some(entry) = inner.entries.get(key).filter(|entry| entry.owner == *owner) else {
            return Verdict::Unknown;
        };
        match (&entry.fingerprint, &entry.live) {
            (None, _) => Verdict::Unknown,
            // A new wish is no correction, whatever somebody did meanwhile.
            (Some(fingerprint), _) if fingerprint.desired() != desired => Verdict::Changed,
            (Some(_), Live::Gone) => Verdict::Vanished,
            (Some(_), Live::Drifted(drift)) => Verdict::Drifted(drift.clone()),
            (Some(_), Live::AsApplied(_) | Live::Matches(_)) => Verdict::Unchanged,
        }
    }

    /// Whether an object of this owner is known to be as it was left.
    pub(crate) fn is_as_left(&self, owner: &Named, key: &ObjectKey) -> bool {
        let inner = self.lock();
        let entry = inner.entries.get(key).filter(|entry| entry.owner == *owner);
        entry.is_some_and(|entry| {
            let right = matches!(entry.live, Live::AsApplied(_) | Live::Matches(_));
            entry.fingerprint.is_some() && !entry.in_flight && right
        })
    }

    /// Marks an object whose apply is about to be sent.
    pub(crate) fn begin(&self, owner: &Named, key: &ObjectKey) {
        let mut inner = self.lock();
        let entry = inner
            .entries
            .entry(key.clone())
            .or_insert_with(|| Entry::of(owner.clone()));
        entry.owner = owner.clone();
        entry.in_flight = true;
    }

    /// Takes the answer of an apply; what the watch said meanwhile is judged now.
    ///
    /// Returns whether that is a drift which needs a pass of its owner.
    pub(crate) fn settle(&self, key: &ObjectKey, applied: Applied) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(key) else {
            return false;
        };
        entry.in_flight = false;
        entry.fingerprint = Some(applied.fingerprint);
        entry.health = Some(HealthVerdict {
            at: applied.resource_version.clone(),
            judge: applied.judge,
            health: applied.health,
        });
        entry.live = Live::AsApplied(applied.resource_version);
        match entry.held_back.take() {
            Some(observation) => entry.judge(observation),
            None => false,
        }
    }

    /// An apply failed: nothing is known of the object any more.
    pub(crate) fn unsettle(&self, key: &ObjectKey) {
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.in_flight = false;
            entry.held_back = None;
            entry.fingerprint = None;
        }
    }

    /// Takes the metadata of a live object from a watch. Returns the owner that has to correct it, if any.
    pub(crate) fn observe(&self, key: &ObjectKey, metadata: Value) -> Option<Named> {
        self.observation(key, Observation::Present(metadata))
    }

    /// As [`Ledger::observe`], from a new list. What is older there than it was before came back from a backup: nothing
    /// that is known of it holds any more.
    pub(crate) fn observe_listed(&self, key: &ObjectKey, metadata: Value) -> Option<Named> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(key)?;
        if !entry.came_back(&metadata) {
            drop(inner);
            return self.observe(key, metadata);
        }
        (entry.fingerprint, entry.health) = (None, None);
        Some(entry.owner.clone())
    }

    /// Takes the news that an object is not there any more.
    pub(crate) fn observe_gone(&self, key: &ObjectKey) -> Option<Named> {
        self.observation(key, Observation::Gone)
    }

    /// Takes the news that an object is not in a list of this resourceVersion.
    pub(crate) fn observe_unlisted(&self, key: &ObjectKey, version: &str) -> Option<Named> {
        self.observation(key, Observation::Unlisted(version.to_owned()))
    }

    fn observation(&self, key: &ObjectKey, observation: Observation) -> Option<Named> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(key)?;
        if entry.in_flight {
            entry.held_back = Some(observation);
            return None;
        }
        let owner = entry.owner.clone();
        let drifted = entry.judge(observation);
        if let Some(waiter) = inner.waiters.get(&owner) {
            waiter.notify_one();
        }
        drifted.then_some(owner)
    }

    /// A health verdict of this judge that still holds: nothing moved since it was given.
    pub(crate) fn health(&self, key: &ObjectKey, judge: Judge) -> Option<Health> {
        let inner = self.lock();
        let entry = inner.entries.get(key)?;
        let known = entry.health.as_ref().filter(|known| known.judge == judge)?;
        let current = match &entry.live {
            Live::AsApplied(version) | Live::Matches(version) => version,
            Live::Drifted(_) | Live::Gone => return None,
        };
        (known.at == *current).then(|| known.health.clone())
    }

    /// Keeps a health verdict that was read at a resourceVersion.
    pub(crate) fn keep_health(&self, key: &ObjectKey, health: HealthVerdict) {
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.health = Some(health);
        }
    }

    /// Wakes whoever waits for objects of this owner each time the watch says something of one.
    pub(crate) fn waiter(&self, owner: &Named) -> Arc<Notify> {
        Arc::clone(self.lock().waiters.entry(owner.clone()).or_default())
    }

    /// The objects of one group and kind that a relist must show. One whose apply is in flight may have been deleted
    /// since it was looked at.
    pub(crate) fn known(&self, group: &str, kind: &str) -> Vec<ObjectKey> {
        let inner = self.lock();
        let known = inner.entries.iter().filter(|(key, entry)| {
            let expected = entry.in_flight || entry.fingerprint.is_some();
            key.group == group && key.kind == kind && expected
        });
        known.map(|(key, _)| key.clone()).collect()
    }

    /// Forgets one object of an owner: it was pruned, or is no longer wanted. Another's stays.
    pub(crate) fn forget(&self, owner: &Named, key: &ObjectKey) {
        let mut inner = self.lock();
        if inner
            .entries
            .get(key)
            .is_some_and(|entry| entry.owner == *owner)
        {
            inner.entries.remove(key);
        }
    }

    /// Forgets everything of an owner.
    pub(crate) fn forget_owner(&self, owner: &Named) {
        let mut inner = self.lock();
        inner.entries.retain(|_, entry| entry.owner != *owner);
        inner.waiters.remove(owner);
    }

    /// Forgets all: leadership was lost, or the cluster is another one.
    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section leaves the table consistent, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of an apply, as the ledger keeps it.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) resource_version: String,
    pub(crate) judge: Judge,
    pub(crate) health: Health,
}

/// A health verdict: of which state of the object, and whose.
#[derive(Debug)]
pub(crate) struct HealthVerdict {
    /// The resourceVersion.
    pub(crate) at: String,
    pub(crate) judge: Judge,
    pub(crate) health: Health,
}

impl Observation {
    /// The resourceVersion up to which it tells something.
    fn version(&self) -> Option<String> {
        match self {
            Observation::Present(metadata) => Some(resource_version(metadata)),
            Observation::Unlisted(version) => Some(version.clone()),
            Observation::Gone => None,
        }
    }
}

impl Entry {
    fn of(owner: Named) -> Self {
        Entry {
            owner,
            fingerprint: None,
            live: Live::Gone,
            in_flight: false,
            held_back: None,
            health: None,
        }
    }

    fn came_back(&self, metadata: &Value) -> bool {
        let (Live::AsApplied(known) | Live::Matches(known)) = &self.live else {
            return false;
        };
        !self.in_flight && is_before(&resource_version(metadata), known)
    }

    /// Returns whether the object is now known to have drifted and was not before.
    fn judge(&mut self, observation: Observation) -> bool {
        let Some(fingerprint) = &self.fingerprint else {
            return false;
        };
        if let (Live::AsApplied(applied), Some(seen)) = (&self.live, observation.version())
            && is_before(&seen, applied)
        {
            return false;
        }
        let was_right = matches!(self.live, Live::AsApplied(_) | Live::Matches(_));
        self.live = match observation {
            Observation::Gone | Observation::Unlisted(_) => Live::Gone,
            Observation::Present(metadata) => match fingerprint::drifted(fingerprint, &metadata) {
                Some(drift) => Live::Drifted(Seen { drift, metadata }),
                None => Live::Matches(resource_version(&metadata)),
            },
        };
        was_right && matches!(self.live, Live::Drifted(_) | Live::Gone)
    }
}

fn resource_version(metadata: &Value) -> String {
    metadata
        .get("resourceVersion")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
