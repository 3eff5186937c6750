//! Sources: what is fetched, whether it is accepted, and what their status says.

pub(crate) mod access;
pub(crate) mod ask;
pub(crate) mod basis;
mod conclude;
pub(crate) mod confirm;
mod copy;
pub(crate) mod delivery;
mod disowned;
pub(crate) mod fetch;
pub(crate) mod heartbeat;
pub(crate) mod include;
mod judge;
pub(crate) mod keep;
pub(crate) mod listed;
pub(crate) mod lost;
mod pass;
mod recall;
pub(crate) mod secret;
pub(crate) mod spec;
mod split;
pub(crate) mod status;

use std::sync::Arc;

use tokio::time::Instant;
use windlass_api::reasons;

use self::conclude::conclude;
use self::copy::Around;
use self::delivery::{Delivery, Receipt};
use self::fetch::{FetchError, Fetched, Loaded, Snapshot};
pub(crate) use self::pass::{Outcome, Pass, RefusedHead};
use self::spec::{Secrets, SourceSpec, Unusable};
use self::split::Shown;
use self::status::Problem;
use crate::context::Context;
use crate::event::Event;

/// How often a source is asked again whose spec cannot be followed.
const STALLED_INTERVAL: std::time::Duration = std::time::Duration::from_secs(600);

/// How often what a source needs is looked for, such as its Secret.
const UNUSABLE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs one pass: the first one loads what the node keeps, the others ask the network, or take what somebody brought.
pub(crate) async fn run(context: &Arc<Context>, pass: Pass, delivery: Option<Delivery>) -> Outcome {
    let generation = pass.seen.as_ref().map(|seen| seen.meta.generation);
    let spec = match spec_of(context, &pass).await {
        Ok(spec) => spec,
        Err(unusable) => {
            if let Some(delivery) = delivery {
                delivery.reply(Err(unusable.message.clone()));
            }
            return stalled(context, pass, &unusable).await;
        }
    };
    let interval = spec.interval;
    let began = Instant::now();
    let found = match delivery {
        Some(delivery) => delivery::take(context, &spec, &pass, delivery).await,
        None if pass.loaded => ask(context, &spec, &pass).await,
        None => load(context, &spec).await,
    };
    let Found {
        snapshot,
        problem,
        refused,
        asked,
        receipt,
    } = found;
    let only_loaded = !pass.loaded;
    let found_nothing = only_loaded && snapshot.is_none();
    let (snapshot, problem) = match snapshot {
        None => {
            let held = held(context, &spec, &pass).await;
            (held.snapshot, problem.or(held.problem))
        }
        found => (found, problem),
    };
    tell_found(&pass, snapshot.as_ref());
    let answers = asked && !problem.as_ref().is_some_and(Problem::is_offline);
    let shown = Shown {
        complete_since: (asked && problem.is_none()).then_some(began),
        refused: refused.clone(),
    };
    look_again(context, &spec, snapshot.as_ref(), (answers, shown)).await;
    let object = if found_nothing {
        None
    } else {
        conclude(context, &pass, snapshot.as_ref(), problem.as_ref()).await
    };
    if let Some(receipt) = receipt {
        receipt.send();
    }
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

/// Whoever reads the status that is written next may ask a Kustomization for a pass at once, as `reconcile kustomization
/// --with-source` does: that pass has to be one with this revision.
fn tell_found(pass: &Pass, snapshot: Option<&Snapshot>) {
    if let Some(snapshot) = snapshot.cloned() {
        let found = Event::SourceFound {
            name: pass.name.clone(),
            snapshot: Box::new(snapshot),
        };
        // The receiver is gone only when the agent stops.
        let _ = pass.events.send(found);
    }
}

/// Whether somebody still vouches for the revision in use, its repository's owner was heard lately, and the other nodes hold
/// the same history.
async fn look_again(
    context: &Arc<Context>,
    spec: &SourceSpec,
    snapshot: Option<&Snapshot>,
    (answers, shown): (bool, Shown),
) {
    let Some(snapshot) = snapshot.cloned() else {
        return;
    };
    let (context, spec) = (Arc::clone(context), spec.clone());
    let looked = tokio::task::spawn_blocking(move || {
        disowned::look(&context.keep, &spec, &snapshot);
        heartbeat::look(&context, &spec, &snapshot, answers);
        split::look(&context.keep, &context.peers, (&spec, &snapshot), &shown);
    });
    if let Err(panic) = looked.await {
        tracing::error!(%panic, "a look at the revision in use broke off");
    }
}

/// The revision in use, with the ignore rules and the included sources that the spec says now.
async fn held(context: &Arc<Context>, spec: &SourceSpec, pass: &Pass) -> Found {
    let Some(held) = pass.snapshot.clone() else {
        // While a person is waited for, what the cluster runs is kept so, once the cluster has said what that is.
        let waits = pass.loaded && context.keep.is_lost(&spec.line());
        return match waits {
            true => load(context, spec).await,
            false => Found::default(),
        };
    };
    if held.choice == spec.choice && include::are_same(&held.includes, &spec.includes) {
        return Found::snapshot(held);
    }
    let loaded = load(context, spec).await;
    Found {
        snapshot: loaded.snapshot.or(Some(held)),
        ..loaded
    }
}

async fn spec_of(context: &Context, pass: &Pass) -> Result<SourceSpec, Unusable> {
    if let Some(fixed) = &pass.fixed {
        return Ok(SourceSpec {
            remembered: pass.remembered.clone(),
            epoch: pass.epoch,
            ..fixed.clone()
        });
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
    let mut secrets = Secrets::default();
    // What is kept on disk needs no credential, and perhaps there is no API server to ask for it.
    if pass.loaded {
        if let Some(reference) = &spec.secret_ref {
            let about = ("spec.secretRef", reasons::AUTHENTICATION_FAILED);
            let read = secret::read(context, &pass.name, &reference.name, about).await?;
            secrets.credentials = Some(read);
        }
        if let Some(verify) = &spec.verification {
            let about = ("spec.verify.secretRef", reasons::VERIFICATION_ERROR);
            let read = secret::read(context, &pass.name, &verify.secret_ref.name, about).await?;
            secrets.verification = Some(read);
        }
    }
    let because = (&pass.basis, &*pass.trust);
    let spec = spec::from_git_repository(&pass.name, spec, &secrets, because)?;
    Ok(SourceSpec {
        remembered: pass.remembered.clone(),
        epoch: pass.epoch,
        includes: pass.included.clone()?,
        ..spec
    })
}

/// What a load or a fetch came to.
#[derive(Debug, Default)]
struct Found {
    snapshot: Option<Snapshot>,
    problem: Option<Problem>,
    refused: Option<RefusedHead>,
    /// Whether the source's own server was asked.
    asked: bool,
    /// For whoever brought something.
    receipt: Option<Receipt>,
}

async fn load(context: &Arc<Context>, spec: &SourceSpec) -> Found {
    let (context, spec) = (Arc::clone(context), spec.clone());
    let loaded = tokio::task::spawn_blocking(move || {
        let loaded = fetch::load(&context.keep, &spec);
        match &loaded {
            // The fetch that follows brings everything again.
            Err(error) if context.keep.heal(error).unwrap_or(false) => Ok(Loaded::default()),
            _ => loaded,
        }
    });
    match loaded.await {
        Ok(Ok(Loaded { snapshot, problem })) => Found {
            snapshot,
            problem,
            ..Found::default()
        },
        Ok(Err(error)) => Found::problem(Problem::fetch(&error)),
        Err(panic) => Found::problem(broke(&panic)),
    }
}

async fn ask(context: &Arc<Context>, spec: &SourceSpec, pass: &Pass) -> Found {
    let known = match (&pass.refused, &pass.snapshot) {
        // What else is asked for than the node's rules may have changed, and a lost line is looked at each time.
        (Some(_), _) if spec.verification.is_asked() => None,
        _ if context.keep.is_lost(&spec.line()) => None,
        (Some(refused), _) => Some(refused.tip.clone()),
        // A revision of another URL or reference says nothing about this one.
        (None, Some(snapshot)) if snapshot.line == spec.line() => snapshot.tip.clone(),
        (None, _) => None,
    };
    let held = pass.snapshot.clone().filter(|_| pass.refused.is_none());
    let refused = pass.refused.clone();
    let (context, spec, leads) = (Arc::clone(context), spec.clone(), pass.leads);
    let asked = tokio::task::spawn_blocking(move || {
        let (keep, net) = (&context.keep, &context.net);
        let around = copy::ask_around(&context, &spec, known.as_ref(), leads)?;
        let Around {
            fetched,
            asked,
            problem,
        } = around;
        let fetched = match (fetched, held) {
            (Fetched::Unchanged, Some(held)) => fetch::confirm_held(keep, &spec, held)?,
            (fetched, _) => fetched,
        };
        let refused = match &fetched {
            Fetched::Refused(refused) => Some(refused.clone()),
            Fetched::Unchanged => refused,
            _ => None,
        };
        let overridden = match refused.filter(|refused| refused.lies_back) {
            Some(refused) => recall::look(keep, net, &spec, &refused)?,
            None => None,
        };
        Ok((overridden.unwrap_or(fetched), asked, problem))
    });
    let (came, asked, problem) = match asked.await {
        Ok(Ok((fetched, asked, problem))) => (Ok(fetched), asked, problem),
        Ok(Err(error)) => (Err(Problem::fetch(&error)), true, None),
        Err(panic) => (Err(broke(&panic)), true, None),
    };
    let found = found(came, pass);
    Found {
        asked,
        problem: found.problem.or(problem),
        ..found
    }
}

/// What the answer to a question is for the pass.
fn found(came: Result<Fetched, Problem>, pass: &Pass) -> Found {
    match came {
        Ok(Fetched::Unchanged) => Found {
            problem: pass.refused.as_ref().map(|refused| refused.problem.clone()),
            refused: pass.refused.clone(),
            ..Found::default()
        },
        Ok(Fetched::Unconfirmed(problem)) => Found::problem(problem),
        Ok(Fetched::Accepted(snapshot)) => Found::snapshot(*snapshot),
        Ok(Fetched::Refused(refused)) => Found {
            problem: Some(refused.problem.clone()),
            refused: Some(refused),
            ..Found::default()
        },
        Err(problem) => Found {
            refused: pass.refused.clone(),
            ..Found::problem(problem)
        },
    }
}

impl Found {
    fn snapshot(snapshot: Snapshot) -> Self {
        Found {
            snapshot: Some(snapshot),
            ..Found::default()
        }
    }

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
