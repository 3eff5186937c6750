//! Going back on purpose: a tag over an older commit, signed by a root, takes nodes back to it once
//! (docs/decisions/0303).

mod text;

use std::collections::BTreeSet;

pub use self::text::{Recall, recall_tag};

use crate::charter::{Charter, policy_stays};
use crate::commit;
use crate::head::{Task, introduction, judge_head, since};
use crate::object::{hash, load_kind};
use crate::reference::judge;
use crate::signature::{TimeFloor, judge_tag};
use crate::tag::Tag;
use crate::{
    Accepted, Introduction, LoadError, ObjectKind, ObjectReader, Oid, Policy, Ratchet, Refusal,
    RefusalReason, Verdict, VerifyError, load, policy_file,
};

/// Most roots that sign one override.
const MAX_SIGNATURES: usize = 16;

/// Most commits that are remembered as left. A node that stood at one before these would have missed as many since.
const MAX_REMEMBERED: usize = 1000;

/// An override that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The older commit, accepted again.
    pub accepted: Accepted,
    /// What was signed.
    pub recall: Recall,
    /// The roots that signed it.
    pub signers: Vec<String>,
}

/// Why an override does not count.
enum No {
    Refused(RefusalReason),
    Failed(LoadError),
}

/// The tags of an override, the outermost first: each root signs the tag of the one before.
type Stack = Vec<Vec<u8>>;

/// Judges an older commit, or one beside the line, that a tag takes the line back to.
///
/// The tag bears the name [`recall_tag`] and the message of a [`Recall`] that leaves the commit accepted last. As many
/// different roots have to have signed it, tag over tag, as the policy accepted last asks for of its own changes; a key that
/// this policy revokes does not count. The commit itself has to pass from the introduction on, and its policy may not be
/// older than the one accepted last. The ratchet of an accepted one remembers that the tag is
/// spent, and what it left.
///
/// # Errors
/// An object is missing or unreadable.
pub fn verify_recall(
    reader: &dyn ObjectReader,
    policy: &Policy,
    ratchet: &Ratchet,
    (head, tag): (Oid, Oid),
) -> Result<Result<Recalled, Refusal>, VerifyError> {
    let judge = judge(reader, policy, head, since(policy, Some(ratchet)));
    let case = Case {
        reader,
        policy,
        ratchet,
        head,
    };
    let word = match case.word(tag) {
        Ok(word) => word,
        Err(No::Refused(reason)) => {
            let described = judge.describe(&head)?;
            return Ok(Err(judge.refusal(head, described, reason)));
        }
        Err(No::Failed(source)) => return Err(VerifyError::Load { head, source }),
    };
    // A line that introduced itself did so there.
    let introduction = introduction(policy, Some(ratchet)).unwrap_or(ratchet.introduction);
    let policy = Policy {
        introduction: Introduction::Commit(introduction),
        ..policy.clone()
    };
    let task = Task {
        reader,
        policy: &policy,
        ratchet: None,
        head,
        tag: None,
        charter: None,
    };
    Ok(match judge_head(task, None)? {
        Verdict::Refused(refusal) => Err(refusal),
        Verdict::Accepted(accepted) => Ok(word.follow(accepted, ratchet)),
    })
}

/// Reads what the override of a commit says, whoever signed it; nothing where the tag is none.
pub fn read_recall(reader: &dyn ObjectReader, to: &Oid, tag: &Oid) -> Option<Recall> {
    let stack = stack(reader, to, *tag).ok()?;
    let innermost = Tag::parse(stack.last()?).ok()?;
    Recall::parse(innermost.message()).ok()
}

struct Case<'a> {
    reader: &'a dyn ObjectReader,
    policy: &'a Policy,
    ratchet: &'a Ratchet,
    head: Oid,
}

/// What enough roots signed.
struct Word {
    recall: Recall,
    signers: Vec<String>,
    /// By what it is known once it is spent: its own bytes, whoever signs them again.
    id: Oid,
}

// === impl Case ===

impl Case<'_> {
    fn word(&self, tag: Oid) -> Result<Word, No> {
        let stack = stack(self.reader, &self.head, tag)?;
        let innermost = stack.last().ok_or_else(|| not("it is no tag"))?;
        let innermost = Tag::parse(innermost).map_err(RefusalReason::from)?;
        let recall = Recall::parse(innermost.message()).map_err(not)?;
        if recall.to != self.head {
            return Err(not("its message names another commit than its tag"));
        }
        let id = hash(ObjectKind::Tag, innermost.payload)
            .map_err(|_| No::from(RefusalReason::HashCollision))?;
        if self.ratchet.spent.contains(&id) {
            return Err(not("it was followed already, and counts only once"));
        }
        if !recall.from.contains(&self.ratchet.head) {
            return Err(not(&format!(
                "it does not leave {}, where this node stands",
                self.ratchet.head
            )));
        }
        if policy_stays(self.reader, &self.ratchet.head, &self.head)?.is_err() {
            return Err(not(
                "windlass.policy was changed since, and does not go back; revert the other files in a new commit",
            ));
        }
        let accepted = self.charter(&self.ratchet.head)?;
        let signers = self.signers(&stack, accepted.as_ref())?;
        Ok(Word {
            recall,
            signers,
            id,
        })
    }

    /// Everybody whose signature counts.
    fn signers(&self, stack: &Stack, accepted: Option<&Charter>) -> Result<Vec<String>, No> {
        let stands = load_kind(self.reader, &self.ratchet.head, ObjectKind::Commit)?;
        let floor = TimeFloor(commit::parents(&stands).1);
        let (mut keys, mut principals) = (BTreeSet::new(), Vec::new());
        let mut refused = RefusalReason::Unsigned;
        for bytes in stack {
            let tag = Tag::parse(bytes).map_err(RefusalReason::from)?;
            match judge_tag(&tag, &self.policy.signers, floor) {
                Ok(signer) if accepted.is_some_and(|charter| charter.revokes(&signer.key)) => {
                    refused = RefusalReason::RevokedByPolicy {
                        fingerprint: signer.key,
                        principal: signer.principal,
                    };
                }
                Ok(signer) if keys.insert(signer.key.clone()) => principals.push(signer.principal),
                Ok(_) => {}
                Err(reason) => refused = reason,
            }
        }
        let (needed, found) = (accepted.map_or(1, Charter::threshold), keys.len());
        match found {
            0 => Err(not(&refused.to_string())),
            _ if found < needed => Err(RefusalReason::OverrideNeedsMore { needed, found }.into()),
            _ => Ok(principals),
        }
    }

    fn charter(&self, commit: &Oid) -> Result<Option<Charter>, No> {
        let Some(bytes) = policy_file(self.reader, commit)? else {
            return Ok(None);
        };
        Ok(Some(Charter::parse(&bytes).map_err(RefusalReason::from)?))
    }
}

// === impl Word ===

impl Word {
    fn follow(self, mut accepted: Accepted, ratchet: &Ratchet) -> Recalled {
        let mut follows = Ratchet {
            head: accepted.source.commit(),
            introduction: accepted.ratchet.introduction,
            counter: ratchet.counter.saturating_add(1),
            ..ratchet.clone()
        };
        follows.spent.push(self.id);
        follows.left = remembered(&self.recall.from, &ratchet.left);
        accepted.ratchet = follows;
        accepted.proof.left.clone_from(&self.recall.from);
        Recalled {
            accepted,
            recall: self.recall,
            signers: self.signers,
        }
    }
}

/// What is left now and what was left before, each once, the newest first.
fn remembered(now: &[Oid], before: &[Oid]) -> Vec<Oid> {
    let mut seen = BTreeSet::new();
    let all = now.iter().chain(before).copied();
    let unique = all.filter(|left| seen.insert(*left));
    unique.take(MAX_REMEMBERED).collect()
}

/// The tags, each of which says the same.
fn stack(reader: &dyn ObjectReader, to: &Oid, tag: Oid) -> Result<Stack, No> {
    let (mut at, mut stack) = (tag, Stack::new());
    let name = recall_tag(to);
    let mut said = None;
    while at != *to {
        if stack.len() == MAX_SIGNATURES {
            return Err(not("too many tags are stacked on it"));
        }
        let object = load(reader, &at)?;
        if object.kind != ObjectKind::Tag {
            return Err(not("its tag is over something else"));
        }
        let tag = Tag::parse(&object.bytes).map_err(RefusalReason::from)?;
        let message = tag.message().to_owned();
        if tag.name != name.as_bytes() || *said.get_or_insert(message) != tag.message() {
            return Err(not("one of its tags has another name or message"));
        }
        at = tag.target;
        stack.push(object.bytes);
    }
    Ok(stack)
}

// === impl No ===

impl From<RefusalReason> for No {
    fn from(reason: RefusalReason) -> Self {
        Self::Refused(reason)
    }
}

impl From<LoadError> for No {
    fn from(error: LoadError) -> Self {
        Self::Failed(error)
    }
}

fn not(cause: &str) -> No {
    No::Refused(RefusalReason::OverrideNotTrusted {
        cause: cause.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_what_was_left_is_remembered_once() {
        let oid = |number: u16| {
            let mut bytes = [0; 20];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            Oid::from_bytes(bytes)
        };
        let before: Vec<Oid> = (0..900).map(oid).collect();
        let now: Vec<Oid> = (800..1000).map(oid).collect();
        let all = remembered(&now, &before);
        assert_eq!(all.len(), MAX_REMEMBERED);
        assert_eq!((all[0], all[200], all[999]), (oid(800), oid(0), oid(799)));
        let many: Vec<Oid> = (0..5000).map(oid).collect();
        assert_eq!(remembered(&many, &before), &many[..MAX_REMEMBERED]);
    }
}
