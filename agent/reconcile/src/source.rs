//! Sources: what is fetched, whether it is accepted, and what their status says.

pub(crate) mod fetch;
pub(crate) mod keep;
mod secret;
pub(crate) mod spec;
pub(crate) mod status;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use windlass_api::git_repository::GitRepositoryStatus;
use windlass_api::meta::ConditionStatus;
use windlass_api::{conditions, names, reasons};
use windlass_cluster::{EventType, Leadership, ObjectReference};
use windlass_object::Object;
use windlass_state::Tip;
use windlass_trust::Policy;

use self::fetch::{FetchError, Fetched, Snapshot};
use self::spec::{SourceSpec, Unusable};
use self::status::{Finding, Problem};
use crate::announce::{announce, event};
use crate::context::Context;
use crate::event::Event;
use crate::finalizer;
use crate::named::Named;
use crate::seen::{Meta, SeenGitRepository};

/// What one pass of a source works with.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: Named,
    /// Fixed by the node's config for the root; otherwise read from the object.
    pub(crate) fixed: Option<SourceSpec>,
    /// The object, once the cluster has shown it.
    pub(crate) seen: Option<SeenGitRepository>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) refused: Option<RefusedHead>,
    /// Whether what is kept on disk was looked at already.
    pub(crate) loaded: bool,
    pub(crate) policy: Arc<Policy>,
    /// Only the leader writes.
    pub(crate) leadership: Option<Leadership>,
    /// To the controller, for what it has to know before the pass ends.
    pub(crate) events: UnboundedSender<Event>,
}

/// A head that was judged and refused; it is not fetched again while the reference points to it.
#[derive(Clone, Debug)]
pub(crate) struct RefusedHead {
    pub(crate) tip: Tip,
    pub(crate) problem: Problem,
}

/// What the controller has to know after a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) problem: Option<Problem>,
    pub(crate) refused: Option<RefusedHead>,
    pub(crate) object: Option<Object>,
    /// The pass only loaded what is kept; the network was not asked.
    pub(crate) only_loaded: bool,
    /// What is kept on disk has been looked at, by this pass or an earlier one.
    pub(crate) loaded: bool,
    /// The generation of the object that the pass worked for.
    pub(crate) generation: Option<i64>,
    pub(crate) interval: std::time::Duration,
}

/// How often a source is asked again whose spec cannot be followed.
const STALLED_INTERVAL: std::time::Duration = std::time::Duration::from_secs(600);

/// How often what a source needs is looked for, such as its Secret.
const UNUSABLE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs one pass: the first one loads what the node keeps, the others ask the network.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass) -> Outcome {
    let generation = pass.seen.as_ref().map(|seen| seen.meta.generation);
    let spec = match spec_of(context, &pass).await {
        Ok(spec) => spec,
        Err(unusable) => return stalled(context, pass, &unusable).await,
    };
    let interval = spec.interval;
    let found = if pass.loaded {
        ask(context, &spec, &pass).await
    } else {
        load(context, &spec).await
    };
    let Found {
        snapshot,
        problem,
        refused,
    } = found;
    let only_loaded = !pass.loaded;
    let found_nothing = only_loaded && snapshot.is_none();
    let snapshot = match snapshot {
        None => held(context, &spec, &pass).await,
        found => found,
    };
    if let Some(snapshot) = &snapshot {
        // Whoever reads the status that is written below may ask a Kustomization for a pass at once, as
        // `reconcile kustomization --with-source` does: that pass has to be one with this revision.
        let found = Event::SourceFound {
            name: pass.name.clone(),
            snapshot: Box::new(snapshot.clone()),
        };
        // The receiver is gone only when the agent stops.
        let _ = pass.events.send(found);
    }
    let object = if found_nothing {
        None
    } else {
        conclude(context, &pass, snapshot.as_ref(), problem.as_ref()).await
    };
    Outcome {
        snapshot,
        problem,
        refused,
        object,
        only_loaded,
        loaded: true,
        generation,
        interval,
    }
}

/// The revision in use, with the ignore rules that the spec says now.
async fn held(context: &Arc<Context>, spec: &SourceSpec, pass: &Pass) -> Option<Snapshot> {
    let held = pass.snapshot.clone()?;
    if held.choice == spec.choice {
        return Some(held);
    }
    load(context, spec).await.snapshot.or(Some(held))
}

async fn spec_of(context: &Context, pass: &Pass) -> Result<SourceSpec, Unusable> {
    if let Some(fixed) = &pass.fixed {
        return Ok(fixed.clone());
    }
    let gone = || Unusable {
        reason: reasons::FAILED,
        message: "the object is gone".to_owned(),
        stalled: false,
    };
    let seen = pass.seen.as_ref().ok_or_else(gone)?;
    let spec = seen.spec.as_ref().map_err(|message| Unusable {
        reason: reasons::FAILED,
        message: format!("the object cannot be read: {message}; correct it"),
        stalled: true,
    })?;
    let secret = match &spec.secret_ref {
        // What is kept on disk needs no credential, and perhaps there is no API server to ask for it.
        Some(reference) if pass.loaded => {
            Some(secret::read(context, &pass.name, &reference.name).await?)
        }
        _ => None,
    };
    spec::from_git_repository(&pass.name, spec, secret.as_ref(), &pass.policy)
}

/// What a load or a fetch came to.
#[derive(Debug, Default)]
struct Found {
    snapshot: Option<Snapshot>,
    problem: Option<Problem>,
    refused: Option<RefusedHead>,
}

async fn load(context: &Arc<Context>, spec: &SourceSpec) -> Found {
    let (context, spec) = (Arc::clone(context), spec.clone());
    let loaded = tokio::task::spawn_blocking(move || {
        let loaded = fetch::load(&context.keep, &spec);
        match &loaded {
            // The fetch that follows brings everything again.
            Err(error) if context.keep.heal(error).unwrap_or(false) => Ok(None),
            _ => loaded,
        }
    });
    match loaded.await {
        Ok(Ok(snapshot)) => Found {
            snapshot,
            ..Found::default()
        },
        Ok(Err(error)) => Found::problem(Problem::fetch(&error)),
        Err(panic) => Found::problem(broke(&panic)),
    }
}

async fn ask(context: &Arc<Context>, spec: &SourceSpec, pass: &Pass) -> Found {
    let known = match (&pass.refused, &pass.snapshot) {
        (Some(refused), _) => Some(refused.tip.clone()),
        // A revision of another URL or reference says nothing about this one.
        (None, Some(snapshot)) if snapshot.line == spec.line() => snapshot.tip.clone(),
        (None, _) => None,
    };
    let (context, spec) = (Arc::clone(context), spec.clone());
    let asked = tokio::task::spawn_blocking(move || {
        fetch::fetch(&context.keep, &context.net, &spec, known.as_ref())
    });
    match asked.await {
        Ok(Ok(Fetched::Unchanged)) => Found {
            problem: pass.refused.as_ref().map(|refused| refused.problem.clone()),
            refused: pass.refused.clone(),
            snapshot: None,
        },
        Ok(Ok(Fetched::Accepted(snapshot))) => Found {
            snapshot: Some(snapshot),
            ..Found::default()
        },
        Ok(Ok(Fetched::Refused {
            tip,
            refusal,
            revision,
        })) => {
            let problem = Problem::refused(&revision, &refusal);
            let refused = Some(RefusedHead {
                tip,
                problem: problem.clone(),
            });
            Found {
                refused,
                ..Found::problem(problem)
            }
        }
        Ok(Err(error)) => Found {
            refused: pass.refused.clone(),
            ..Found::problem(Problem::fetch(&error))
        },
        Err(panic) => Found::problem(broke(&panic)),
    }
}

impl Found {
    fn problem(problem: Problem) -> Self {
        Found {
            problem: Some(problem),
            ..Found::default()
        }
    }
}

fn broke(panic: &tokio::task::JoinError) -> Problem {
    tracing::error!(%panic, "a fetch broke off");
    Problem::fetch(&FetchError::Unexpected {
        what: "something that broke the fetch off",
    })
}

async fn stalled(context: &Context, pass: Pass, unusable: &Unusable) -> Outcome {
    let problem = Problem::unusable(unusable);
    let interval = if unusable.stalled {
        STALLED_INTERVAL
    } else {
        UNUSABLE_INTERVAL
    };
    let loaded = pass.loaded;
    let generation = pass.seen.as_ref().map(|seen| seen.meta.generation);
    let object = conclude(context, &pass, pass.snapshot.as_ref(), Some(&problem)).await;
    Outcome {
        snapshot: pass.snapshot,
        problem: Some(problem),
        refused: None,
        object,
        only_loaded: false,
        loaded,
        generation,
        interval,
    }
}

/// Writes status and events, if this node leads and the object is there.
async fn conclude(
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
    let finding = Finding {
        name: &pass.name,
        snapshot,
        problem,
        generation: seen.meta.generation,
        handled_at: seen.meta.annotation(names::REQUESTED_AT).map(str::to_owned),
    };
    let new = status::conclude(&seen.status, &finding, jiff::Timestamp::now().into());
    let written = crate::status::write(
        &context.cluster,
        leadership,
        &context.kinds.git_repository,
        &pass.name,
        (&seen.status, &new),
        names::SOURCE_STATUS_MANAGER,
    )
    .await;
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
    let Some((kind, reason, message)) = news(status, snapshot, problem) else {
        return;
    };
    let regarding = ObjectReference {
        api_version: names::SOURCE_API_VERSION.to_owned(),
        kind: names::GIT_REPOSITORY.to_owned(),
        namespace: pass.name.namespace.clone(),
        name: pass.name.name.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
    };
    let revision =
        snapshot.map(|snapshot| (names::SOURCE_EVENT_REVISION, snapshot.revision.as_str()));
    let mut spec = event(
        regarding,
        kind,
        reason,
        message,
        revision,
        names::SOURCE_CONTROLLER,
    );
    if let Some(snapshot) = snapshot {
        let digest = snapshot.artifact.digest.clone();
        spec.annotations
            .insert(names::SOURCE_EVENT_DIGEST.to_owned(), digest);
    }
    announce(&context.cluster, leadership, spec).await;
}

/// What is worth an event against what the status said before.
fn news(
    status: Option<&GitRepositoryStatus>,
    snapshot: Option<&Snapshot>,
    problem: Option<&Problem>,
) -> Option<(EventType, &'static str, String)> {
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
