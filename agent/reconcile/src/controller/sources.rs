//! The sources as the loop knows them.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::helm_chart::HelmChartSourceKind;
use windlass_api::kustomization::SourceKind;
use windlass_api::names;
use windlass_cluster::{Leadership, WatchEvent};
use windlass_plan::backoff;

use super::{Controller, with_jitter};
use crate::event::Event;
use crate::finalizer;
use crate::named::Named;
use crate::seen::SeenGitRepository;
use crate::source::delivery::Delivery;
use crate::source::fetch::Snapshot;
use crate::source::status::Problem;
use crate::source::{self, Outcome, Pass, RefusedHead};

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 2] = [names::REQUESTED_AT, names::SUSPEND_UNTIL];

/// One source.
#[derive(Debug, Default)]
pub(super) struct SourceSlot {
    pub(super) seen: Option<SeenGitRepository>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) problem: Option<Problem>,
    refused: Option<RefusedHead>,
    pub(super) loaded: bool,
    /// Fetches in a row that came to no verdict.
    failures: u32,
    /// When the remote answered last.
    pub(super) fetched_at: Option<jiff::Timestamp>,
    /// Seen in the list that is under way.
    listed: bool,
    /// What somebody brought for it, for the next pass.
    pub(super) delivery: Option<Delivery>,
    /// What the pass under way works by does not hold any more: nothing comes of it.
    outdated: bool,
}

impl SourceSlot {
    /// Whether what is kept on disk has been looked at.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// What somebody brought, once what is kept was looked at.
    fn take_delivery(&mut self) -> Option<Delivery> {
        self.delivery.take_if(|_| self.loaded)
    }

    /// What is kept is judged anew before the network is asked.
    pub(super) fn look_again(&mut self) {
        self.loaded = false;
        self.refused = None;
        self.outdated = true;
    }
}

/// How soon a source is looked at again whose included ones are still being loaded from the disk.
const LOADED_AGAIN: std::time::Duration = std::time::Duration::from_millis(200);

/// How soon a pass is made again of which nothing came; whoever outdated it has asked for one already.
const OUTDATED_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// How soon the release of a finalizer is tried again.
const RELEASE_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

impl Controller {
    pub(super) fn git_repository_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.standing.sources_listing = true;
                self.sources
                    .values_mut()
                    .for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.git_repository_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(seen) = SeenGitRepository::parse(&object) {
                    self.git_repository_gone(&seen.meta.name);
                    self.forget_gone_sources();
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.sources.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.git_repository_gone(name));
                self.forget_gone_sources();
                self.standing.sources_listed = true;
                self.standing.sources_listing = false;
                self.standing.api_answered(Ok(()));
                self.finish_uninstall();
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    pub(super) fn git_repository_applied(&mut self, object: &Value) {
        self.standing.api_answered(Ok(()));
        let Some(seen) = SeenGitRepository::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let listing = self.standing.sources_listing;
        let slot = self.sources.entry(name.clone()).or_default();
        slot.listed = true;
        if slot
            .seen
            .as_ref()
            .is_some_and(|old| !listing && seen.meta.is_before(&old.meta))
        {
            return;
        }
        let asks = slot
            .seen
            .as_ref()
            .is_none_or(|old| seen.meta.asks_for_a_pass(&old.meta, &WATCHED));
        let changed = slot
            .seen
            .as_ref()
            .is_some_and(|old| old.meta.generation != seen.meta.generation)
            && !seen.meta.deleting;
        let until = super::kustomizations::suspended_until(&seen.meta, suspended(&seen));
        slot.seen = Some(seen);
        if changed {
            // Another URL or reference is another line: what is kept of it is looked at first.
            slot.look_again();
        }
        if changed && name == self.root.name {
            // The node's config has the last word on the root.
            self.establish_again();
        }
        if let Some(until) = until {
            self.source_queue.schedule(&name, until);
        }
        if asks {
            self.source_queue.wake(&name);
        }
    }

    fn git_repository_gone(&mut self, name: &Named) {
        if *name == self.root.name {
            if let Some(slot) = self.sources.get_mut(name) {
                slot.seen = None;
            }
            self.establish_again();
            return;
        }
        self.sources.remove(name);
        self.source_queue.forget(name);
        self.wake_users_of(SourceKind::GitRepository, name);
        self.wake_charts_of(HelmChartSourceKind::GitRepository, name);
    }

    /// What is kept of sources that are not there any more is dropped.
    fn forget_gone_sources(&mut self) {
        let names = self.sources.keys().map(ToString::to_string).collect();
        let keep = Arc::clone(&self.context.keep);
        self.passes.spawn(async move {
            // That it broke off is logged where panics are; it is tried again with the next list.
            let _ = tokio::task::spawn_blocking(move || keep.forget_all_but(&names)).await;
        });
    }

    pub(super) fn start_source(&mut self, name: Named) {
        if let Some(slot) = self.sources.get_mut(&name) {
            slot.outdated = false;
        }
        let Some(slot) = self.sources.get(&name) else {
            self.source_queue.finish(&name);
            return;
        };
        let is_due = slot.delivery.is_some();
        let leadership = self
            .standing
            .leadership
            .clone()
            .filter(|_| self.may_write() && self.standing.own_word_read);
        if let Some(seen) = &slot.seen {
            if seen.meta.deleting {
                self.release_source(&name);
                return;
            }
            if suspended(seen) && slot.loaded && !is_due {
                self.source_queue.finish(&name);
                self.resume_if_due(&seen_kind(), &name);
                return;
            }
        }
        if !slot.loaded && self.waits_for_an_include(&name) {
            self.source_queue.finish(&name);
            self.source_queue
                .schedule(&name, Instant::now() + LOADED_AGAIN);
            return;
        }
        let pass = self.source_pass(&name, slot, leadership);
        let delivery = self
            .sources
            .get_mut(&name)
            .and_then(SourceSlot::take_delivery);
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { source::run(&context, pass, delivery).await },
            {
                let name = name.clone();
                move |outcome| Event::SourceFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::SourceBroke { name },
        );
    }

    fn source_pass(&self, name: &Named, slot: &SourceSlot, leadership: Option<Leadership>) -> Pass {
        let is_root = *name == self.root.name;
        Pass {
            fixed: is_root.then(|| self.root.spec.clone()),
            seen: slot.seen.clone(),
            snapshot: slot.snapshot.clone(),
            problem: slot.problem.clone(),
            refused: slot.refused.clone(),
            loaded: slot.loaded,
            basis: self.basis_of(name, slot),
            included: self.included(name),
            remembered: self.remembered(name, slot),
            trust: Arc::clone(&self.trust),
            epoch: self.context.keep.epoch(),
            trust_problem: self.trust_problem.clone().filter(|_| is_root),
            leadership,
            leads: self.standing.leads(),
            events: self.sender.clone(),
            name: name.clone(),
        }
    }

    pub(super) fn source_finished(&mut self, name: &Named, outcome: Outcome) {
        self.source_queue.finish(name);
        if let Some(object) = &outcome.object {
            self.git_repository_applied(object.as_value());
        }
        let Some(slot) = self.sources.get_mut(name) else {
            self.source_queue.forget(name);
            return;
        };
        if slot.outdated {
            self.source_queue
                .schedule(name, Instant::now() + OUTDATED_AGAIN);
            return;
        }
        if !outcome.only_loaded {
            self.status.source_asked(name, outcome.problem.as_ref());
            self.context
                .root_asked
                .send_replace(self.status.was_asked());
        }
        if let Some(problem) = outcome
            .problem
            .as_ref()
            .filter(|new| slot.problem.as_ref() != Some(new))
        {
            let (reason, message) = (problem.reason, &problem.message);
            tracing::warn!(kind = "GitRepository", %name, reason, "{message}");
        }
        let failed = outcome.problem.as_ref().is_some_and(Problem::is_fetch);
        if !failed && !outcome.only_loaded {
            slot.fetched_at = Some(jiff::Timestamp::now());
        }
        slot.failures = if failed {
            slot.failures.saturating_add(1)
        } else {
            0
        };
        let wait = if failed {
            let jitter = rand::random();
            backoff::delay(slot.failures, backoff::MINIMUM, outcome.interval, jitter)
        } else {
            with_jitter(outcome.interval)
        };
        slot.problem = outcome.problem;
        // What an earlier spec came to says nothing about the present one.
        let present = slot.seen.as_ref().map(|seen| seen.meta.generation) == outcome.generation;
        if present || name == &self.root.name {
            slot.refused = outcome.refused;
            slot.loaded |= outcome.loaded;
        }
        if outcome.only_loaded {
            self.source_queue.wake(name);
        }
        self.source_queue.schedule(name, Instant::now() + wait);
        self.offer(name, outcome.snapshot);
    }

    /// Takes what the pass under way came to, before it ends.
    pub(super) fn source_found(&mut self, name: &Named, snapshot: Snapshot) {
        if self.sources.get(name).is_some_and(|slot| !slot.outdated) {
            self.offer(name, Some(snapshot));
        }
    }

    /// Makes a revision, or none, the one that passes of Kustomizations work with, and wakes them when it is
    /// another than before.
    pub(super) fn offer(&mut self, name: &Named, snapshot: Option<Snapshot>) {
        let Some(slot) = self.sources.get_mut(name) else {
            return;
        };
        // The same revision with other ignore rules is another artifact.
        let state = |snapshot: &Snapshot| {
            let digest = snapshot.artifact.digest.clone();
            (snapshot.revision.clone(), digest)
        };
        let before = slot.snapshot.as_ref().map(state);
        let after = snapshot.as_ref().map(state);
        slot.snapshot = snapshot;
        if before == after {
            return;
        }
        if let Some((revision, _)) = after {
            tracing::info!(kind = "GitRepository", %name, revision, "accepted");
        }
        self.wake_users_of(SourceKind::GitRepository, name);
        self.wake_charts_of(HelmChartSourceKind::GitRepository, name);
        self.wake_includers_of(name);
    }

    /// Lets go of every revision: what is kept is judged anew, and nothing comes of a pass that is under way.
    pub(super) fn distrust_sources(&mut self) {
        let names: Vec<Named> = self.sources.keys().cloned().collect();
        for name in names {
            self.offer(&name, None);
            if let Some(slot) = self.sources.get_mut(&name) {
                slot.look_again();
            }
            self.source_queue.wake(&name);
        }
    }

    pub(super) fn source_broke(&mut self, name: &Named) {
        tracing::error!(kind = "GitRepository", %name, "a pass broke off; it is tried again in a minute");
        self.source_queue.finish(name);
        self.source_queue
            .schedule(name, Instant::now() + std::time::Duration::from_secs(60));
    }

    /// A source has nothing to clean up: its finalizer is released at once.
    fn release_source(&mut self, name: &Named) {
        self.source_queue.finish(name);
        let slot = self.sources.get(name).and_then(|slot| slot.seen.clone());
        let (Some(seen), Some(leadership)) = (slot, self.standing.leadership.clone()) else {
            return;
        };
        if !self.may_write() {
            return;
        }
        // Until the watch shows that it is gone, it is tried again.
        self.source_queue
            .schedule(name, Instant::now() + RELEASE_AGAIN);
        let context = Arc::clone(&self.context);
        self.passes.spawn(async move {
            let kind = &context.kinds.git_repository;
            let name = &seen.meta.name;
            let released = finalizer::release_now(&context.cluster, &leadership, kind, name).await;
            if let Err(error) = released {
                tracing::warn!(source = %name, %error, "the finalizer could not be released; trying again");
            }
        });
    }
}

fn seen_kind() -> super::standing::OwnKind {
    super::standing::OwnKind::GitRepository
}

fn suspended(seen: &SeenGitRepository) -> bool {
    seen.spec.as_ref().is_ok_and(|spec| spec.suspend)
}
