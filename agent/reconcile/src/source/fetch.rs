//! Fetch, verify, keep: the one way in which bytes become a revision that may be rendered.
//!
//! All of it blocks and runs on its own thread. The order of writes is: objects and kept head in one
//! transaction, then the ratchet. A crash between the two is healed at the next start, because the kept
//! head is verified again against the older ratchet.

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::time::Duration;

use windlass_api::reasons;
use windlass_state::{Incoming, Kept, Line, PutError, RatchetError, StoreError, Tip};
use windlass_trust::{
    Accepted, CompletenessError, Introduction, ObjectKind, Oid, VerifiedSource, VerifyError,
    missing_objects,
};
use windlass_wire::{
    Answer, FailureClass, FetchRequest, History, Known, WireError, read_answer, write_request,
};

use super::basis::Rule;
use super::confirm::Confirmed;
use super::include::Included;
use super::judge::{Rejection, judge, judge_kept};
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::{Problem, chain};
use crate::net::{Net, NetError};
use crate::view::artifact::ArtifactDigest;
use crate::view::ignore::Ignore;
use crate::view::{Choice, View, ViewFailure};

/// How much longer than the fetch itself the agent waits for an answer of windlass-net.
const NET_PATIENCE: Duration = Duration::from_secs(30);

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
    Refused {
        tip: Tip,
        problem: Problem,
    },
}

/// A fetch that could not come to a verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the answer of windlass-net broke off")]
    Wire(#[from] WireError),
    #[error("{message}")]
    Failed {
        class: FailureClass,
        message: String,
    },
    #[error("windlass-net sent {what}; restart it and look at its log")]
    Unexpected { what: &'static str },
    #[error(
        "windlass-net answered with {answer:?}, which is not what was asked for ({asked}); nothing of it is used; it may \
         have been broken into: look at its log (journalctl -u windlass-net), then restart it"
    )]
    NotAskedFor { asked: String, answer: String },
    #[error("commit {commit} came without its object {missing}; the next fetch asks for it again")]
    Incomplete { commit: Oid, missing: Oid },
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Completeness(#[from] windlass_trust::CompletenessError),
    #[error(transparent)]
    View(#[from] ViewFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
}

impl FetchError {
    /// Whether the network brought no answer at all.
    pub(super) fn is_silence(&self) -> bool {
        use FailureClass::{Timeout, Unreachable};
        matches!(
            self,
            FetchError::Failed {
                class: Unreachable | Timeout,
                ..
            }
        )
    }
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
    let snapshot = |accepted, tip| {
        let confirmed = match spec.verification.is_asked() {
            true => Confirmed::NotYet,
            false => Confirmed::NotAsked,
        };
        snapshot(keep, spec, accepted, tip, confirmed).map(Some)
    };
    match judge(&reader, keep, spec, (kept.head, kept.tip.as_ref()))? {
        Ok(accepted) => {
            keep.advance(&line, &accepted)?;
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
        &request(spec, kept.as_ref(), known, history),
    ) {
        Err(error) if keep.heal(&error)? => {
            tracing::warn!(source = %spec.name, error = %chain(&error), "fetching everything again");
            fetch_beyond(keep, net, spec, &request(spec, None, None, History::All))
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
    let mut stream = net.open()?;
    // windlass-net keeps the timeout itself; this is for the case that it hangs.
    let patience = spec.timeout + NET_PATIENCE;
    stream
        .set_read_timeout(Some(patience))
        .map_err(WireError::Io)?;
    write_request(&mut stream, request)?;
    stream.flush().map_err(WireError::Io)?;
    let mut answers = BufReader::with_capacity(64 * 1024, stream);
    match read_answer(&mut answers)? {
        Answer::Unchanged { .. } => Ok(Fetched::Unchanged),
        Answer::Failed { class, message } => Err(FetchError::Failed { class, message }),
        Answer::Head {
            oid,
            reference_name,
            target,
        } => {
            if !spec.reference.allows(&reference_name) {
                return Err(FetchError::NotAskedFor {
                    asked: spec.line().selector,
                    answer: reference_name,
                });
            }
            let parse = |oid: &str| {
                oid.parse()
                    .map_err(|_| unexpected("a head that is no object id"))
            };
            let head = parse(&oid)?;
            let tip = Tip {
                target: parse(&target)?,
                reference: reference_name,
            };
            let mut incoming = keep.store.receive()?;
            receive(&mut answers, &mut incoming)?;
            take(keep, spec, incoming, head, tip)
        }
        Answer::Object { .. } | Answer::Done { .. } => Err(unexpected("an answer without a head")),
    }
}

fn request(
    spec: &SourceSpec,
    kept: Option<&Kept>,
    known: Option<&Tip>,
    history: History,
) -> FetchRequest {
    FetchRequest {
        url: spec.url.clone(),
        reference: spec.reference.clone(),
        have: kept.map(|kept| kept.head.to_string()).into_iter().collect(),
        credentials: spec.credentials.clone(),
        ca_bundle: spec.ca_bundle.clone(),
        timeout_seconds: spec.timeout.as_secs().max(1),
        known: known.map(|tip| Known {
            reference_name: tip.reference.clone(),
            target: tip.target.to_string(),
        }),
        history,
    }
}

fn receive(answers: &mut impl std::io::Read, incoming: &mut Incoming) -> Result<(), FetchError> {
    loop {
        match read_answer(answers)? {
            Answer::Object { kind, oid, bytes } => {
                let kind = ObjectKind::from_code(kind).ok_or(unexpected("an unknown kind"))?;
                incoming.put(Oid::from_bytes(oid), kind, &bytes)?;
            }
            Answer::Done { .. } => return Ok(()),
            Answer::Failed { class, message } => return Err(FetchError::Failed { class, message }),
            Answer::Head { .. } | Answer::Unchanged { .. } => {
                return Err(unexpected("a second head"));
            }
        }
    }
}

fn take(
    keep: &Keep,
    spec: &SourceSpec,
    incoming: Incoming,
    head: Oid,
    tip: Tip,
) -> Result<Fetched, FetchError> {
    let line = spec.line();
    let accepted = match judge(&incoming, keep, spec, (head, Some(&tip)))? {
        Ok(accepted) => accepted,
        Err(Rejection { problem, reason }) => {
            keep.note_refusal(&line, head, reason);
            return Ok(Fetched::Refused { tip, problem });
        }
    };
    let confirmed = match spec.verification.confirm(&incoming, head, Some(&tip))? {
        Ok(confirmed) => confirmed,
        Err(problem) => {
            keep.note_refusal(&line, head, problem.message.clone());
            return Ok(Fetched::Refused { tip, problem });
        }
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
            let revision = spec.revision(head, Some(&tip));
            let message = format!("revision '{revision}' (InvalidTree): {}", chain(&error));
            keep.note_refusal(&line, head, chain(&error));
            let problem = Problem::refused(reasons::INVALID_GIT_OBJECT, message);
            return Ok(Fetched::Refused { tip, problem });
        }
        Err(error) => return Err(error.into()),
    }
    incoming.keep(&line, &accepted, &tip, jiff::Timestamp::now().as_second())?;
    keep.advance(&line, &accepted)?;
    keep.leave_other_lines(&line);
    keep.tidy();
    snapshot(keep, spec, accepted, Some(tip), confirmed)
        .map(|snapshot| Fetched::Accepted(Box::new(snapshot)))
}

fn snapshot(
    keep: &Keep,
    spec: &SourceSpec,
    accepted: Accepted,
    tip: Option<Tip>,
    confirmed: Confirmed,
) -> Result<Snapshot, FetchError> {
    let reader = keep.store.reader()?;
    let includes = spec.includes.clone();
    let view = View::open(&accepted.source, &reader, (&spec.choice, &includes))?;
    let (artifact, ignore) = (view.artifact()?, view.ignore());
    Ok(Snapshot {
        line: spec.line(),
        revision: spec.revision(accepted.source.commit(), tip.as_ref()),
        source: Arc::new(accepted.source),
        signer: accepted.signer,
        rule: spec.trust.rule,
        artifact,
        ignore,
        choice: spec.choice.clone(),
        includes,
        tip,
        confirmed,
    })
}

fn unexpected(what: &'static str) -> FetchError {
    FetchError::Unexpected { what }
}
