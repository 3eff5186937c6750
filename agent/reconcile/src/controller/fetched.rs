//! What the kinds have in common whose objects fetch something and keep it: HelmRepositories, HelmCharts, OCIRepositories and
//! Buckets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::names;
use windlass_cluster::{Leadership, Resource, WatchEvent};

use super::{Controller, with_jitter};
use crate::artifact::Outcome;
use crate::context::Kinds;
use crate::finalizer;
use crate::named::Named;
use crate::queue::Queue;
use crate::seen::{Meta, Seen};

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 2] = [names::REQUESTED_AT, names::SUSPEND_UNTIL];

/// How soon a pass that broke off, or the release of a finalizer, is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// A kind whose objects fetch something.
pub(super) trait Fetched: Sized + 'static {
    type Spec: Clone;
    type Status: Clone + Default;
    /// What of it is in use.
    type Kept: Clone;

    /// The kind's name.
    const KIND: &'static str;
    /// That of what is kept, in the store, and in words.
    const KEPT: (&'static str, &'static str);

    fn parse(object: &Value) -> Option<Seen<Self::Spec, Self::Status>>;
    fn of(controller: &mut Controller) -> &mut Fetching<Self>;
    fn resource(kinds: &Kinds) -> &Resource;

    /// Whether a suspended object is left alone: once what is kept on disk has been looked at.
    fn rests(slot: &Slot<Self>) -> bool {
        slot.loaded
    }

    /// The list is complete.
    fn listed(_controller: &mut Controller) {}

    /// An object is gone.
    fn gone(controller: &mut Controller, name: &Named);

    /// A pass ended: what was in use before, and what is now.
    fn finished(
        controller: &mut Controller,
        name: &Named,
        change: (Option<Self::Kept>, Option<Self::Kept>),
    );
}

/// The objects of a kind, and when they are looked at.
pub(super) struct Fetching<K: Fetched> {
    pub(super) slots: BTreeMap<Named, Slot<K>>,
    pub(super) queue: Queue<Named>,
}

/// One object.
pub(super) struct Slot<K: Fetched> {
    pub(super) seen: Seen<K::Spec, K::Status>,
    /// What is in use.
    pub(super) kept: Option<K::Kept>,
    /// What is kept on disk has been looked at.
    pub(super) loaded: bool,
    /// What was wrong at the last pass.
    problem: Option<(&'static str, String)>,
    /// Seen in the list that is under way.
    listed: bool,
}

// === impl Slot ===

impl<K: Fetched> Slot<K> {
    /// Whether this was wrong at the last pass.
    pub(super) fn has_problem(&self, reason: &str) -> bool {
        let problem = self.problem.as_ref();
        problem.is_some_and(|(known, _)| *known == reason)
    }
}

// === impl Fetching ===

impl<K: Fetched> Fetching<K> {
    pub(super) fn new(at_once: usize) -> Self {
        Fetching {
            slots: BTreeMap::new(),
            queue: Queue::new(at_once),
        }
    }

    pub(super) fn names(&self) -> Vec<Named> {
        self.slots.keys().cloned().collect()
    }

    /// Looks at those of these that there are.
    pub(super) fn wake(&mut self, names: &[Named]) {
        for name in names.iter().filter(|name| self.slots.contains_key(*name)) {
            self.queue.wake(name);
        }
    }

    /// Takes an object, unless a later state of it is known; it is looked at if it asks for it.
    fn take(&mut self, seen: Seen<K::Spec, K::Status>) {
        let name = seen.meta.name.clone();
        let old = self.slots.get_mut(&name);
        let asks = old
            .as_ref()
            .is_none_or(|old| seen.meta.asks_for_a_pass(&old.seen.meta, &WATCHED));
        match old {
            Some(slot) => {
                slot.listed = true;
                if seen.meta.is_before(&slot.seen.meta) {
                    return;
                }
                slot.seen = seen;
            }
            None => {
                let slot = Slot {
                    seen,
                    kept: None,
                    loaded: false,
                    problem: None,
                    listed: true,
                };
                self.slots.insert(name.clone(), slot);
            }
        }
        if asks {
            self.queue.wake(&name);
        }
    }

    fn unlisted(&self) -> Vec<Named> {
        let unlisted = self.slots.iter().filter(|(_, slot)| !slot.listed);
        unlisted.map(|(name, _)| name.clone()).collect()
    }
}

// === impl Controller ===

impl Controller {
    pub(super) fn fetched_seen<K: Fetched>(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                let slots = K::of(self).slots.values_mut();
                slots.for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.fetched_applied::<K>(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.fetched_gone::<K>(&[meta.name]);
                }
            }
            WatchEvent::Synced(_) => {
                let gone = K::of(self).unlisted();
                self.fetched_gone::<K>(&gone);
                K::listed(self);
                self.standing.api_answered(Ok(()));
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn fetched_applied<K: Fetched>(&mut self, object: &Value) {
        if let Some(seen) = K::parse(object) {
            K::of(self).take(seen);
        }
    }

    /// What is kept of objects that are not there any more is dropped.
    fn fetched_gone<K: Fetched>(&mut self, gone: &[Named]) {
        for name in gone {
            K::of(self).slots.remove(name);
            K::of(self).queue.forget(name);
            K::gone(self, name);
        }
        let names: Vec<String> = K::of(self).slots.keys().map(ToString::to_string).collect();
        let keep = Arc::clone(&self.context.keep);
        let (prefix, what) = K::KEPT;
        self.passes.spawn(async move {
            let forgotten =
                tokio::task::spawn_blocking(move || keep.store.leave_blobs_but(prefix, &names));
            if let Ok(Err(error)) = forgotten.await {
                tracing::warn!(%error, "{what} that are gone could not be dropped; it is tried again");
            }
        });
    }

    /// Whether a pass of the object begins now. One that is being deleted, or suspended, has none.
    pub(super) fn fetched_begins<K: Fetched>(
        &mut self,
        name: &Named,
        suspended: fn(&K::Spec) -> bool,
    ) -> bool {
        let fetching = K::of(self);
        let begins = match fetching.slots.get(name) {
            None => false,
            Some(slot) if slot.seen.meta.deleting => {
                let meta = slot.seen.meta.clone();
                fetching.queue.finish(name);
                if self.release_flux_finalizer(&meta, K::resource) {
                    K::of(self).queue.schedule(name, Instant::now() + AGAIN);
                }
                return false;
            }
            Some(slot) => !(slot.seen.spec.as_ref().is_ok_and(suspended) && K::rests(slot)),
        };
        if !begins {
            fetching.queue.finish(name);
        }
        begins
    }

    /// With what a pass writes, if it may: only the leader does, and nobody what is suspended.
    pub(super) fn writes_of<Spec, Status>(
        &self,
        seen: &Seen<Spec, Status>,
        suspended: fn(&Spec) -> bool,
    ) -> Option<Leadership> {
        let suspended = seen.spec.as_ref().is_ok_and(suspended);
        let leadership = self.standing.leadership.clone();
        leadership.filter(|_| self.may_write() && !suspended)
    }

    pub(super) fn fetched_finished<K: Fetched>(&mut self, name: &Named, outcome: Outcome<K::Kept>) {
        K::of(self).queue.finish(name);
        if let Some(object) = &outcome.object {
            self.fetched_applied::<K>(object.as_value());
        }
        let Fetching { slots, queue } = K::of(self);
        let Some(slot) = slots.get_mut(name) else {
            queue.forget(name);
            return;
        };
        if let Some((reason, message)) = outcome.problem.as_ref()
            && slot.problem != outcome.problem
        {
            tracing::warn!(kind = K::KIND, %name, reason, "{message}");
        }
        slot.loaded = true;
        slot.problem = outcome.problem;
        let before = std::mem::replace(&mut slot.kept, outcome.kept.clone());
        match outcome.again {
            Some(again) => queue.schedule(name, Instant::now() + with_jitter(again)),
            None => queue.wake(name),
        }
        K::finished(self, name, (before, outcome.kept));
    }

    pub(super) fn fetched_broke<K: Fetched>(&mut self, name: &Named) {
        tracing::error!(kind = K::KIND, %name, "a pass broke off; it is tried again in a minute");
        let queue = &mut K::of(self).queue;
        queue.finish(name);
        queue.schedule(name, Instant::now() + AGAIN);
    }

    /// We put no finalizer on these; one that Flux put on is released when the object goes. Says whether that is under way.
    fn release_flux_finalizer(&mut self, meta: &Meta, kind: fn(&Kinds) -> &Resource) -> bool {
        let leadership = self
            .standing
            .leadership
            .clone()
            .filter(|_| self.may_write());
        let Some(leadership) = leadership.filter(|_| finalizer::is_on(meta)) else {
            return false;
        };
        let (context, name) = (Arc::clone(&self.context), meta.name.clone());
        self.passes.spawn(async move {
            let kind = kind(&context.kinds);
            let released = finalizer::release_now(&context.cluster, &leadership, kind, &name).await;
            if let Err(error) = released {
                let kind = &kind.gvk.kind;
                tracing::warn!(kind, %name, %error, "the finalizer could not be released; trying again");
            }
        });
        true
    }
}
