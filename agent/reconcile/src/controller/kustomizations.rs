//! The Kustomizations as the loop knows them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::kustomization::SourceKind;
use windlass_api::{conditions, names};
use windlass_cluster::WatchEvent;

use super::{Controller, with_jitter};
use crate::event::Event;
use crate::finalizer;
use crate::kustomization::pass::{Waiting, source_of};
use crate::kustomization::settled::Settled;
use crate::kustomization::{self, Next, Outcome};
use crate::named::Named;
use crate::observe::Observations;
use crate::seen::{Meta, SeenKustomization};
use crate::work::depends::Waiter;
use crate::work::webhook::Asked;

/// Annotations whose change asks for a pass.
const ANNOTATIONS: [&str; 7] = [
    names::REQUESTED_AT,
    names::SUSPEND_UNTIL,
    names::DEPENDS_ON,
    names::ON_ERROR,
    names::PRUNE_GUARD,
    names::CONFIRM_PRUNE,
    names::WINDOW,
];

/// One Kustomization.
#[derive(Debug)]
pub(super) struct KustomizationSlot {
    pub(super) seen: SeenKustomization,
    pub(super) listed: bool,
    /// Waits for a dependency.
    pub(super) blocked: bool,
    /// Waits for a person to confirm what it would delete.
    pub(super) held: bool,
    /// Waits for a kind that the API server does not have.
    pub(super) awaits_kind: bool,
    /// Waits for a webhook.
    pub(super) awaits_webhook: Option<Asked>,
    /// What the last pass left behind, if it came to its end.
    pub(super) settled: Option<Arc<Settled>>,
    /// When the regular pass is due, in which everything is made up for. Passes for other reasons do not move it.
    pub(super) regular_at: Option<Instant>,
    pub(super) overtaken: CancellationToken,
    pub(super) waiting_since: Option<Waiting>,
    /// Another client took our finalizer off: it is left alone from then on.
    pub(super) stripped: bool,
}

impl Controller {
    pub(super) fn kustomization_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.standing.kustomizations_listing = true;
                self.kustomizations
                    .values_mut()
                    .for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.kustomization_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.kustomization_gone(&meta.name);
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.kustomizations.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.kustomization_gone(name));
                self.standing.kustomizations_listed = true;
                self.standing.kustomizations_listing = false;
                self.standing.api_answered(Ok(()));
                self.forget_remote_content();
                self.finish_uninstall();
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn kustomization_applied(&mut self, object: &Value) {
        self.standing.api_answered(Ok(()));
        let Some(seen) = SeenKustomization::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let old = self.kustomizations.get(&name);
        let stripped = was_stripped(&seen, old.map(|slot| &slot.seen));
        let asks = old.is_none_or(|old| {
            stripped
                || (old.stripped && finalizer::is_on(&seen.meta))
                || seen.meta.asks_for_a_pass(&old.seen.meta, &ANNOTATIONS)
                || (self.standing.observes && has_applied(&seen, &old.seen))
        });
        // A list shows what is; other news may come late, behind the answer to a write of ours.
        let listing = self.standing.kustomizations_listing;
        let late = |old: &KustomizationSlot| {
            let (old, new) = (&old.seen.meta, &seen.meta);
            old.resource_version == new.resource_version || (!listing && new.is_before(old))
        };
        if old.is_some_and(late) {
            if let Some(slot) = self.kustomizations.get_mut(&name) {
                slot.listed = true;
            }
            return;
        }
        let changed = old.is_some_and(|old| old.seen.meta.generation != seen.meta.generation)
            && !seen.meta.deleting;
        if changed && name == self.root.name {
            // The node's config has the last word on the root.
            self.establish_again();
        }
        let until = suspended_until(&seen.meta, suspended(&seen));
        let finalizer_is_back = finalizer::is_on(&seen.meta);
        match self.kustomizations.get_mut(&name) {
            Some(slot) => {
                slot.seen = seen;
                slot.listed = true;
                slot.stripped = (slot.stripped || stripped) && !finalizer_is_back;
            }
            None => {
                let slot = KustomizationSlot {
                    stripped,
                    ..KustomizationSlot::new(seen)
                };
                self.kustomizations.insert(name.clone(), slot);
            }
        }
        if let Some(until) = until {
            self.kustomization_queue.schedule(&name, until);
        }
        if stripped && name == self.root.name && !self.standing.observes {
            self.uninstall_detected(format!("the finalizer of Kustomization {name} was removed"));
        }
        if asks {
            self.wake_kustomization(&name);
            // One that waits for it may find it now, or find a cycle.
            self.wake_dependents_of(&(Waiter::Kustomization, name));
        } else {
            self.wake_asking(&(Waiter::Kustomization, name));
        }
    }

    fn kustomization_gone(&mut self, name: &Named) {
        self.kustomizations.remove(name);
        self.context.observations.forget(names::KUSTOMIZATION, name);
        self.kustomization_queue.forget(name);
        self.context.ledger.forget_owner(name);
        let made = self.context.vouchers.forget(name);
        self.sources_vouched_for(&made);
        self.forget_remote_content();
        if *name == self.root.name {
            self.establish_again();
        }
    }

    /// Asks for a pass; one that only waits for health is cut short.
    pub(super) fn wake_kustomization(&mut self, name: &Named) {
        if let Some(slot) = self.kustomizations.get(name) {
            slot.overtaken.cancel();
            self.kustomization_queue.wake(name);
        }
    }

    pub(super) fn wake_all_kustomizations(&mut self) {
        let names: Vec<Named> = self.kustomizations.keys().cloned().collect();
        names.iter().for_each(|name| self.wake_kustomization(name));
    }

    pub(super) fn wake_users_of(&mut self, kind: SourceKind, source: &Named) {
        let users = self.kustomizations.iter().filter(|(name, slot)| {
            let used = source_name(name, &slot.seen);
            used.is_some_and(|(of, used)| of == kind && used == *source)
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.wake_kustomization(name));
    }

    /// Asks for passes that cut no other short.
    pub(super) fn wake_in_turn(&mut self, names: &[Named]) {
        for name in names {
            self.kustomization_queue.wake(name);
        }
    }

    /// Wakes what is held: an object that it would delete may have become another's.
    fn wake_held(&mut self) {
        let held = self.kustomizations.iter().filter(|(_, slot)| slot.held);
        let names: Vec<Named> = held.map(|(name, _)| name.clone()).collect();
        self.wake_in_turn(&names);
    }

    /// Where what is found is noted, on a node that only looks.
    pub(super) fn observations(&self) -> Option<Arc<Observations>> {
        let observations = &self.context.observations;
        self.standing.observes.then(|| Arc::clone(observations))
    }

    pub(super) fn start_kustomization(&mut self, name: Named) {
        let pass = self.kustomization_pass(&name);
        let Some(pass) = pass else {
            self.kustomization_queue.finish(&name);
            return;
        };
        let observed = self.observations();
        self.spawn(
            async move {
                match observed {
                    Some(observations) => {
                        kustomization::observe::observe(pass, &observations).await
                    }
                    None => kustomization::run(pass).await,
                }
            },
            {
                let name = name.clone();
                move |outcome| Event::KustomizationFinished { name, outcome }
            },
            Event::KustomizationBroke { name },
        );
    }

    pub(super) fn kustomization_finished(&mut self, name: &Named, outcome: Outcome) {
        self.kustomization_queue.finish(name);
        if !self.kustomizations.contains_key(name) {
            self.kustomization_queue.forget(name);
            return;
        }
        if let Some(object) = &outcome.object {
            self.kustomization_applied(object.as_value());
        }
        let soon = self.soon(&outcome);
        let Some(slot) = self.kustomizations.get_mut(name) else {
            return;
        };
        slot.blocked = outcome.blocked;
        slot.held = outcome.held;
        slot.awaits_kind = outcome.awaits_kind;
        slot.awaits_webhook = outcome.awaits_webhook;
        slot.waiting_since = outcome.waiting_since;
        slot.settled = outcome.settled;
        match outcome.next {
            Next::In(wait) => {
                let now = Instant::now();
                let wait = soon.map_or(wait, |soon| soon.min(wait));
                let at = now + with_jitter(wait);
                if outcome.regular {
                    slot.regular_at = Some(at);
                }
                let regular = slot.regular_at.filter(|regular| *regular > now);
                self.kustomization_queue
                    .schedule(name, regular.map_or(at, |regular| regular.min(at)));
            }
            Next::Now => self.kustomization_queue.wake(name),
            Next::Never => {}
        }
        self.follow_webhooks();
        if outcome.ready {
            self.wake_dependents_of(&(Waiter::Kustomization, name.clone()));
            if outcome.object.is_some() {
                self.wake_held();
            }
        }
    }

    /// How soon to look again where what a pass waits for is about to come.
    fn soon(&self, outcome: &Outcome) -> Option<Duration> {
        let kind = self.standing.wait_for_kinds();
        let webhook = outcome.awaits_webhook.as_ref();
        kind.filter(|_| outcome.awaits_kind)
            .or_else(|| self.webhooks.wait_for(webhook?))
    }

    pub(super) fn kustomization_broke(&mut self, name: &Named) {
        tracing::error!(kind = "Kustomization", %name, "a pass broke off; it is tried again in a minute");
        self.kustomization_queue.finish(name);
        self.kustomization_queue
            .schedule(name, Instant::now() + Duration::from_secs(60));
    }

    /// How many Kustomizations and HelmReleases are ready, of how many that are not suspended.
    pub(super) fn readiness(&self) -> (usize, usize) {
        let active = self.kustomizations.values();
        let active = active.filter(|slot| !suspended(&slot.seen));
        let mine = active.map(|slot| &slot.seen.status.conditions);
        let all: Vec<_> = mine.chain(self.conditions_of_releases()).collect();
        let ready = all.iter();
        let ready = ready.filter(|found| conditions::is_true(found, conditions::READY));
        (ready.count(), all.len())
    }
}

impl KustomizationSlot {
    fn new(seen: SeenKustomization) -> Self {
        KustomizationSlot {
            seen,
            listed: true,
            blocked: false,
            held: false,
            awaits_kind: false,
            awaits_webhook: None,
            settled: None,
            regular_at: None,
            overtaken: CancellationToken::new(),
            waiting_since: None,
            stripped: false,
        }
    }
}

/// Whether Flux applied something since, which an observer compares afresh.
fn has_applied(seen: &SeenKustomization, before: &SeenKustomization) -> bool {
    let (now, before) = (&seen.status, &before.status);
    now.inventory != before.inventory || now.last_applied_revision != before.last_applied_revision
}

/// Whether our finalizer was on it and is not any more, with nobody deleting it.
fn was_stripped(seen: &SeenKustomization, before: Option<&SeenKustomization>) -> bool {
    let applied = seen
        .status
        .inventory
        .as_ref()
        .is_some_and(|i| !i.entries.is_empty());
    finalizer::was_taken_off(&seen.meta, before.map(|before| &before.meta), applied)
}

pub(super) fn source_name(name: &Named, seen: &SeenKustomization) -> Option<(SourceKind, Named)> {
    seen.spec.as_ref().ok().map(|spec| source_of(name, spec))
}

pub(super) fn suspended(seen: &SeenKustomization) -> bool {
    seen.spec.as_ref().is_ok_and(|spec| spec.suspend)
}

/// When `suspend --for` ends, as a time of the loop.
pub(super) fn suspended_until(meta: &Meta, suspended: bool) -> Option<Instant> {
    let until: Timestamp = meta.annotation(names::SUSPEND_UNTIL)?.parse().ok()?;
    let left = until.duration_since(Timestamp::now());
    let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
    suspended.then(|| Instant::now() + left)
}
