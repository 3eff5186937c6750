//! The HelmCharts as the loop knows them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::helm_chart::{HelmChartSourceKind, HelmChartSpec};
use windlass_api::names;
use windlass_cluster::WatchEvent;
use windlass_host::config::Unpinned;

use super::repositories::RepositorySlot;
use super::sources::SourceSlot;
use super::{Controller, with_jitter};
use crate::chart::pass::{ChartSource, Indexed, Outcome, Pass};
use crate::chart::pins::Pins;
use crate::chart::{self, ChartSnapshot};
use crate::event::Event;
use crate::named::Named;
use crate::seen::{Meta, SeenHelmChart};

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 2] = [names::REQUESTED_AT, names::SUSPEND_UNTIL];

/// How soon a pass that broke off, or the release of a finalizer, is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// One HelmChart.
#[derive(Debug)]
pub(super) struct ChartSlot {
    pub(super) seen: SeenHelmChart,
    /// The chart in use.
    pub(super) snapshot: Option<ChartSnapshot>,
    /// What was wrong at the last pass.
    problem: Option<(&'static str, String)>,
    /// Seen in the list that is under way.
    listed: bool,
}

impl Controller {
    pub(super) fn helm_chart_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.charts
                    .values_mut()
                    .for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.helm_chart_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.helm_chart_gone(&meta.name);
                    self.forget_gone_charts();
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.charts.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.helm_chart_gone(name));
                self.forget_gone_charts();
                self.standing.api_answered(Ok(()));
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn helm_chart_applied(&mut self, object: &Value) {
        let Some(seen) = SeenHelmChart::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let old = self.charts.get_mut(&name);
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
                let slot = ChartSlot {
                    seen,
                    snapshot: None,
                    problem: None,
                    listed: true,
                };
                self.charts.insert(name.clone(), slot);
            }
        }
        if asks {
            self.chart_queue.wake(&name);
        }
    }

    fn helm_chart_gone(&mut self, name: &Named) {
        self.charts.remove(name);
        self.chart_queue.forget(name);
    }

    fn forget_gone_charts(&mut self) {
        let names = self.charts.keys().map(ToString::to_string).collect();
        self.forget_gone("packages of charts", chart::PREFIX, names);
    }

    /// Wakes the charts that are taken from a source.
    pub(super) fn wake_charts_of(&mut self, kind: HelmChartSourceKind, source: &Named) {
        let users = self.charts.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            spec.is_ok_and(|spec| {
                let reference = &spec.source_ref;
                reference.kind == kind
                    && (&name.namespace, &reference.name) == (&source.namespace, &source.name)
            })
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.chart_queue.wake(name));
    }

    pub(super) fn start_chart(&mut self, name: Named) {
        let Some(slot) = self.charts.get(&name) else {
            self.chart_queue.finish(&name);
            return;
        };
        if slot.seen.meta.deleting {
            self.release_chart(&name);
            return;
        }
        let suspended = slot.seen.spec.as_ref().is_ok_and(|spec| spec.suspend);
        if suspended && slot.snapshot.is_some() {
            self.chart_queue.finish(&name);
            return;
        }
        // What is not known yet is not said: the lists come first, then what the node keeps.
        let spec = slot.seen.spec.as_ref();
        let is_known = spec.is_ok_and(|spec| self.is_known(&name, spec)) || spec.is_err();
        let leadership = self.standing.leadership.clone();
        let pass = Pass {
            seen: slot.seen.clone(),
            source: self.source_of_chart(&name, slot),
            leadership: leadership.filter(|_| self.may_write() && !suspended && is_known),
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
                let slot = self.repositories.get(&source);
                standing.repositories_listed && slot.is_none_or(RepositorySlot::is_known)
            }
            HelmChartSourceKind::Bucket => true,
        }
    }

    fn source_of_chart(&self, name: &Named, slot: &ChartSlot) -> ChartSource {
        let Ok(spec) = &slot.seen.spec else {
            return ChartSource::NotFound;
        };
        let source = Named::new(&name.namespace, &spec.source_ref.name);
        match spec.source_ref.kind {
            HelmChartSourceKind::GitRepository => match self.sources.get(&source) {
                None => ChartSource::NotFound,
                Some(slot) => match slot.snapshot.clone() {
                    Some(snapshot) => ChartSource::Ready(Box::new(snapshot)),
                    None => ChartSource::NoRevision,
                },
            },
            HelmChartSourceKind::HelmRepository => self.repository_of_chart(&source),
            HelmChartSourceKind::Bucket => ChartSource::Unsupported("Bucket"),
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
        let Some(slot) = self.repositories.get(source) else {
            return ChartSource::NotFound;
        };
        match (&slot.seen.spec, &slot.index) {
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

    pub(super) fn chart_finished(&mut self, name: &Named, outcome: Outcome) {
        self.chart_queue.finish(name);
        if let Some(object) = &outcome.object {
            self.helm_chart_applied(object.as_value());
        }
        let Some(slot) = self.charts.get_mut(name) else {
            self.chart_queue.forget(name);
            return;
        };
        if let Some((reason, message)) = outcome.problem.as_ref()
            && slot.problem != outcome.problem
        {
            tracing::warn!(kind = names::HELM_CHART, %name, reason, "{message}");
        }
        let digest = |chart: &ChartSnapshot| chart.digest.clone();
        if let Some(chart) = &outcome.snapshot
            && slot.snapshot.as_ref().map(digest) != Some(digest(chart))
        {
            let (version, digest) = (&chart.version, &chart.digest);
            tracing::info!(kind = names::HELM_CHART, %name, version, digest, "in use");
        }
        slot.problem = outcome.problem;
        slot.snapshot = outcome.snapshot;
        self.wake_releases_of(name);
        let at = Instant::now() + with_jitter(outcome.again);
        self.chart_queue.schedule(name, at);
    }

    pub(super) fn chart_broke(&mut self, name: &Named) {
        tracing::error!(kind = names::HELM_CHART, %name, "a pass broke off; it is tried again in a minute");
        self.chart_queue.finish(name);
        self.chart_queue.schedule(name, Instant::now() + AGAIN);
    }

    fn release_chart(&mut self, name: &Named) {
        self.chart_queue.finish(name);
        let meta = self.charts.get(name).map(|slot| slot.seen.meta.clone());
        if meta.is_some_and(|meta| self.release_flux_finalizer(&meta, |kinds| &kinds.helm_chart)) {
            self.chart_queue.schedule(name, Instant::now() + AGAIN);
        }
    }
}
