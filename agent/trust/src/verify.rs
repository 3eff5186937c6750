//! The verdict on a head: everything new behind it is signed by a pinned key, and it only moves
//! forward.

use serde::{Deserialize, Serialize};

use crate::charter::{Charter, Closed};
use crate::head::{Task, judge_head};
use crate::{CommitReport, LoadError, Mode, ObjectReader, Oid, Proof, Refusal, Signers};

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
    /// The overrides that were followed: each counts only once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Oid>,
    /// What those overrides left, the newest first, so that a node that still
    /// stands there is known to lag behind; 1000 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Oid>,
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
    closed: Closed,
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

// === impl Ratchet ===

impl Ratchet {
    /// Takes over what was followed and left on the way to an earlier one.
    pub fn remember(&mut self, before: &Ratchet) {
        self.spent.clone_from(&before.spent);
        self.left.clone_from(&before.left);
    }
}

// === impl VerifiedSource ===

impl VerifiedSource {
    /// Only what verifies may call this.
    ///
    /// # Errors
    /// What the commit closes to renders could not be loaded.
    pub(crate) fn proven(
        reader: &dyn ObjectReader,
        commit: Oid,
        tree: Oid,
    ) -> Result<Self, LoadError> {
        let closed = Closed::of(reader, &tree)?;
        Ok(Self {
            commit,
            tree,
            closed,
        })
    }

    /// The files that no render may read.
    pub(crate) fn closed(&self) -> &Closed {
        &self.closed
    }

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
    judge_head(task(reader, policy, ratchet, head), None)
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
    judge_head(task(reader, policy, ratchet, head), Some(tell))
}

/// Judges a head as [`verify_each`] does, as if this policy stood in the place of those in the commits: what would become
/// of a history under it.
///
/// # Errors
/// As [`verify`].
pub fn verify_under(
    reader: &dyn ObjectReader,
    policy: &Policy,
    charter: &Charter,
    head: &Oid,
    tell: &mut dyn FnMut(CommitReport),
) -> Result<Verdict, VerifyError> {
    let task = Task {
        charter: Some(charter),
        ..task(reader, policy, None, head)
    };
    judge_head(task, Some(tell))
}

fn task<'a>(
    reader: &'a dyn ObjectReader,
    policy: &'a Policy,
    ratchet: Option<&'a Ratchet>,
    head: &Oid,
) -> Task<'a> {
    Task {
        reader,
        policy,
        ratchet,
        head: *head,
        tag: None,
        charter: None,
    }
}
