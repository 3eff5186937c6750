//! Which commits are new: reachable from a head and not behind a commit that is vouched for.
//!
//! The walk follows commit dates, as Git's does, so that a push of one commit onto a long history
//! loads two commits. Dates are only a hint: with wrong ones the walk may call an old commit new,
//! never a new commit old, because only real ancestors of a vouched commit are marked old.
//! [`Range::exhaust`] then settles it.

use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::object::load_kind;
use crate::{LoadError, ObjectKind, ObjectReader, Oid, commit};

/// Most commits that one walk holds. The Linux kernel has 1.4 million; a cluster's repository has
/// thousands, and a hundred bytes are held for each.
pub(crate) const MAX_WALKED_COMMITS: usize = 1_000_000;

/// Why a walk ended without an answer.
#[derive(Debug)]
pub(crate) enum RangeError {
    Load(LoadError),
    TooLong,
}

/// A walk over history from a head, with what it has found so far.
pub(crate) struct Range<'a> {
    reader: &'a dyn ObjectReader,
    head: Oid,
    nodes: HashMap<Oid, Node>,
    queue: BinaryHeap<(i64, Oid)>,
    /// Queued commits that are marked new and not old; the walk ends when there is none.
    undecided: usize,
}

struct Node {
    parents: Vec<Oid>,
    time: i64,
    marks: Marks,
    queued: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Marks {
    new: bool,
    old: bool,
}

// === impl Range ===

impl<'a> Range<'a> {
    /// Walks from `head` and from the `vouched` commits until every new commit is found.
    ///
    /// # Errors
    /// A commit of the new range is missing or broken, or the walk is too long.
    pub(crate) fn walk(
        reader: &'a dyn ObjectReader,
        head: Oid,
        vouched: &[Oid],
    ) -> Result<Self, RangeError> {
        let (nodes, queue) = (HashMap::new(), BinaryHeap::new());
        let mut range = Self {
            reader,
            head,
            nodes,
            queue,
            undecided: 0,
        };
        for oid in vouched {
            range.mark(
                *oid,
                Marks {
                    new: false,
                    old: true,
                },
            )?;
        }
        range.mark(
            head,
            Marks {
                new: true,
                old: false,
            },
        )?;
        while range.undecided > 0 {
            range.step()?;
        }
        Ok(range)
    }

    /// Follows the vouched commits to their roots, so that no old commit is called new.
    ///
    /// # Errors
    /// As [`Range::walk`].
    pub(crate) fn exhaust(&mut self) -> Result<(), RangeError> {
        while !self.queue.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    /// Says whether the head is this commit or descends from it by new commits only.
    pub(crate) fn reaches(&self, oid: &Oid) -> bool {
        self.nodes.get(oid).is_some_and(|node| node.marks.new)
    }

    /// Gives the new commits, parents before children.
    pub(crate) fn new_commits(&self) -> Vec<Oid> {
        let mut ordered = Vec::new();
        let mut seen = HashSet::new();
        let mut stack = vec![(self.head, false)];
        while let Some((oid, parents_done)) = stack.pop() {
            let Some(node) = self.nodes.get(&oid).filter(|node| node.marks.undecided()) else {
                continue;
            };
            if parents_done {
                ordered.push(oid);
            } else if seen.insert(oid) {
                stack.push((oid, true));
                stack.extend(node.parents.iter().rev().map(|parent| (*parent, false)));
            }
        }
        ordered
    }

    fn step(&mut self) -> Result<(), RangeError> {
        let Some((_, oid)) = self.queue.pop() else {
            return Ok(());
        };
        let Some(node) = self.nodes.get_mut(&oid) else {
            return Ok(());
        };
        node.queued = false;
        let marks = node.marks;
        if marks.undecided() {
            self.undecided -= 1;
        }
        for parent in node.parents.clone() {
            self.mark(parent, marks)?;
        }
        Ok(())
    }

    /// Adds marks to a commit and queues it when that changed anything.
    fn mark(&mut self, oid: Oid, marks: Marks) -> Result<(), RangeError> {
        if !self.nodes.contains_key(&oid) && !self.insert(oid, marks)? {
            return Ok(());
        }
        let Some(node) = self.nodes.get_mut(&oid) else {
            return Ok(());
        };
        let before = node.marks;
        let counted = node.queued && before.undecided();
        node.marks = Marks {
            new: before.new || marks.new,
            old: before.old || marks.old,
        };
        if node.marks != before && !node.queued {
            node.queued = true;
            self.queue.push((node.time, oid));
        }
        let counts = node.queued && node.marks.undecided();
        match (counted, counts) {
            (false, true) => self.undecided += 1,
            (true, false) => self.undecided -= 1,
            _ => {}
        }
        Ok(())
    }

    /// Loads a commit into the walk; false when it is behind a vouched commit and not there, as
    /// it is where only newer history was fetched.
    fn insert(&mut self, oid: Oid, marks: Marks) -> Result<bool, RangeError> {
        if self.nodes.len() >= MAX_WALKED_COMMITS {
            return Err(RangeError::TooLong);
        }
        let bytes = match load_kind(self.reader, &oid, ObjectKind::Commit) {
            Ok(bytes) => bytes,
            Err(LoadError::Missing { .. }) if marks.old => return Ok(false),
            Err(error) => return Err(RangeError::Load(error)),
        };
        let (parents, time) = commit::parents(&bytes);
        let marks = Marks {
            new: false,
            old: false,
        };
        self.nodes.insert(
            oid,
            Node {
                parents,
                time,
                marks,
                queued: false,
            },
        );
        Ok(true)
    }
}

// === impl Marks ===

impl Marks {
    fn undecided(self) -> bool {
        self.new && !self.old
    }
}

// === impl RangeError ===

impl From<LoadError> for RangeError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}
