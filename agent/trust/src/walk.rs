//! One range before one mode: which of the new commits must be signed, and whether they are.

use std::collections::HashMap;

use crate::judge::{Judge, Stop, Verdicts};
use crate::proof::SignerCount;
use crate::range::{Id, Range};
use crate::signature::TimeFloor;
use crate::step::Steps;
use crate::ways::{Passage, Ways};
use crate::{Mode, Oid, Proof, RefusalReason, Signer, VerifyError};

/// The new commits behind a head and the verdicts on them.
pub(crate) struct Walk<'a> {
    pub(crate) judge: Judge<'a>,
    pub(crate) range: Range<'a>,
    pub(crate) verdicts: Verdicts<'a>,
    base: Id,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Takes a range whose head descends from `base`; `None` when it does not.
    ///
    /// # Errors
    /// The policy in the repository cannot be loaded.
    pub(crate) fn over(
        judge: Judge<'a>,
        range: Range<'a>,
        base: &Oid,
    ) -> Result<Option<Self>, VerifyError> {
        let floor = range.time(base).map_or(TimeFloor::NONE, TimeFloor);
        let Some(id) = range.id(base) else {
            return Ok(None);
        };
        let ways = Ways::find(&range, id);
        if !ways.leads(range.head()) {
            return Ok(None);
        }
        let steps = Steps::behind(judge, ways.commits().len())?;
        Ok(Some(Self {
            verdicts: Verdicts::new(judge, steps, floor, ways.descendants()),
            judge,
            range,
            base: id,
        }))
    }

    /// Gives the commits whose signatures the mode demands, when every one of them has a good one.
    ///
    /// # Errors
    /// The oldest commit that stands in the way is refused, or something could not be loaded.
    pub(crate) fn settle(&mut self) -> Result<Vec<Id>, Stop> {
        match (self.judge.policy.mode, self.judge.tag) {
            (Mode::All, _) => self.all(),
            (_, Some((_, signer))) => self.tagged(signer),
            (Mode::Path, None) => self.some_way(),
            (Mode::FirstParent, None) => self.first_parents(),
        }
    }

    /// A tag vouches as a merge would: for everything but a policy that may not become what it is.
    fn tagged(&mut self, signer: &Signer) -> Result<Vec<Id>, Stop> {
        let judged = self.verdicts.vouched(&self.range, self.base, signer);
        match judged.map_err(Stop::Failed)? {
            Ok(_) => Ok(Vec::new()),
            Err(reason) => self.judge.refuse(self.judge.head, reason),
        }
    }

    /// Gives the commits that the mode looks at, whether they pass or not.
    pub(crate) fn looked_at(&self) -> Vec<Id> {
        let ways = Ways::find(&self.range, self.base);
        match self.judge.policy.mode {
            Mode::Path => ways.commits().to_vec(),
            Mode::FirstParent => ways.first_parents().unwrap_or_else(|merge| vec![merge]),
            Mode::All => self.range.new_commits(),
        }
    }

    /// Says what was checked.
    pub(crate) fn proof(&self, demanded: &[Id]) -> Proof {
        let mut signers = SignerCount::default();
        for signer in demanded.iter().filter_map(|id| self.verdicts.signer(*id)) {
            signers.add(signer);
        }
        if let Some((_, signer)) = self.judge.tag {
            signers.add(signer);
        }
        let new_commits = match self.judge.policy.mode {
            Mode::All => demanded.len(),
            Mode::Path | Mode::FirstParent => self.range.new_commits().len(),
        };
        self.judge.proof(signers, new_commits)
    }

    fn some_way(&mut self) -> Result<Vec<Id>, Stop> {
        let ways = Ways::find(&self.range, self.base);
        let (range, verdicts) = (&self.range, &mut self.verdicts);
        let passage = ways.passable(|child, parent| verdicts.follows(range, child, &[parent]));
        let blocked = match passage.map_err(Stop::Failed)? {
            Passage::Way(way) => return Ok(way),
            Passage::Blocked(blocked) => blocked,
        };
        let named = to_name(&ways, range, verdicts, &blocked).map_err(Stop::Failed)?;
        let (blocking, parent) = named.unwrap_or((range.head(), self.base));
        self.refuse(blocking, &[parent])
    }

    fn first_parents(&mut self) -> Result<Vec<Id>, Stop> {
        let way = Ways::find(&self.range, self.base).first_parents();
        let mut way = way.or_else(|merge| {
            let accepted = self.oid(self.base);
            let reason = RefusalReason::NotOnFirstParents { accepted };
            self.judge.refuse(self.oid(merge), reason)
        })?;
        way.reverse();
        let mut before = self.base;
        for id in &way {
            let follows = self.verdicts.follows(&self.range, *id, &[before]);
            if !follows.map_err(Stop::Failed)? {
                return self.refuse(*id, &[before]);
            }
            before = *id;
        }
        Ok(way)
    }

    fn all(&mut self) -> Result<Vec<Id>, Stop> {
        let new = self.range.new_commits();
        if self.first_bad(&new).map_err(Stop::Failed)?.is_none() {
            return Ok(new);
        }
        // With wrong commit dates an old commit can look new: settle that before refusing.
        self.judge.walked(self.range.exhaust())?;
        let new = self.range.new_commits();
        match self.first_bad(&new).map_err(Stop::Failed)? {
            Some((bad, parents)) => self.refuse(bad, &parents),
            None => Ok(new),
        }
    }

    /// Gives the first commit that may not follow its parents, and those. Of parents that lie before the base nothing
    /// but their ids may be there: what came in from there is judged with the merge that brings it.
    fn first_bad(&mut self, commits: &[Id]) -> Result<Option<(Id, Vec<Id>)>, VerifyError> {
        let ways = Ways::find(&self.range, self.base);
        for id in commits {
            let parents = ways.leading_parents(*id);
            if !self.verdicts.follows(&self.range, *id, &parents)? {
                return Ok(Some((*id, parents)));
            }
        }
        Ok(None)
    }

    fn oid(&self, id: Id) -> Oid {
        self.range.oid(id).unwrap_or(self.judge.head)
    }

    /// Refuses a commit that may not follow these ones.
    fn refuse<T>(&mut self, id: Id, parents: &[Id]) -> Result<T, Stop> {
        let oid = self.oid(id);
        let judged = self.verdicts.step(&self.range, id, parents);
        let judged = judged.map_err(Stop::Failed)?;
        self.judge
            .refuse(oid, judged.err().unwrap_or(RefusalReason::Unsigned))
    }
}

/// Gives the commit that stands in the way, and one before it: the oldest that every way has to pass, and otherwise the oldest.
fn to_name(
    ways: &Ways<'_, '_>,
    range: &Range<'_>,
    verdicts: &mut Verdicts<'_>,
    blocked: &[(Id, Id)],
) -> Result<Option<(Id, Id)>, VerifyError> {
    let by_id: HashMap<Id, Id> = blocked.iter().copied().collect();
    for id in ways.unavoidable() {
        if let Some(parent) = by_id.get(&id) {
            return Ok(Some((id, *parent)));
        }
        // Up to this one no good way leads, so no policy before it is believed.
        let parents = ways.leading_parents(id);
        if let Some(parent) = parents.first()
            && verdicts.is_barred_by_all(range, id, &parents)?
        {
            return Ok(Some((id, *parent)));
        }
    }
    Ok(blocked.first().copied())
}
