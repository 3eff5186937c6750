//! What has to be ready first, and who waits for it: Kustomizations and HelmReleases alike.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_api::kustomization::DependencyReference;
use windlass_plan::graph;

use super::Controller;
use super::kustomizations::source_name;
use crate::named::Named;
use crate::seen::Meta;
use crate::work::depends::{self, Dependency, DependencyState, Need, Node, Waiter, is_ready};

impl Controller {
    /// What an object waits for, as it is now. One whose dependencies cannot be told has none; see [`Self::unmet`].
    pub(super) fn dependencies_of(&self, node: &Node) -> Vec<Dependency> {
        let needs = self.needs_of(node).unwrap_or_default().into_iter();
        let dependency = |need: Need| Dependency {
            name: depends::shown(node.0, &need.node),
            state: self.state_of(&need, node),
            ready_expr: need.ready_expr,
        };
        needs.map(dependency).collect()
    }

    /// Why no waiting helps: a circle, or an annotation that cannot be read.
    pub(super) fn unmet(&self, node: &Node) -> Option<String> {
        match self.needs_of(node) {
            Err(why) => return Some(why),
            Ok(needs) if needs.is_empty() => return None,
            Ok(_) => {}
        }
        let kustomizations = self
            .kustomizations
            .keys()
            .map(|name| (Waiter::Kustomization, name));
        let releases = self.releases.keys().map(|name| (Waiter::HelmRelease, name));
        let edges = kustomizations.chain(releases).map(|(kind, name)| {
            let from = (kind, name.clone());
            let needs = self.needs_of(&from).unwrap_or_default();
            (from, needs.into_iter().map(|need| need.node).collect())
        });
        let edges: BTreeMap<Node, Vec<Node>> = edges.collect();
        let cycle = graph::cycle_through(&edges, node)?;
        let cycle: Vec<String> = cycle
            .iter()
            .map(|one| depends::shown(node.0, one))
            .collect();
        let cycle = cycle.join(" → ");
        Some(format!(
            "dependencies form a cycle: {cycle}; remove one dependsOn of it"
        ))
    }

    /// Wakes what waits for an object. A Kustomization may be about to: a pass that is under way knows only how it was.
    pub(super) fn wake_dependents_of(&mut self, dependency: &Node) {
        self.wake_waiting(|need| need.node == *dependency);
    }

    /// Wakes what waits for an expression over an object whose status has changed.
    pub(super) fn wake_asking(&mut self, dependency: &Node) {
        self.wake_waiting(|need| need.node == *dependency && need.ready_expr.is_some());
    }

    fn wake_waiting(&mut self, is_it: impl Fn(&Need) -> bool) {
        let waits = |node: &Node| {
            self.needs_of(node)
                .is_ok_and(|needs| needs.iter().any(&is_it))
        };
        let kustomizations = self.kustomizations.iter().filter(|(name, slot)| {
            let may = slot.blocked || self.kustomization_queue.is_running(name);
            may && waits(&(Waiter::Kustomization, (*name).clone()))
        });
        let kustomizations: Vec<Named> = kustomizations.map(|(name, _)| name.clone()).collect();
        let releases = self
            .releases
            .iter()
            .filter(|(name, slot)| slot.blocked && waits(&(Waiter::HelmRelease, (*name).clone())));
        let releases: Vec<Named> = releases.map(|(name, _)| name.clone()).collect();
        self.wake_in_turn(&kustomizations);
        releases
            .iter()
            .for_each(|name| self.release_queue.wake(name));
    }

    fn needs_of(&self, (kind, name): &Node) -> Result<Vec<Need>, String> {
        let found: Option<(&Meta, Option<&[DependencyReference]>)> = match kind {
            Waiter::Kustomization => self.kustomizations.get(name).map(|slot| {
                let spec = slot.seen.spec.as_ref().ok();
                (&slot.seen.meta, spec.map(|spec| spec.depends_on.as_slice()))
            }),
            Waiter::HelmRelease => self.releases.get(name).map(|slot| {
                let spec = slot.seen.spec.as_ref().ok();
                (&slot.seen.meta, spec.map(|spec| spec.depends_on.as_slice()))
            }),
        };
        match found {
            Some((meta, Some(depends_on))) => depends::needs((*kind, meta), depends_on),
            _ => Ok(Vec::new()),
        }
    }

    fn state_of(&self, need: &Need, (kind, waiting): &Node) -> Option<DependencyState> {
        let (of, name) = &need.node;
        let whole = |seen: &dyn Fn() -> Value| need.ready_expr.is_some().then(seen);
        match of {
            Waiter::Kustomization => self.kustomizations.get(name).map(|slot| {
                let (meta, status) = (&slot.seen.meta, &slot.seen.status);
                let shared = self
                    .revision_behind(waiting, name)
                    .filter(|_| *kind == Waiter::Kustomization);
                DependencyState {
                    object: whole(&|| slot.seen.as_object()),
                    ready: is_ready(meta, status.observed_generation, &status.conditions),
                    outdated: shared
                        .is_some_and(|revision| status.last_applied_revision != revision),
                }
            }),
            Waiter::HelmRelease => self.releases.get(name).map(|slot| {
                let (meta, status) = (&slot.seen.meta, &slot.seen.status);
                DependencyState {
                    object: whole(&|| slot.seen.as_object()),
                    ready: is_ready(meta, status.observed_generation, &status.conditions),
                    outdated: false,
                }
            }),
        }
    }

    /// The revision of the source that two Kustomizations share; `None` where they share none.
    fn revision_behind(&self, one: &Named, other: &Named) -> Option<Option<String>> {
        let source = |name: &Named| source_name(name, &self.kustomizations.get(name)?.seen);
        let shared = source(one).filter(|shared| source(other).as_ref() == Some(shared))?;
        let offer = self.offered(&shared).flatten();
        Some(offer.map(|offer| offer.revision().to_owned()))
    }
}
