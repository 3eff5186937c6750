//! The verdict on what a reference names: the way its line may go, the tag over the commit, the range behind it.

use crate::charter::{Charter, policy_file, policy_stays};
use crate::commit;
use crate::head::{Task, judge_head, since};
use crate::judge::Judge;
use crate::object::load_kind;
use crate::selector::{advance, higher};
use crate::signature::{self, TimeFloor};
use crate::tag::Tag;
use crate::{
    Accepted, Candidate, Found, LoadError, Mode, ObjectKind, ObjectReader, Oid, Policy, Ratchet,
    Refusal, RefusalReason, Rule, Selector, Signer, Since, Step, Verdict, VerifiedFiles,
    VerifiedSource, VerifyError, load, text,
};

/// Most tags over one commit. Git makes a tag of a tag when asked to; nobody stacks more.
const MAX_TAGS: usize = 8;

/// What a reference names, with the tags taken off.
pub(crate) struct Peeled {
    pub(crate) commit: Oid,
    /// The outermost tag: its id and its bytes.
    pub(crate) tag: Option<(Oid, Vec<u8>)>,
}

/// A commit that something verified names by its id, or that the node itself names: nothing is asked of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin(Oid);

// === impl Pin ===

impl Pin {
    /// A commit whose id stands in a file of a verified commit.
    #[must_use]
    pub fn in_verified(commit: Oid, _naming: &VerifiedSource) -> Self {
        Self(commit)
    }

    /// A commit whose id stands in a file of an artifact that somebody vouches for.
    #[must_use]
    pub fn in_files(commit: Oid, _naming: &VerifiedFiles) -> Self {
        Self(commit)
    }

    /// A commit whose id stands in the node's own configuration.
    #[must_use]
    pub fn on_node(commit: Oid) -> Self {
        Self(commit)
    }
}

/// Judges a commit that is pinned by its id: it must be readable in one way only, and nothing else.
///
/// # Errors
/// The commit could not be loaded.
pub fn verify_pinned(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    pin: Pin,
) -> Result<Verdict, VerifyError> {
    let judge = judge(reader, policy, pin.0, Since::Pinned);
    // Another pin is another selector, so the ratchet can only stand here already.
    let ratchet = ratchet.cloned().filter(|ratchet| ratchet.head == pin.0);
    let looked = judge.look(&pin.0, TimeFloor::NONE)?;
    let (tree, signer) = match (looked.tree, looked.signed) {
        (Some(tree), signed) => (tree, signed.ok()),
        (None, signed) => {
            let reason = signed.err().unwrap_or(RefusalReason::Unsigned);
            return Ok(Verdict::Refused(judge.refusal(
                pin.0,
                looked.described,
                reason,
            )));
        }
    };
    let source = VerifiedSource::proven(reader, pin.0, tree).map_err(|source| {
        let head = pin.0;
        VerifyError::Load { head, source }
    })?;
    Ok(Verdict::Accepted(Accepted {
        source,
        ratchet: ratchet.unwrap_or(Ratchet {
            head: pin.0,
            introduction: pin.0,
            counter: 1,
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        }),
        proof: judge.proof(Default::default(), 0),
        signer: signer.map(|signer| signer.principal).unwrap_or_default(),
    }))
}

/// Judges what a selector found. The commit must pass as [`crate::verify`] demands; a tag that a pinned key signed
/// under the name that was asked for vouches for it as a merge would, but not in mode `all`.
///
/// # Errors
/// As [`crate::verify`].
pub fn verify_reference(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: Option<&Ratchet>,
    selector: &Selector,
    found: &Found<'_>,
) -> Result<Verdict, VerifyError> {
    let since = since(policy, ratchet);
    let peeled = match peel(&judge(reader, policy, found.target, since), found.target)? {
        Ok(peeled) => peeled,
        Err(refusal) => return Ok(Verdict::Refused(refusal)),
    };
    let candidate = Candidate {
        commit: peeled.commit,
        tag: found
            .reference
            .strip_prefix("refs/tags/")
            .map(str::to_owned),
    };
    let step = match advance(ratchet, selector, &candidate) {
        Ok(step) => step,
        Err(reason) => {
            let judge = judge(reader, policy, peeled.commit, since);
            let described = judge.describe(&peeled.commit)?;
            return Ok(Verdict::Refused(judge.refusal(
                peeled.commit,
                described,
                reason,
            )));
        }
    };
    let floor = floor(reader, since);
    let signed = signed_tag(reader, policy, &peeled, candidate.tag.as_deref(), floor)?;
    let tag = match (&peeled.tag, &signed) {
        (Some((oid, _)), Some(Ok(signer))) if policy.mode != Mode::All => {
            Some((*oid, signer.clone()))
        }
        _ => None,
    };
    let task = Task {
        reader,
        policy,
        ratchet,
        head: peeled.commit,
        tag: tag.as_ref(),
        charter: None,
    };
    let verdict = match judge_head(task, None)? {
        Verdict::Refused(refusal) if step == Step::Rise && is_beside(&refusal.reason) => {
            match leaves_the_line(task, &candidate, &signed)? {
                Ok(()) => judge_head(from_the_beginning(task), None)?,
                Err(reason) => Verdict::Refused(Refusal { reason, ..refusal }),
            }
        }
        verdict => verdict,
    };
    Ok(match verdict {
        Verdict::Accepted(accepted) => {
            Verdict::Accepted(settled(accepted, ratchet, selector, candidate))
        }
        Verdict::Refused(refusal) => Verdict::Refused(with_tag(refusal, candidate, signed)),
    })
}

pub(crate) fn judge<'a>(
    reader: &'a dyn ObjectReader,
    policy: &'a Policy,
    head: Oid,
    since: Since,
) -> Judge<'a> {
    Judge {
        reader,
        policy,
        head,
        rule: Rule {
            mode: policy.mode,
            since,
        },
        tag: None,
        charter: None,
    }
}

/// A higher version is judged as if nothing had been accepted: behind the introduction, or as a first head.
fn from_the_beginning(task: Task<'_>) -> Task<'_> {
    Task {
        ratchet: None,
        ..task
    }
}

fn is_beside(reason: &RefusalReason) -> bool {
    matches!(reason, RefusalReason::NotFastForward { .. })
}

/// Whether a higher version may stand elsewhere than on top of what was accepted: a root signed that it is this version,
/// because whoever holds the server can write any name over an older commit; and its policy does not go back.
fn leaves_the_line(
    task: Task<'_>,
    candidate: &Candidate,
    signed: &Option<Result<Signer, RefusalReason>>,
) -> Result<Result<(), RefusalReason>, VerifyError> {
    let Some(Ratchet { head: accepted, .. }) = task.ratchet else {
        return Ok(Ok(()));
    };
    let cause = match signed {
        Some(Ok(_)) => {
            let stays = policy_stays(task.reader, accepted, &task.head);
            return stays.map_err(|source| failed(task.head, source));
        }
        Some(Err(why)) => why.to_string(),
        None => RefusalReason::Unsigned.to_string(),
    };
    Ok(Err(RefusalReason::VersionNotSigned {
        accepted: *accepted,
        tag: text::shown(candidate.tag.as_deref().unwrap_or_default().as_bytes()),
        cause,
    }))
}

fn failed(head: Oid, source: LoadError) -> VerifyError {
    VerifyError::Load { head, source }
}

/// Numbers the step and notes the version.
fn settled(
    mut accepted: Accepted,
    ratchet: Option<&Ratchet>,
    selector: &Selector,
    candidate: Candidate,
) -> Accepted {
    let before = ratchet.and_then(|ratchet| ratchet.version.clone());
    if let Selector::Semver(_) = selector {
        accepted.ratchet.version = higher(before, candidate.tag);
    }
    if let Some(ratchet) = ratchet {
        accepted.ratchet.remember(ratchet);
    }
    accepted.ratchet.counter = match ratchet {
        Some(ratchet) => {
            let stands = Ratchet {
                counter: ratchet.counter,
                ..accepted.ratchet.clone()
            };
            ratchet.counter.saturating_add((stands != *ratchet).into())
        }
        None => accepted.ratchet.counter,
    };
    accepted
}

/// Takes the tags off a commit.
pub(crate) fn peel(judge: &Judge<'_>, target: Oid) -> Result<Result<Peeled, Refusal>, VerifyError> {
    let refused = |oid, reason| Ok(Err(judge.refusal(oid, Default::default(), reason)));
    let (mut at, mut outermost) = (target, None);
    for _ in 0..=MAX_TAGS {
        let object = match load(judge.reader, &at) {
            Ok(object) => object,
            Err(error) => {
                let (oid, reason) = judge.unloadable(error.into())?;
                return refused(oid, reason);
            }
        };
        if object.kind == ObjectKind::Commit {
            return Ok(Ok(Peeled {
                commit: at,
                tag: outermost,
            }));
        }
        if object.kind != ObjectKind::Tag {
            return refused(at, RefusalReason::NotACommit { kind: object.kind });
        }
        let next = match Tag::parse(&object.bytes) {
            Ok(tag) => tag.target,
            Err(ambiguity) => return refused(at, ambiguity.into()),
        };
        outermost.get_or_insert((at, object.bytes));
        at = next;
    }
    refused(
        target,
        RefusalReason::AmbiguousObject {
            detail: format!("more than {MAX_TAGS} tags are stacked on it"),
        },
    )
}

/// Says who signed the tag over a commit, if its name is the one that was asked for: a signed tag under another name says
/// nothing. Nor does one by a key that the commit's own policy revokes: the tag was made after it.
///
/// # Errors
/// The commit's policy could not be loaded.
pub(crate) fn signed_tag(
    reader: &dyn ObjectReader,
    policy: &Policy,
    Peeled { commit, tag }: &Peeled,
    asked: Option<&str>,
    floor: TimeFloor,
) -> Result<Option<Result<Signer, RefusalReason>>, VerifyError> {
    let tag = tag.as_ref().and_then(|(_, bytes)| Tag::parse(bytes).ok());
    let Some(tag) = tag else {
        return Ok(None);
    };
    if asked.map(str::as_bytes) != Some(tag.name) {
        return Ok(Some(Err(RefusalReason::AmbiguousObject {
            detail: format!("it was signed under the name {:?}", text::shown(tag.name)),
        })));
    }
    let judged = match signature::judge_tag(&tag, &policy.signers, floor) {
        Ok(signer) => still_counts(reader, commit, signer)?,
        refused => refused,
    };
    Ok(Some(judged))
}

/// Gives a signer back whom the policy in a commit does not revoke.
///
/// # Errors
/// The policy could not be loaded.
pub(crate) fn still_counts(
    reader: &dyn ObjectReader,
    commit: &Oid,
    signer: Signer,
) -> Result<Result<Signer, RefusalReason>, VerifyError> {
    let policy = policy_file(reader, commit).map_err(|source| failed(*commit, source))?;
    // What is wrong with one that cannot be read is said where the commit is judged.
    let charter = policy.and_then(|bytes| Charter::parse(&bytes).ok());
    Ok(match charter {
        Some(charter) if charter.revokes(&signer.key) => Err(RefusalReason::RevokedByPolicy {
            fingerprint: signer.key,
            principal: signer.principal,
        }),
        _ => Ok(signer),
    })
}

/// When the commit that vouches for what is behind was made.
fn floor(reader: &dyn ObjectReader, since: Since) -> TimeFloor {
    since
        .commit()
        .and_then(|oid| load_kind(reader, &oid, ObjectKind::Commit).ok())
        .map_or(TimeFloor::NONE, |bytes| {
            TimeFloor(commit::parents(&bytes).1)
        })
}

/// Says of an unsigned commit under a signed tag why the tag did not count.
fn with_tag(
    mut refusal: Refusal,
    candidate: Candidate,
    signed: Option<Result<Signer, RefusalReason>>,
) -> Refusal {
    let is_about_it =
        refusal.commit == candidate.commit && refusal.reason == RefusalReason::Unsigned;
    if let (true, Some(tag), Some(Err(why))) = (is_about_it, candidate.tag, signed)
        && why != RefusalReason::Unsigned
    {
        refusal.reason = RefusalReason::TagNotTrusted {
            tag: text::shown(tag.as_bytes()),
            cause: why.to_string(),
        };
    }
    refusal
}
