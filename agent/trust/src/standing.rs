//! Whether the signature behind a revision that runs still counts, after a key was taken away.

use crate::judge::Judge;
use crate::reference::{judge, peel, signed_tag};
use crate::signature::TimeFloor;
use crate::step::{Step, Steps};
use crate::{
    Found, Introduction, LoadError, Mode, ObjectKind, ObjectReader, Oid, Policy, RefusalReason,
    Signer, Since, VerifyError, commit, object,
};

/// Looks again at what was accepted: gives why nothing vouches for it any more, if so. Nothing is undone by this; it is
/// for a person to hear.
///
/// A pinned introduction needs no signature. Otherwise a pinned key has to have signed the commit or, but in mode `all`,
/// the tag over it, or the policy of a commit before it lets its signer do what it does.
///
/// # Errors
/// An object is missing or unreadable.
pub fn disowned(
    reader: &dyn ObjectReader,
    policy: &Policy,
    found: &Found<'_>,
) -> Result<Option<RefusalReason>, VerifyError> {
    let peeled = match peel(
        &judge(reader, policy, found.target, Since::FirstSigned),
        found.target,
    )? {
        Ok(peeled) => peeled,
        Err(refusal) => return Ok(Some(refusal.reason)),
    };
    if policy.introduction == Introduction::Commit(peeled.commit) {
        return Ok(None);
    }
    let asked = found.reference.strip_prefix("refs/tags/");
    let tag = signed_tag(reader, policy, &peeled, asked, TimeFloor::NONE)?.and_then(Result::ok);
    let judge = judge(reader, policy, peeled.commit, Since::FirstSigned);
    if let Some(signer) = tag.filter(|_| policy.mode != Mode::All) {
        let vouched = Steps::behind(judge, 1)?.judge(&Step {
            child: peeled.commit,
            parents: &[],
            floor: TimeFloor::NONE,
            root: &Ok(signer),
            bytes: None,
        })?;
        if vouched.is_ok() {
            return Ok(None);
        }
    }
    Ok(by_commit(judge)?.err())
}

/// Whether a root signed the head, or the policy of one of its parents, or of all, admits it.
fn by_commit(judge: Judge<'_>) -> Result<Result<Signer, RefusalReason>, VerifyError> {
    let root = judge.look(&judge.head, TimeFloor::NONE)?.signed;
    let before = match &root {
        Ok(_) => Vec::new(),
        Err(_) => parents(&judge)?,
    };
    let mut steps = Steps::behind(judge, 1)?;
    let mut refused = None;
    for parents in before.chunks(1).chain([before.as_slice()]) {
        let said = steps.judge(&Step {
            child: judge.head,
            parents,
            floor: TimeFloor::NONE,
            root: &root,
            bytes: None,
        })?;
        match said {
            Ok(signer) => return Ok(Ok(signer)),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Ok(Err(refused.unwrap_or(RefusalReason::Unsigned)))
}

/// The parents of the head that are kept; the others lie before where trust began.
fn parents(judge: &Judge<'_>) -> Result<Vec<Oid>, VerifyError> {
    let failed = |source| VerifyError::Load {
        head: judge.head,
        source,
    };
    let load = |oid: &Oid| object::load_kind(judge.reader, oid, ObjectKind::Commit);
    let (mut parents, _) = commit::parents(&load(&judge.head).map_err(failed)?);
    parents.retain(|parent| !matches!(load(parent), Err(LoadError::Missing { .. })));
    Ok(parents)
}
