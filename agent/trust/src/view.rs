//! The files of a verified commit, read straight from objects; nothing is checked out.

mod error;

use std::cell::RefCell;
use std::rc::Rc;

pub use self::error::ViewError;

use crate::charter::Closed;
use crate::diff::joined;
use crate::object::load_kind;
use crate::tree::{self, EntryMode, TreeEntry};
use crate::trees::{TreeError, Trees};
use crate::{ObjectKind, ObjectReader, Oid, VerifiedSource, text};

/// Most symbolic links followed for one path, as Linux does (path_resolution(7)).
const MAX_SYMLINKS: usize = 40;

/// Longest target of a symbolic link: PATH_MAX of Linux.
const MAX_TARGET_BYTES: usize = 4096;

/// Largest file that is read. The API server takes objects of 3 MiB; a list of many fits.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// Most steps for one path, what links add included: more than PATH_MAX can spell, times the links.
const MAX_STEPS: usize = 100_000;

/// What a path leads to, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// What a directory lists; links are not followed, so that a walk over listings always ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, whatever it leads to.
    Symlink,
}

/// Most entries of the directories above a path that are kept for the next one, which mostly lies beside it: some tens of
/// megabytes at the worst.
const MAX_CHAIN_ENTRIES: usize = 256 * 1024;

/// The files of a verified commit. Every object is hashed again when it is loaded.
pub struct VerifiedTree<'a> {
    reader: &'a dyn ObjectReader,
    root: Oid,
    closed: Closed,
    trees: Trees<'a>,
    /// The directories above the path that was looked at last, the root first.
    chain: RefCell<Vec<(Oid, Rc<Vec<TreeEntry>>)>>,
}

/// Where a path leads.
enum Node {
    File(Oid),
    /// A directory and its path in the commit.
    Directory(Oid, Vec<u8>),
    Absent,
}

/// One path on its way through the trees.
struct Walk<'p> {
    path: &'p str,
    /// The steps still to take, the next one last.
    steps: Vec<Vec<u8>>,
    /// The directories entered and their paths in the commit, the root first.
    directories: Vec<(Oid, Vec<u8>)>,
    symlinks: usize,
}

// === impl VerifiedTree ===

impl<'a> VerifiedTree<'a> {
    /// Opens the directory of a verified commit.
    pub fn new(source: &VerifiedSource, reader: &'a dyn ObjectReader) -> Self {
        Self {
            reader,
            root: source.tree(),
            closed: source.closed().clone(),
            trees: Trees::new(reader),
            chain: RefCell::default(),
        }
    }

    /// Reads a file; `path` is relative to the root and separated by `/`, links are followed.
    ///
    /// # Errors
    /// No file is there, the path leaves the root, or an object on the way cannot be used.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, ViewError> {
        match self.resolve(path)? {
            Node::File(oid) => self.blob(path, &oid, MAX_FILE_BYTES),
            Node::Directory(..) => Err(ViewError::NotAFile {
                path: path.to_owned(),
            }),
            Node::Absent => Err(ViewError::NotFound {
                path: path.to_owned(),
            }),
        }
    }

    /// Lists a directory, sorted by name; `""` is the root. Submodules are not there, nor what the policy closes.
    ///
    /// # Errors
    /// No directory is there, the path leaves the root, a name is not text, or an object on the
    /// way cannot be used.
    pub fn list(&self, directory: &str) -> Result<Vec<(String, Listed)>, ViewError> {
        let (oid, at) = match self.resolve(directory)? {
            Node::Directory(oid, at) => (oid, at),
            Node::File(_) => {
                return Err(ViewError::NotADirectory {
                    path: directory.to_owned(),
                });
            }
            Node::Absent => {
                return Err(ViewError::NotFound {
                    path: directory.to_owned(),
                });
            }
        };
        let mut listed = Vec::new();
        for entry in self.tree(directory, (&oid, depth(&at)))?.iter() {
            let kind = match entry.mode {
                EntryMode::File => Listed::File,
                EntryMode::Directory => Listed::Directory,
                EntryMode::Symlink => Listed::Symlink,
                EntryMode::Submodule => continue,
            };
            if kind != Listed::Directory && self.closed.has(&joined(&at, &entry.name)) {
                continue;
            }
            let name = std::str::from_utf8(&entry.name).map_err(|_| ViewError::NameNotText {
                path: directory.to_owned(),
                name: text::shown(&entry.name),
            })?;
            listed.push((name.to_owned(), kind));
        }
        listed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(listed)
    }

    /// Says what a path leads to, links followed; `None` when nothing is there.
    ///
    /// # Errors
    /// The path leaves the root, or an object on the way cannot be used.
    pub fn kind(&self, path: &str) -> Result<Option<NodeKind>, ViewError> {
        Ok(match self.resolve(path)? {
            Node::File(_) => Some(NodeKind::File),
            Node::Directory(..) => Some(NodeKind::Directory),
            Node::Absent => None,
        })
    }

    fn resolve(&self, path: &str) -> Result<Node, ViewError> {
        let mut walk = Walk::new(path, self.root);
        walk.push_steps(path.as_bytes())?;
        while let Some(step) = walk.steps.pop() {
            let Some((here, at)) = walk.directories.last().cloned() else {
                break;
            };
            match step.as_slice() {
                b"" | b"." => continue,
                b".." => walk.go_up(b"..")?,
                name => {
                    let tree = self.tree(path, (&here, depth(&at)))?;
                    let Some(entry) = tree::find(&tree, name) else {
                        return Ok(Node::Absent);
                    };
                    let at = joined(&at, name);
                    if entry.mode != EntryMode::Directory && self.closed.has(&at) {
                        return Err(ViewError::Unrendered {
                            path: path.to_owned(),
                            closed: text::shown(&at),
                        });
                    }
                    match entry.mode {
                        EntryMode::Directory => walk.directories.push((entry.oid, at)),
                        EntryMode::Symlink => {
                            let target = self.blob(path, &entry.oid, MAX_TARGET_BYTES)?;
                            walk.follow(&target)?;
                        }
                        EntryMode::File if walk.steps.is_empty() => {
                            return Ok(Node::File(entry.oid));
                        }
                        EntryMode::File | EntryMode::Submodule => return Ok(Node::Absent),
                    }
                }
            }
        }
        let last = walk.directories.pop();
        Ok(last.map_or(Node::Absent, |(oid, at)| Node::Directory(oid, at)))
    }

    fn blob(&self, path: &str, oid: &Oid, limit: usize) -> Result<Vec<u8>, ViewError> {
        let bytes =
            load_kind(self.reader, oid, ObjectKind::Blob).map_err(|source| ViewError::Load {
                path: path.to_owned(),
                source,
            })?;
        if bytes.len() > limit {
            return Err(ViewError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// The entries of the directory that lies so deep on the way to `path`.
    fn tree(
        &self,
        path: &str,
        (oid, depth): (&Oid, usize),
    ) -> Result<Rc<Vec<TreeEntry>>, ViewError> {
        let mut chain = self.chain.borrow_mut();
        if let Some((_, tree)) = chain.get(depth).filter(|(known, _)| known == oid) {
            return Ok(Rc::clone(tree));
        }
        let tree = self.trees.read(oid).map_err(|error| {
            let path = path.to_owned();
            match error {
                TreeError::Load(source) => ViewError::Load { path, source },
                TreeError::Invalid(source) => ViewError::InvalidTree { path, source },
            }
        })?;
        chain.truncate(depth);
        let kept: usize = chain.iter().map(|(_, tree)| tree.len()).sum();
        if chain.len() == depth && kept + tree.len() <= MAX_CHAIN_ENTRIES {
            chain.push((*oid, Rc::clone(&tree)));
        }
        Ok(tree)
    }
}

/// How deep a directory lies, by its path in the commit.
fn depth(at: &[u8]) -> usize {
    match at {
        [] => 0,
        at => 1 + at.iter().filter(|byte| **byte == b'/').count(),
    }
}

impl std::fmt::Debug for VerifiedTree<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VerifiedTree")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

// === impl Walk ===

impl<'p> Walk<'p> {
    fn new(path: &'p str, root: Oid) -> Self {
        Self {
            path,
            steps: Vec::new(),
            directories: vec![(root, Vec::new())],
            symlinks: 0,
        }
    }

    fn push_steps(&mut self, path: &[u8]) -> Result<(), ViewError> {
        if path.starts_with(b"/") {
            return self.outside(path);
        }
        self.steps
            .extend(path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec));
        if self.steps.len() > MAX_STEPS {
            return Err(ViewError::TooLarge {
                path: text::shown(self.path.as_bytes()),
                limit: MAX_STEPS,
            });
        }
        Ok(())
    }

    fn go_up(&mut self, through: &[u8]) -> Result<(), ViewError> {
        if self.directories.len() <= 1 {
            return self.outside(through);
        }
        self.directories.pop();
        Ok(())
    }

    fn follow(&mut self, target: &[u8]) -> Result<(), ViewError> {
        self.symlinks += 1;
        if self.symlinks > MAX_SYMLINKS {
            return Err(ViewError::SymlinkLoop {
                path: self.path.to_owned(),
            });
        }
        self.push_steps(target)
    }

    fn outside(&self, through: &[u8]) -> Result<(), ViewError> {
        Err(ViewError::OutsideRoot {
            path: self.path.to_owned(),
            through: text::shown(through),
        })
    }
}
