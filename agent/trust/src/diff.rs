//! Which files differ between trees: only directories that differ are read.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::tree::{EntryMode, TreeEntry, in_order};
use crate::trees::{TreeError, Trees};
use crate::{LoadError, Oid};

/// Longest path: `PATH_MAX` of Linux, so that nobody could check out a longer one.
const MAX_PATH: usize = 4096;

/// Paths that may differ in all the comparisons of one walk, those counted in whose directory is looked through for them. A
/// few trees that name each other many times over unfold to more than anybody can look at.
const MAX_CHANGED: usize = 1_000_000;

/// As many more for each commit of the walk, so that a long history of small changes is no large one: comparing takes as long as
/// verifying a signature does.
const MAX_CHANGED_EACH: usize = 200;

/// Bytes of a directory that are read, hashed and looked through as fast as one path that differs is told.
const QUICK_BYTES: usize = 2048;

/// Entries of one directory, on all sides together and each counted for each side: all of them are in memory at once. Two sides
/// may have a million each.
const MAX_ENTRIES: usize = 4_000_000;

/// Bytes of the directories that are known to differ and were not looked into yet.
const MAX_PENDING_BYTES: usize = 64 * 1024 * 1024;

/// Why trees could not be compared.
#[derive(Debug)]
pub(crate) enum DiffError {
    Load(LoadError),
    /// More paths differ than may, or than there is room for.
    TooMany {
        /// How many may.
        limit: usize,
    },
    /// A tree that Git would not have written, or a path too long; says which.
    Invalid(String),
}

/// A path at which the new tree differs from every old one.
pub(crate) struct Changed<'c> {
    pub(crate) path: &'c [u8],
    /// What is there now, a directory included.
    pub(crate) now: Option<&'c TreeEntry>,
    /// What was there in each of the old trees.
    pub(crate) before: &'c [Option<&'c TreeEntry>],
}

/// How many paths may still differ.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    limit: usize,
}

/// Who hears of changes.
pub(crate) trait Hear {
    /// Whether nothing below a directory matters, so that it need not be read.
    fn may_skip(&self, directory: &[u8]) -> bool;

    /// Hears of one change, and says whether to go on.
    fn tell(&mut self, changed: Changed<'_>) -> ControlFlow<()>;
}

/// An entry by name in the new tree and in each of the old ones.
type Sides<'e> = (Option<&'e TreeEntry>, Vec<Option<&'e TreeEntry>>);

/// A directory in the new tree and in each of the old ones; nothing where there is none.
struct Place {
    path: Vec<u8>,
    now: Option<Oid>,
    before: Vec<Option<Oid>>,
}

/// A directory on one side.
type Side = Rc<Vec<TreeEntry>>;

/// One comparison.
struct Comparison<'c, 'a> {
    trees: &'c Trees<'a>,
    budget: &'c mut Budget,
    /// What is known to differ and was not looked into yet, and its bytes.
    pending: Vec<Place>,
    pending_bytes: usize,
}

/// Tells of each path at which the new tree differs from every old one, until told to stop.
///
/// With several old trees it is what a merge itself changed.
///
/// # Errors
/// A tree that differs cannot be loaded or read, or the budget is spent.
pub(crate) fn changed_paths(
    trees: &Trees<'_>,
    new: Oid,
    old: &[Oid],
    budget: &mut Budget,
    ear: &mut dyn Hear,
) -> Result<(), DiffError> {
    let mut comparison = Comparison {
        trees,
        budget,
        pending: Vec::new(),
        pending_bytes: 0,
    };
    comparison.push(Place {
        path: Vec::new(),
        now: Some(new),
        before: old.iter().copied().map(Some).collect(),
    })?;
    while let Some(place) = comparison.pending.pop() {
        comparison.pending_bytes -= place.bytes();
        if comparison.directory(&place, ear)?.is_break() {
            break;
        }
    }
    Ok(())
}

// === impl Budget ===

impl Budget {
    /// What a walk over so many commits may cost.
    pub(crate) fn of(commits: usize) -> Self {
        let limit = MAX_CHANGED.saturating_add(commits.saturating_mul(MAX_CHANGED_EACH));
        Self { left: limit, limit }
    }

    fn spend(&mut self, paths: usize) -> Result<(), DiffError> {
        self.left = self.left.checked_sub(paths).ok_or(self.too_many())?;
        Ok(())
    }

    fn too_many(&self) -> DiffError {
        DiffError::TooMany { limit: self.limit }
    }
}

// === impl Place ===

impl Place {
    /// How much of the memory it takes.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.path.len() + size_of_val(self.before.as_slice())
    }
}

// === impl Comparison ===

impl Comparison<'_, '_> {
    fn directory(
        &mut self,
        place: &Place,
        ear: &mut dyn Hear,
    ) -> Result<ControlFlow<()>, DiffError> {
        if place.before.contains(&place.now) || ear.may_skip(&place.path) {
            return Ok(ControlFlow::Continue(()));
        }
        let (new, old) = self.sides(place)?;
        for (name, (now, before)) in by_name(&new, &old) {
            if before.iter().any(|before| same(now, *before)) {
                continue;
            }
            self.budget.spend(1)?;
            let path = joined(&place.path, name);
            if path.len() > MAX_PATH {
                let detail = format!("a path is longer than {MAX_PATH} bytes");
                return Err(DiffError::Invalid(detail));
            }
            let is_file = |entry: &Option<&TreeEntry>| {
                entry.is_some_and(|entry| entry.mode != EntryMode::Directory)
            };
            // A file that came, went, changed, or stands where a directory was.
            let differs = is_file(&now) || before.iter().any(is_file);
            let changed = Changed {
                path: &path,
                now,
                before: &before,
            };
            if differs && ear.tell(changed).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let before: Vec<_> = before.iter().map(|before| directory(*before)).collect();
            let now = directory(now);
            if now.is_some() || before.iter().any(Option::is_some) {
                self.push(Place { path, now, before })?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the directory on each side.
    fn sides(&mut self, place: &Place) -> Result<(Side, Vec<Side>), DiffError> {
        let mut room = MAX_ENTRIES / (1 + place.before.len());
        let mut read = |tree: Option<Oid>| {
            let entries = entries(self.trees, tree)?;
            let bytes: usize = entries.iter().map(TreeEntry::bytes).sum();
            self.budget.spend(bytes / QUICK_BYTES)?;
            room = room
                .checked_sub(entries.len())
                .ok_or(self.budget.too_many())?;
            Ok(entries)
        };
        let new = read(place.now)?;
        let old = place.before.iter().map(|oid| read(*oid));
        let old = old.collect::<Result<_, DiffError>>()?;
        self.budget.spend(1)?;
        Ok((new, old))
    }

    fn push(&mut self, place: Place) -> Result<(), DiffError> {
        self.pending_bytes += place.bytes();
        if self.pending_bytes > MAX_PENDING_BYTES {
            return Err(self.budget.too_many());
        }
        self.pending.push(place);
        Ok(())
    }
}

fn directory(entry: Option<&TreeEntry>) -> Option<Oid> {
    let entry = entry.filter(|entry| entry.mode == EntryMode::Directory);
    entry.map(|entry| entry.oid)
}

fn entries(trees: &Trees<'_>, tree: Option<Oid>) -> Result<Side, DiffError> {
    let Some(tree) = tree else {
        return Ok(Rc::default());
    };
    trees.read(&tree).map_err(|error| match error {
        TreeError::Load(error) => DiffError::Load(error),
        TreeError::Invalid(error) => DiffError::Invalid(error.to_string()),
    })
}

/// What each name stands for on each side. Left out is what the new tree has as the first of the old ones has it: nearly all,
/// as a rule, and no change.
fn by_name<'e>(
    new: &'e [TreeEntry],
    old: &'e [Rc<Vec<TreeEntry>>],
) -> BTreeMap<&'e [u8], Sides<'e>> {
    let mut names: BTreeMap<&[u8], Sides<'_>> = BTreeMap::new();
    let nothing = || (None, vec![None; old.len()]);
    let first = old
        .first()
        .map(|first| first.as_slice())
        .unwrap_or_default();
    let (new, first) = apart(new, first);
    for entry in new {
        names.entry(&entry.name).or_insert_with(nothing).0 = Some(entry);
    }
    let others = old.iter().skip(1);
    let others = others.map(|entries| entries.iter().collect::<Vec<_>>());
    for (side, entries) in [first].into_iter().chain(others).enumerate() {
        for entry in entries {
            let sides = names.entry(&entry.name).or_insert_with(nothing);
            if let Some(slot) = sides.1.get_mut(side) {
                *slot = Some(entry);
            }
        }
    }
    names
}

/// The entries of two trees without those that are the same in both.
fn apart<'e>(
    one: &'e [TreeEntry],
    other: &'e [TreeEntry],
) -> (Vec<&'e TreeEntry>, Vec<&'e TreeEntry>) {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    while let (Some(&left), Some(&right)) = (one.peek(), other.peek()) {
        match in_order(left, right) {
            Ordering::Less => ones.extend(one.next()),
            Ordering::Greater => others.extend(other.next()),
            Ordering::Equal => {
                if !same(Some(left), Some(right)) {
                    ones.push(left);
                    others.push(right);
                }
                one.next();
                other.next();
            }
        }
    }
    ones.extend(one);
    others.extend(other);
    (ones, others)
}

/// Whether nothing differs. Whether a file may be run means nothing here: nothing is.
fn same(one: Option<&TreeEntry>, other: Option<&TreeEntry>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.mode == other.mode && one.oid == other.oid,
        _ => false,
    }
}

pub(crate) fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = directory.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
