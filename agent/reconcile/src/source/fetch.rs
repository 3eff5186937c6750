//! Fetch, verify, keep: the one way in which bytes become a revision that may be rendered.
//!
//! All of it blocks and runs on its own thread. The order of writes is: objects and kept head in one
//! transaction, then the ratchet. A crash between the two is healed at the next start, because the kept
//! head is verified again against the older ratchet.

mod error;

use std::sync::Arc;

use windlass_api::reasons;
use windlass_state::{Incoming, Kept, Line, Tip};
use windlass_trust::{
    Accepted, CompletenessError, Introduction, ObjectReader, VerifiedSource, fork_of,
    missing_objects,
};
use windlass_wire::{FetchRequest, History};

pub(crate) use self::error::FetchError;
use super::RefusedHead;
use super::access::SourceAccess;
use super::ask::{Came, ask, request};
use super::basis::Rule;
use super::confirm::Confirmed;
use super::include::Included;
use super::judge::{judge, judge_kept};
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::{Problem, chain};
use crate::net::Net;
use crate::view::artifact::ArtifactDigest;
use crate::view::ignore::Ignore;
use crate::view::{Choice, View};

/// A revision that the node's keys vouch for.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) line: Line,
    pub(crate) source: Arc<VerifiedSource>,
    pub(crate) revision: String,
    pub(crate) signer: String,
    /// The rule by which it was accepted.
    pub(crate) rule: Rule,
    pub(crate) artifact: ArtifactDigest,
    pub(crate) ignore: Arc<Ignore>,
    /// With what it was reached.
    pub(crate) access: Arc<SourceAccess>,
    /// What the spec said about the files when the rules were made.
    pub(crate) choice: Choice,
    /// The other sources that are in it.
    pub(crate) includes: Vec<Included>,
    /// Where the revision was found; an older windlass did not keep it.
    pub(crate) tip: Option<Tip>,
    /// What became of `spec.verify`.
    pub(crate) confirmed: Confirmed,
}

/// Looks at the revision in use by what `spec.verify` says now.
pub(crate) fn confirm_held(
    keep: &Keep,
    spec: &SourceSpec,
    held: Snapshot,
) -> Result<Fetched, FetchError> {
    let reader = keep.store.reader()?;
    let commit = held.source.commit();
    let confirmed = spec
        .verification
        .confirm(&reader, commit, held.tip.as_ref())?;
    Ok(match confirmed {
        Ok(confirmed) if confirmed == held.confirmed => Fetched::Unchanged,
        Ok(confirmed) => Fetched::Accepted(Box::new(Snapshot { confirmed, ..held })),
        Err(problem) => Fetched::Unconfirmed(problem),
    })
}

/// What a fetch found.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The reference points where it pointed before.
    Unchanged,
    Accepted(Box<Snapshot>),
    /// The revision in use is not what `spec.verify` asks for now.
    Unconfirmed(Problem),
    /// Looked at and refused: the last accepted revision stays.
    Refused(RefusedHead),
}

/// What loading came to.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) problem: Option<Problem>,
}

/// Loads the revision that was accepted last and proves it again from the kept objects.
pub(crate) fn load(keep: &Keep, spec: &SourceSpec) -> Result<Loaded, FetchError> {
    let line = spec.line();
    let Some(kept) = keep.store.kept(&line)? else {
        return Ok(Loaded::default());
    };
    let reader = keep.store.reader()?;
    let snapshot = |accepted: Accepted, tip: Option<Tip>| {
        let confirmed = match spec.verification.is_asked() {
            true => Confirmed::NotYet,
            false => Confirmed::NotAsked,
        };
        snapshot(&reader, spec, &accepted, (tip, confirmed)).map(Some)
    };
    match judge(&reader, keep, spec, (kept.head, kept.tip.as_ref()))? {
        Ok(accepted) => {
            keep.advance(&line, &accepted, spec.epoch)?;
            Ok(Loaded {
                snapshot: snapshot(accepted, kept.tip)?,
                problem: None,
            })
        }
        // What the cluster runs is put back while a person is waited for; anything else might be older than that.
        Err(no) if keep.is_lost(&line) => {
            let shown = if spec.remembered.holds(&kept.head) {
                judge_kept(&reader, spec, (kept.head, kept.tip.as_ref()))?
            } else {
                None
            };
            let snapshot = shown.map_or(Ok(None), |accepted| snapshot(accepted, kept.tip))?;
            let problem = Some(no.problem);
            Ok(Loaded { snapshot, problem })
        }
        Err(no) => {
            let message = &no.problem.message;
            tracing::warn!(source = %spec.name, message, "the kept revision is not vouched for any more");
            Ok(Loaded::default())
        }
    }
}

/// Asks windlass-net for what is new and takes it if it is vouched for.
///
/// `known` is what was judged last; only something else is worth an answer. When what is kept turns out to
/// be damaged or incomplete, everything is fetched again.
pub(crate) fn fetch(
    keep: &Keep,
    net: &Net,
    spec: &SourceSpec,
    known: Option<&Tip>,
) -> Result<Fetched, FetchError> {
    let kept = keep.store.kept(&spec.line())?;
    let history = history(keep, spec, kept.as_ref())?;
    match fetch_beyond(
        keep,
        net,
        spec,
        &request(spec, &spec.reference, (kept.as_ref(), known), history),
    ) {
        Err(error) if keep.heal(&error)? => {
            tracing::warn!(source = %spec.name, error = %chain(&error), "fetching everything again");
            fetch_beyond(
                keep,
                net,
                spec,
                &request(spec, &spec.reference, (None, None), History::All),
            )
        }
        answer => answer,
    }
}

/// How much of the past the verdict needs. When it turns out to need more, all of it is fetched.
fn history(keep: &Keep, spec: &SourceSpec, kept: Option<&Kept>) -> Result<History, FetchError> {
    let line = spec.line();
    if keep.is_lost(&line) {
        // Where it stood may be anywhere.
        return Ok(History::All);
    }
    let stands = kept
        .map(|kept| kept.head)
        .or(keep.ratchet(&line)?.map(|ratchet| ratchet.head));
    let begins = match (spec.trust.rule, spec.trust.policy.introduction) {
        (Rule::Signed | Rule::FirstSeen, Introduction::Commit(introduction)) => Some(introduction),
        _ => None,
    };
    Ok(stands
        .or(begins)
        .map_or(History::Head, |oid| History::Since(oid.to_string())))
}

fn fetch_beyond(
    keep: &Keep,
    net: &Net,
    spec: &SourceSpec,
    request: &FetchRequest,
) -> Result<Fetched, FetchError> {
    let line = spec.line();
    let fetched = match asked(keep, &line, net, request)? {
        None => Fetched::Unchanged,
        Some(came) if keep.is_ahead_of(&line, &came)? => return Ok(Fetched::Unchanged),
        Some(came) => take(keep, spec, came)?,
    };
    if matches!(fetched, Fetched::Unchanged | Fetched::Accepted(_)) {
        keep.server_caught_up(&line)?;
    }
    Ok(fetched)
}

/// Asks. Of an attack on SHA-1 the history tells as of any other refusal.
fn asked(
    keep: &Keep,
    line: &Line,
    net: &Net,
    request: &FetchRequest,
) -> Result<Option<Came>, FetchError> {
    let answer = ask(&keep.store, net, request);
    keep.note_answered(line, answer.is_ok());
    answer.inspect_err(|error| {
        if let FetchError::Attack { head, message } = error {
            keep.note_refusal(line, *head, message.clone());
        }
    })
}

/// Judges what came, and keeps it if it is vouched for.
pub(super) fn take(keep: &Keep, spec: &SourceSpec, came: Came) -> Result<Fetched, FetchError> {
    let Came {
        head,
        tip,
        incoming,
    } = came;
    match judge(&incoming, keep, spec, (head, Some(&tip)))? {
        Ok(accepted) => settle(keep, spec, incoming, accepted, tip),
        Err(rejection) => {
            keep.note_refusal(&spec.line(), head, rejection.reason);
            let stands = keep.ratchet(&spec.line())?.filter(|_| rejection.lies_back);
            let forks_at = stands.and_then(|ratchet| {
                let ways = (&head, &ratchet.head);
                fork_of(&incoming, ways, Some(&ratchet.introduction))
            });
            Ok(Fetched::Refused(RefusedHead {
                forks_at,
                head,
                tip,
                problem: rejection.problem,
                lies_back: rejection.lies_back,
            }))
        }
    }
}

/// Keeps an accepted head, if all of it came, it can be used and the source asks for nothing more. What cannot be used is not
/// kept: the revision before it stays in force, after a restart, too.
pub(super) fn settle(
    keep: &Keep,
    spec: &SourceSpec,
    incoming: Incoming,
    accepted: Accepted,
    tip: Tip,
) -> Result<Fetched, FetchError> {
    let (line, head) = (spec.line(), accepted.source.commit());
    let refused = |tip, problem| {
        Fetched::Refused(RefusedHead {
            head,
            tip,
            problem,
            lies_back: false,
            forks_at: None,
        })
    };
    let confirmed = match spec.verification.confirm(&incoming, head, Some(&tip))? {
        Ok(confirmed) => confirmed,
        Err(problem) => {
            keep.note_refusal(&line, head, problem.message.clone());
            return Ok(refused(tip, problem));
        }
    };
    let condemned = |tip, error: &dyn std::error::Error, code| {
        let (revision, why) = (spec.revision(head, Some(&tip)), chain(error));
        let message = format!("revision '{revision}' ({code}): {why}");
        keep.note_refusal(&line, head, why);
        let problem = Problem::refused(reasons::INVALID_GIT_OBJECT, message);
        Ok(refused(tip, problem))
    };
    match missing_objects(&incoming, &accepted.source) {
        Ok(None) => {}
        Ok(Some(missing)) => {
            return Err(FetchError::Incomplete {
                commit: head,
                missing,
            });
        }
        Err(error @ CompletenessError::InvalidTree { .. }) => {
            return condemned(tip, &error, "InvalidTree");
        }
        Err(error) => return Err(error.into()),
    }
    let snapshot = match snapshot(&incoming, spec, &accepted, (Some(tip.clone()), confirmed)) {
        // With other sources in it, they may be what is too large.
        Err(FetchError::View(error))
            if error.condemns_the_revision() && spec.includes.is_empty() =>
        {
            return condemned(tip, &error, "TreeTooLarge");
        }
        snapshot => snapshot?,
    };
    keep.check(spec.epoch)?;
    incoming.keep(&line, &accepted, &tip, jiff::Timestamp::now().as_second())?;
    keep.advance(&line, &accepted, spec.epoch)?;
    keep.leave_other_lines(&line);
    keep.tidy();
    Ok(Fetched::Accepted(Box::new(snapshot)))
}

fn snapshot(
    reader: &dyn ObjectReader,
    spec: &SourceSpec,
    accepted: &Accepted,
    (tip, confirmed): (Option<Tip>, Confirmed),
) -> Result<Snapshot, FetchError> {
    let includes = spec.includes.clone();
    let view = View::open(&accepted.source, reader, (&spec.choice, &includes))?;
    let (artifact, ignore) = (view.artifact()?, view.ignore());
    Ok(Snapshot {
        line: spec.line(),
        revision: spec.revision(accepted.source.commit(), tip.as_ref()),
        source: Arc::new(accepted.source.clone()),
        signer: accepted.signer.clone(),
        access: Arc::new(SourceAccess::of(spec)),
        rule: spec.trust.rule,
        artifact,
        ignore,
        choice: spec.choice.clone(),
        includes,
        tip,
        confirmed,
    })
}

#[cfg(test)]
mod tests;
