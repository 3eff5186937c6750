//! Going back because a root says so: an override is looked for where a head was refused that lies behind, or beside, what
//! was accepted last.

use windlass_api::reasons;
use windlass_trust::{Recalled, recall_tag, verify_recall};
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
    let tag = Reference::Tag(recall_tag(&refused.head));
    let question = request(spec, &tag, (kept.as_ref(), None), History::All);
    let (found, incoming) = match ask(&keep.store, net, &question) {
        Ok(Some(Came { tip, incoming, .. })) => (tip.target, incoming),
        Ok(None) => return Ok(None),
        Err(error) => {
            let is_none = matches!(
                error,
                FetchError::Failed {
                    class: FailureClass::NoSuchReference,
                    ..
                }
            );
            if !is_none {
                tracing::warn!(source = %spec.name, error = %chain(&error), "no override could be looked for");
            }
            return Ok(None);
        }
    };
    let policy = &spec.trust.policy;
    match verify_recall(&incoming, policy, &ratchet, (refused.head, found))? {
        Ok(recalled) => {
            let message = said(&recalled);
            let settled = settle(keep, spec, incoming, recalled.accepted, refused.tip.clone())?;
            if let Fetched::Accepted(_) = &settled {
                keep.remark(&line, reasons::RATCHET_OVERRIDDEN, message);
            }
            Ok(Some(settled))
        }
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

fn said(recalled: &Recalled) -> String {
    format!(
        "went back to {} because {} signed an override: {}",
        recalled.recall.to,
        recalled.signers.join(" and "),
        recalled.recall.reason
    )
}
