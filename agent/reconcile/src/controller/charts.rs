//! The HelmCharts as the loop knows them.

use std::sync::Arc;

use serde_json::Value;
use windlass_api::helm_chart::{HelmChartSourceKind, HelmChartSpec, HelmChartStatus};
use windlass_api::kustomization::SourceKind;
use windlass_api::{names, reasons};
use windlass_cluster::Resource;
use windlass_host::config::Unpinned;

use super::Controller;
use super::fetched::{Fetched, Fetching, Slot};
use super::repositories::HelmRepositories;
use super::sources::SourceSlot;
use crate::chart::elsewhere::{Known, KnownRepository};
use crate::chart::pass::{ChartSource, Indexed, Pass};
use crate::chart::pins::Pins;
use crate::chart::{self, ChartSnapshot};
use crate::context::Kinds;
use crate::event::Event;
use crate::named::Named;
use crate::seen::SeenHelmChart;

/// HelmCharts, of which the package is kept.
pub(super) struct HelmCharts;

impl Fetched for HelmCharts {
    type Spec = HelmChartSpec;
    type Status = HelmChartStatus;
    type Kept = ChartSnapshot;

    const KIND: &'static str = names::HELM_CHART;
    const KEPT: (&'static str, &'static str) = (chart::PREFIX, "packages of charts");

    fn parse(object: &Value) -> Option<SeenHelmChart> {
        SeenHelmChart::parse(object)
    }

    fn of(controller: &mut Controller) -> &mut Fetching<Self> {
        &mut controller.charts
    }

    fn resource(kinds: &Kinds) -> &Resource {
        &kinds.helm_chart
    }

    fn rests(slot: &Slot<Self>) -> bool {
        slot.kept.is_some()
    }

    fn gone(_controller: &mut Controller, _name: &Named) {}

    fn finished(
        controller: &mut Controller,
        name: &Named,
        (before, now): (Option<ChartSnapshot>, Option<ChartSnapshot>),
    ) {
        let before = before.map(|chart| chart.digest);
        if let Some(ChartSnapshot {
            version, digest, ..
        }) = now
            && before.as_ref() != Some(&digest)
        {
            tracing::info!(kind = Self::KIND, %name, version, digest, "in use");
        }
        controller.wake_releases_of(name);
    }
}

impl Controller {
    /// Wakes the charts that are taken from a source, and those that lack another chart, which a repository may have now.
    pub(super) fn wake_charts_of(&mut self, kind: HelmChartSourceKind, source: &Named) {
        let users = self.charts.slots.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            let is_of = spec.is_ok_and(|spec| {
                let reference = &spec.source_ref;
                (reference.kind, &reference.name) == (kind, &source.name)
            });
            let lacks = kind == HelmChartSourceKind::HelmRepository
                && slot.has_problem(reasons::DEPENDENCY_BUILD_ERROR);
            name.namespace == source.namespace && (is_of || lacks)
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        self.charts.wake(&names);
    }

    pub(super) fn start_chart(&mut self, name: Named) {
        let suspended = |spec: &HelmChartSpec| spec.suspend;
        if !self.fetched_begins::<HelmCharts>(&name, suspended) {
            return;
        }
        let Some(slot) = self.charts.slots.get(&name) else {
            return;
        };
        // What is not known yet is not said: the lists come first, then what the node keeps.
        let spec = slot.seen.spec.as_ref();
        let is_known = spec.is_ok_and(|spec| self.is_known(&name, spec)) || spec.is_err();
        let leadership = self.writes_of(&slot.seen, suspended);
        let pass = Pass {
            seen: slot.seen.clone(),
            source: self.source_of_chart(&name, slot),
            leadership: leadership.filter(|_| is_known),
            name: name.clone(),
        };
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { chart::pass::run(&context, pass).await },
            {
                let name = name.clone();
                move |outcome| Event::ChartFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::ChartBroke { name },
        );
    }

    fn is_known(&self, name: &Named, spec: &HelmChartSpec) -> bool {
        let source = Named::new(&name.namespace, &spec.source_ref.name);
        let standing = &self.standing;
        match spec.source_ref.kind {
            HelmChartSourceKind::GitRepository => {
                let slot = self.sources.get(&source);
                standing.sources_listed && slot.is_none_or(SourceSlot::is_loaded)
            }
            HelmChartSourceKind::HelmRepository => {
                let slot = self.repositories.slots.get(&source);
                standing.repositories_listed && slot.is_none_or(Slot::<HelmRepositories>::is_known)
            }
            HelmChartSourceKind::Bucket => {
                let slot = self.buckets.slots.get(&source);
                standing.buckets_listed && slot.is_none_or(|slot| slot.loaded)
            }
        }
    }

    fn source_of_chart(&self, name: &Named, slot: &Slot<HelmCharts>) -> ChartSource {
        let Ok(spec) = &slot.seen.spec else {
            return ChartSource::NotFound;
        };
        let source = Named::new(&name.namespace, &spec.source_ref.name);
        let kind = match spec.source_ref.kind {
            HelmChartSourceKind::GitRepository => SourceKind::GitRepository,
            HelmChartSourceKind::Bucket => SourceKind::Bucket,
            HelmChartSourceKind::HelmRepository => return self.repository_of_chart(&source),
        };
        match self.offered(&(kind, source)) {
            None => ChartSource::NotFound,
            Some(None) => ChartSource::NoRevision,
            Some(Some(offer)) => {
                ChartSource::Ready(Box::new(offer), self.known_repositories(&name.namespace))
            }
        }
    }

    /// The repositories of a namespace that somebody vouches for, for what charts of other sources need of them.
    fn known_repositories(&self, namespace: &str) -> Known {
        let slots = self.repositories.slots.iter();
        let of_this = slots.filter(|(name, _)| name.namespace == namespace);
        let vouched = of_this.filter(|(_, slot)| self.unvouched(slot).is_none());
        let known = vouched.filter_map(|(name, slot)| {
            let spec = slot.seen.spec.as_ref().ok()?.clone();
            let index = slot.kept.clone().filter(|index| index.url == spec.url);
            let name = name.clone();
            Some(KnownRepository { name, spec, index })
        });
        Known {
            repositories: known.collect(),
            only_pinned: self.policy.remote.unpinned_artifacts == Unpinned::Refuse,
        }
    }

    /// What is pinned for the charts of a repository, and what the node's config says of others.
    fn pins_of(&self, repository: &Named) -> Pins {
        Pins {
            pins: self.context.vouchers.chart_pins(repository),
            only: self.policy.remote.unpinned_artifacts == Unpinned::Refuse,
        }
    }

    fn repository_of_chart(&self, source: &Named) -> ChartSource {
        let Some(slot) = self.repositories.slots.get(source) else {
            return ChartSource::NotFound;
        };
        match (&slot.seen.spec, &slot.kept) {
            (Ok(spec), _) if spec.is_registry() => match self.unvouched(slot) {
                Some(unusable) => ChartSource::Unvouched(unusable),
                None => {
                    let spec = Box::new(spec.clone());
                    ChartSource::Registry(source.clone(), spec, self.pins_of(source))
                }
            },
            (Ok(spec), Some(index)) if spec.url == index.url => {
                let (index, spec) = (index.clone(), spec.clone());
                let name = source.clone();
                let pins = self.pins_of(source);
                ChartSource::Repository(Box::new(Indexed {
                    name,
                    spec,
                    index,
                    pins,
                }))
            }
            _ => ChartSource::NoRevision,
        }
    }
}
