//! What the status and the events of a source say that keeps bytes: a chart, an index, an archive.

mod conclude;

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::conditions::{self, Statement};
use windlass_api::meta::{Artifact, Condition, ConditionStatus};
use windlass_api::time::Time;
use windlass_api::{names, reasons};
use windlass_cluster::{EventType, Leadership};
use windlass_object::Object;

pub(crate) use self::conclude::Told;
use crate::announce::{announce, event};
use crate::context::Context;
use crate::seen::Meta;
use crate::source::spec::Unusable;

/// What the loop has to know after a pass of such a source.
#[derive(Debug)]
pub(crate) struct Outcome<Kept> {
    /// What is in use.
    pub(crate) kept: Option<Kept>,
    pub(crate) problem: Option<(&'static str, String)>,
    /// The object as the pass wrote it.
    pub(crate) object: Option<Object>,
    /// When to look again, if nothing happens before; none: now.
    pub(crate) again: Option<Duration>,
}

/// Why a source is not as it should be. What is kept stays in use all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The condition that says what failed.
    pub(crate) condition: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Nothing but a change of the object can help.
    pub(crate) stalled: bool,
}

/// What is kept, for the status.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) revision: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    /// The file's name below the folder of the object.
    pub(crate) file: String,
}

impl Problem {
    pub(crate) fn malformed(message: &str) -> Self {
        Problem {
            condition: conditions::FETCH_FAILED,
            reason: reasons::FAILED,
            message: format!("the object cannot be read: {message}; correct it"),
            stalled: true,
        }
    }

    /// The spec cannot be followed, or what it names is not there.
    pub(crate) fn unusable(unusable: Unusable) -> Self {
        let Unusable {
            reason,
            message,
            stalled,
        } = unusable;
        Problem {
            condition: conditions::FETCH_FAILED,
            reason,
            message,
            stalled,
        }
    }
}

/// Sets every condition by what is kept and what is wrong.
fn say(
    all: &mut Vec<Condition>,
    generation: Option<i64>,
    held: Option<&Held>,
    problem: Option<&Problem>,
    now: Time,
) {
    let mut set = |kind: &str, value, reason: &str, message: &str| {
        let statement = Statement::new(kind, value, reason, message.to_owned(), generation);
        conditions::set(all, statement, now);
    };
    if let Some(Held {
        reason, message, ..
    }) = held
    {
        set(
            conditions::ARTIFACT_IN_STORAGE,
            ConditionStatus::True,
            reason,
            message,
        );
        if problem.is_none() {
            set(conditions::READY, ConditionStatus::True, reason, message);
        }
    }
    let mut over = vec![
        conditions::FETCH_FAILED,
        conditions::BUILD_FAILED,
        conditions::STORAGE_OPERATION_FAILED,
        conditions::RECONCILING,
        conditions::STALLED,
    ];
    if let Some(Problem {
        condition,
        reason,
        message,
        stalled,
    }) = problem
    {
        let (standing, standing_reason) = match stalled {
            true => (conditions::STALLED, *reason),
            false => (conditions::RECONCILING, reasons::PROGRESSING_WITH_RETRY),
        };
        let value = match *condition {
            // Of this one it is bad that it is not true.
            conditions::SOURCE_VERIFIED => ConditionStatus::False,
            _ => ConditionStatus::True,
        };
        set(condition, value, reason, message);
        set(conditions::READY, ConditionStatus::False, reason, message);
        set(standing, ConditionStatus::True, standing_reason, message);
        over.retain(|kind| kind != condition && *kind != standing);
    }
    over.iter().for_each(|kind| conditions::remove(all, kind));
}

/// The artifact, with the time of the old one where it is the same, and where others find the latest.
fn artifact(kind: &str, meta: &Meta, held: &Held, old: Option<&Artifact>, now: Time) -> Artifact {
    let folder = folder(kind, meta);
    let path = format!("{folder}/{}", held.file);
    let same = old.filter(|old| old.revision == held.revision && old.digest == held.digest);
    Artifact {
        digest: held.digest.clone(),
        last_update_time: same.map_or(now, |old| old.last_update_time),
        metadata: BTreeMap::new(),
        url: format!("{}/{path}", host()),
        path,
        revision: held.revision.clone(),
        size: i64::try_from(held.size).ok(),
    }
}

/// `status.url`: where others find the latest artifact.
fn latest(kind: &str, meta: &Meta, file: &str) -> String {
    format!("{}/{}/{file}", host(), folder(kind, meta))
}

fn folder(kind: &str, meta: &Meta) -> String {
    let (namespace, name) = (&meta.name.namespace, &meta.name.name);
    format!("{}/{namespace}/{name}", kind.to_ascii_lowercase())
}

fn host() -> String {
    let namespace = names::FLUX_SYSTEM;
    format!("http://source-controller.{namespace}.svc.cluster.local.")
}

/// What is worth an event against what the status said before: a new artifact, a new problem, a recovery.
fn news(
    said: (&[Condition], Option<&Artifact>),
    held: Option<&Held>,
    problem: Option<&Problem>,
    (new, recovered): (&'static str, &'static str),
    message: impl FnOnce() -> String,
) -> Option<(EventType, &'static str, String)> {
    let ready = conditions::get(said.0, conditions::READY);
    if let Some(problem) = problem {
        let known = ready.is_some_and(|ready| ready.message == problem.message);
        return (!known).then(|| (EventType::Warning, problem.reason, problem.message.clone()));
    }
    let held = held?;
    if said.1.is_none_or(|artifact| artifact.digest != held.digest) {
        return Some((EventType::Normal, new, message()));
    }
    let was_bad = ready.is_some_and(|ready| ready.status == ConditionStatus::False);
    was_bad.then(|| (EventType::Normal, recovered, message()))
}

/// Publishes the news of one object.
async fn tell(
    context: &Context,
    leadership: &Leadership,
    (kind, meta): (&str, &Meta),
    held: Option<&Held>,
    told: (EventType, &'static str, String),
) {
    let revision = held.map(|held| (names::SOURCE_EVENT_REVISION, held.revision.as_str()));
    let component = names::SOURCE_CONTROLLER;
    let about = (names::SOURCE_API_VERSION, kind);
    let mut news = event(about, meta, told, revision, component);
    if let Some(held) = held {
        let digest = held.digest.clone();
        news.event
            .annotations
            .insert(names::SOURCE_EVENT_DIGEST.to_owned(), digest);
    }
    announce(&context.cluster, leadership, &context.herald, news).await;
}
