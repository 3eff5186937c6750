//! Single commits before the pinned keys: each is verified once in a walk.

use std::collections::HashMap;
use std::sync::Arc;

use crate::charter::Charter;
use crate::commit::{self, Commit};
use crate::object::load_kind;
use crate::proof::SignerCount;
use crate::range::{Id, MAX_WALKED_COMMITS, Range, RangeError};
use crate::signature::TimeFloor;
use crate::step::{Step, Steps};
use crate::{
    LoadError, ObjectKind, ObjectReader, Oid, Policy, Proof, Refusal, RefusalReason, Rule, Signer,
    VerifiedSource, VerifyError, signature,
};

/// Why judging a head stopped early.
pub(crate) enum Stop {
    Refused(Box<Refusal>),
    Failed(VerifyError),
}

/// The arguments of one verification.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) reader: &'a dyn ObjectReader,
    pub(crate) policy: &'a Policy,
    pub(crate) head: Oid,
    pub(crate) rule: Rule,
    /// A tag over the head that a pinned key signed, and whose: it vouches as a merge would.
    pub(crate) tag: Option<&'a (Oid, Signer)>,
    /// The policy that stands for those in the commits.
    pub(crate) charter: Option<&'a Charter>,
}

/// A commit that was looked at.
pub(crate) struct Looked {
    /// Its directory; `None` when the commit cannot be read in one way only.
    pub(crate) tree: Option<Oid>,
    /// As it lies in the store; `None` when it could not be loaded.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Who signed it, or why no signature counts.
    pub(crate) signed: Result<Signer, RefusalReason>,
    /// The first line of its message and its author, safe to print.
    pub(crate) described: (String, String),
}

/// The verdicts on the commits of one walk.
pub(crate) struct Verdicts<'a> {
    judge: Judge<'a>,
    /// When the base was made, and by id what descends from it: nothing of that is older.
    floor: TimeFloor,
    descendants: Vec<bool>,
    known: Vec<Known>,
    /// The commit that no pinned key signed and that was looked at last: it is asked about each of its parents in turn.
    last: Option<(Id, Arc<Word>)>,
    /// Signers that a policy in the repository admits, by the commit.
    admitted: HashMap<Id, u32>,
    /// The policies of the range.
    steps: Steps<'a>,
    signers: Vec<Signer>,
    by_key: HashMap<String, u32>,
}

#[derive(Clone, Copy)]
enum Known {
    Nothing,
    SignedBy(u32),
}

/// What the pinned keys say of a commit.
struct Word {
    root: Result<Signer, RefusalReason>,
    /// The commit, where it was read for that.
    bytes: Option<Vec<u8>>,
}

// === impl Stop ===

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

// === impl Judge ===

impl Judge<'_> {
    /// Reads one commit strictly and checks its signature; `floor` is when what stands before it was made.
    ///
    /// # Errors
    /// The commit could not be loaded.
    pub(crate) fn look(&self, oid: &Oid, floor: TimeFloor) -> Result<Looked, VerifyError> {
        let bytes = match load_kind(self.reader, oid, ObjectKind::Commit) {
            Ok(bytes) => bytes,
            Err(error) => {
                let (_, reason) = self.unloadable(error.into())?;
                return Ok(Looked {
                    tree: None,
                    bytes: None,
                    signed: Err(reason),
                    described: (String::new(), String::new()),
                });
            }
        };
        let described = commit::described(&bytes);
        let (tree, signed) = match Commit::parse(&bytes) {
            Ok(commit) => (
                Some(commit.tree),
                signature::judge(&commit, &self.policy.signers, floor),
            ),
            Err(ambiguity) => (None, Err(ambiguity.into())),
        };
        Ok(Looked {
            tree,
            bytes: Some(bytes),
            signed,
            described,
        })
    }

    /// Gives the proof that the head, which names this directory, was verified.
    pub(crate) fn proven(&self, tree: Oid) -> Result<VerifiedSource, Stop> {
        VerifiedSource::proven(self.reader, self.head, tree).map_err(|source| {
            let head = self.head;
            Stop::Failed(VerifyError::Load { head, source })
        })
    }

    /// Gives the first line of a commit's message and its author, safe to print.
    ///
    /// # Errors
    /// The commit could not be loaded.
    pub(crate) fn describe(&self, oid: &Oid) -> Result<(String, String), VerifyError> {
        match load_kind(self.reader, oid, ObjectKind::Commit) {
            Ok(bytes) => Ok(commit::described(&bytes)),
            Err(error) => self.unloadable(error.into()).map(|_| Default::default()),
        }
    }

    /// Refuses a commit for this reason.
    pub(crate) fn refuse<T>(&self, oid: Oid, reason: RefusalReason) -> Result<T, Stop> {
        let described = self.describe(&oid).map_err(Stop::Failed)?;
        Err(self.refusal(oid, described, reason).into())
    }

    /// Says by which rule how much was checked.
    pub(crate) fn proof(&self, signers: SignerCount, new_commits: usize) -> Proof {
        Proof {
            mode: self.rule.mode,
            since: self.rule.since,
            to: self.head,
            signers: signers.finish(),
            new_commits,
            tag: self.tag.map(|(oid, _)| *oid),
            left: Vec::new(),
        }
    }

    pub(crate) fn refusal(
        &self,
        commit: Oid,
        (subject, author): (String, String),
        reason: RefusalReason,
    ) -> Refusal {
        Refusal {
            commit,
            subject,
            author,
            rule: self.rule,
            reason,
        }
    }

    /// Sorts what ended a walk: bad objects are verdicts, the rest are errors.
    pub(crate) fn walked<T>(&self, result: Result<T, RangeError>) -> Result<T, Stop> {
        result.map_err(|error| match self.unloadable(error) {
            Ok((oid, reason)) => self.refusal(oid, Default::default(), reason).into(),
            Err(error) => Stop::Failed(error),
        })
    }

    /// Sorts what could not be loaded: a bad object is a verdict, the rest is an error.
    pub(crate) fn unloadable(
        &self,
        error: RangeError,
    ) -> Result<(Oid, RefusalReason), VerifyError> {
        match error {
            RangeError::Load(LoadError::Collision { oid }) => {
                Ok((oid, RefusalReason::HashCollision))
            }
            RangeError::Load(LoadError::WrongKind { oid, actual, .. }) => {
                Ok((oid, RefusalReason::NotACommit { kind: actual }))
            }
            RangeError::Load(source) => Err(VerifyError::Load {
                head: self.head,
                source,
            }),
            RangeError::TooLong => Err(VerifyError::TooManyCommits {
                head: self.head,
                limit: MAX_WALKED_COMMITS,
            }),
        }
    }
}

// === impl Verdicts ===

impl<'a> Verdicts<'a> {
    pub(crate) fn new(
        judge: Judge<'a>,
        steps: Steps<'a>,
        floor: TimeFloor,
        descendants: Vec<bool>,
    ) -> Self {
        Self {
            steps,
            admitted: HashMap::new(),
            judge,
            floor,
            known: vec![Known::Nothing; descendants.len()],
            last: None,
            descendants,
            signers: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    /// Says whether a commit may follow these ones: a root signed it, or somebody whom their policies let do what it does.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn follows(
        &mut self,
        range: &Range<'_>,
        child: Id,
        parents: &[Id],
    ) -> Result<bool, VerifyError> {
        let word = self.word(range, child)?;
        let by_root = word.root.is_ok();
        let judged = self.judged(range, child, parents, &word)?;
        if let (Ok(signer), false) = (&judged, by_root) {
            let number = self.number(signer.clone());
            self.admitted.insert(child, number);
        }
        Ok(judged.is_ok())
    }

    /// Gives who signed a commit that may follow these ones, or why it may not.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn step(
        &mut self,
        range: &Range<'_>,
        child: Id,
        parents: &[Id],
    ) -> Result<Result<Signer, RefusalReason>, VerifyError> {
        let word = self.word(range, child)?;
        self.judged(range, child, parents, &word)
    }

    /// Says whether a commit may follow none of these ones, though nobody vouched for them: none of its own keys counts, and none
    /// of them has a policy that could know another.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn is_barred_by_all(
        &mut self,
        range: &Range<'_>,
        child: Id,
        parents: &[Id],
    ) -> Result<bool, VerifyError> {
        match &self.word(range, child)?.root {
            Ok(_) => Ok(false),
            Err(reason) if reason.is_final() => Ok(true),
            Err(_) => {
                let parents = parents.iter().filter_map(|id| range.oid(*id));
                self.steps.have_no_policy(parents)
            }
        }
    }

    fn judged(
        &mut self,
        range: &Range<'_>,
        child: Id,
        parents: &[Id],
        word: &Word,
    ) -> Result<Result<Signer, RefusalReason>, VerifyError> {
        let parents: Vec<Oid> = parents.iter().filter_map(|id| range.oid(*id)).collect();
        self.steps.judge(&Step {
            child: range.oid(child).unwrap_or(self.judge.head),
            parents: &parents,
            floor: self.floor(child),
            root: &word.root,
            bytes: word.bytes.as_deref(),
        })
    }

    /// Judges the head as a step from the base that somebody vouches for in another way than by the commit.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn vouched(
        &mut self,
        range: &Range<'_>,
        base: Id,
        signer: &Signer,
    ) -> Result<Result<Signer, RefusalReason>, VerifyError> {
        let parents: Vec<Oid> = range.oid(base).into_iter().collect();
        self.steps.judge(&Step {
            child: self.judge.head,
            parents: &parents,
            floor: self.floor,
            root: &Ok(signer.clone()),
            bytes: None,
        })
    }

    /// Says which pinned key signed a commit, or why none did. One that some did is looked at only once.
    fn word(&mut self, range: &Range<'_>, id: Id) -> Result<Arc<Word>, VerifyError> {
        if let Some(Known::SignedBy(number)) = self.known.get(id.index())
            && let Some(signer) = self.signers.get(*number as usize)
        {
            return Ok(Arc::new(Word {
                root: Ok(signer.clone()),
                bytes: None,
            }));
        }
        match &self.last {
            Some((last, word)) if *last == id => return Ok(Arc::clone(word)),
            _ => {}
        }
        let oid = range.oid(id).unwrap_or(self.judge.head);
        let looked = self.judge.look(&oid, self.floor(id))?;
        if let Some(tree) = looked.tree {
            self.steps.note(oid, tree);
        }
        let word = Arc::new(Word {
            root: looked.signed,
            bytes: looked.bytes,
        });
        match &word.root {
            Ok(signer) => {
                let number = self.number(signer.clone());
                self.know(range, id, number);
            }
            Err(_) => self.last = Some((id, Arc::clone(&word))),
        }
        Ok(word)
    }

    fn know(&mut self, range: &Range<'_>, id: Id, signer: u32) {
        // A walk that was taken further knows more commits than before.
        if self.known.len() < range.len() {
            self.known.resize(range.len(), Known::Nothing);
        }
        if let Some(known) = self.known.get_mut(id.index()) {
            *known = Known::SignedBy(signer);
        }
    }

    /// Gives the time before which a commit cannot have been made.
    pub(crate) fn floor(&self, id: Id) -> TimeFloor {
        match self.descendants.get(id.index()) {
            Some(true) => self.floor,
            _ => TimeFloor::NONE,
        }
    }

    /// Gives who signed a commit that was found to pass.
    pub(crate) fn signer(&self, id: Id) -> Option<&Signer> {
        match self.known.get(id.index()) {
            Some(Known::SignedBy(number)) => self.signers.get(*number as usize),
            _ => self.signers.get(*self.admitted.get(&id)? as usize),
        }
    }

    fn number(&mut self, signer: Signer) -> u32 {
        if let Some(number) = self.by_key.get(&signer.key) {
            return *number;
        }
        let number = u32::try_from(self.signers.len()).unwrap_or(u32::MAX);
        self.by_key.insert(signer.key.clone(), number);
        self.signers.push(signer);
        number
    }
}
