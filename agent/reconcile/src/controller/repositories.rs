//! The HelmRepositories as the loop knows them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::helm_chart::HelmChartSourceKind;
use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_api::names;
use windlass_cluster::WatchEvent;

use super::{Controller, with_jitter};
use crate::event::Event;
use crate::named::Named;
use crate::repository::pass::{Outcome, Pass};
use crate::repository::{self, IndexSnapshot};
use crate::seen::{Meta, SeenHelmRepository};
use crate::source::spec::Unusable;

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 2] = [names::REQUESTED_AT, names::SUSPEND_UNTIL];

/// How soon a pass that broke off, or the release of a finalizer, is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// One HelmRepository.
#[derive(Debug)]
pub(super) struct RepositorySlot {
    pub(super) seen: SeenHelmRepository,
    /// The index in use.
    pub(super) index: Option<IndexSnapshot>,
    /// What is kept on disk has been looked at.
    pub(super) loaded: bool,
    /// What was wrong at the last pass.
    problem: Option<(&'static str, String)>,
    /// Seen in the list that is under way.
    listed: bool,
}

impl RepositorySlot {
    /// Whether what is kept of it has been looked at; of a registry nothing is.
    pub(super) fn is_known(&self) -> bool {
        self.loaded || self.is_registry()
    }

    fn is_registry(&self) -> bool {
        let spec = self.seen.spec.as_ref();
        spec.is_ok_and(HelmRepositorySpec::is_registry)
    }
}

impl Controller {
    pub(super) fn helm_repository_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.repositories
                    .values_mut()
                    .for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.helm_repository_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.helm_repository_gone(&meta.name);
                    self.forget_gone_indexes();
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.repositories.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.helm_repository_gone(name));
                self.forget_gone_indexes();
                self.standing.repositories_listed = true;
                self.standing.api_answered(Ok(()));
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn helm_repository_applied(&mut self, object: &Value) {
        let Some(seen) = SeenHelmRepository::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let old = self.repositories.get_mut(&name);
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
                let slot = RepositorySlot {
                    seen,
                    index: None,
                    loaded: false,
                    problem: None,
                    listed: true,
                };
                self.repositories.insert(name.clone(), slot);
            }
        }
        if asks {
            self.repository_queue.wake(&name);
        }
    }

    fn helm_repository_gone(&mut self, name: &Named) {
        self.repositories.remove(name);
        self.repository_queue.forget(name);
        self.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
    }

    fn forget_gone_indexes(&mut self) {
        let names = self.repositories.keys().map(ToString::to_string).collect();
        self.forget_gone("indexes of repositories", repository::PREFIX, names);
    }

    /// A build holds other repositories, or holds them otherwise: they are looked at again.
    pub(super) fn repositories_vouched_for(&mut self, names: &[Named]) {
        for name in names {
            if self.repositories.contains_key(name) {
                self.repository_queue.wake(name);
                // What is pinned for them may be another thing now.
                self.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
            }
        }
    }

    /// Why a repository may not be used, if it may not.
    pub(super) fn unvouched(&self, slot: &RepositorySlot) -> Option<Unusable> {
        let spec = slot.seen.spec.as_ref().ok()?;
        let made = self.context.vouchers.repository(&slot.seen.meta.name);
        let made = made.map(|made| made.is(spec));
        self.not_vouched_for(&slot.seen.meta, &spec.url, made)
    }

    pub(super) fn start_repository(&mut self, name: Named) {
        let Some(slot) = self.repositories.get(&name) else {
            self.repository_queue.finish(&name);
            return;
        };
        if slot.seen.meta.deleting {
            self.release_repository(&name);
            return;
        }
        let suspended = slot.seen.spec.as_ref().is_ok_and(|spec| spec.suspend);
        // A registry has no index, and Flux says nothing of it either: its charts ask it.
        if slot.is_registry() {
            self.repository_queue.finish(&name);
            self.wake_charts_of(HelmChartSourceKind::HelmRepository, &name);
            return;
        }
        if suspended && slot.loaded {
            self.repository_queue.finish(&name);
            return;
        }
        let leadership = self.standing.leadership.clone();
        let pass = Pass {
            unvouched: self.unvouched(slot),
            seen: slot.seen.clone(),
            loaded: slot.loaded,
            leadership: leadership.filter(|_| self.may_write() && !suspended),
            name: name.clone(),
        };
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { repository::pass::run(&context, pass).await },
            {
                let name = name.clone();
                move |outcome| Event::RepositoryFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::RepositoryBroke { name },
        );
    }

    pub(super) fn repository_finished(&mut self, name: &Named, outcome: Outcome) {
        self.repository_queue.finish(name);
        if let Some(object) = &outcome.object {
            self.helm_repository_applied(object.as_value());
        }
        let Some(slot) = self.repositories.get_mut(name) else {
            self.repository_queue.forget(name);
            return;
        };
        if let Some((reason, message)) = outcome.problem.as_ref()
            && slot.problem != outcome.problem
        {
            tracing::warn!(kind = names::HELM_REPOSITORY, %name, reason, "{message}");
        }
        let first = !std::mem::replace(&mut slot.loaded, true);
        slot.problem = outcome.problem;
        let changed = slot.index != outcome.index;
        slot.index = outcome.index;
        if first {
            self.repository_queue.wake(name);
        } else {
            let at = Instant::now() + with_jitter(outcome.again);
            self.repository_queue.schedule(name, at);
        }
        if changed {
            self.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
        }
    }

    pub(super) fn repository_broke(&mut self, name: &Named) {
        tracing::error!(kind = names::HELM_REPOSITORY, %name, "a pass broke off; it is tried again in a minute");
        self.repository_queue.finish(name);
        self.repository_queue.schedule(name, Instant::now() + AGAIN);
    }

    fn release_repository(&mut self, name: &Named) {
        self.repository_queue.finish(name);
        let meta = self
            .repositories
            .get(name)
            .map(|slot| slot.seen.meta.clone());
        if meta
            .is_some_and(|meta| self.release_flux_finalizer(&meta, |kinds| &kinds.helm_repository))
        {
            self.repository_queue.schedule(name, Instant::now() + AGAIN);
        }
    }
}
