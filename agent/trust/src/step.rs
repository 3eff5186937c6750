//! One step of a way: what a commit does to the commit before it, and whether its signer may do that.

mod admissions;
mod barred;
mod change;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::charter::{Charter, CharterError, POLICY_FILE, POLICY_SIGNATURES, signatures};
use crate::commit::Commit;
use crate::diff::{Budget, changed_paths};
use crate::judge::Judge;
use crate::object::load_kind;
use crate::signature::{self, TimeFloor};
use crate::tree;
use crate::trees::Trees;
use crate::{
    LoadError, ObjectKind, ObjectReader, Oid, RefusalReason, Signer, Signers, VerifyError,
};

use self::admissions::Admissions;
use self::barred::Barred;
use self::change::Changes;

/// The policies of one range, each read once.
pub(crate) struct Steps<'a> {
    reader: &'a dyn ObjectReader,
    /// The keys that are pinned on the node.
    roots: &'a Signers,
    head: Oid,
    /// The policy that stands for those in the commits.
    assumed: Option<Arc<Charter>>,
    /// What the head's policy bars counts for every commit that was not accepted before. It can only forbid: whether
    /// the head may say so is judged like everything else.
    barring: Option<Arc<Charter>>,
    read: HashMap<Oid, Result<Arc<Charter>, CharterError>>,
    /// The tree of each commit whose signature was looked at.
    trees: HashMap<Oid, Oid>,
    /// The policy file of each tree that was looked at.
    files: HashMap<Oid, Option<Oid>>,
    directories: Trees<'a>,
    /// What all comparisons of the range may cost.
    budget: Budget,
    admissions: Admissions,
}

/// A commit, with what is asked of it.
pub(crate) struct Step<'s> {
    pub(crate) child: Oid,
    /// The commits it is judged against: the one before it on its way, or all its parents.
    pub(crate) parents: &'s [Oid],
    pub(crate) floor: TimeFloor,
    /// Which root signed it, or why no root's signature counts.
    pub(crate) root: &'s Result<Signer, RefusalReason>,
    /// The commit's bytes, where they are at hand.
    pub(crate) bytes: Option<&'s [u8]>,
}

/// A commit and what of it counts here.
struct Place {
    tree: Oid,
    /// The policy file.
    file: Option<Oid>,
}

// === impl Steps ===

impl<'a> Steps<'a> {
    /// Makes ready to judge what is new behind a head: so many commits.
    ///
    /// # Errors
    /// The head's policy file cannot be loaded.
    pub(crate) fn behind(judge: Judge<'a>, commits: usize) -> Result<Self, VerifyError> {
        let assumed = judge.charter.cloned().map(Arc::new);
        let mut steps = Self {
            reader: judge.reader,
            roots: &judge.policy.signers,
            head: judge.head,
            barring: assumed.clone(),
            assumed,
            read: HashMap::new(),
            trees: HashMap::new(),
            files: HashMap::new(),
            directories: Trees::new(judge.reader),
            budget: Budget::of(commits),
            admissions: Admissions::default(),
        };
        if steps.assumed.is_some() {
            return Ok(steps);
        }
        let place = steps.place(&judge.head);
        let charter =
            place.and_then(|place| place.file.map(|file| steps.charter(file)).transpose());
        match charter {
            Ok(charter) => steps.barring = charter,
            // What is wrong with it is said where the head itself is judged.
            Err(Barred::Refused(_)) => {}
            Err(Barred::Failed(error)) => return Err(steps.failed(error)),
        }
        Ok(steps)
    }

    /// Takes the tree of a commit that was read already.
    pub(crate) fn note(&mut self, commit: Oid, tree: Oid) {
        self.trees.insert(commit, tree);
    }

    /// Judges one step: gives who signed it, or why it is not taken.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn judge(
        &mut self,
        step: &Step<'_>,
    ) -> Result<Result<Signer, RefusalReason>, VerifyError> {
        match self.look(step) {
            Ok(signer) => Ok(Ok(signer)),
            Err(Barred::Refused(reason)) => Ok(Err(reason)),
            Err(Barred::Failed(error)) => Err(self.failed(error)),
        }
    }

    /// Says whether no policy could let anybody but a root follow these commits.
    ///
    /// # Errors
    /// Something could not be loaded.
    pub(crate) fn have_no_policy(
        &mut self,
        mut commits: impl Iterator<Item = Oid>,
    ) -> Result<bool, VerifyError> {
        let has_none = |place: Option<Place>| file_of(&place).is_none();
        let all = commits.try_fold(self.assumed.is_none(), |all, commit| {
            Ok(all && self.place_before(&commit).map(has_none)?)
        });
        all.or_else(|barred| match barred {
            Barred::Refused(_) => Ok(false),
            Barred::Failed(error) => Err(self.failed(error)),
        })
    }

    fn look(&mut self, step: &Step<'_>) -> Result<Signer, Barred> {
        if let Some(reason) = step.root.as_ref().err().filter(|reason| reason.is_final()) {
            return Err(reason.clone().into());
        }
        let before = step.parents.iter().map(|parent| self.place_before(parent));
        let before = before.collect::<Result<Vec<_>, _>>()?;
        let signer = match step.root {
            Ok(root) => root.clone(),
            Err(reason) => self.admitted(step, &before, reason)?,
        };
        if self.is_revoked(&before, &signer.key)? {
            return Err(Barred::Refused(RefusalReason::RevokedByPolicy {
                fingerprint: signer.key,
                principal: signer.principal,
            }));
        }
        let now = self.place(&step.child)?;
        self.policy_may_become(step, &before, &now)?;
        if step.root.is_err() {
            self.changes_are_its(&now, &before, &signer)?;
        }
        Ok(signer)
    }

    /// Whether a key, a root's included, is revoked by a policy before, or barred from all that is new.
    fn is_revoked(&mut self, before: &[Option<Place>], key: &str) -> Result<bool, Barred> {
        if self.barring.as_ref().is_some_and(|it| it.bars(key)) {
            return Ok(true);
        }
        for place in before {
            match self.charter_at(place) {
                Ok(Some(charter)) if charter.revokes(key) => return Ok(true),
                // One that cannot be read says so where it is asked for what it grants.
                Ok(_) | Err(Barred::Refused(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(false)
    }

    /// Gives the signer if the policy of every commit before knows the key.
    fn admitted(
        &mut self,
        step: &Step<'_>,
        before: &[Option<Place>],
        reason: &RefusalReason,
    ) -> Result<Signer, Barred> {
        let mut signer = Err(reason.clone());
        for place in before {
            let charter = self.charter_at(place)?.ok_or_else(|| reason.clone())?;
            signer = Ok(self.admitted_by(step, file_of(place), &charter)?);
        }
        Ok(signer?)
    }

    /// Gives whom a policy takes the signer for.
    fn admitted_by(
        &mut self,
        step: &Step<'_>,
        file: Option<Oid>,
        charter: &Charter,
    ) -> Result<Signer, Barred> {
        // Where one policy stands for all, the files do not count.
        let file = file.filter(|_| self.assumed.is_none());
        if let Some(known) = self.admissions.known(step.child, file) {
            return Ok(known?);
        }
        let loaded;
        let bytes = match step.bytes {
            Some(bytes) => bytes,
            None => {
                loaded = load_kind(self.reader, &step.child, ObjectKind::Commit)?;
                &loaded
            }
        };
        let commit = Commit::parse(bytes).map_err(RefusalReason::from)?;
        let signer = signature::judge(&commit, charter.signers(), step.floor);
        let signer = signer.and_then(|signer| charter.admit(signer));
        self.admissions.note(step.child, file, &signer);
        Ok(signer?)
    }

    /// Whether the policy may become what it is in the commit.
    fn policy_may_become(
        &mut self,
        step: &Step<'_>,
        before: &[Option<Place>],
        place: &Place,
    ) -> Result<(), Barred> {
        let stays = before.iter().all(|before| file_of(before) == place.file);
        if stays || self.assumed.is_some() {
            return Ok(());
        }
        let now = place.file.ok_or(RefusalReason::PolicyRemoved)?;
        // A merge may take the policy of one of its sides; nobody else's word is needed for that.
        let taken = before.iter().any(|place| file_of(place) == Some(now));
        if step.root.is_err() && !taken {
            return Err(Barred::Refused(RefusalReason::PolicyNeedsRoot));
        }
        let charter = self.charter(now)?;
        let mut needed = charter.threshold();
        let others = before.iter().filter_map(file_of);
        for file in others.filter(|file| *file != now) {
            // One that cannot be read grants nothing, and only a root gets past it.
            match self.charter(file) {
                Ok(before) => {
                    charter.follows(&before)?;
                    needed = needed.max(before.threshold());
                }
                Err(Barred::Refused(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        if taken || needed <= 1 {
            return Ok(());
        }
        let found = self.roots_behind(step, before, place, now)?.len();
        if found < needed {
            return Err(RefusalReason::PolicyNeedsMore { needed, found }.into());
        }
        Ok(())
    }

    /// The roots that signed a policy: the commit that brings it, or the file itself.
    fn roots_behind(
        &mut self,
        step: &Step<'_>,
        before: &[Option<Place>],
        place: &Place,
        policy: Oid,
    ) -> Result<BTreeSet<String>, Barred> {
        let commit = load_kind(self.reader, &step.child, ObjectKind::Commit)?;
        let time = Commit::parse(&commit).map_err(RefusalReason::from)?.time;
        let policy = load_kind(self.reader, &policy, ObjectKind::Blob)?;
        let beside = self.file(&place.tree, POLICY_SIGNATURES)?;
        let beside = beside.map(|file| load_kind(self.reader, &file, ObjectKind::Blob));
        let beside = beside.transpose()?.unwrap_or_default();
        let judged = signatures(&beside)
            .into_iter()
            .map(|armour| signature::judge_policy(&policy, armour, self.roots, time, step.floor));
        // One that does not count, such as one over an older file, is in nobody's way.
        let beside = judged.filter_map(Result::ok);
        let roots = beside.chain(step.root.iter().cloned());
        let mut roots: BTreeSet<String> = roots.map(|signer| signer.key).collect();
        for key in roots.clone() {
            if self.is_revoked(before, &key)? {
                roots.remove(&key);
            }
        }
        Ok(roots)
    }

    /// Whether every change is the signer's to make under each policy: what a merge changes against all of its sides, and all
    /// that it changes against one of them. Otherwise it could take a part of each, and nobody vouched for the parts together.
    fn changes_are_its(
        &mut self,
        now: &Place,
        before: &[Option<Place>],
        signer: &Signer,
    ) -> Result<(), Barred> {
        let mut charters: BTreeMap<Option<Oid>, Arc<Charter>> = BTreeMap::new();
        for place in before {
            if let Some(charter) = self.charter_at(place)? {
                charters.insert(file_of(place), charter);
            }
        }
        let charters: Vec<_> = charters.into_values().collect();
        let old: Vec<Oid> = before.iter().flatten().map(|place| place.tree).collect();
        let (directories, budget) = (&self.directories, &mut self.budget);
        let mut differences_are_its = |old: &[Oid]| {
            let mut changes = Changes::new(self.reader, &charters, signer);
            changed_paths(directories, now.tree, old, budget, &mut changes)?;
            changes.barred.map_or(Ok(()), Err)
        };
        differences_are_its(&old)?;
        let mut judged = Ok(());
        for side in old.chunks(1).filter(|_| old.len() > 1) {
            judged = differences_are_its(side);
            if !matches!(judged, Err(Barred::Refused(_))) {
                break;
            }
        }
        judged
    }

    /// The policy in force after a commit.
    fn charter_at(&mut self, place: &Option<Place>) -> Result<Option<Arc<Charter>>, Barred> {
        match (&self.assumed, file_of(place)) {
            (Some(assumed), _) => Ok(Some(Arc::clone(assumed))),
            (None, Some(file)) => self.charter(file).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn charter(&mut self, file: Oid) -> Result<Arc<Charter>, Barred> {
        let known = match self.read.get(&file) {
            Some(known) => known.clone(),
            None => {
                let bytes = load_kind(self.reader, &file, ObjectKind::Blob)?;
                let charter = Charter::parse(&bytes).map(Arc::new);
                self.read.insert(file, charter.clone());
                charter
            }
        };
        known.map_err(|error| {
            let detail = error.to_string();
            Barred::Refused(RefusalReason::PolicyInvalid { detail })
        })
    }

    /// As [`Self::place`]. A commit that names no directory for certain, which only a pinned one may, has no policy.
    fn place_before(&mut self, commit: &Oid) -> Result<Option<Place>, Barred> {
        match self.place(commit) {
            Ok(place) => Ok(Some(place)),
            Err(Barred::Refused(_)) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    fn place(&mut self, commit: &Oid) -> Result<Place, Barred> {
        let tree = match self.trees.get(commit) {
            Some(tree) => *tree,
            None => {
                let bytes = load_kind(self.reader, commit, ObjectKind::Commit)?;
                Commit::parse(&bytes).map_err(RefusalReason::from)?.tree
            }
        };
        if let Some(file) = self.files.get(&tree) {
            return Ok(Place { tree, file: *file });
        }
        let file = self.file(&tree, POLICY_FILE)?;
        self.files.insert(tree, file);
        Ok(Place { tree, file })
    }

    /// The file of a name in a directory, if there is one.
    fn file(&self, tree: &Oid, name: &str) -> Result<Option<Oid>, Barred> {
        let bytes = self.directories.bytes(tree)?;
        let file = tree::find_file(tree, &bytes, name.as_bytes());
        file.map_err(|error| {
            let detail = error.to_string();
            RefusalReason::AmbiguousObject { detail }.into()
        })
    }

    fn failed(&self, source: LoadError) -> VerifyError {
        VerifyError::Load {
            head: self.head,
            source,
        }
    }
}

fn file_of(place: &Option<Place>) -> Option<Oid> {
    place.as_ref()?.file
}
