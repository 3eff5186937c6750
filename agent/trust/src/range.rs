//! Which commits are new: reachable from a head and not behind a commit that is vouched for.
//!
//! The walk follows commit dates, as Git's does, so that a push of one commit onto a long history
//! loads two commits. Dates are only a hint: with wrong ones the walk may call an old commit new,
//! never a new commit old, because only real ancestors of a vouched commit are marked old.
//! [`Range::exhaust`] then settles it.

use std::collections::{BinaryHeap, HashMap};

use crate::object::load_kind;
use crate::{LoadError, ObjectKind, ObjectReader, Oid, commit};

/// Most commits that one walk holds. The Linux kernel has 1.4 million; a cluster's repository has
/// thousands, and a hundred bytes are held for each.
pub(crate) const MAX_WALKED_COMMITS: usize = 1_000_000;

/// Most parents that the commits of one walk name together: four each. A single hostile commit could name twenty
/// thousand.
const MAX_WALKED_PARENTS: usize = 4 * MAX_WALKED_COMMITS;

/// Why a walk ended without an answer.
#[derive(Debug)]
pub(crate) enum RangeError {
    Load(LoadError),
    TooLong,
}

/// A commit of one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// A walk over history from a head, with what it has found so far.
pub(crate) struct Range<'a> {
    reader: &'a dyn ObjectReader,
    head: Id,
    ids: HashMap<Oid, Id>,
    nodes: Vec<Node>,
    /// The parents of all nodes, one after the other.
    edges: Vec<Id>,
    queue: BinaryHeap<(i64, Id)>,
    /// Queued commits that are marked new and not old; the walk ends when there is none.
    undecided: usize,
}

struct Node {
    oid: Oid,
    time: i64,
    /// Where its parents begin among the edges, and how many they are.
    parents_at: u32,
    parents: u32,
    content: Content,
    marks: Marks,
    queued: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Named by another commit and not looked at.
    Named,
    Loaded,
    /// Behind a vouched commit and not there, as it is where only newer history was fetched.
    Absent,
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
        let mut range = Self {
            reader,
            head: Id(0),
            ids: HashMap::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            queue: BinaryHeap::new(),
            undecided: 0,
        };
        range.head = range.intern(head)?;
        for oid in vouched {
            let id = range.intern(*oid)?;
            range.mark(id, Marks::OLD)?;
        }
        range.mark(range.head, Marks::NEW)?;
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
        self.id(oid)
            .and_then(|id| self.node(id))
            .is_some_and(|node| node.marks.new)
    }

    pub(crate) fn head(&self) -> Id {
        self.head
    }

    /// How many commits the walk has met; no [`Id`] has a higher index.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn id(&self, oid: &Oid) -> Option<Id> {
        self.ids.get(oid).copied()
    }

    pub(crate) fn oid(&self, id: Id) -> Option<Oid> {
        self.node(id).map(|node| node.oid)
    }

    /// When the committer of a commit says that it was made; `None` for one that is not there.
    pub(crate) fn time(&self, oid: &Oid) -> Option<i64> {
        let node = self.node(self.id(oid)?)?;
        (node.content == Content::Loaded).then_some(node.time)
    }

    pub(crate) fn parents(&self, id: Id) -> &[Id] {
        self.node(id)
            .and_then(|node| {
                let from = node.parents_at as usize;
                self.edges.get(from..from + node.parents as usize)
            })
            .unwrap_or_default()
    }

    /// Gives the new commits, parents before children.
    pub(crate) fn new_commits(&self) -> Vec<Id> {
        let mut ordered = Vec::new();
        let mut seen = vec![false; self.len()];
        let mut stack = vec![(self.head, false)];
        while let Some((id, parents_done)) = stack.pop() {
            if !self.is_new(id) {
                continue;
            }
            if parents_done {
                ordered.push(id);
                continue;
            }
            if let Some(seen) = seen.get_mut(id.index())
                && !std::mem::replace(seen, true)
            {
                stack.push((id, true));
                stack.extend(self.parents(id).iter().rev().map(|parent| (*parent, false)));
            }
        }
        ordered
    }

    fn is_new(&self, id: Id) -> bool {
        self.node(id).is_some_and(|node| node.marks.undecided())
    }

    fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    fn step(&mut self) -> Result<(), RangeError> {
        let Some((_, id)) = self.queue.pop() else {
            return Ok(());
        };
        let Some(node) = self.nodes.get_mut(id.index()) else {
            return Ok(());
        };
        node.queued = false;
        let marks = node.marks;
        let from = node.parents_at as usize;
        let to = from + node.parents as usize;
        if marks.undecided() {
            self.undecided -= 1;
        }
        for at in from..to {
            if let Some(parent) = self.edges.get(at).copied() {
                self.mark(parent, marks)?;
            }
        }
        Ok(())
    }

    /// Adds marks to a commit and queues it when that changed anything.
    fn mark(&mut self, id: Id, marks: Marks) -> Result<(), RangeError> {
        self.load(id, marks)?;
        let Some(node) = self.nodes.get_mut(id.index()) else {
            return Ok(());
        };
        let before = node.marks;
        let counted = node.queued && before.undecided();
        node.marks = Marks {
            new: before.new || marks.new,
            old: before.old || marks.old,
        };
        if node.marks != before && !node.queued && node.content == Content::Loaded {
            node.queued = true;
            self.queue.push((node.time, id));
        }
        let counts = node.queued && node.marks.undecided();
        match (counted, counts) {
            (false, true) => self.undecided += 1,
            (true, false) => self.undecided -= 1,
            _ => {}
        }
        Ok(())
    }

    /// Reads a commit that was only named so far. One that is not there may be missing only where
    /// a vouched commit covers it.
    fn load(&mut self, id: Id, marks: Marks) -> Result<(), RangeError> {
        let Some(node) = self.node(id) else {
            return Ok(());
        };
        if node.content != Content::Named {
            return Ok(());
        }
        let (parents, time, content) = match load_kind(self.reader, &node.oid, ObjectKind::Commit) {
            Ok(bytes) => {
                let (parents, time) = commit::parents(&bytes);
                (parents, time, Content::Loaded)
            }
            Err(LoadError::Missing { .. }) if marks.old => (Vec::new(), 0, Content::Absent),
            Err(error) => return Err(RangeError::Load(error)),
        };
        let parents_at = index(self.edges.len())?;
        for parent in &parents {
            let parent = self.intern(*parent)?;
            self.edges.push(parent);
            if self.edges.len() > MAX_WALKED_PARENTS {
                return Err(RangeError::TooLong);
            }
        }
        let count = index(parents.len())?;
        if let Some(node) = self.nodes.get_mut(id.index()) {
            (node.time, node.content) = (time, content);
            (node.parents_at, node.parents) = (parents_at, count);
        }
        Ok(())
    }

    /// Gives a commit its place in the walk.
    fn intern(&mut self, oid: Oid) -> Result<Id, RangeError> {
        if let Some(id) = self.ids.get(&oid) {
            return Ok(*id);
        }
        if self.nodes.len() >= MAX_WALKED_COMMITS {
            return Err(RangeError::TooLong);
        }
        let id = Id(index(self.nodes.len())?);
        self.ids.insert(oid, id);
        self.nodes.push(Node {
            oid,
            time: 0,
            parents_at: 0,
            parents: 0,
            content: Content::Named,
            marks: Marks::NONE,
            queued: false,
        });
        Ok(id)
    }
}

fn index(length: usize) -> Result<u32, RangeError> {
    u32::try_from(length).map_err(|_| RangeError::TooLong)
}

// === impl Id ===

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

// === impl Marks ===

impl Marks {
    const NONE: Self = Self {
        new: false,
        old: false,
    };
    const NEW: Self = Self {
        new: true,
        old: false,
    };
    const OLD: Self = Self {
        new: false,
        old: true,
    };

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
