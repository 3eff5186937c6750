//! The HelmReleases as the loop knows them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use windlass_api::helm_release::HelmReleaseSpec;
use windlass_api::meta::Condition;
use windlass_api::names;
use windlass_cluster::{Cluster, WatchEvent};
use windlass_plan::backoff;
use windlass_plan::health::CustomChecks;
use windlass_plan::ignore::IgnoreRules;

use super::records::News;
use super::release_needs::{artifact_of, chart_of};
use super::standing::OwnKind;
use super::values::is_read_by;
use super::{Controller, assemble, with_jitter};
use crate::drift::DriftWatch;
use crate::event::{Event, ValuesKind};
use crate::finalizer;
use crate::kustomization::Next;
use crate::ledger::Ledger;
use crate::named::Named;
use crate::release::pass::Pass;
use crate::release::settled::Settled;
use crate::release::storage::Kept;
use crate::release::{self, Outcome, drift, template};
use crate::seen::{Meta, SeenHelmRelease};
use crate::work::depends::Waiter;
use crate::work::hidden::Hidden;

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 5] = [
    names::DEPENDS_ON,
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
    pub(super) blocked: bool,
    /// Waits for a kind that the API server does not have.
    pub(super) awaits_kind: bool,
    /// How often in a row its passes have failed.
    failures: u32,
    /// When the regular pass is due; passes for other reasons do not move it.
    regular_at: Option<Instant>,
    /// What the last pass left in the storage.
    pub(super) kept: Option<Kept>,
    /// What was said of the storage during the pass that is under way.
    pub(super) unjudged: Vec<News>,
    /// Cuts a pass short that waits for what is not wanted any more.
    overtaken: CancellationToken,
    /// Another client took our finalizer off: it is left alone from then on.
    stripped: bool,
    /// What the last pass found in sync, until somebody moves one of the revisions.
    pub(super) settled: Option<Arc<Settled>>,
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
        let stripped = was_stripped(&seen, old.as_deref());
        let asks = old.as_ref().is_none_or(|old| {
            stripped != old.stripped || seen.meta.asks_for_a_pass(&old.seen.meta, &WATCHED)
        });
        let flux_moved = self.standing.observes
            && old
                .as_ref()
                .is_some_and(|old| old.seen.status.history != seen.status.history);
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
                if stripped && !slot.stripped {
                    // What waits for a release that is to be left alone need not wait any longer.
                    slot.overtaken.cancel();
                }
                slot.stripped = stripped;
                slot.seen = seen;
            }
            None => {
                let slot = ReleaseSlot {
                    seen,
                    listed: true,
                    blocked: false,
                    awaits_kind: false,
                    failures: 0,
                    regular_at: None,
                    kept: None,
                    unjudged: Vec::new(),
                    overtaken: CancellationToken::new(),
                    stripped,
                    settled: None,
                };
                self.releases.insert(name.clone(), slot);
            }
        }
        if asks || flux_moved {
            self.release_queue.wake(&name);
        }
        self.wake_dependents_of(&(Waiter::HelmRelease, name));
    }

    fn helm_release_gone(&mut self, name: &Named) {
        self.releases.remove(name);
        self.context.observations.forget(names::HELM_RELEASE, name);
        self.release_queue.forget(name);
        self.context.release_ledger.forget_owner(name);
    }

    /// Wakes the releases of a chart.
    pub(super) fn wake_releases_of(&mut self, chart: &Named) {
        self.wake_releases_with(|name, spec| chart_of(name, spec).as_ref() == Some(chart));
    }

    /// Wakes the releases whose chart is in an artifact.
    pub(super) fn wake_releases_of_artifact(&mut self, artifact: &Named) {
        self.wake_releases_with(|name, spec| artifact_of(name, spec).as_ref() == Some(artifact));
    }

    fn wake_releases_with(&mut self, uses: impl Fn(&Named, &HelmReleaseSpec) -> bool) {
        let users = self.releases.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            spec.is_ok_and(|spec| uses(name, spec))
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.release_queue.wake(name));
    }

    /// Wakes the releases that read from a ConfigMap or Secret. A pass that is under way ends first: a Secret may
    /// change often, and each pass that is cut short leaves a failed revision.
    pub(super) fn wake_releases_reading(&mut self, kind: ValuesKind, object: &Named) {
        let users = self.releases.iter().filter(|(name, slot)| {
            let spec = slot.seen.spec.as_ref();
            name.namespace == object.namespace
                && spec.is_ok_and(|spec| is_read_by(spec, kind, &object.name))
        });
        let names: Vec<Named> = users.map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.release_queue.wake(name));
    }

    /// What those say of themselves that are worked on.
    pub(super) fn conditions_of_releases(&self) -> impl Iterator<Item = &Vec<Condition>> {
        let active = self.releases.values();
        let active = active.filter(|slot| !is_suspended(&slot.seen));
        active.map(|slot| &slot.seen.status.conditions)
    }

    /// Nothing holds any more that earlier passes found: others may have written since.
    pub(super) fn unsettle_all_releases(&mut self) {
        let slots = self.releases.values_mut();
        slots.for_each(|slot| slot.settled = None);
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
        let observed = self.observations();
        self.spawn(
            async move {
                match observed {
                    Some(observations) => release::observe::observe(pass, &observations).await,
                    None => release::run(pass).await,
                }
            },
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
        if let Some(slot) = self.releases.get_mut(name) {
            slot.settled.clone_from(&outcome.settled);
        }
        self.records_left(name, outcome.kept.clone());
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
                let now = Instant::now();
                let at = now + with_jitter(wait);
                if outcome.regular {
                    slot.regular_at = Some(at);
                }
                let regular = slot.regular_at.filter(|regular| *regular > now);
                let at = regular.map_or(at, |regular| regular.min(at));
                self.release_queue.schedule(name, at);
            }
            Next::Now => self.release_queue.wake(name),
            Next::Never => {}
        }
        if outcome.ready {
            self.wake_dependents_of(&(Waiter::HelmRelease, name.clone()));
        }
    }

    pub(super) fn release_broke(&mut self, name: &Named) {
        if let Some(slot) = self.releases.get_mut(name) {
            slot.settled = None;
        }
        tracing::error!(kind = names::HELM_RELEASE, %name, "a pass broke off; it is tried again in a minute");
        self.release_queue.finish(name);
        self.release_queue.schedule(name, Instant::now() + AGAIN);
    }

    /// Collects what a pass needs; `None` when there is nothing to do now.
    fn release_pass(&mut self, name: &Named) -> Option<Pass> {
        let leadership = self.term()?;
        let slot = self.releases.get(name)?;
        if is_suspended(&slot.seen) && !slot.seen.meta.deleting {
            self.resume_if_due(&OwnKind::HelmRelease, name);
            return None;
        }
        let at_interval = slot.is_regular();
        let (seen, stripped) = (slot.seen.clone(), slot.stripped);
        let settled = slot.settled.clone();
        let (spec, problem) = match seen.spec {
            Ok(spec) => (spec, None),
            Err(message) => (release::placeholder_spec(), Some(message)),
        };
        let client = self.release_client(name, &spec);
        let refusal = problem.or_else(|| client.as_ref().err().cloned());
        let stripped = stripped.then(|| assemble::stripped(names::HELM_RELEASE));
        let refusal = stripped
            .or_else(|| refusal.map(assemble::malformed))
            .or_else(|| self.release_denied(name, &spec));
        let node = (Waiter::HelmRelease, name.clone());
        let overtaken = CancellationToken::new();
        let (ledger, drift) = self.watched(name, &spec);
        let pass = Pass {
            chart: self.chart_state(name, &spec),
            made: template::chart_name(name, &spec)
                .and_then(|chart| self.charts.slots.get(&chart))
                .map(|slot| slot.seen.clone()),
            dependencies: self.dependencies_of(&node),
            unmet: self.unmet(&node),
            name: name.clone(),
            meta: seen.meta,
            status: seen.status,
            refusal,
            client: client.unwrap_or_else(|_| self.context.cluster.clone()),
            spec,
            cluster: self.context.cluster.clone(),
            target: self.context.cluster.clone(),
            remotes: Arc::clone(&self.context.remotes),
            herald: self.context.herald.clone(),
            resource: self.context.kinds.helm_release.clone(),
            charts: self.context.kinds.helm_chart.clone(),
            leadership,
            epoch_floor: self.standing.epoch_floor.clone(),
            ledger,
            drift,
            keep: Arc::clone(&self.context.keep),
            corrections: Arc::clone(&self.context.corrections),
            hidden: Hidden::default(),
            checks: CustomChecks::default(),
            ignored: IgnoreRules::default(),
            whole: IgnoreRules::default(),
            halted: Arc::clone(&self.context.halted),
            overtaken: overtaken.clone(),
            at_interval,
            settled,
        };
        self.releases.get_mut(name)?.overtaken = overtaken;
        Some(pass)
    }

    fn release_client(&self, name: &Named, spec: &HelmReleaseSpec) -> Result<Cluster, String> {
        let default = self.policy.tenancy.default_service_account.as_deref();
        self.client_as(name, spec.service_account_name.as_deref(), default)
    }

    /// Where nobody asks for drift each pass looks at the objects afresh, and only when it writes.
    fn watched(&self, name: &Named, spec: &HelmReleaseSpec) -> (Ledger, DriftWatch) {
        let context = &self.context;
        if drift::is_wanted(spec) && spec.kube_config.is_none() {
            return (
                context.release_ledger.clone(),
                context.release_drift.clone(),
            );
        }
        context.release_ledger.forget_owner(name);
        (Ledger::default(), context.release_drift.elsewhere())
    }
}

impl ReleaseSlot {
    /// Whether its next pass is the one at the interval, or one that somebody asked for.
    fn is_regular(&self) -> bool {
        let asked = self.seen.meta.annotation(names::REQUESTED_AT);
        let handled = self.seen.status.last_handled_reconcile_at.as_deref();
        let due = self.regular_at.is_none_or(|at| at <= Instant::now());
        due || (asked.is_some() && asked != handled)
    }
}

/// Whether somebody took our finalizer off and it was not put back.
fn was_stripped(seen: &SeenHelmRelease, before: Option<&ReleaseSlot>) -> bool {
    let before_meta = before.map(|before| &before.seen.meta);
    let released = !seen.status.history.is_empty();
    let is_gone = !finalizer::is_on(&seen.meta);
    finalizer::was_taken_off(&seen.meta, before_meta, released)
        || (is_gone && before.is_some_and(|before| before.stripped))
}

fn is_suspended(seen: &SeenHelmRelease) -> bool {
    seen.spec.as_ref().is_ok_and(|spec| spec.suspend)
}
