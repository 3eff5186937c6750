//! The verdict on a head, by the rule that holds for its source.

use windlass_api::reasons;
use windlass_state::Tip;
use windlass_trust::{
    Accepted, Introduction, ObjectReader, Oid, Policy, Ratchet, Refusal, RefusalReason, Verdict,
    verify,
};

use super::basis::{Rule, THREE_WAYS};
use super::fetch::FetchError;
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::Problem;

/// A head was looked at and is not taken.
#[derive(Debug)]
pub(super) struct Rejection {
    /// For the condition.
    pub(super) problem: Problem,
    /// For the node's history.
    pub(super) reason: String,
}

/// Judges a head that was found under `tip`.
pub(super) fn judge(
    reader: &dyn ObjectReader,
    keep: &Keep,
    spec: &SourceSpec,
    (head, tip): (Oid, Option<&Tip>),
) -> Result<Result<Accepted, Rejection>, FetchError> {
    let line = spec.line();
    let ratchet = keep.ratchet(&line)?;
    let case = Case {
        reader,
        spec,
        head,
        revision: spec.revision(head, tip),
        ratchet: ratchet.as_ref(),
    };
    if !spec.may_turn
        && let Some(floor) = keep.other_line(&line)?
        && let Some(rejection) = case.turned_back(&floor)?
    {
        return Ok(Err(rejection));
    }
    match spec.trust.rule {
        Rule::Signed => case.signed(),
        Rule::FirstSeen => case.first_seen(),
        Rule::Pinned(pin) if pin == head => case.as_pinned(),
        Rule::Pinned(_) => Err(FetchError::Unexpected {
            what: "another commit than the one that is pinned",
        }),
        Rule::Unverified => case.unverified(),
    }
}

struct Case<'a> {
    reader: &'a dyn ObjectReader,
    spec: &'a SourceSpec,
    head: Oid,
    revision: String,
    ratchet: Option<&'a Ratchet>,
}

type Judged = Result<Result<Accepted, Rejection>, FetchError>;

impl Case<'_> {
    fn signed(&self) -> Judged {
        let verdict = verify(
            self.reader,
            &self.spec.trust.policy,
            self.ratchet,
            &self.head,
        )?;
        Ok(match verdict {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Refused(refusal) => Err(self.refused(&refusal)),
        })
    }

    /// A tag: signed, or still at the commit that it named when a verified commit first asked for it.
    fn first_seen(&self) -> Judged {
        if let Verdict::Accepted(accepted) = verify(
            self.reader,
            &self.spec.trust.policy,
            self.ratchet,
            &self.head,
        )? {
            return Ok(Ok(accepted));
        }
        match self.ratchet {
            Some(ratchet) if ratchet.head != self.head => Ok(Err(self.moved(ratchet))),
            _ => self.as_pinned(),
        }
    }

    /// Taken for its id: what lies behind it is covered by the same id.
    fn as_pinned(&self) -> Judged {
        let ratchet = self.ratchet.filter(|ratchet| ratchet.head == self.head);
        self.introduced_by_itself(ratchet)
    }

    /// Nothing is checked but that a branch only moves forward.
    fn unverified(&self) -> Judged {
        self.introduced_by_itself(self.ratchet)
    }

    fn introduced_by_itself(&self, ratchet: Option<&Ratchet>) -> Judged {
        let policy = Policy {
            introduction: Introduction::Commit(self.head),
            ..(*self.spec.trust.policy).clone()
        };
        Ok(match verify(self.reader, &policy, ratchet, &self.head)? {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Refused(refusal) => Err(self.refused(&refusal)),
        })
    }

    /// A selector that nobody signed for goes on from where the source stands.
    fn turned_back(&self, floor: &Ratchet) -> Result<Option<Rejection>, FetchError> {
        // Whether what is new is signed is judged by the source's own rule.
        let policy = Policy {
            introduction: Introduction::Commit(self.head),
            ..(*self.spec.trust.policy).clone()
        };
        let verdict = verify(self.reader, &policy, Some(floor), &self.head)?;
        Ok(match verdict {
            Verdict::Accepted(_) => None,
            Verdict::Refused(refusal) => {
                let mut rejection = self.refused(&refusal);
                rejection.problem.message.push_str(
                    ". spec.ref was changed in the cluster, so it goes on from there; change it in the repository that \
                     makes this object to begin anew",
                );
                Some(rejection)
            }
        })
    }

    fn refused(&self, refusal: &Refusal) -> Rejection {
        let code = refusal.reason.code();
        let mut message = format!("revision '{}' ({code}): {refusal}", self.revision);
        let is_about_position = matches!(
            refusal.reason,
            RefusalReason::NotFastForward { .. }
                | RefusalReason::NotDescendantOfIntroduction { .. }
        );
        if self.spec.is_other && !is_about_position {
            message = format!("{message}; {THREE_WAYS}");
        }
        Rejection {
            problem: Problem::refused(reasons::INVALID_COMMIT_SIGNATURE, message),
            reason: refusal.to_string(),
        }
    }

    fn moved(&self, ratchet: &Ratchet) -> Rejection {
        let reason = format!(
            "the tag named commit {} when it was first seen and names {} now, which no allowed signer signed",
            ratchet.head, self.head
        );
        let cure = "if that is as it should be, name the new commit in spec.ref.commit or in windlass.lock; otherwise ask \
                    the owner of that repository what happened";
        Rejection {
            problem: Problem::refused(
                reasons::TAG_MOVED,
                format!("revision '{}': {reason}; {cure}", self.revision),
            ),
            reason,
        }
    }
}
