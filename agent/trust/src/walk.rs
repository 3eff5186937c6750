//! One range before one mode: which of the new commits must be signed, and whether they are.

use crate::judge::{Judge, Stop, Verdicts};
use crate::proof::SignerCount;
use crate::range::{Id, Range};
use crate::signature::TimeFloor;
use crate::ways::Ways;
use crate::{Mode, Oid, Proof, RefusalReason, VerifyError};

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
    pub(crate) fn over(judge: Judge<'a>, range: Range<'a>, base: &Oid) -> Option<Self> {
        let floor = range.time(base).map_or(TimeFloor::NONE, TimeFloor);
        let base = range.id(base)?;
        let ways = Ways::find(&range, base);
        if !ways.leads(range.head()) {
            return None;
        }
        Some(Self {
            verdicts: Verdicts::new(judge, floor, ways.descendants()),
            judge,
            range,
            base,
        })
    }

    /// Gives the commits whose signatures the mode demands, when every one of them has a good one.
    ///
    /// # Errors
    /// The oldest commit that stands in the way is refused, or something could not be loaded.
    pub(crate) fn settle(&mut self) -> Result<Vec<Id>, Stop> {
        match (self.judge.policy.mode, self.judge.tag) {
            (Mode::All, _) => self.all(),
            (_, Some(_)) => Ok(Vec::new()),
            (Mode::Path, None) => self.some_way(),
            (Mode::FirstParent, None) => self.first_parents(),
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
        let way = ways.passable(|id| verdicts.passes(range, id));
        if let Some(way) = way.map_err(Stop::Failed)? {
            return Ok(way);
        }
        let unavoidable = ways.unavoidable();
        let blocking = match first_bad(range, verdicts, &unavoidable).map_err(Stop::Failed)? {
            Some(blocking) => Some(blocking),
            None => ways
                .first_obstacle(|id| verdicts.passes(range, id))
                .map_err(Stop::Failed)?,
        };
        self.refuse(blocking.unwrap_or(range.head()))
    }

    fn first_parents(&mut self) -> Result<Vec<Id>, Stop> {
        let way = Ways::find(&self.range, self.base).first_parents();
        let mut way = way.or_else(|merge| {
            let accepted = self.oid(self.base);
            let reason = RefusalReason::NotOnFirstParents { accepted };
            self.judge.refuse(self.oid(merge), reason)
        })?;
        way.reverse();
        match first_bad(&self.range, &mut self.verdicts, &way).map_err(Stop::Failed)? {
            Some(bad) => self.refuse(bad),
            None => Ok(way),
        }
    }

    fn all(&mut self) -> Result<Vec<Id>, Stop> {
        let new = self.range.new_commits();
        let suspect = first_bad(&self.range, &mut self.verdicts, &new).map_err(Stop::Failed)?;
        if suspect.is_none() {
            return Ok(new);
        }
        // With wrong commit dates an old commit can look new: settle that before refusing.
        self.judge.walked(self.range.exhaust())?;
        let new = self.range.new_commits();
        match first_bad(&self.range, &mut self.verdicts, &new).map_err(Stop::Failed)? {
            Some(bad) => self.refuse(bad),
            None => Ok(new),
        }
    }

    fn oid(&self, id: Id) -> Oid {
        self.range.oid(id).unwrap_or(self.judge.head)
    }

    /// Refuses a commit that does not pass, for what its signature came to.
    fn refuse<T>(&self, id: Id) -> Result<T, Stop> {
        let oid = self.oid(id);
        let looked = self.judge.look(&oid, self.verdicts.floor(id));
        let looked = looked.map_err(Stop::Failed)?;
        let reason = looked.signed.err().unwrap_or(RefusalReason::Unsigned);
        Err(self.judge.refusal(oid, looked.described, reason).into())
    }
}

/// Gives the first commit that does not pass.
fn first_bad(
    range: &Range<'_>,
    verdicts: &mut Verdicts<'_>,
    commits: &[Id],
) -> Result<Option<Id>, VerifyError> {
    for id in commits {
        if !verdicts.passes(range, *id)? {
            return Ok(Some(*id));
        }
    }
    Ok(None)
}
