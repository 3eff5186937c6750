//! One head: the introduction, the way forward, the range behind it.

use crate::ancestry::commits_since;
use crate::charter::{Charter, policy_stays};
use crate::judge::{Judge, Stop};
use crate::proof::SignerCount;
use crate::range::Range;
use crate::reference::still_counts;
use crate::signature::TimeFloor;
use crate::walk::Walk;
use crate::{
    Accepted, CommitReport, Introduction, ObjectReader, Oid, Policy, Ratchet, RefusalReason, Role,
    Rule, Signer, Since, Verdict, VerifyError, report,
};

/// Whom to tell of each commit, if anybody.
pub(crate) type Tell<'t> = Option<&'t mut dyn FnMut(CommitReport)>;

/// What is to be judged.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) reader: &'a dyn ObjectReader,
    pub(crate) policy: &'a Policy,
    pub(crate) ratchet: Option<&'a Ratchet>,
    pub(crate) head: Oid,
    /// A tag over the head that a pinned key signed, and whose.
    pub(crate) tag: Option<&'a (Oid, Signer)>,
    /// The policy that stands for those in the commits.
    pub(crate) charter: Option<&'a Charter>,
}

/// Comes to a verdict on a head.
///
/// # Errors
/// Something could not be loaded, or the range is too long.
pub(crate) fn judge_head(task: Task<'_>, tell: Tell<'_>) -> Result<Verdict, VerifyError> {
    let Task {
        policy, ratchet, ..
    } = task;
    let judge = Judge {
        reader: task.reader,
        policy,
        head: task.head,
        rule: Rule {
            mode: policy.mode,
            since: since(policy, ratchet),
        },
        tag: task.tag,
        charter: task.charter,
    };
    let outcome = match introduction(policy, ratchet) {
        Some(introduction) => behind(judge, introduction, ratchet, tell),
        None => first(judge, tell),
    };
    match outcome {
        Ok(accepted) => Ok(Verdict::Accepted(accepted)),
        Err(Stop::Refused(refusal)) => Ok(Verdict::Refused(*refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

pub(crate) fn introduction(policy: &Policy, ratchet: Option<&Ratchet>) -> Option<Oid> {
    match policy.introduction {
        Introduction::Commit(introduction) => Some(introduction),
        Introduction::FirstSigned => ratchet.map(|ratchet| ratchet.introduction),
    }
}

/// Says after which commit a commit is new. A ratchet made under another introduction still
/// forbids going back, but vouches for nothing: everything since the new introduction is verified
/// again.
pub(crate) fn since(policy: &Policy, ratchet: Option<&Ratchet>) -> Since {
    match (introduction(policy, ratchet), ratchet) {
        (Some(introduction), Some(ratchet)) if ratchet.introduction == introduction => {
            Since::Accepted(ratchet.head)
        }
        (Some(introduction), _) => Since::Introduction(introduction),
        (None, _) => Since::FirstSigned,
    }
}

/// Accepts the first head seen, which introduces itself.
fn first(judge: Judge<'_>, tell: Tell<'_>) -> Result<Accepted, Stop> {
    let head = judge.head;
    let looked = judge.look(&head, TimeFloor::NONE).map_err(Stop::Failed)?;
    if let Some(tell) = tell {
        tell(CommitReport::new(head, Role::Checked, &looked));
    }
    let signed = match (judge.tag, looked.signed) {
        (Some((_, signer)), _) => Ok(signer.clone()),
        (None, Ok(signer)) => still_counts(judge.reader, &head, signer).map_err(Stop::Failed)?,
        (None, refused) => refused,
    };
    let (tree, signer) = match (looked.tree, signed) {
        (Some(tree), Ok(signer)) => (tree, signer),
        (_, Err(reason)) => return Err(judge.refusal(head, looked.described, reason).into()),
        (None, Ok(_)) => return judge.refuse(head, RefusalReason::Unsigned),
    };
    let mut signers = SignerCount::default();
    signers.add(&signer);
    Ok(Accepted {
        source: judge.proven(tree)?,
        ratchet: Ratchet {
            head,
            introduction: head,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        },
        proof: judge.proof(signers, 1),
        signer: signer.principal,
    })
}

/// Accepts a head that descends from what is pinned and remembered.
fn behind(
    judge: Judge<'_>,
    introduction: Oid,
    ratchet: Option<&Ratchet>,
    tell: Tell<'_>,
) -> Result<Accepted, Stop> {
    let head = judge.head;
    let vouching = ratchet.filter(|ratchet| ratchet.introduction == introduction);
    let base = vouching.map_or(introduction, |ratchet| ratchet.head);
    let range = judge.walked(Range::walk(judge.reader, head, &[introduction, base]))?;
    if let Some(ratchet) = ratchet
        && !is_forward(&judge, &range, ratchet, introduction)?
    {
        // Another history altogether is named as such first.
        if vouching.is_none() && !range.reaches(&introduction) {
            return judge.refuse(
                head,
                RefusalReason::NotDescendantOfIntroduction { introduction },
            );
        }
        drop(range);
        let reason = not_fast_forward(&judge, ratchet.head, introduction);
        return judge.refuse(head, reason);
    }
    let walk = Walk::over(judge, range, &base).map_err(Stop::Failed)?;
    let Some(mut walk) = walk else {
        let reason = match vouching {
            Some(ratchet) => not_fast_forward(&judge, ratchet.head, introduction),
            None => RefusalReason::NotDescendantOfIntroduction { introduction },
        };
        return judge.refuse(head, reason);
    };
    let settled = walk.settle();
    if let Some(tell) = tell {
        report::tell(&walk, &settled, tell).map_err(Stop::Failed)?;
    }
    let proof = walk.proof(&settled?);
    let looked = judge.look(&head, TimeFloor::NONE).map_err(Stop::Failed)?;
    let (tree, signer) = match (looked.tree, looked.signed) {
        (Some(tree), signed) => {
            let admitted = walk.verdicts.signer(walk.range.head()).cloned();
            let signer = admitted.or(signed.ok());
            (
                tree,
                signer.map(|signer| signer.principal).unwrap_or_default(),
            )
        }
        // Pinned or accepted before, and still it names no directory for certain.
        (None, Err(reason)) => return Err(judge.refusal(head, looked.described, reason).into()),
        (None, Ok(_)) => return judge.refuse(head, RefusalReason::Unsigned),
    };
    Ok(Accepted {
        source: judge.proven(tree)?,
        ratchet: moved(ratchet, head, introduction),
        proof,
        signer,
    })
}

fn moved(ratchet: Option<&Ratchet>, head: Oid, introduction: Oid) -> Ratchet {
    let moves =
        ratchet.is_none_or(|ratchet| ratchet.head != head || ratchet.introduction != introduction);
    let mut moved = Ratchet {
        head,
        introduction,
        counter: ratchet
            .map_or(0, |ratchet| ratchet.counter)
            .saturating_add(moves.into()),
        version: ratchet.and_then(|ratchet| ratchet.version.clone()),
        spent: Vec::new(),
        left: Vec::new(),
    };
    if let Some(ratchet) = ratchet {
        moved.remember(ratchet);
    }
    moved
}

/// Says whether the head is the one that was accepted last or descends from it. Under another introduction its policy may not
/// be an older one either: a key that was revoked since would count again.
fn is_forward(
    judge: &Judge<'_>,
    range: &Range<'_>,
    ratchet: &Ratchet,
    introduction: Oid,
) -> Result<bool, Stop> {
    if ratchet.introduction == introduction {
        return Ok(range.reaches(&ratchet.head));
    }
    if range.reaches(&ratchet.head) {
        // The way that is judged begins at the introduction and may pass it by.
        let head = judge.head;
        let stays = policy_stays(judge.reader, &ratchet.head, &head)
            .map_err(|source| Stop::Failed(VerifyError::Load { head, source }))?;
        return match stays {
            Ok(()) => Ok(true),
            Err(reason) => judge.refuse(head, reason),
        };
    }
    // A newer introduction may lie beyond the last accepted head; the walk ends there.
    let beyond = Range::walk(judge.reader, introduction, &[ratchet.head]);
    Ok(judge.walked(beyond)?.reaches(&ratchet.head))
}

/// By how much the head lies behind what was accepted last, if it does: a server that was set back, or that does not have it yet.
fn not_fast_forward(judge: &Judge<'_>, accepted: Oid, introduction: Oid) -> RefusalReason {
    let ways = (&accepted, &judge.head);
    let behind = commits_since(judge.reader, ways, Some(&introduction));
    RefusalReason::NotFastForward { accepted, behind }
}
