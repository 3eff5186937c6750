//! HelmReleases: one pass takes a release from where it stands to where it should be, action by action.

mod act;
mod adopt;
pub(crate) mod chart_for_release;
mod conclude;
mod course;
mod definitions;
mod deploy;
pub(crate) mod drift;
mod finalize;
mod hooks;
mod objects;
pub(crate) mod observe;
pub(crate) mod pass;
mod remediate;
mod render;
mod report;
mod revision;
pub(crate) mod settled;
pub(crate) mod storage;
mod summary;
mod switches;
pub(crate) mod template;
mod test;
mod values;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_api::helm_release::{HelmReleaseSpec, WaitStrategyName};
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, reasons};
use windlass_helm::{config_digest, json_digest};
use windlass_object::{Object, ObjectKey};
use windlass_plan::health::CustomChecks;
use windlass_plan::release::{self as plan, Action, Attempt, Place, Rules, State};

use self::course::Course;
use self::pass::{ChartState, Pass};
use self::render::Wanted;
use self::settled::{Found, Settled};
use self::storage::{Kept, Storage};
use crate::kustomization::Next;
use crate::kustomization::pass::Refusal;
use crate::work::depends;
use crate::work::error::StageError;
use crate::work::remote;
use crate::{finalizer, seen};

/// A chart that comes wakes its releases; this is only for what no event tells.
const CHART_AGAIN: Duration = Duration::from_secs(30);

/// What the controller has to know after a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The object after the last write, so that nobody waits for the watch to tell.
    pub(crate) object: Option<Object>,
    pub(crate) next: Next,
    /// Whether the pass waits for a dependency.
    pub(crate) blocked: bool,
    /// Whether the pass failed for lack of a kind.
    pub(crate) awaits_kind: bool,
    /// Whether it is tried again, later each time.
    pub(crate) failed: bool,
    /// It was a regular pass and came to its end: the next one is an interval away.
    pub(crate) regular: bool,
    pub(crate) ready: bool,
    /// What is left in the storage; nothing where it was not looked at, or is in another cluster.
    pub(crate) kept: Option<Kept>,
    /// What makes the next pass short, where nothing has changed until then.
    pub(crate) settled: Option<Arc<Settled>>,
}

/// How the stages ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The release is as it should be.
    InSync,
    /// It failed; the next attempt is due after this time, or soon.
    Again(Option<Duration>),
}

/// Stands in for a spec that cannot be read, so that its condition can still be written.
pub(crate) fn placeholder_spec() -> HelmReleaseSpec {
    serde_json::from_value(serde_json::json!({"interval": "10m"}))
        .expect("all required fields stand above")
}

/// Runs one pass to its end.
pub(crate) async fn run(mut pass: Pass) -> Outcome {
    if pass.meta.deleting {
        let aimed = aim(&mut pass).await;
        return finalize::finalize(&pass, aimed).await;
    }
    if pass.spec.suspend {
        return Outcome::quiet(Next::Never);
    }
    read_expressions(&mut pass);
    read_ignored(&mut pass);
    let aimed = aim(&mut pass).await;
    let mut course = Course::new(&pass);
    let result = stages(&mut course, aimed).await;
    conclude::conclude(course, result).await
}

/// A rule that cannot be used is a refusal: only another spec helps.
fn read_expressions(pass: &mut Pass) {
    match CustomChecks::compile(&pass.spec.health_check_exprs) {
        Ok(_) if is_legacy(&pass.spec) => pass.checks = CustomChecks::legacy(),
        Ok(checks) => pass.checks = checks,
        Err(error) => {
            pass.refusal.get_or_insert(Refusal {
                reason: reasons::INVALID_CEL_EXPRESSION,
                message: format!("spec.healthCheckExprs: {error}"),
            });
        }
    }
}

fn is_legacy(spec: &HelmReleaseSpec) -> bool {
    let strategy = spec.wait_strategy.as_ref();
    strategy.is_some_and(|strategy| strategy.name == WaitStrategyName::Legacy)
}

fn read_ignored(pass: &mut Pass) {
    match drift::ignored(&pass.spec) {
        Ok(ignored) => pass.ignored = ignored,
        Err(message) => {
            let reason = reasons::RECONCILE_ERROR;
            pass.refusal.get_or_insert(Refusal { reason, message });
        }
    }
}

/// Makes the pass work on the cluster that its spec names.
async fn aim(pass: &mut Pass) -> Result<(), StageError> {
    let Some(reference) = &pass.spec.kube_config else {
        return Ok(());
    };
    let target = remote::cluster(pass.seeking(), reference).await?;
    pass.client = match pass.client.impersonated() {
        Some(account) => target.impersonating(account.clone()),
        None => target.clone(),
    };
    pass.target = target;
    Ok(())
}

async fn stages(course: &mut Course<'_>, aimed: Result<(), StageError>) -> Result<End, StageError> {
    let pass = course.pass;
    if let Some(refusal) = &pass.refusal {
        return Err(StageError::stalled(refusal.reason, refusal.message.clone()));
    }
    add_finalizer(course).await?;
    depends::check(pass.unmet.as_deref(), &pass.dependencies, || {
        seen::helm_release_object(&pass.meta, Some(&pass.spec), &pass.status)
    })?;
    template::reconcile(course).await?;
    if let Some(known) = &pass.settled
        && known.holds(pass).await?
    {
        course.settled = Some(Arc::clone(known));
        return Ok(End::InSync);
    }
    let wanted = wanted(pass).await?;
    aimed?;
    leave_old_place(course, &wanted).await?;
    let release = pass.release_name();
    let storage = Storage::load(&pass.client, pass.storage_namespace(), &release).await?;
    course.storage = Some(storage);
    let values = wanted.config_digest.clone();
    let wanted = revision::preserving(course, wanted)?;
    note_attempt(course, &wanted);
    let (end, watched) = act_until_in_sync(course, &wanted).await?;
    course.found = watched.map(|watched| Found { values, watched });
    Ok(end)
}

async fn add_finalizer(course: &mut Course<'_>) -> Result<(), StageError> {
    let pass = course.pass;
    let added = finalizer::add(&pass.cluster, &pass.leadership, &pass.resource, &pass.meta).await;
    let added = added.map_err(|error| StageError::request(reasons::RECONCILE_ERROR, &error))?;
    if let Some(object) = added {
        course.moved_to(object);
    }
    Ok(())
}

/// Loads the chart and puts the values together.
async fn wanted(pass: &Pass) -> Result<Wanted, StageError> {
    let source = match &pass.chart {
        ChartState::Ready(source) => source,
        ChartState::NotReady(why) | ChartState::NotFound(why) => {
            let reason = reasons::SOURCE_NOT_READY;
            return Err(StageError::waiting(reason, why.clone(), CHART_AGAIN));
        }
        ChartState::Unsupported(kind) => {
            let message = format!(
                "nobody vouches for what an {kind} offers, so it is not released; publish the chart to a registry, and \
                 take it with an OCIRepository"
            );
            return Err(StageError::stalled(reasons::ARTIFACT_FAILED, message));
        }
    };
    let loaded = {
        let (keep, source) = (Arc::clone(&pass.keep), source.clone());
        tokio::task::spawn_blocking(move || chart_for_release::load(&keep.store, &source)).await
    };
    let failed = |why: String| StageError::retry(reasons::ARTIFACT_FAILED, why);
    let chart = loaded
        .map_err(|error| failed(error.to_string()))?
        .map_err(failed)?;
    let values = values::compose(pass).await?;
    let spec = &pass.spec;
    let renderers = &spec.post_renderers;
    Ok(Wanted {
        version: chart.version,
        oci_digest: chart.oci_digest,
        config_digest: config_digest(&values),
        post_renderers: (!renderers.is_empty()).then(|| json_digest(renderers)),
        common_metadata: spec.common_metadata.as_ref().map(json_digest),
        chart: Arc::new(chart.chart),
        values,
    })
}

/// A release whose name, namespace or chart is another now is uninstalled where it was.
async fn leave_old_place(course: &mut Course<'_>, wanted: &Wanted) -> Result<(), StageError> {
    let pass = course.pass;
    let release = pass.release_name();
    let place = Place {
        storage_namespace: pass.storage_namespace(),
        namespace: pass.release_namespace(),
        release: &release,
        chart: wanted.chart.name(),
    };
    match plan::moved(&pass.spec, &course.status, &place) {
        None => Ok(()),
        Some(what) => remediate::leave(course, what).await,
    }
}

/// Notes what is tried, and forgets the failures of what was tried before.
fn note_attempt(course: &mut Course<'_>, wanted: &Wanted) {
    let pass = course.pass;
    let attempt = Attempt {
        generation: pass.meta.generation,
        chart_version: &wanted.version,
        config_digest: &wanted.config_digest,
        reset: pass.is_reset(&course.status),
    };
    let status = &mut course.status;
    if let Some(why) = plan::must_reset(status, &attempt) {
        if status.failures > 0 {
            tracing::debug!(release = %pass.name, why, "the failures so far count no more");
        }
        (
            status.failures,
            status.install_failures,
            status.upgrade_failures,
        ) = (0, 0, 0);
    }
    status.last_attempted_generation = Some(pass.meta.generation);
    status.last_attempted_revision = Some(wanted.version.clone());
    status.last_attempted_revision_digest =
        Some(wanted.oci_digest.clone()).filter(|digest| !digest.is_empty());
    status.last_attempted_config_digest = Some(wanted.config_digest.clone());
    status.last_attempted_values_checksum = None;
    status.last_release_revision = None;
    status.storage_namespace = Some(pass.storage_namespace().to_owned());
}

/// Does what follows from where the release stands, until nothing follows any more. Gives the objects that are watched,
/// where they are all as they should be.
async fn act_until_in_sync(
    course: &mut Course<'_>,
    wanted: &Wanted,
) -> Result<(End, Option<Vec<ObjectKey>>), StageError> {
    let pass = course.pass;
    let mut done: Vec<Action> = Vec::new();
    loop {
        let mut state = act::state(course, wanted)?;
        let is_new = matches!(state, State::Unmanaged(_)) && course.status.history.is_empty();
        if is_new && done.is_empty() && adopt::adopt(course, wanted).await? {
            state = act::state(course, wanted)?;
        }
        let decision = {
            let rules = Rules {
                spec: &pass.spec,
                status: &course.status,
                forced: pass.is_forced(&course.status) && done.is_empty(),
            };
            plan::decide(rules, &state, |target| act::rollback_target(course, target))
        };
        let decision = decision.map_err(|stop| act::stopped(course, stop))?;
        plan::truncate(&mut course.status.history, decision.remembered);
        let Some(action) = decision.action else {
            let watched = drift::check(course).await?;
            settled(course, wanted, &state);
            return Ok((End::InSync, watched.filter(|_| state == State::InSync)));
        };
        if done.contains(&action) {
            return Ok((End::Again(None), None));
        }
        course.begin(action).await?;
        let started = Instant::now();
        let went_well = act::run(course, wanted, action).await?;
        act::note_duration(course, action, started.elapsed());
        observe_digests(course, wanted);
        summary::summarize(course);
        if !went_well && let Some(wait) = plan::retry_interval(&pass.spec, &course.status) {
            return Ok((End::Again(Some(wait)), None));
        }
        if action.is_remediation() {
            return Ok((End::Again(None), None));
        }
        done.push(action);
    }
}

/// Notes what the objects went through: from now on only something else makes another revision.
fn observe_digests(course: &mut Course<'_>, wanted: &Wanted) {
    let status = &mut course.status;
    status
        .observed_post_renderers_digest
        .clone_from(&wanted.post_renderers);
    status
        .observed_common_metadata_digest
        .clone_from(&wanted.common_metadata);
}

/// What is noted of a release that needs no more.
fn settled(course: &mut Course<'_>, wanted: &Wanted, state: &State) {
    observe_digests(course, wanted);
    course.status.failures = 0;
    course.unmark(conditions::RECONCILING);
    course.unmark(conditions::STALLED);
    if *state == State::InSync && course.latest().is_some() {
        act::note_in_sync(course);
    }
    summary::summarize(course);
}

impl Outcome {
    fn quiet(next: Next) -> Self {
        Outcome {
            object: None,
            next,
            blocked: false,
            awaits_kind: false,
            failed: false,
            regular: false,
            ready: false,
            kept: None,
            settled: None,
        }
    }
}

impl Course<'_> {
    /// Says that an action is about to run.
    async fn begin(&mut self, action: Action) -> Result<(), StageError> {
        self.pass.may_write()?;
        let timeout = windlass_api::duration::GoDuration(act::timeout(&self.pass.spec, action));
        let word = act::word(action);
        let message = format!("Running '{word}' action with timeout of {timeout}");
        let (unknown, progressing) = (ConditionStatus::Unknown, reasons::PROGRESSING);
        self.mark(
            conditions::RECONCILING,
            ConditionStatus::True,
            progressing,
            message,
        );
        let words = "Reconciliation in progress";
        self.mark(conditions::READY, unknown, progressing, words);
        self.unmark(conditions::STALLED);
        self.save().await
    }
}
