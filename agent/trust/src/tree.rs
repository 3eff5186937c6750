//! Trees read strictly from their raw bytes.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::{Oid, text};

/// Largest tree that is looked at: about four hundred thousand entries in one directory.
const MAX_TREE_BYTES: usize = 16 * 1024 * 1024;

/// Longest name of an entry; Linux allows 255 bytes, Git itself 4096.
const MAX_NAME_BYTES: usize = 4096;

/// A tree that Git would not have written, or that a file system could be fooled with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tree {tree} is invalid: entry {entry:?} {problem}; nothing of this commit is used")]
pub struct InvalidTree {
    /// The tree.
    pub tree: Oid,
    /// The entry's name, safe to print.
    pub entry: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What an entry is, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryMode {
    File,
    Symlink,
    Directory,
    Submodule,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) mode: EntryMode,
    pub(crate) oid: Oid,
}

/// One entry as it lies in the bytes, and what follows it.
struct RawEntry<'a> {
    mode: &'a [u8],
    name: &'a [u8],
    oid: Oid,
    rest: &'a [u8],
}

// === impl TreeEntry ===

impl TreeEntry {
    /// How long it is in the tree.
    pub(crate) fn bytes(&self) -> usize {
        // The longest mode, a space and a NUL byte stand around the name.
        self.name.len() + self.oid.as_bytes().len() + 8
    }
}

// === impl EntryMode ===

impl EntryMode {
    /// Reads a mode as Git writes it today (gitformat-index(5)); historic 100664 is refused.
    fn parse(digits: &[u8]) -> Option<Self> {
        match digits {
            b"100644" | b"100755" => Some(Self::File),
            b"120000" => Some(Self::Symlink),
            b"40000" => Some(Self::Directory),
            b"160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// Reads a tree.
///
/// # Errors
/// An entry has a hostile name, an odd mode, is repeated or not in Git's order, or is cut short.
pub(crate) fn parse(tree: &Oid, bytes: &[u8]) -> Result<Vec<TreeEntry>, InvalidTree> {
    let invalid = |entry: &[u8], problem| InvalidTree {
        tree: *tree,
        entry: text::shown(entry),
        problem,
    };
    if bytes.len() > MAX_TREE_BYTES {
        return Err(invalid(b"", "lies in a directory with too many entries"));
    }
    let mut entries: Vec<TreeEntry> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let RawEntry {
            mode,
            name,
            oid,
            rest: after,
        } = cut(rest).ok_or_else(|| invalid(b"", "is cut short"))?;
        let mode = EntryMode::parse(mode).ok_or_else(|| invalid(name, "has an odd mode"))?;
        check_name(name).map_err(|problem| invalid(name, problem))?;
        let entry = TreeEntry {
            name: name.to_vec(),
            mode,
            oid,
        };
        if entries
            .last()
            .is_some_and(|last| in_order(last, &entry) != Ordering::Less)
        {
            return Err(invalid(name, "is repeated or not in order"));
        }
        entries.push(entry);
        rest = after;
    }
    match named_twice(&entries) {
        Some(entry) => Err(invalid(&entry.name, "is repeated")),
        None => Ok(entries),
    }
}

/// A file that has the name of a directory: `a` and `a/` sort apart, so they need not be neighbours.
fn named_twice(entries: &[TreeEntry]) -> Option<&TreeEntry> {
    let is_directory = |entry: &&TreeEntry| entry.mode == EntryMode::Directory;
    let directories = entries.iter().filter(is_directory);
    let directories: HashSet<&[u8]> = directories.map(|entry| entry.name.as_slice()).collect();
    let mut files = entries.iter().filter(|entry| !is_directory(entry));
    files.find(|file| directories.contains(file.name.as_slice()))
}

/// Finds an entry of a tree that was read strictly, and so is in order and has each name once.
pub(crate) fn find<'t>(entries: &'t [TreeEntry], name: &[u8]) -> Option<&'t TreeEntry> {
    let as_a = |mode| {
        let wanted = TreeEntry {
            name: name.to_vec(),
            mode,
            oid: Oid::from_bytes([0; 20]),
        };
        let at = entries.binary_search_by(|entry| in_order(entry, &wanted));
        at.ok().and_then(|at| entries.get(at))
    };
    as_a(EntryMode::File).or_else(|| as_a(EntryMode::Directory))
}

/// Finds the file of a name in a tree without reading all of it strictly; a name that stands there twice is none.
///
/// # Errors
/// An entry is cut short, or the name is repeated.
pub(crate) fn find_file(tree: &Oid, bytes: &[u8], name: &[u8]) -> Result<Option<Oid>, InvalidTree> {
    let invalid = |entry: &[u8], problem| InvalidTree {
        tree: *tree,
        entry: text::shown(entry),
        problem,
    };
    let (mut rest, mut found, mut seen) = (bytes, None, false);
    while !rest.is_empty() {
        let entry = cut(rest).ok_or_else(|| invalid(b"", "is cut short"))?;
        if entry.name == name {
            if std::mem::replace(&mut seen, true) {
                return Err(invalid(name, "is repeated"));
            }
            let is_file = EntryMode::parse(entry.mode) == Some(EntryMode::File);
            found = is_file.then_some(entry.oid);
        }
        rest = entry.rest;
    }
    Ok(found)
}

/// Cuts `MODE SP NAME NUL 20 bytes` off the front; gives mode, name, id and the rest.
fn cut(bytes: &[u8]) -> Option<RawEntry<'_>> {
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let (mode, rest) = bytes.split_at_checked(space)?;
    let rest = rest.get(1..)?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = rest.split_at_checked(nul)?;
    let (oid, rest) = rest.get(1..)?.split_first_chunk::<20>()?;
    Some(RawEntry {
        mode,
        name,
        oid: Oid::from_bytes(*oid),
        rest,
    })
}

/// Refuses names that lead elsewhere than one step down (CVE-2024-35186, CVE-2026-45571).
fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("has no name");
    }
    if name == b"." || name == b".." {
        return Err("is named like a step in a path");
    }
    if name.contains(&b'/') {
        return Err("has a slash in its name");
    }
    if leads_to_git(name) {
        return Err("is named like Git's own directory");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("has a name that is too long");
    }
    Ok(())
}

/// True for what some file system opens as `.git`: Windows ignores trailing dots and spaces and what follows a
/// colon, has short names and takes a backslash for a slash; macOS ignores some invisible characters (git's
/// path.c, `is_ntfs_dotgit`, and utf8.c, `is_hfs_dotgit`). Nothing is checked out here; people do it with the
/// same commit.
fn leads_to_git(name: &[u8]) -> bool {
    let says_git = |letters: &[u8]| letters.eq_ignore_ascii_case(b"git");
    if name.is_ascii() && !name.windows(3).any(says_git) {
        return false;
    }
    let text = String::from_utf8_lossy(name);
    let visible = |character: &char| !matches!(character, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    text.split('\\').any(|step| {
        let step: String = step.chars().filter(visible).collect();
        let step = step.split(':').next().unwrap_or_default();
        let step = step.trim_end_matches(['.', ' ']);
        step.eq_ignore_ascii_case(".git") || step.eq_ignore_ascii_case("git~1")
    })
}

/// Git sorts a directory as if its name ended with a slash (tree.c, base_name_compare).
pub(crate) fn in_order(one: &TreeEntry, other: &TreeEntry) -> Ordering {
    let shared = one.name.len().min(other.name.len());
    let (head, tail) = one.name.split_at(shared);
    let (other_head, other_tail) = other.name.split_at(shared);
    let end = |tail: &[u8], entry: &TreeEntry| {
        let slash = (entry.mode == EntryMode::Directory).then_some(b'/');
        tail.first().copied().or(slash)
    };
    let ends = || end(tail, one).cmp(&end(other_tail, other));
    head.cmp(other_head).then_with(ends)
}

#[cfg(test)]
mod tests;
