//! What became of each commit of a range, told one by one.

use crate::judge::{Looked, Stop};
use crate::range::Id;
use crate::walk::Walk;
use crate::{Oid, RefusalReason, Signer, VerifyError};

/// One new commit as it was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReport {
    /// The commit.
    pub commit: Oid,
    /// The first line of its message, safe to print; empty when unreadable.
    pub subject: String,
    /// Its author's name and mail as the commit claims, safe to print; empty when unreadable.
    pub author: String,
    /// Why it may come in, if it may.
    pub role: Role,
    /// Who signed it, or why no signature counts. It decides nothing where the role is
    /// [`Role::VouchedFor`].
    pub signed: Result<Signer, RefusalReason>,
}

/// What the rule asks of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its own signature counts.
    Checked,
    /// It came in from the side, and whoever signed this commit vouches for it.
    VouchedFor {
        /// The commit that brought it in.
        by: Oid,
    },
}

// === impl CommitReport ===

impl CommitReport {
    pub(crate) fn new(commit: Oid, role: Role, looked: &Looked) -> Self {
        let (subject, author) = looked.described.clone();
        Self {
            commit,
            subject,
            author,
            role,
            signed: looked.signed.clone(),
        }
    }
}

/// Tells of every new commit, parents before children. `settled` has those whose signatures let the head in; of a head
/// that was refused, those that the mode looks at are told as checked, and of the one at fault why.
///
/// # Errors
/// A commit could not be loaded.
pub(crate) fn tell(
    walk: &Walk<'_>,
    settled: &Result<Vec<Id>, Stop>,
    each: &mut dyn FnMut(CommitReport),
) -> Result<(), VerifyError> {
    let order = walk.range.new_commits();
    let checked = match settled {
        Ok(demanded) => demanded.clone(),
        Err(_) => walk.looked_at(),
    };
    let fault = match settled {
        Err(Stop::Refused(refusal)) => Some(refusal),
        Ok(_) | Err(Stop::Failed(_)) => None,
    };
    let vouching = vouching(walk, &order, &checked);
    for id in order {
        let Some(oid) = walk.range.oid(id) else {
            continue;
        };
        let by = vouching.get(id.index()).copied().flatten();
        let role = match by.and_then(|by| walk.range.oid(by)) {
            Some(by) if by != oid => Role::VouchedFor { by },
            _ => Role::Checked,
        };
        let mut report = report(walk, id, oid, role)?;
        if let Some(fault) = fault.filter(|fault| fault.commit == oid) {
            report.signed = Err(fault.reason.clone());
        }
        each(report);
    }
    Ok(())
}

/// Looks at a commit; one that was found to pass is not verified twice.
fn report(walk: &Walk<'_>, id: Id, commit: Oid, role: Role) -> Result<CommitReport, VerifyError> {
    let Some(signer) = walk.verdicts.signer(id) else {
        return Ok(CommitReport::new(
            commit,
            role,
            &walk.judge.look(&commit, walk.verdicts.floor(id))?,
        ));
    };
    let (subject, author) = walk.judge.describe(&commit)?;
    Ok(CommitReport {
        commit,
        subject,
        author,
        role,
        signed: Ok(signer.clone()),
    })
}

/// Gives for each commit the oldest checked one that brings it in; for a checked one itself.
fn vouching(walk: &Walk<'_>, order: &[Id], checked: &[Id]) -> Vec<Option<Id>> {
    let mut by = vec![None; walk.range.len()];
    let mut is_checked = vec![false; walk.range.len()];
    for id in checked {
        if let Some(mark) = is_checked.get_mut(id.index()) {
            *mark = true;
        }
    }
    let is_checked = |id: Id| is_checked.get(id.index()).copied().unwrap_or(false);
    for merge in order.iter().copied().filter(|id| is_checked(*id)) {
        let mut pending = vec![merge];
        while let Some(id) = pending.pop() {
            let Some(slot) = by.get_mut(id.index()) else {
                continue;
            };
            if slot.is_none() && (id == merge || !is_checked(id)) {
                *slot = Some(merge);
                pending.extend(walk.range.parents(id));
            }
        }
    }
    by
}
