//! The verdict on a head: everything new behind it is signed by a pinned key, and it only moves
//! forward.

use serde::{Deserialize, Serialize};

use crate::commit::{self, Commit};
use crate::object::load_kind;
use crate::proof::SignerCount;
use crate::range::{MAX_WALKED_COMMITS, Range, RangeError};
use crate::signature::TimeFloor;
use crate::{
    LoadError, Mode, ObjectKind, ObjectReader, Oid, Proof, Refusal, RefusalReason, Rule, Signer,
    Signers, Since, signature,
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

/// Why verifying stopped early.
enum Stop {
    Refused(Box<Refusal>),
    Failed(VerifyError),
}

/// The arguments of one verification.
struct Verification<'a> {
    reader: &'a dyn ObjectReader,
    policy: &'a Policy,
    head: Oid,
    since: Since,
}

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

/// Judges a head: each commit behind it that is not vouched for by the ratchet or the
/// introduction must be unambiguous and signed by a pinned key, and the head must descend from
/// both.
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
    let verification = Verification {
        reader,
        policy,
        head: *head,
        since: since(policy, ratchet),
    };
    let introduction = match (policy.introduction, ratchet) {
        (Introduction::Commit(introduction), _) => Some(introduction),
        (Introduction::FirstSigned, Some(ratchet)) => Some(ratchet.introduction),
        (Introduction::FirstSigned, None) => None,
    };
    let outcome = match introduction {
        Some(introduction) => verification.behind(introduction, ratchet),
        None => verification.first(),
    };
    match outcome {
        Ok(accepted) => Ok(Verdict::Accepted(accepted)),
        Err(Stop::Refused(refusal)) => Ok(Verdict::Refused(*refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Says after which commit a commit is new.
fn since(policy: &Policy, ratchet: Option<&Ratchet>) -> Since {
    match (policy.introduction, ratchet) {
        (Introduction::Commit(introduction), Some(ratchet))
            if ratchet.introduction != introduction =>
        {
            Since::Introduction(introduction)
        }
        (_, Some(ratchet)) => Since::Accepted(ratchet.head),
        (Introduction::Commit(introduction), None) => Since::Introduction(introduction),
        (Introduction::FirstSigned, None) => Since::FirstSigned,
    }
}

// === impl Verification ===

impl Verification<'_> {
    /// Accepts the first head seen, which introduces itself.
    fn first(&self) -> Result<Accepted, Stop> {
        let (tree, signed) = self.judge(&self.head)?;
        let signer = signed.map_err(|refusal| Stop::Refused(Box::new(refusal)))?;
        let ratchet = Ratchet {
            head: self.head,
            introduction: self.head,
            counter: 1,
            version: None,
        };
        let source = VerifiedSource {
            commit: self.head,
            tree,
        };
        let mut signers = SignerCount::default();
        signers.add(&signer);
        Ok(Accepted {
            source,
            ratchet,
            proof: self.proof(signers, 1),
            signer: signer.principal,
        })
    }

    /// Accepts a head that descends from what is pinned and remembered.
    fn behind(&self, introduction: Oid, ratchet: Option<&Ratchet>) -> Result<Accepted, Stop> {
        let (tree, signed) = self.judge(&self.head)?;
        // A ratchet made under another introduction still forbids going back, but vouches for
        // nothing: everything since the new introduction is verified again.
        let vouching = ratchet.filter(|ratchet| ratchet.introduction == introduction);
        let mut vouched = vec![introduction];
        vouched.extend(vouching.map(|ratchet| ratchet.head));
        let mut range = self.stop(Range::walk(self.reader, self.head, &vouched))?;
        if vouching.is_none() && !range.reaches(&introduction) {
            return self.refuse(RefusalReason::NotDescendantOfIntroduction { introduction });
        }
        if let Some(ratchet) = ratchet {
            self.forward_only(&range, ratchet, introduction)?;
        }
        let signers = self.all_signed(&mut range)?;
        let new_commits = range.new_commits().len();
        let moved = ratchet.is_none_or(|ratchet| {
            ratchet.head != self.head || ratchet.introduction != introduction
        });
        let counter = ratchet
            .map_or(0, |ratchet| ratchet.counter)
            .saturating_add(moved.into());
        Ok(Accepted {
            source: VerifiedSource {
                commit: self.head,
                tree,
            },
            ratchet: Ratchet {
                head: self.head,
                introduction,
                counter,
                version: ratchet.and_then(|ratchet| ratchet.version.clone()),
            },
            proof: self.proof(signers, new_commits),
            signer: signed.map(|signer| signer.principal).unwrap_or_default(),
        })
    }

    fn proof(&self, signers: SignerCount, new_commits: usize) -> Proof {
        Proof {
            mode: self.policy.mode,
            since: self.since,
            to: self.head,
            signers: signers.finish(),
            new_commits,
        }
    }

    fn rule(&self) -> Rule {
        Rule {
            mode: self.policy.mode,
            since: self.since,
        }
    }

    fn forward_only(
        &self,
        range: &Range<'_>,
        ratchet: &Ratchet,
        introduction: Oid,
    ) -> Result<(), Stop> {
        if range.reaches(&ratchet.head) {
            return Ok(());
        }
        // A newer introduction may lie beyond the last accepted head; the walk ends there.
        if ratchet.introduction != introduction {
            let beyond = Range::walk(self.reader, introduction, &[ratchet.head]);
            if self.stop(beyond)?.reaches(&ratchet.head) {
                return Ok(());
            }
        }
        self.refuse(RefusalReason::NotFastForward {
            accepted: ratchet.head,
        })
    }

    /// Judges each new commit, the oldest first, and counts them.
    fn all_signed(&self, range: &mut Range<'_>) -> Result<SignerCount, Stop> {
        let first = self.first_bad(range)?;
        if first.is_err() {
            // With wrong commit dates an old commit can look new: settle that before refusing.
            self.stop(range.exhaust())?;
            return self.first_bad(range)?.map_err(Stop::Refused);
        }
        first.map_err(Stop::Refused)
    }

    fn first_bad(&self, range: &Range<'_>) -> Result<Result<SignerCount, Box<Refusal>>, Stop> {
        let mut signers = SignerCount::default();
        for oid in range.new_commits() {
            match self.judge(&oid) {
                Ok((_, Ok(signer))) => signers.add(&signer),
                Ok((_, Err(refusal))) => return Ok(Err(Box::new(refusal))),
                Err(Stop::Refused(refusal)) => return Ok(Err(refusal)),
                Err(failed) => return Err(failed),
            }
        }
        Ok(Ok(signers))
    }

    /// Reads one commit strictly; gives its tree and what its signature came to.
    fn judge(&self, oid: &Oid) -> Result<(Oid, Result<Signer, Refusal>), Stop> {
        let bytes =
            self.stop(load_kind(self.reader, oid, ObjectKind::Commit).map_err(RangeError::from))?;
        let refusal = |reason| {
            let (subject, author) = commit::described(&bytes);
            Refusal {
                commit: *oid,
                subject,
                author,
                rule: self.rule(),
                reason,
            }
        };
        let commit = Commit::parse(&bytes).map_err(|ambiguity| {
            let reason = RefusalReason::AmbiguousObject {
                detail: ambiguity.0,
            };
            Stop::Refused(Box::new(refusal(reason)))
        })?;
        Ok((
            commit.tree,
            signature::judge(&commit, &self.policy.signers, TimeFloor::NONE).map_err(refusal),
        ))
    }

    /// Refuses the head itself.
    fn refuse<T>(&self, reason: RefusalReason) -> Result<T, Stop> {
        let bytes = self.stop(
            load_kind(self.reader, &self.head, ObjectKind::Commit).map_err(RangeError::from),
        )?;
        let (subject, author) = commit::described(&bytes);
        Err(Stop::Refused(Box::new(Refusal {
            commit: self.head,
            subject,
            author,
            rule: self.rule(),
            reason,
        })))
    }

    /// Sorts what ended a walk: bad objects are verdicts, the rest are errors.
    fn stop<T>(&self, result: Result<T, RangeError>) -> Result<T, Stop> {
        let unread = |commit, reason| {
            let (subject, author) = (String::new(), String::new());
            Stop::Refused(Box::new(Refusal {
                commit,
                subject,
                author,
                rule: self.rule(),
                reason,
            }))
        };
        result.map_err(|error| match error {
            RangeError::Load(LoadError::Collision { oid }) => {
                unread(oid, RefusalReason::HashCollision)
            }
            RangeError::Load(LoadError::WrongKind { oid, actual, .. }) => {
                unread(oid, RefusalReason::NotACommit { kind: actual })
            }
            RangeError::Load(source) => Stop::Failed(VerifyError::Load {
                head: self.head,
                source,
            }),
            RangeError::TooLong => Stop::Failed(VerifyError::TooManyCommits {
                head: self.head,
                limit: MAX_WALKED_COMMITS,
            }),
        })
    }
}
