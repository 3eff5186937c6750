//! Going back because a root says so: an override is looked for where a head was refused that lies behind, or beside, what
//! was accepted last.

use windlass_api::reasons;
use windlass_state::{Incoming, Tip};
use windlass_trust::{Oid, Recalled, recall_tag, verify_recall};
use windlass_wire::{FailureClass, History, Reference};

use super::RefusedHead;
use super::ask::{Came, ask, request};
use super::fetch::{FetchError, Fetched, settle};
use super::judge::rejection;
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::chain;
use crate::net::Net;

/// Looks for the override of a refused head and follows it. Gives nothing where there is none.
///
/// A crash between the two writes of going back leaves a kept head at which the ratchet does not stand: its override comes first,
/// and before that of the head the one of the commit where the ways part.
pub(super) fn look(
    keep: &Keep,
    net: &Net,
    spec: &SourceSpec,
    refused: &RefusedHead,
) -> Result<Option<Fetched>, FetchError> {
    let line = spec.line();
    let (Some(ratchet), kept) = (keep.ratchet(&line)?, keep.store.kept(&line)?) else {
        return Ok(None);
    };
    let half = kept.filter(|kept| kept.head != ratchet.head && kept.head != refused.head);
    let half = half.and_then(|kept| Some((kept.head, kept.tip?)));
    // A node that missed the override itself finds the branch gone on from where it went back to.
    let missed = refused.forks_at.map(|head| {
        let tip = Tip {
            target: head,
            ..refused.tip.clone()
        };
        (head, tip)
    });
    for (head, tip) in half.into_iter().chain(missed) {
        if let Some((found, incoming)) = find(keep, net, spec, &head)?
            && let Ok(recalled) =
                verify_recall(&incoming, &spec.trust.policy, &ratchet, (head, found))?
        {
            return follow(keep, spec, incoming, recalled, tip).map(Some);
        }
    }
    let Some((found, incoming)) = find(keep, net, spec, &refused.head)? else {
        return Ok(None);
    };
    let policy = &spec.trust.policy;
    match verify_recall(&incoming, policy, &ratchet, (refused.head, found))? {
        Ok(recalled) => follow(keep, spec, incoming, recalled, refused.tip.clone()).map(Some),
        Err(refusal) => {
            let revision = spec.revision(refused.head, Some(&refused.tip));
            let rejection = rejection(spec, &revision, &refusal);
            if rejection.problem != refused.problem {
                keep.note_refusal(&line, refused.head, rejection.reason);
            }
            Ok(Some(Fetched::Refused(RefusedHead {
                problem: rejection.problem,
                ..refused.clone()
            })))
        }
    }
}

/// Asks for the override that goes back to a commit.
fn find(
    keep: &Keep,
    net: &Net,
    spec: &SourceSpec,
    to: &Oid,
) -> Result<Option<(Oid, Incoming)>, FetchError> {
    let tag = Reference::Tag(recall_tag(to));
    let kept = keep.store.kept(&spec.line())?;
    let question = request(spec, &tag, (kept.as_ref(), None), History::All);
    match ask(&keep.store, net, &question) {
        Ok(came) => Ok(came.map(|Came { tip, incoming, .. }| (tip.target, incoming))),
        Err(FetchError::Failed {
            class: FailureClass::NoSuchReference,
            ..
        }) => Ok(None),
        Err(error) => {
            tracing::warn!(source = %spec.name, error = %chain(&error), "no override could be looked for");
            Ok(None)
        }
    }
}

fn follow(
    keep: &Keep,
    spec: &SourceSpec,
    incoming: Incoming,
    recalled: Recalled,
    tip: Tip,
) -> Result<Fetched, FetchError> {
    let message = said(&recalled);
    let settled = settle(keep, spec, incoming, recalled.accepted, tip)?;
    if let Fetched::Accepted(_) = &settled {
        keep.remark(&spec.line(), reasons::RATCHET_OVERRIDDEN, message);
    }
    Ok(settled)
}

fn said(recalled: &Recalled) -> String {
    format!(
        "went back to {} because {} signed an override: {}",
        recalled.recall.to,
        recalled.signers.join(" and "),
        recalled.recall.reason
    )
}
