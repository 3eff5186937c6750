//! The HelmRepositories as the loop knows them.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::helm_chart::HelmChartSourceKind;
use windlass_api::helm_repository::{HelmRepositorySpec, HelmRepositoryStatus};
use windlass_api::names;
use windlass_cluster::Resource;

use super::Controller;
use super::fetched::{Fetched, Fetching, Slot};
use crate::context::Kinds;
use crate::event::Event;
use crate::named::Named;
use crate::repository::pass::Pass;
use crate::repository::{self, IndexSnapshot};
use crate::seen::SeenHelmRepository;
use crate::source::spec::Unusable;

/// HelmRepositories, of which the index is kept.
pub(super) struct HelmRepositories;

impl Fetched for HelmRepositories {
    type Spec = HelmRepositorySpec;
    type Status = HelmRepositoryStatus;
    type Kept = IndexSnapshot;

    const KIND: &'static str = names::HELM_REPOSITORY;
    const KEPT: (&'static str, &'static str) = (repository::PREFIX, "indexes of repositories");

    fn parse(object: &Value) -> Option<SeenHelmRepository> {
        SeenHelmRepository::parse(object)
    }

    fn of(controller: &mut Controller) -> &mut Fetching<Self> {
        &mut controller.repositories
    }

    fn resource(kinds: &Kinds) -> &Resource {
        &kinds.helm_repository
    }

    fn listed(controller: &mut Controller) {
        controller.standing.repositories_listed = true;
    }

    fn gone(controller: &mut Controller, name: &Named) {
        controller.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
    }

    fn finished(
        controller: &mut Controller,
        name: &Named,
        (before, now): (Option<IndexSnapshot>, Option<IndexSnapshot>),
    ) {
        if before != now {
            controller.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
        }
    }
}

impl Slot<HelmRepositories> {
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
    /// A build holds other repositories, or holds them otherwise: they are looked at again.
    pub(super) fn repositories_vouched_for(&mut self, names: &[Named]) {
        for name in names {
            if self.repositories.slots.contains_key(name) {
                self.repositories.queue.wake(name);
                // What is pinned for them may be another thing now.
                self.wake_charts_of(HelmChartSourceKind::HelmRepository, name);
            }
        }
    }

    /// Why a repository may not be used, if it may not.
    pub(super) fn unvouched(&self, slot: &Slot<HelmRepositories>) -> Option<Unusable> {
        let spec = slot.seen.spec.as_ref().ok()?;
        let made = self.context.vouchers.repository(&slot.seen.meta.name);
        let made = made.map(|made| made.is(spec));
        self.not_vouched_for(&slot.seen.meta, &spec.url, made)
    }

    pub(super) fn start_repository(&mut self, name: Named) {
        let suspended = |spec: &HelmRepositorySpec| spec.suspend;
        if !self.fetched_begins::<HelmRepositories>(&name, suspended) {
            return;
        }
        let Some(slot) = self.repositories.slots.get(&name) else {
            return;
        };
        // A registry has no index, and Flux says nothing of it either: its charts ask it.
        if slot.is_registry() {
            self.repositories.queue.finish(&name);
            self.wake_charts_of(HelmChartSourceKind::HelmRepository, &name);
            return;
        }
        let pass = Pass {
            unvouched: self.unvouched(slot),
            leadership: self.writes_of(&slot.seen, suspended),
            seen: slot.seen.clone(),
            loaded: slot.loaded,
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
}
