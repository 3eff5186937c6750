//! The HelmReleases as the loop knows them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::helm_release::{ChartReferenceKind, HelmReleaseSpec};
use windlass_api::{conditions, names, reasons};
use windlass_cluster::WatchEvent;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;
use windlass_plan::{backoff, graph};

use super::standing::OwnKind;
use super::{Controller, with_jitter};
use crate::event::Event;
use crate::kustomization::Next;
use crate::kustomization::pass::Refusal;
use crate::ledger::Ledger;
use crate::named::Named;
use crate::release::pass::{ChartState, Pass, ReleaseChart};
use crate::release::{self, Outcome, template};
use crate::seen::{Meta, SeenHelmRelease};
use crate::work::depends::{self, Dependency, DependencyState};
use crate::work::hidden::Hidden;

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 4] = [
    names::REQUESTED_AT,
    names::FORCE_AT,
    names::RESET_AT,
    names::SUSPEND_UNTIL,
];

/// How soon a pass that broke off is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// One HelmRelease.
#[derive(Debug)]
pub(super) struct ReleaseSlot {
    pub(super) seen: SeenHelmRelease,
    /// Seen in the list that is under way.
    listed: bool,
    /// Waits for a dependency.
    blocked: bool,
    /// Waits for a kind that the API server does not have.
    pub(super) awaits_kind: bool,
    /// How often in a row its passes have failed.
    failures: u32,
    /// Cuts a pass short that waits for what is not wanted any more.
    overtaken: CancellationToken,
}

impl Controller {
    pub(super) fn helm_release_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.releases
                    .values_mut()
                    .for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.helm_release_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.helm_release_gone(&meta.name);
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.releases.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.helm_release_gone(name));
                self.standing.api_answered(Ok(()));
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn helm_release_applied(&mut self, object: &Value) {
        let Some(seen) = SeenHelmRelease::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let old = self.releases.get_mut(&name);
        let asks = old
            .as_ref()
            .is_none_or(|old| seen.meta.asks_for_a_pass(&old.seen.meta, &WATCHED));
        match old {
            Some(slot) => {
                slot.listed = true;
                if seen.meta.is_before(&slot.seen.meta) {
                    return;
                }
                let (before, now) = (&slot.seen.meta, &seen.meta);
                if (before.generation, before.deleting) != (now.generation, now.deleting) {
                    slot.overtaken.cancel();
                }
                slot.seen = seen;
            }
            None => {
                let slot = ReleaseSlot {
                    seen,
                    listed: true,
                    blocked: false,
                    awaits_kind: false,
                    failures: 0,
                    overtaken: CancellationToken::new(),
                };
                self.releases.insert(name.clone(), slot);
            }
        }
        if asks {
            self.release_queue.wake(&name);
        }
        self.wake_releases_after(&name);
    }

    fn helm_release_gone(&mut self, name: &Named) {
        self.releases.remove(name);
        self.release_queue.forget(name);
    }

    /// Wakes the releases that wait for one.
    fn wake_releases_after(&mut self, dependency: &Named) {
        let waiting = self.releases.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            slot.blocked
                && spec.is_ok_and(|spec| {
                    depends::names(&name.namespace, &spec.depends_on).contains(dependency)
                })
        });
        let names: Vec<Named> = waiting.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.release_queue.wake(name));
    }

    /// Wakes the releases of a chart.
    pub(super) fn wake_releases_of(&mut self, chart: &Named) {
        let users = self.releases.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            spec.is_ok_and(|spec| chart_of(name, spec).as_ref() == Some(chart))
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.release_queue.wake(name));
    }

    pub(super) fn wake_all_releases(&mut self) {
        let names: Vec<Named> = self.releases.keys().cloned().collect();
        names.iter().for_each(|name| self.release_queue.wake(name));
    }

    pub(super) fn start_release(&mut self, name: Named) {
        let Some(pass) = self.release_pass(&name) else {
            self.release_queue.finish(&name);
            return;
        };
        self.spawn(
            release::run(pass),
            {
                let name = name.clone();
                move |outcome| Event::ReleaseFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::ReleaseBroke { name },
        );
    }

    pub(super) fn release_finished(&mut self, name: &Named, outcome: Outcome) {
        self.release_queue.finish(name);
        if let Some(object) = &outcome.object {
            self.helm_release_applied(object.as_value());
        }
        let Some(slot) = self.releases.get_mut(name) else {
            self.release_queue.forget(name);
            return;
        };
        slot.blocked = outcome.blocked;
        slot.awaits_kind = outcome.awaits_kind;
        slot.failures = if outcome.failed { slot.failures + 1 } else { 0 };
        match outcome.next {
            Next::In(wait) => {
                let (minimum, maximum) = (backoff::MINIMUM, backoff::MAXIMUM);
                let soon = backoff::delay(slot.failures, minimum, maximum, rand::random());
                let wait = if outcome.failed { wait.min(soon) } else { wait };
                let at = Instant::now() + with_jitter(wait);
                self.release_queue.schedule(name, at);
            }
            Next::Now => self.release_queue.wake(name),
            Next::Never => {}
        }
        if outcome.ready {
            self.wake_releases_after(name);
        }
    }

    pub(super) fn release_broke(&mut self, name: &Named) {
        tracing::error!(kind = names::HELM_RELEASE, %name, "a pass broke off; it is tried again in a minute");
        self.release_queue.finish(name);
        self.release_queue.schedule(name, Instant::now() + AGAIN);
    }

    /// Collects what a pass needs; `None` when there is nothing to do now.
    fn release_pass(&mut self, name: &Named) -> Option<Pass> {
        let leadership = self.standing.leadership.clone()?;
        let slot = self.releases.get(name)?;
        if is_suspended(&slot.seen) && !slot.seen.meta.deleting {
            self.resume_if_due(&OwnKind::HelmRelease, name);
            return None;
        }
        let seen = slot.seen.clone();
        let (spec, problem) = match seen.spec {
            Ok(spec) => (spec, None),
            Err(message) => (release::placeholder_spec(), Some(message)),
        };
        let default = self.policy.tenancy.default_service_account.as_deref();
        let client = self.client_as(name, spec.service_account_name.as_deref(), default);
        let refusal = problem
            .map(super::assemble::malformed)
            .or_else(|| {
                client
                    .as_ref()
                    .err()
                    .cloned()
                    .map(super::assemble::malformed)
            })
            .or_else(|| self.release_denied(name, &spec));
        let overtaken = CancellationToken::new();
        let pass = Pass {
            chart: self.chart_state(name, &spec),
            made: template::chart_name(name, &spec)
                .and_then(|chart| self.charts.get(&chart))
                .map(|slot| slot.seen.clone()),
            dependencies: self.releases_before(name, &spec),
            cycle: self.release_cycle(name, &spec),
            name: name.clone(),
            meta: seen.meta,
            status: seen.status,
            refusal,
            client: client.unwrap_or_else(|_: String| self.context.cluster.clone()),
            spec,
            cluster: self.context.cluster.clone(),
            target: self.context.cluster.clone(),
            remotes: Arc::clone(&self.context.remotes),
            resource: self.context.kinds.helm_release.clone(),
            charts: self.context.kinds.helm_chart.clone(),
            leadership,
            epoch_floor: self.standing.epoch_floor.clone(),
            // Each pass looks at the objects afresh: the watches know a Kustomization's.
            ledger: Ledger::default(),
            drift: self.context.drift.elsewhere(),
            keep: Arc::clone(&self.context.keep),
            corrections: Arc::default(),
            hidden: Hidden::default(),
            checks: CustomChecks::default(),
            ignored: IgnoreRules::default(),
            halted: Arc::clone(&self.context.halted),
            overtaken: overtaken.clone(),
            at_interval: true,
        };
        self.releases.get_mut(name)?.overtaken = overtaken;
        Some(pass)
    }

    fn chart_state(&self, name: &Named, spec: &HelmReleaseSpec) -> ChartState {
        let Some(chart) = chart_of(name, spec) else {
            let kind = spec.chart_ref.as_ref().map(|reference| reference.kind);
            return ChartState::Unsupported(match kind {
                Some(ChartReferenceKind::OciRepository) => "OCIRepository",
                _ => "ExternalArtifact",
            });
        };
        let Some(slot) = self.charts.get(&chart) else {
            let why = format!("could not get Source object: HelmChart '{chart}' not found");
            return ChartState::NotFound(why);
        };
        // What is in use for an older spec of the chart is not what is wanted.
        let current = slot.seen.status.observed_generation == Some(slot.seen.meta.generation);
        match &slot.snapshot {
            Some(snapshot) if current => ChartState::Ready(Box::new(ReleaseChart {
                snapshot: snapshot.clone(),
                oci_digest: String::new(),
            })),
            _ => {
                let why = conditions::get(&slot.seen.status.conditions, conditions::READY);
                let why = why.filter(|_| current).map_or(
                    "latest generation of object has not been reconciled",
                    |ready| ready.message.as_str(),
                );
                ChartState::NotReady(format!("HelmChart '{chart}' is not ready: {why}"))
            }
        }
    }

    fn releases_before(&self, name: &Named, spec: &HelmReleaseSpec) -> Vec<Dependency> {
        let needed = depends::names(&name.namespace, &spec.depends_on);
        let needed = needed.into_iter().zip(&spec.depends_on);
        needed
            .map(|(dependency, reference)| {
                let ready_expr = reference.ready_expr.clone().filter(|text| !text.is_empty());
                let state = self.releases.get(&dependency).map(|slot| {
                    let (meta, status) = (&slot.seen.meta, &slot.seen.status);
                    DependencyState {
                        object: ready_expr.as_ref().map(|_| slot.seen.as_object()),
                        ready: depends::is_ready(
                            meta.generation,
                            status.observed_generation,
                            &status.conditions,
                        ),
                        outdated: false,
                    }
                });
                Dependency {
                    name: dependency,
                    ready_expr,
                    state,
                }
            })
            .collect()
    }

    fn release_cycle(&self, name: &Named, spec: &HelmReleaseSpec) -> Option<String> {
        if spec.depends_on.is_empty() {
            return None;
        }
        let edges = self.releases.iter().filter_map(|(from, slot)| {
            let spec = slot.seen.spec.as_ref().ok()?;
            let needs = depends::names(&from.namespace, &spec.depends_on);
            let needs = needs.iter().map(Named::to_string).collect();
            Some((from.to_string(), needs))
        });
        let edges: BTreeMap<String, Vec<String>> = edges.collect();
        let cycle = graph::cycle_through(&edges, &name.to_string())?;
        Some(cycle.join(" → "))
    }

    /// Why the spec names what this node's config forbids.
    fn release_denied(&self, name: &Named, spec: &HelmReleaseSpec) -> Option<Refusal> {
        if !self.policy.tenancy.no_cross_namespace_refs {
            return None;
        }
        let chart = spec
            .chart
            .as_ref()
            .map(|chart| &chart.spec.source_ref.namespace);
        let reference = spec
            .chart_ref
            .as_ref()
            .map(|reference| &reference.namespace);
        let namespace = chart.or(reference)?.as_ref()?;
        (*namespace != name.namespace).then(|| Refusal {
            reason: reasons::ACCESS_DENIED,
            message: format!(
                "can't access a source in namespace '{namespace}', cross-namespace references have been blocked by \
                 [tenancy] no_cross_namespace_refs on the node; name a source in namespace {}",
                name.namespace
            ),
        })
    }
}

/// The HelmChart that a release takes its chart from; none where it takes it from another kind.
fn chart_of(name: &Named, spec: &HelmReleaseSpec) -> Option<Named> {
    if let Some(reference) = &spec.chart_ref {
        let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
        let is_chart = reference.kind == ChartReferenceKind::HelmChart;
        return is_chart.then(|| Named::new(namespace, &reference.name));
    }
    template::chart_name(name, spec)
}

fn is_suspended(seen: &SeenHelmRelease) -> bool {
    seen.spec.as_ref().is_ok_and(|spec| spec.suspend)
}
