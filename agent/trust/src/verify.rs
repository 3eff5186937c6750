//! The verdict on a head: everything new behind it is signed by a pinned key, and it only moves
//! forward.

use serde::{Deserialize, Serialize};

use crate::judge::{Judge, Stop};
use crate::proof::SignerCount;
use crate::range::Range;
use crate::signature::TimeFloor;
use crate::walk::Walk;
use crate::{
    CommitReport, LoadError, Mode, ObjectReader, Oid, Proof, Refusal, RefusalReason, Role, Rule,
    Signers, Since, report,
};

/// Where trust in a history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// A commit pinned on the node. It is trusted by its id and need not be signed; what lies
    /// behind it is covered by the same id.
    Commit(Oid),
    /// The first head seen, which must itself be signed, becomes the introduction.
    FirstSigned,
}

/// What a node pins for one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who may sign.
    pub signers: Signers,
    /// Where trust begins.
    pub introduction: Introduction,
    /// How much of what is new must be signed.
    pub mode: Mode,
}

/// What is remembered of the last accepted head; it never goes backwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratchet {
    /// The head accepted last.
    pub head: Oid,
    /// The introduction under which it was accepted.
    pub introduction: Oid,
    /// How often the ratchet has moved.
    pub counter: u64,
    /// The version that was accepted, where the selector is a range of versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What looking at a head came to.
#[derive(Debug)]
#[must_use = "a verdict decides what may be applied"]
pub enum Verdict {
    /// The head may be used.
    Accepted(Accepted),
    /// The head may not be used; the ratchet stays where it is.
    Refused(Refusal),
}

/// A head that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The proof that other rooms ask for.
    pub source: VerifiedSource,
    /// The ratchet to keep from now on; equal to the one passed in when the head is.
    pub ratchet: Ratchet,
    /// What was checked, for the audit.
    pub proof: Proof,
    /// The principal that signed the head; empty when the head is not signed by a listed key
    /// now and counts because it is pinned as introduction or was accepted before.
    pub signer: String,
}

/// Proof that a commit was verified. Only [`verify`] builds one, and it is never stored: what is
/// kept on disk is verified again when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSource {
    commit: Oid,
    tree: Oid,
}

/// Why no verdict was reached. The head may be good or bad: nobody could look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// An object of the range could not be loaded.
    #[error("the history behind commit {head} cannot be verified")]
    Load {
        /// The head that was to be verified.
        head: Oid,
        /// Which object and why.
        #[source]
        source: LoadError,
    },
    /// The range is longer than a walk may be.
    #[error(
        "the history behind commit {head} has more than {limit} commits since the last accepted \
         one; pin a newer introduction commit on the nodes"
    )]
    TooManyCommits {
        /// The head that was to be verified.
        head: Oid,
        /// The limit.
        limit: usize,
    },
}

/// Whom to tell of each commit, if anybody.
type Tell<'t> = Option<&'t mut dyn FnMut(CommitReport)>;

// === impl VerifiedSource ===

impl VerifiedSource {
    /// The commit that was verified.
    pub fn commit(&self) -> Oid {
        self.commit
    }

    /// The directory that the commit names.
    pub fn tree(&self) -> Oid {
        self.tree
    }
}

/// Judges a head: the new commits behind it, those that neither the ratchet nor the introduction
/// vouches for, must be signed by pinned keys as far as the mode demands it, and the head must
/// descend from both.
///
/// # Errors
/// An object is missing, changed where it is kept or unreadable, or the range is too long: no
/// verdict. A bad commit is no error but [`Verdict::Refused`].
pub fn verify(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: &Oid,
) -> Result<Verdict, VerifyError> {
    verdict(reader, policy, ratchet, head, None)
}

/// Judges a head as [`verify`] does and tells of each new commit what became of it, parents before
/// children. Nothing of a commit is held after it was told.
///
/// # Errors
/// As [`verify`].
pub fn verify_each(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: &Oid,
    tell: &mut dyn FnMut(CommitReport),
) -> Result<Verdict, VerifyError> {
    verdict(reader, policy, ratchet, head, Some(tell))
}

fn verdict(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    head: &Oid,
    tell: Tell<'_>,
) -> Result<Verdict, VerifyError> {
    let judge = Judge {
        reader,
        policy,
        head: *head,
        rule: Rule {
            mode: policy.mode,
            since: since(policy, ratchet),
        },
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

fn introduction(policy: &Policy, ratchet: Option<&Ratchet>) -> Option<Oid> {
    match policy.introduction {
        Introduction::Commit(introduction) => Some(introduction),
        Introduction::FirstSigned => ratchet.map(|ratchet| ratchet.introduction),
    }
}

/// Says after which commit a commit is new. A ratchet made under another introduction still
/// forbids going back, but vouches for nothing: everything since the new introduction is verified
/// again.
fn since(policy: &Policy, ratchet: Option<&Ratchet>) -> Since {
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
    let (tree, signer) = match (looked.tree, looked.signed) {
        (Some(tree), Ok(signer)) => (tree, signer),
        (_, Err(reason)) => return Err(judge.refusal(head, looked.described, reason)),
        (None, Ok(_)) => return judge.refuse(head, RefusalReason::Unsigned),
    };
    let mut signers = SignerCount::default();
    signers.add(&signer);
    Ok(Accepted {
        source: VerifiedSource { commit: head, tree },
        ratchet: Ratchet {
            head,
            introduction: head,
            counter: 1,
            version: None,
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
        let accepted = ratchet.head;
        return judge.refuse(head, RefusalReason::NotFastForward { accepted });
    }
    let Some(mut walk) = Walk::over(judge, range, &base) else {
        let reason = match vouching {
            Some(ratchet) => RefusalReason::NotFastForward {
                accepted: ratchet.head,
            },
            None => RefusalReason::NotDescendantOfIntroduction { introduction },
        };
        return judge.refuse(head, reason);
    };
    let settled = walk.settle();
    if let Some(tell) = tell {
        report::tell(&walk, settled.as_ref().ok(), tell).map_err(Stop::Failed)?;
    }
    let proof = walk.proof(&settled?);
    let looked = judge.look(&head, TimeFloor::NONE).map_err(Stop::Failed)?;
    let (tree, signer) = match (looked.tree, looked.signed) {
        (Some(tree), signed) => (
            tree,
            signed.map(|signer| signer.principal).unwrap_or_default(),
        ),
        // Pinned or accepted before, and still it names no directory for certain.
        (None, Err(reason)) => return Err(judge.refusal(head, looked.described, reason)),
        (None, Ok(_)) => return judge.refuse(head, RefusalReason::Unsigned),
    };
    Ok(Accepted {
        source: VerifiedSource { commit: head, tree },
        ratchet: moved(ratchet, head, introduction),
        proof,
        signer,
    })
}

fn moved(ratchet: Option<&Ratchet>, head: Oid, introduction: Oid) -> Ratchet {
    let moves =
        ratchet.is_none_or(|ratchet| ratchet.head != head || ratchet.introduction != introduction);
    Ratchet {
        head,
        introduction,
        counter: ratchet
            .map_or(0, |ratchet| ratchet.counter)
            .saturating_add(moves.into()),
        version: ratchet.and_then(|ratchet| ratchet.version.clone()),
    }
}

/// Says whether the head is the one that was accepted last or descends from it.
fn is_forward(
    judge: &Judge<'_>,
    range: &Range<'_>,
    ratchet: &Ratchet,
    introduction: Oid,
) -> Result<bool, Stop> {
    if range.reaches(&ratchet.head) {
        return Ok(true);
    }
    if ratchet.introduction == introduction {
        return Ok(false);
    }
    // A newer introduction may lie beyond the last accepted head; the walk ends there.
    let beyond = Range::walk(judge.reader, introduction, &[ratchet.head]);
    Ok(judge.walked(beyond)?.reaches(&ratchet.head))
}
