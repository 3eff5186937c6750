//! What a pass says in the cluster: status and events.

use windlass_api::git_repository::GitRepositoryStatus;
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, names, reasons};
use windlass_cluster::{EventType, Leadership};
use windlass_object::Object;

use super::Pass;
use super::fetch::Snapshot;
use super::heartbeat;
use super::split;
use super::status::{self, Finding, Problem, Remark};
use crate::announce::{announce, event};
use crate::context::Context;
use crate::finalizer;
use crate::seen::Meta;

/// An event: how loud, why, and what a person reads.
type News = (EventType, &'static str, String);

/// Writes status and events, if this node leads and the object is there.
pub(super) async fn conclude(
    context: &Context,
    pass: &Pass,
    snapshot: Option<&Snapshot>,
    problem: Option<&Problem>,
) -> Option<Object> {
    let (leadership, seen) = (pass.leadership.as_ref()?, pass.seen.as_ref()?);
    let object = finalizer::add(
        &context.cluster,
        leadership,
        &context.kinds.git_repository,
        &seen.meta,
    )
    .await;
    if let Err(error) = &object {
        tracing::debug!(source = %pass.name, %error, "the finalizer could not be added");
    }
    let now = jiff::Timestamp::now();
    let keep = &context.keep;
    let (disowned, ratchet) = (keep.disowned(&pass.name), keep.remarked(&pass.name));
    let split = split::said(&keep.compared(&pass.name.to_string()));
    let behind = keep.behind(&pass.name);
    let ratchet = behind
        .map(|behind| (reasons::FORGE_BEHIND, behind))
        .or(ratchet);
    let remark = Remark::of(pass.trust_problem.as_deref(), disowned, split, ratchet);
    let heard = keep.heard(&pass.name);
    let fresh = heard.map(|heard| heartbeat::say(&heard, problem.is_none(), now.as_second()));
    let finding = Finding {
        name: &pass.name,
        snapshot,
        problem,
        generation: seen.meta.generation,
        remark: remark.as_ref(),
        fresh: fresh.as_ref(),
        handled_at: seen.meta.annotation(names::REQUESTED_AT).map(str::to_owned),
    };
    let new = status::conclude(&seen.status, &finding, now.into());
    let written = crate::status::write(
        &context.cluster,
        leadership,
        &context.kinds.git_repository,
        &pass.name,
        (&seen.status, &new),
        names::SOURCE_STATUS_MANAGER,
    )
    .await;
    let remarks = [
        remark.and_then(|remark| trust_news(&seen.status, remark)),
        fresh
            .flatten()
            .and_then(|fresh| heartbeat_news(&seen.status, fresh)),
    ];
    for told in remarks.into_iter().flatten() {
        tell_about(context, &seen.meta, told, snapshot, leadership).await;
    }
    tell(context, pass, &seen.meta, snapshot, problem, leadership).await;
    match written {
        Ok(written) => written.or(object.ok().flatten()),
        Err(error) => {
            tracing::warn!(source = %pass.name, %error, "the status could not be written");
            None
        }
    }
}

/// One event per new revision, per new problem and per recovery, in Flux's words.
async fn tell(
    context: &Context,
    pass: &Pass,
    meta: &Meta,
    snapshot: Option<&Snapshot>,
    problem: Option<&Problem>,
    leadership: &Leadership,
) {
    let status = pass.seen.as_ref().map(|seen| &seen.status);
    let Some(told) = news(status, snapshot, problem) else {
        return;
    };
    tell_about(context, meta, told, snapshot, leadership).await;
}

async fn tell_about(
    context: &Context,
    meta: &Meta,
    told: News,
    snapshot: Option<&Snapshot>,
    leadership: &Leadership,
) {
    let revision =
        snapshot.map(|snapshot| (names::SOURCE_EVENT_REVISION, snapshot.revision.as_str()));
    let mut news = event(
        (names::SOURCE_API_VERSION, names::GIT_REPOSITORY),
        meta,
        told,
        revision,
        names::SOURCE_CONTROLLER,
    );
    if let Some(snapshot) = snapshot {
        let digest = snapshot.artifact.digest.clone();
        news.event
            .annotations
            .insert(names::SOURCE_EVENT_DIGEST.to_owned(), digest);
    }
    announce(&context.cluster, leadership, &context.herald, news).await;
}

/// What is worth telling of the node's trust: what the status does not say yet.
fn trust_news(status: &GitRepositoryStatus, remark: Remark) -> Option<News> {
    let said = conditions::get(&status.conditions, conditions::NODE_TRUST);
    let is_new = said.is_none_or(|said| said.message != remark.message);
    is_new.then_some((EventType::Warning, remark.reason, remark.message))
}

/// What is worth telling of a heartbeat: that it is missed, and that it is heard again.
fn heartbeat_news(status: &GitRepositoryStatus, said: Remark) -> Option<News> {
    let before = conditions::get(&status.conditions, conditions::SOURCE_FRESH);
    let changed = before.map(|before| before.status) != Some(said.status);
    match said.status {
        ConditionStatus::True => {
            (changed && before.is_some()).then_some((EventType::Normal, said.reason, said.message))
        }
        _ => changed.then_some((EventType::Warning, said.reason, said.message)),
    }
}

/// What is worth an event against what the status said before.
fn news(
    status: Option<&GitRepositoryStatus>,
    snapshot: Option<&Snapshot>,
    problem: Option<&Problem>,
) -> Option<News> {
    let ready = status.and_then(|status| conditions::get(&status.conditions, conditions::READY));
    if let Some(problem) = problem {
        let said = ready.is_some_and(|ready| ready.message == problem.message);
        return (!said).then(|| (EventType::Warning, problem.reason, problem.message.clone()));
    }
    let revision = &snapshot?.revision;
    let message = format!("stored artifact for commit '{revision}'");
    let artifact = status.and_then(|status| status.artifact.as_ref());
    if artifact.is_none_or(|artifact| artifact.revision != *revision) {
        return Some((EventType::Normal, reasons::NEW_ARTIFACT, message));
    }
    let recovered = ready.is_some_and(|ready| ready.status == ConditionStatus::False);
    recovered.then_some((EventType::Normal, reasons::SUCCEEDED, message))
}
