//! What a pass would do to a release, where this node may only look.

use windlass_api::names;
use windlass_control::{Field, What};
use windlass_object::ObjectKey;
use windlass_plan::release::{self as plan, Attempt, Rules, State};

use super::course::Course;
use super::pass::Pass;
use super::render::Wanted;
use super::storage::Storage;
use super::{Outcome, act, read_expressions, read_ignored, revision, wanted};
use crate::kustomization::Next;
use crate::observe::{Look, Observations};
use crate::work::error::StageError;

/// Looks, notes what it found, and says when to look again. Everything is read as the node itself.
pub(crate) async fn observe(mut pass: Pass, observations: &Observations) -> Outcome {
    if pass.meta.deleting || pass.spec.suspend {
        observations.forget(names::HELM_RELEASE, &pass.name);
        return Outcome::quiet(Next::Never);
    }
    read_expressions(&mut pass);
    read_ignored(&mut pass);
    pass.client = pass.cluster.clone();
    let mut look = Look {
        applied: pass.status.last_attempted_revision.clone(),
        objects: 1,
        ..Look::default()
    };
    if let Err(error) = stages(&pass, &mut look).await {
        look.problem = Some(pass.hidden.clean(&error.message));
    }
    observations.note(names::HELM_RELEASE, &pass.name, look);
    Outcome {
        regular: pass.at_interval,
        ..Outcome::quiet(Next::In(pass.spec.interval.0))
    }
}

async fn stages(pass: &Pass, look: &mut Look) -> Result<(), StageError> {
    if let Some(refusal) = &pass.refusal {
        return Err(StageError::stalled(refusal.reason, refusal.message.clone()));
    }
    let wanted = wanted(pass).await?;
    look.revision = Some(wanted.version.clone());
    if pass.spec.kube_config.is_some() {
        let message = "its objects are in another cluster, where an observing node does not look";
        let reason = windlass_api::reasons::RECONCILE_ERROR;
        return Err(StageError::stalled(reason, message));
    }
    let mut course = Course::new(pass);
    let release = pass.release_name();
    let storage = Storage::load(&pass.cluster, pass.storage_namespace(), &release).await?;
    course.storage = Some(storage);
    let wanted = revision::preserving(&course, wanted)?;
    let attempt = Attempt {
        generation: pass.meta.generation,
        chart_version: &wanted.version,
        config_digest: &wanted.config_digest,
        reset: false,
    };
    if plan::must_reset(&course.status, &attempt).is_some() {
        let status = &mut course.status;
        status.failures = 0;
        (status.install_failures, status.upgrade_failures) = (0, 0);
    }
    let state = act::state(&course, &wanted)?;
    let rules = Rules {
        spec: &pass.spec,
        status: &course.status,
        forced: false,
    };
    let decision = plan::decide(rules, &state, |target| {
        act::rollback_target(&course, target)
    });
    let decision = decision.map_err(|stop| act::stopped(&mut course, stop))?;
    if let Some(action) = decision.action {
        let told = told(&course, &wanted, &state, act::word(action))?;
        look.add(&key(pass), What::Release, told);
    }
    Ok(())
}

fn key(pass: &Pass) -> ObjectKey {
    ObjectKey {
        group: pass.resource.gvk.group.clone(),
        kind: pass.resource.gvk.kind.clone(),
        namespace: pass.name.namespace.clone(),
        name: pass.name.name.clone(),
    }
}

/// The action and why, and which charts stand on both sides.
fn told(
    course: &Course<'_>,
    wanted: &Wanted,
    state: &State,
    action: &str,
) -> Result<Vec<Field>, StageError> {
    let last = course.storage()?.last()?;
    let field = |path: &str, live: Option<String>, wanted: String| Field {
        path: path.to_owned(),
        live,
        wanted: Some(wanted),
    };
    let why = match state {
        State::Absent(why) | State::Unmanaged(why) | State::OutOfSync(why) | State::Failed(why) => {
            (*why).to_owned()
        }
        State::Locked(why) => why.clone(),
        State::Untested => "its tests have not run".to_owned(),
        State::InSync => String::new(),
    };
    let mut told = vec![field("action", None, action.to_owned())];
    if !why.is_empty() {
        told.push(field("because", None, why));
    }
    let chart = wanted.chart_and_version();
    let before = last.map(act::chart_of);
    if before.as_deref() != Some(&chart) {
        told.push(field("chart", before, chart));
    }
    Ok(told)
}
