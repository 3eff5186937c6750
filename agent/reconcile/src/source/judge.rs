//! The verdict on a head, by the rule that holds for its source.

use windlass_api::reasons;
use windlass_state::{Line, Tip};
use windlass_trust::{
    Accepted, Found, Introduction, ObjectReader, Oid, Pin, Policy, Ratchet, Refusal, RefusalReason,
    Selector, Verdict, verify, verify_pinned, verify_reference,
};
use windlass_wire::Reference;

use super::basis::{Rule, THREE_WAYS};
use super::fetch::FetchError;
use super::keep::Keep;
use super::lost::{Mended, mend};
use super::spec::SourceSpec;
use super::status::Problem;

/// A head was looked at and is not taken.
#[derive(Debug)]
pub(super) struct Rejection {
    /// For the condition.
    pub(super) problem: Problem,
    /// For the node's history.
    pub(super) reason: String,
    /// The head does not go on from what was accepted last.
    pub(super) lies_back: bool,
}

/// Judges a head that was found under `tip`.
pub(super) fn judge(
    reader: &dyn ObjectReader,
    keep: &Keep,
    spec: &SourceSpec,
    (head, tip): (Oid, Option<&Tip>),
) -> Result<Result<Accepted, Rejection>, FetchError> {
    let line = spec.line();
    let ratchet = if keep.is_lost(&line) {
        match mend(keep, spec, reader, (head, tip))? {
            Mended::At(ratchet) => {
                keep.restore(&line, &ratchet)?;
                Some(ratchet)
            }
            Mended::New => None,
            Mended::Waits(problem) => {
                return Ok(Err(Rejection {
                    reason: problem.message.clone(),
                    problem,
                    lies_back: false,
                }));
            }
        }
    } else {
        keep.ratchet(&line)?
    };
    let (lifted, ratchet) = match ratchet {
        Some(ratchet) if is_reset(keep, spec, &ratchet) => (Some(ratchet), None),
        ratchet => (None, ratchet),
    };
    let case = Case {
        reader,
        spec,
        head,
        revision: spec.revision(head, tip),
        tip,
        ratchet: ratchet.as_ref(),
    };
    if !spec.may_turn
        && let Some(floor) = keep.other_line(&line)?
        && let Some(rejection) = case.turned_back(&floor)?
    {
        return Ok(Err(rejection));
    }
    let mut judged = case.by_rule()?;
    match &mut judged {
        Ok(accepted) if accepted.source.commit() != head => {
            return Err(FetchError::Unexpected {
                what: "another commit than the one that its reference leads to",
            });
        }
        Ok(accepted) => {
            if let Some(before) = lifted {
                begin_anew(keep, &line, &before, &mut accepted.ratchet);
            }
        }
        Err(_) => {}
    }
    Ok(judged)
}

/// Whether a person on the node let trust begin anew since the ratchet moved last: with the introduction that the
/// configuration pins now, so that both have to say it.
fn is_reset(keep: &Keep, spec: &SourceSpec, ratchet: &Ratchet) -> bool {
    let Introduction::Commit(introduction) = spec.trust.policy.introduction else {
        return false;
    };
    ratchet.introduction != introduction && keep.reset_to(&spec.line().source) == Some(introduction)
}

/// The new line's ratchet goes on counting, and what is spent or was left stays so.
fn begin_anew(keep: &Keep, line: &Line, before: &Ratchet, ratchet: &mut Ratchet) {
    ratchet.counter = before.counter.saturating_add(1);
    ratchet.remember(before);
    let message = format!(
        "trust was reset on this node: it begins anew with {} and left {}",
        ratchet.introduction, before.head
    );
    keep.remark(line, reasons::TRUST_RESET, message);
}

/// Judges what is kept of a line whose ratchet is lost, as if nothing had been accepted.
pub(super) fn judge_kept(
    reader: &dyn ObjectReader,
    spec: &SourceSpec,
    (head, tip): (Oid, Option<&Tip>),
) -> Result<Option<Accepted>, FetchError> {
    let case = Case {
        reader,
        spec,
        head,
        revision: String::new(),
        tip,
        ratchet: None,
    };
    Ok(case.by_rule()?.ok())
}

/// What a source follows, in the words of `trust`.
pub(super) fn selector(reference: &Reference) -> Selector {
    match reference {
        Reference::Branch(name) => Selector::Branch(name.clone()),
        Reference::Tag(name) => Selector::Tag(name.clone()),
        Reference::Semver(range) => Selector::Semver(range.clone()),
        Reference::Name(name) => Selector::Name(name.clone()),
        Reference::Commit(text) => text
            .parse()
            .map_or_else(|_| Selector::Name(text.clone()), Selector::Commit),
    }
}

struct Case<'a> {
    reader: &'a dyn ObjectReader,
    spec: &'a SourceSpec,
    head: Oid,
    revision: String,
    tip: Option<&'a Tip>,
    ratchet: Option<&'a Ratchet>,
}

type Judged = Result<Result<Accepted, Rejection>, FetchError>;

impl Case<'_> {
    fn by_rule(&self) -> Judged {
        match self.spec.trust.rule {
            Rule::Signed => Ok(self.signed()?.map_err(|refusal| self.refused(&refusal))),
            Rule::FirstSeen => self.first_seen(),
            Rule::Pinned(pin) => self.pinned(pin),
            Rule::Unverified => self.unverified(),
        }
    }

    fn signed(&self) -> Result<Result<Accepted, Refusal>, FetchError> {
        let policy = &self.spec.trust.policy;
        let verdict = match self.tip {
            Some(tip) => {
                let found = Found {
                    target: tip.target,
                    reference: &tip.reference,
                };
                let selector = selector(&self.spec.reference);
                verify_reference(self.reader, policy, self.ratchet, &selector, &found)?
            }
            // An older windlass kept no more than the commit.
            None => verify(self.reader, policy, self.ratchet, &self.head)?,
        };
        Ok(match verdict {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Refused(refusal) => Err(refusal),
        })
    }

    /// A tag: signed, or still at the commit that it named when a verified commit first asked for it.
    fn first_seen(&self) -> Judged {
        if let Ok(accepted) = self.signed()? {
            return Ok(Ok(accepted));
        }
        match self.ratchet {
            Some(ratchet) if ratchet.head != self.head => Ok(Err(self.moved(ratchet))),
            _ => self.pinned(self.head),
        }
    }

    /// Taken for its id: what lies behind it is covered by the same id. A build on this node noted that a verified commit
    /// names it.
    fn pinned(&self, pin: Oid) -> Judged {
        let policy = &self.spec.trust.policy;
        let verdict = verify_pinned(self.reader, policy, self.ratchet, Pin::on_node(pin))?;
        Ok(match verdict {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Refused(refusal) => Err(self.refused(&refusal)),
        })
    }

    /// Nothing is checked but that a branch only moves forward.
    fn unverified(&self) -> Judged {
        let policy = self.taking_the_head();
        Ok(
            match verify(self.reader, &policy, self.ratchet, &self.head)? {
                Verdict::Accepted(accepted) => Ok(accepted),
                Verdict::Refused(refusal) => Err(self.refused(&refusal)),
            },
        )
    }

    /// A policy by which only the way of the line counts.
    fn taking_the_head(&self) -> Policy {
        Policy {
            introduction: Introduction::Commit(self.head),
            ..(*self.spec.trust.policy).clone()
        }
    }

    /// A selector that nobody signed for goes on from where the source stands.
    fn turned_back(&self, floor: &Ratchet) -> Result<Option<Rejection>, FetchError> {
        // Whether what is new is signed is judged by the source's own rule.
        let policy = self.taking_the_head();
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
        rejection(self.spec, &self.revision, refusal)
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
            lies_back: false,
        }
    }
}

/// Says of a refused head what the condition and the history say.
pub(super) fn rejection(spec: &SourceSpec, revision: &str, refusal: &Refusal) -> Rejection {
    let code = refusal.reason.code();
    let mut message = format!("revision '{revision}' ({code}): {refusal}");
    let lies_back = matches!(refusal.reason, RefusalReason::NotFastForward { .. });
    let is_about_position = lies_back
        || matches!(
            refusal.reason,
            RefusalReason::NotDescendantOfIntroduction { .. }
        );
    if spec.is_other && !is_about_position {
        message = format!("{message}; {THREE_WAYS}");
    }
    Rejection {
        problem: Problem::refused(reasons::INVALID_COMMIT_SIGNATURE, message),
        reason: refusal.to_string(),
        // Elsewhere nobody's signature counts, and so nobody's override.
        lies_back: lies_back && spec.trust.rule == Rule::Signed,
    }
}
