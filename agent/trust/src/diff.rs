//! Which files differ between trees: only directories that differ are read.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::tree::{EntryMode, TreeEntry, in_order};
use crate::trees::{TreeError, Trees};
use crate::{LoadError, Oid};

/// How deep directories may nest: four thousand bytes of path have no more.
const MAX_DEPTH: usize = 256;

/// Paths that may differ in all the comparisons of one walk, those counted in whose directory is looked through for them. A
/// few trees that name each other many times over unfold to more than anybody can look at.
pub(crate) const MAX_CHANGED: usize = 1_000_000;

/// Entries that are looked through as fast as one that differs is told.
const QUICK_ENTRIES: usize = 64;

/// Why trees could not be compared.
#[derive(Debug)]
pub(crate) enum DiffError {
    Load(LoadError),
    /// More paths differ than may: [`MAX_CHANGED`].
    TooMany,
    /// A tree that Git would not have written, or one too deep; says which.
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
pub(crate) struct Budget(usize);

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
type Pending = (Vec<u8>, Option<Oid>, Vec<Option<Oid>>);

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
    let old = old.iter().copied().map(Some).collect();
    let mut pending: Vec<Pending> = vec![(Vec::new(), Some(new), old)];
    while let Some(place) = pending.pop() {
        if directory(trees, &place, &mut pending, budget, ear)?.is_break() {
            break;
        }
    }
    Ok(())
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new() -> Self {
        Self(MAX_CHANGED)
    }

    fn spend(&mut self, paths: usize) -> Result<(), DiffError> {
        self.0 = self.0.checked_sub(paths).ok_or(DiffError::TooMany)?;
        Ok(())
    }
}

fn directory(
    trees: &Trees<'_>,
    (path, new, old): &Pending,
    pending: &mut Vec<Pending>,
    budget: &mut Budget,
    ear: &mut dyn Hear,
) -> Result<ControlFlow<()>, DiffError> {
    if old.contains(new) || ear.may_skip(path) {
        return Ok(ControlFlow::Continue(()));
    }
    if path.iter().filter(|byte| **byte == b'/').count() > MAX_DEPTH {
        return Err(DiffError::Invalid(format!(
            "directories nest deeper than {MAX_DEPTH}"
        )));
    }
    let new = entries(trees, *new)?;
    let old = old.iter().map(|oid| entries(trees, *oid));
    let old = old.collect::<Result<Vec<_>, _>>()?;
    let entries = old.iter().map(|old| old.len()).sum::<usize>() + new.len();
    budget.spend(1 + entries / QUICK_ENTRIES)?;
    for (name, (now, before)) in by_name(&new, &old) {
        if before.iter().any(|before| same(now, *before)) {
            continue;
        }
        budget.spend(1)?;
        let path = joined(path, name);
        let below = |entry: Option<&TreeEntry>| {
            entry
                .filter(|entry| entry.mode == EntryMode::Directory)
                .map(|entry| entry.oid)
        };
        let directories: Vec<_> = before.iter().map(|before| below(*before)).collect();
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
        if below(now).is_some() || directories.iter().any(Option::is_some) {
            pending.push((path, below(now), directories));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn entries(trees: &Trees<'_>, tree: Option<Oid>) -> Result<Rc<Vec<TreeEntry>>, DiffError> {
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
