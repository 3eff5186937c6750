//! What a commit reaches and the agent does not have: commits first, then trees and blobs, each once.

use std::collections::{BinaryHeap, HashMap, HashSet};

use gix_hash::ObjectId;
use gix_object::{Kind, TreeRefIter};

use crate::failure::Failure;
use crate::limits;

/// Where objects are read from: the cache of a URL, or a repository on the node.
pub(crate) trait Objects {
    /// An object whose content was hashed and has this id; `None` when it is not there.
    fn read(&self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, ReachError>;

    /// Commits whose parents are not there, which is no damage.
    fn shallow(&self) -> Result<Vec<ObjectId>, ReachError> {
        Ok(Vec::new())
    }
}

/// Takes the objects, in order.
pub(crate) trait Receiver {
    fn object(&mut self, kind: Kind, oid: &ObjectId, bytes: Vec<u8>) -> Result<(), ReachError>;
}

/// Why the objects could not all be handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    /// An object is missing or is not what its id says.
    #[error("{0}")]
    Damaged(String),
    /// The agent went away.
    #[error("the agent closed the connection")]
    Gone,
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// The first parent of a commit, for offering a few older commits to a server.
pub(crate) fn first_parent(
    objects: &dyn Objects,
    oid: &ObjectId,
) -> Result<Option<ObjectId>, ReachError> {
    Ok(match objects.read(oid)? {
        Some((Kind::Commit, bytes)) => parse_commit(&bytes).parents.first().copied(),
        _ => None,
    })
}

/// The parts of a commit that lead on. A malformed one leads as far as it can be read: whether it is
/// acceptable is for the agent to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Commit {
    tree: Option<ObjectId>,
    parents: Vec<ObjectId>,
    time: i64,
}

/// A tag object: its id and its content.
pub(crate) type Tag = (ObjectId, Vec<u8>);

/// Follows an annotated tag to its commit; the tags on the way are returned with their bytes.
pub(crate) fn peel(
    objects: &dyn Objects,
    target: ObjectId,
) -> Result<(ObjectId, Vec<Tag>), ReachError> {
    let mut oid = target;
    let mut tags = Vec::new();
    for _ in 0..=limits::TAG_DEPTH {
        match required(objects, &oid)? {
            (Kind::Commit, _) => return Ok((oid, tags)),
            (Kind::Tag, bytes) => {
                let next = header_oid(&bytes, b"object ").ok_or_else(|| {
                    Failure::protocol(format!("tag object {oid} points at nothing; make it again"))
                })?;
                tags.push((oid, bytes));
                oid = next;
            }
            (kind, _) => {
                return Err(Failure::protocol(format!(
                    "the reference points at a {kind} ({oid}), not at a commit; point it at one"
                ))
                .into());
            }
        }
    }
    let depth = limits::TAG_DEPTH;
    Err(Failure::refused(format!(
        "{target} is a tag of a tag, more than {depth} deep"
    ))
    .into())
}

/// Hands over everything `head` reaches and none of `have` reaches. `sent` holds what was handed over so
/// far, also when this ends with an error.
pub(crate) fn send(
    objects: &dyn Objects,
    head: ObjectId,
    have: &[ObjectId],
    sent: &mut HashSet<ObjectId>,
    object_limit: u32,
    receiver: &mut dyn Receiver,
) -> Result<(), ReachError> {
    let walk = walk_commits(objects, head, have)?;
    let mut known = HashSet::new();
    for tree in &walk.known_trees {
        mark_tree(objects, *tree, &mut known)?;
    }
    let mut sender = Sender {
        objects,
        known,
        sent,
        object_limit,
        receiver,
    };
    for (oid, _) in &walk.new_commits {
        if sender.is_new(oid) {
            let (kind, bytes) = required(objects, oid)?;
            sender.send(kind, oid, bytes)?;
        }
    }
    for tree in walk.new_commits.iter().filter_map(|(_, tree)| *tree) {
        sender.tree(tree)?;
    }
    Ok(())
}

fn required(objects: &dyn Objects, oid: &ObjectId) -> Result<(Kind, Vec<u8>), ReachError> {
    objects
        .read(oid)?
        .ok_or_else(|| ReachError::Damaged(format!("object {oid} is missing")))
}

// === commits ===

struct Walk {
    /// Newest first, with their trees.
    new_commits: Vec<(ObjectId, Option<ObjectId>)>,
    /// Trees of the known commits that new ones stand on.
    known_trees: Vec<ObjectId>,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    is_known: bool,
    was_visited: bool,
}

/// Walks from the newest commit to older ones and stops where only known ones are left, as
/// git-rev-list(1) does; a clock that ran backwards makes it send a few too many, never too few.
fn walk_commits(
    objects: &dyn Objects,
    head: ObjectId,
    have: &[ObjectId],
) -> Result<Walk, ReachError> {
    let mut walker = Walker::new(objects)?;
    let mut stood_on = Vec::new();
    for oid in have {
        if let Some((Kind::Commit, bytes)) = objects.read(oid)? {
            walker.queue(*oid, true, i64::MAX, parse_commit(&bytes));
            stood_on.push(*oid);
        }
    }
    walker.push(head, false)?;
    let mut visited = Vec::new();
    while walker.unknown > 0 {
        let Some((oid, commit, is_known)) = walker.pop() else {
            break;
        };
        let parents = walker.parents(&oid, &commit);
        for parent in parents {
            walker.push(*parent, is_known)?;
        }
        if !is_known {
            stood_on.extend_from_slice(parents);
            visited.push((oid, commit.tree));
        }
    }
    let is_known = |oid: &ObjectId| walker.marks.get(oid).is_some_and(|mark| mark.is_known);
    stood_on.retain(is_known);
    stood_on.sort_unstable();
    stood_on.dedup();
    let mut known_trees = Vec::new();
    for oid in &stood_on {
        known_trees.extend(read_commit(objects, oid)?.tree);
    }
    visited.retain(|(oid, _)| !is_known(oid));
    Ok(Walk {
        new_commits: visited,
        known_trees,
    })
}

struct Walker<'a> {
    objects: &'a dyn Objects,
    marks: HashMap<ObjectId, Mark>,
    queue: BinaryHeap<(i64, ObjectId)>,
    /// The commits in the queue.
    queued: HashMap<ObjectId, Commit>,
    /// Queued commits that are not known: the walk goes on while there is one.
    unknown: usize,
    shallow: HashSet<ObjectId>,
}

impl<'a> Walker<'a> {
    fn new(objects: &'a dyn Objects) -> Result<Self, ReachError> {
        let (marks, queued) = (HashMap::new(), HashMap::new());
        Ok(Self {
            objects,
            marks,
            queue: BinaryHeap::new(),
            queued,
            unknown: 0,
            shallow: objects.shallow()?.into_iter().collect(),
        })
    }

    /// The parents that are there.
    fn parents<'c>(&self, oid: &ObjectId, commit: &'c Commit) -> &'c [ObjectId] {
        match self.shallow.contains(oid) {
            true => &[],
            false => &commit.parents,
        }
    }

    /// Queues a commit that was not visited, or one that has turned out to be known since.
    fn push(&mut self, oid: ObjectId, is_known: bool) -> Result<(), ReachError> {
        let mark = self.marks.get(&oid).copied().unwrap_or_default();
        let becomes_known = is_known && !mark.is_known;
        if self.queued.contains_key(&oid) {
            if becomes_known {
                self.marks.entry(oid).or_default().is_known = true;
                self.unknown -= 1;
            }
        } else if becomes_known || !mark.was_visited {
            let commit = read_commit(self.objects, &oid)?;
            self.queue(oid, is_known || mark.is_known, commit.time, commit);
        }
        Ok(())
    }

    fn queue(&mut self, oid: ObjectId, is_known: bool, time: i64, commit: Commit) {
        if self.queued.insert(oid, commit).is_none() {
            self.marks.entry(oid).or_default().is_known |= is_known;
            self.unknown += usize::from(!is_known);
            self.queue.push((time, oid));
        }
    }

    fn pop(&mut self) -> Option<(ObjectId, Commit, bool)> {
        let (_, oid) = self.queue.pop()?;
        let commit = self.queued.remove(&oid)?;
        let mark = self.marks.entry(oid).or_default();
        mark.was_visited = true;
        self.unknown -= usize::from(!mark.is_known);
        Some((oid, commit, mark.is_known))
    }
}

fn read_commit(objects: &dyn Objects, oid: &ObjectId) -> Result<Commit, ReachError> {
    match required(objects, oid)? {
        (Kind::Commit, bytes) => Ok(parse_commit(&bytes)),
        (kind, _) => Err(ReachError::Damaged(format!(
            "{oid} is a {kind}, not a commit"
        ))),
    }
}

fn parse_commit(bytes: &[u8]) -> Commit {
    let mut commit = Commit::default();
    for line in bytes
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
    {
        if let Some(oid) = line.strip_prefix(b"parent ") {
            commit.parents.extend(ObjectId::from_hex(oid).ok());
        } else if let Some(person) = line.strip_prefix(b"committer ") {
            commit.time = time_of(person).unwrap_or_default();
            break;
        }
    }
    commit.tree = header_oid(bytes, b"tree ");
    commit
}

/// The object id on the first line that starts with `name`, which has to be the first of the object.
fn header_oid(bytes: &[u8], name: &[u8]) -> Option<ObjectId> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    ObjectId::from_hex(line.strip_prefix(name)?).ok()
}

/// Seconds, in `Name <mail> seconds zone`.
fn time_of(person: &[u8]) -> Option<i64> {
    let after_mail = person.rsplit(|byte| *byte == b'>').next()?;
    std::str::from_utf8(after_mail)
        .ok()?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

// === trees ===

/// Adds a tree and everything below it to `known`.
fn mark_tree(
    objects: &dyn Objects,
    root: ObjectId,
    known: &mut HashSet<ObjectId>,
) -> Result<(), ReachError> {
    let mut pending = vec![root];
    while let Some(oid) = pending.pop() {
        if !known.insert(oid) {
            continue;
        }
        let (_, bytes) = required(objects, &oid)?;
        for (is_tree, child) in children(&bytes) {
            if is_tree {
                pending.push(child);
            } else {
                known.insert(child);
            }
        }
    }
    Ok(())
}

/// The entries of a tree that are objects of this repository: submodules are not.
fn children(tree: &[u8]) -> impl Iterator<Item = (bool, ObjectId)> + '_ {
    TreeRefIter::from_bytes(tree, gix_hash::Kind::Sha1)
        .map_while(Result::ok)
        .filter(|entry| !entry.mode.is_commit())
        .map(|entry| (entry.mode.is_tree(), entry.oid.to_owned()))
}

struct Sender<'a> {
    objects: &'a dyn Objects,
    known: HashSet<ObjectId>,
    sent: &'a mut HashSet<ObjectId>,
    object_limit: u32,
    receiver: &'a mut dyn Receiver,
}

impl Sender<'_> {
    fn is_new(&self, oid: &ObjectId) -> bool {
        !self.known.contains(oid) && !self.sent.contains(oid)
    }

    fn send(&mut self, kind: Kind, oid: &ObjectId, bytes: Vec<u8>) -> Result<(), ReachError> {
        if self.sent.len() >= self.object_limit as usize {
            return Err(Failure::refused(format!(
                "the commit reaches more than {} objects; shorten the history, or split the repository",
                self.object_limit
            ))
            .into());
        }
        self.receiver.object(kind, oid, bytes)?;
        self.sent.insert(*oid);
        Ok(())
    }

    fn tree(&mut self, root: ObjectId) -> Result<(), ReachError> {
        let mut pending = vec![root];
        while let Some(oid) = pending.pop() {
            if !self.is_new(&oid) {
                continue;
            }
            let (kind, bytes) = required(self.objects, &oid)?;
            if kind == Kind::Tree {
                pending.extend(children(&bytes).map(|(_, child)| child));
            }
            self.send(kind, &oid, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
