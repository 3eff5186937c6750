//! Which files differ between trees: only directories that differ are read.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::object::load_kind;
use crate::tree::{EntryMode, TreeEntry, parse};
use crate::{LoadError, ObjectKind, ObjectReader, Oid};

/// How deep directories may nest: four thousand bytes of path have no more.
const MAX_DEPTH: usize = 256;

/// Why trees could not be compared.
#[derive(Debug)]
pub(crate) enum DiffError {
    Load(LoadError),
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

/// An entry by name in the new tree and in each of the old ones.
type Sides<'e> = (Option<&'e TreeEntry>, Vec<Option<&'e TreeEntry>>);

/// A directory in the new tree and in each of the old ones; nothing where there is none.
type Pending = (Vec<u8>, Option<Oid>, Vec<Option<Oid>>);

/// Tells of each path below which the new tree differs from every old one, until told to stop.
///
/// With several old trees it is what a merge itself changed.
///
/// # Errors
/// A tree that differs cannot be loaded or read.
pub(crate) fn changed_paths(
    reader: &dyn ObjectReader,
    new: Oid,
    old: &[Oid],
    tell: &mut dyn FnMut(Changed<'_>) -> ControlFlow<()>,
) -> Result<(), DiffError> {
    let old = old.iter().copied().map(Some).collect();
    let mut pending: Vec<Pending> = vec![(Vec::new(), Some(new), old)];
    while let Some((path, new, old)) = pending.pop() {
        if directory(reader, &path, new, &old, &mut pending, tell)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn directory(
    reader: &dyn ObjectReader,
    path: &[u8],
    new: Option<Oid>,
    old: &[Option<Oid>],
    pending: &mut Vec<Pending>,
    tell: &mut dyn FnMut(Changed<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, DiffError> {
    if old.contains(&new) {
        return Ok(ControlFlow::Continue(()));
    }
    if path.iter().filter(|byte| **byte == b'/').count() > MAX_DEPTH {
        return Err(DiffError::Invalid(format!(
            "directories nest deeper than {MAX_DEPTH}"
        )));
    }
    let new = entries(reader, new)?;
    let old = old.iter().map(|oid| entries(reader, *oid));
    let old = old.collect::<Result<Vec<_>, _>>()?;
    for (name, (now, before)) in by_name(&new, &old) {
        if before.iter().any(|before| same(now, *before)) {
            continue;
        }
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
        if differs && tell(changed).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if below(now).is_some() || directories.iter().any(Option::is_some) {
            pending.push((path, below(now), directories));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn entries(reader: &dyn ObjectReader, tree: Option<Oid>) -> Result<Vec<TreeEntry>, DiffError> {
    let Some(tree) = tree else {
        return Ok(Vec::new());
    };
    let bytes = load_kind(reader, &tree, ObjectKind::Tree).map_err(DiffError::Load)?;
    parse(&tree, &bytes).map_err(|error| DiffError::Invalid(error.to_string()))
}

fn by_name<'e>(new: &'e [TreeEntry], old: &'e [Vec<TreeEntry>]) -> BTreeMap<&'e [u8], Sides<'e>> {
    let mut names: BTreeMap<&[u8], Sides<'_>> = BTreeMap::new();
    let nothing = || (None, vec![None; old.len()]);
    for entry in new {
        names.entry(&entry.name).or_insert_with(nothing).0 = Some(entry);
    }
    for (side, entries) in old.iter().enumerate() {
        for entry in entries {
            let sides = names.entry(&entry.name).or_insert_with(nothing);
            if let Some(slot) = sides.1.get_mut(side) {
                *slot = Some(entry);
            }
        }
    }
    names
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
