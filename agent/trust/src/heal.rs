//! A ratchet that was lost: whether what others remember of it is enough to make it again.

use crate::head::{Task, judge_head};
use crate::judge::Judge;
use crate::range::Range;
use crate::selector::{higher, same_version};
use crate::{
    Found, ObjectReader, Oid, Policy, Ratchet, Refusal, Rule, Selector, Since, Verdict,
    VerifyError, verify_reference,
};

/// What somebody remembers of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Who remembers it.
    pub origin: Origin,
    /// The head that was accepted.
    pub head: Oid,
    /// The version that was accepted, where the selector is a range of versions.
    pub version: Option<String>,
    /// How often the ratchet had moved, as far as is known.
    pub counter: u64,
    /// The reference that led there and what it named, as far as is known: a signed tag vouches for its commit.
    pub found: Option<(String, Oid)>,
}

/// Who remembers where a line stood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Another node, or this one, by what it wrote into the cluster; its name.
    Witness(String),
    /// An object of the cluster that was applied from it; kind, namespace and name.
    Inventory(String),
}

/// What became of a lost ratchet.
#[derive(Debug)]
#[must_use = "a lost ratchet heals, or a person must hear that it does not"]
pub enum Healed {
    /// It is made again.
    Ratchet {
        /// The ratchet to keep.
        ratchet: Ratchet,
        /// Whose memory it was made from.
        from: Origin,
        /// Memories that do not verify and were passed over: a person should hear of them.
        refused: Vec<(Origin, Refusal)>,
    },
    /// Nothing new is accepted until a person decides.
    Waits(Vec<Doubt>),
}

/// Why a memory does not settle it.
#[derive(Debug)]
pub enum Doubt {
    /// Nobody remembers anything.
    NoMemory,
    /// What is remembered does not verify.
    Refused {
        /// Who remembers it.
        origin: Origin,
        /// Why not.
        refusal: Box<Refusal>,
    },
    /// It could not be looked at: it may be newer than all the others.
    Unreadable {
        /// Who remembers it.
        origin: Origin,
        /// Why not.
        error: VerifyError,
    },
    /// Two verify, and neither descends from the other: somebody was shown another history.
    SplitView {
        /// Who remembers the one.
        one: Origin,
        /// Who remembers the other.
        other: Origin,
    },
}

/// One that verified.
struct Proven<'m> {
    memory: &'m Memory,
    ratchet: Ratchet,
}

/// Makes a lost ratchet again from what others remember. Nobody is believed: each head must verify from the
/// introduction on, as if nothing had ever been accepted. The newest that does is taken; one that could not be looked
/// at, or two that contradict each other, leave it to a person.
pub fn heal(
    reader: &dyn ObjectReader,
    policy: &Policy,
    selector: &Selector,
    memories: &[Memory],
) -> Healed {
    let (mut proven, mut refused, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for memory in memories {
        match judged(reader, policy, selector, memory) {
            Ok(Verdict::Accepted(accepted)) => proven.push(Proven {
                memory,
                ratchet: accepted.ratchet,
            }),
            Ok(Verdict::Refused(refusal)) => refused.push((memory.origin.clone(), refusal)),
            Err(error) => unreadable.push((memory, error)),
        }
    }
    let mut doubts = Vec::new();
    let newest = newest(reader, policy, selector, proven).unwrap_or_else(|doubt| {
        doubts.push(doubt);
        None
    });
    let behind = |memory: &Memory| {
        let newest = newest.as_ref().map(|newest| newest.memory);
        newest.is_some_and(|newest| is_lower(selector, memory, newest))
    };
    unreadable.retain(|(memory, _)| !behind(memory));
    doubts.extend(unreadable.into_iter().map(|(memory, error)| {
        let origin = memory.origin.clone();
        Doubt::Unreadable { origin, error }
    }));
    match newest {
        Some(newest) if doubts.is_empty() => {
            let steps = memories.iter().map(|memory| memory.counter).max();
            let version = newest.memory.version.clone();
            let ratchet = Ratchet {
                // A step beyond all that is remembered, so that no older copy of the file looks newer.
                counter: steps.unwrap_or(0).saturating_add(1),
                version: version.or(newest.ratchet.version),
                ..newest.ratchet
            };
            let from = newest.memory.origin.clone();
            Healed::Ratchet {
                ratchet,
                from,
                refused,
            }
        }
        _ => {
            doubts.extend(refused.into_iter().map(|(origin, refusal)| Doubt::Refused {
                origin,
                refusal: Box::new(refusal),
            }));
            if doubts.is_empty() {
                doubts.push(Doubt::NoMemory);
            }
            Healed::Waits(doubts)
        }
    }
}

/// Says whether one remembers a lower version than the other: it is not the newest, whatever it names.
fn is_lower(selector: &Selector, one: &Memory, other: &Memory) -> bool {
    let (one, other) = (&one.version, &other.version);
    matches!(selector, Selector::Semver(_))
        && one.is_some()
        && !same_version(one.as_deref(), other.as_deref())
        && higher(one.clone(), other.clone()) == *other
}

/// Judges what is remembered as if nothing had ever been accepted.
fn judged(
    reader: &dyn ObjectReader,
    policy: &Policy,
    selector: &Selector,
    memory: &Memory,
) -> Result<Verdict, VerifyError> {
    if let Some((reference, target)) = &memory.found {
        let found = Found {
            target: *target,
            reference,
        };
        let verdict = verify_reference(reader, policy, None, selector, &found)?;
        // A reference that leads elsewhere by now says nothing of the commit that is remembered.
        if !matches!(&verdict, Verdict::Accepted(accepted) if accepted.source.commit() != memory.head)
        {
            return Ok(verdict);
        }
    }
    let task = Task {
        reader,
        policy,
        ratchet: None,
        head: memory.head,
        tag: None,
        charter: None,
    };
    judge_head(task, None)
}

/// Gives the one that is behind none of the others.
fn newest<'m>(
    reader: &dyn ObjectReader,
    policy: &Policy,
    selector: &Selector,
    proven: Vec<Proven<'m>>,
) -> Result<Option<Proven<'m>>, Doubt> {
    let mut newest: Option<Proven<'m>> = None;
    for next in proven {
        let Some(best) = newest.take() else {
            newest = Some(next);
            continue;
        };
        let is_newer = supersedes(reader, policy, selector, next.memory, best.memory)?;
        if !is_newer && !supersedes(reader, policy, selector, best.memory, next.memory)? {
            return Err(Doubt::SplitView {
                one: best.memory.origin.clone(),
                other: next.memory.origin.clone(),
            });
        }
        newest = Some(if is_newer { next } else { best });
    }
    Ok(newest)
}

/// Says whether a line may have moved from `old` to `new`.
fn supersedes(
    reader: &dyn ObjectReader,
    policy: &Policy,
    selector: &Selector,
    new: &Memory,
    old: &Memory,
) -> Result<bool, Doubt> {
    if let (Selector::Semver(_), Some(_), Some(_)) = (selector, &new.version, &old.version)
        && !same_version(new.version.as_deref(), old.version.as_deref())
    {
        return Ok(higher(old.version.clone(), new.version.clone()) == new.version);
    }
    let judge = Judge {
        reader,
        policy,
        head: new.head,
        rule: Rule {
            mode: policy.mode,
            since: Since::Accepted(old.head),
        },
        tag: None,
        charter: None,
    };
    match Range::walk(reader, new.head, &[old.head]) {
        Ok(range) => Ok(range.reaches(&old.head)),
        Err(error) => Err(match judge.unloadable(error) {
            Ok((oid, reason)) => Doubt::Refused {
                origin: new.origin.clone(),
                refusal: Box::new(judge.refusal(oid, Default::default(), reason)),
            },
            Err(error) => Doubt::Unreadable {
                origin: new.origin.clone(),
                error,
            },
        }),
    }
}
