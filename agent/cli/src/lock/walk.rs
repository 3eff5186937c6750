//! From kustomization to kustomization, also into those of other places, for what they name there.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use windlass_kustomize::{
    EntryKind, GitReference, RemoteError, RemoteReference, RemoteRole, Tree as _, git_reference,
    is_http, looks_like_git, references,
};
use windlass_object::yaml::{Limits, parse_documents};
use windlass_trust::{ContentDigest, LockFile, Oid};

use super::file::Pins;
use crate::elsewhere::{Cache, Elsewhere};
use crate::local_tree::{LocalTree, tree_path};

/// Kustomizations deeper than this are none that anybody wrote.
const DEPTH_LIMIT: usize = 64;

/// What is asked of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing but what is pinned.
    Never,
    /// What is not pinned.
    ForNew,
    /// What everything names now.
    ForAll,
}

/// One look through a repository.
pub(super) struct Walk<'l> {
    tree: LocalTree,
    cache: Cache,
    old: &'l LockFile,
    ask: Ask,
    due: VecDeque<String>,
    seen: BTreeSet<String>,
    /// What is needed.
    pub(super) pins: Pins,
    /// What is needed and not pinned, with its place.
    pub(super) unpinned: Vec<String>,
    /// What could not be looked at.
    pub(super) warnings: Vec<String>,
}

// === impl Walk ===

impl<'l> Walk<'l> {
    /// Begins with every kustomization below a directory.
    pub(super) fn new(root: &Path, old: &'l LockFile, ask: Ask) -> Result<Self, String> {
        let mut walk = Walk {
            tree: LocalTree {
                restricts: false,
                left_out: None,
                elsewhere: Elsewhere::of(root),
            },
            cache: Cache::of_this_person(),
            old,
            ask,
            due: VecDeque::new(),
            seen: BTreeSet::new(),
            pins: Pins::default(),
            unpinned: Vec::new(),
            warnings: Vec::new(),
        };
        let mut directories = Vec::new();
        below(root, DEPTH_LIMIT, &mut directories);
        directories.sort();
        for directory in directories {
            let path = tree_path(&directory);
            let path = path.map_err(|error| format!("{}: {error}", directory.display()))?;
            walk.due.push_back(path);
        }
        Ok(walk)
    }

    /// Looks at one kustomization after the other.
    pub(super) fn run(&mut self) -> Result<(), String> {
        while let Some(directory) = self.due.pop_front() {
            if !self.seen.insert(directory.clone()) {
                continue;
            }
            match references(&self.tree, &directory) {
                Ok(found) => {
                    self.due.extend(found.directories);
                    for reference in &found.remote {
                        self.take(reference)?;
                    }
                }
                // Not every file of that name is kustomize's: the Kustomizations of Flux are called so, too.
                Err(error) => self.warnings.push(format!("passed over: {error}")),
            }
        }
        Ok(())
    }

    fn take(&mut self, reference: &RemoteReference) -> Result<(), String> {
        let text = reference.text.as_str();
        let failed = |error: RemoteError| format!("{}: {text:?}: {error}", reference.place);
        match (git_reference(text), self.known(reference)) {
            (_, Some(Known::File(digest))) => {
                self.pins.files.insert(text.to_owned(), digest);
            }
            (Some(git), Some(Known::Base(commit))) => {
                self.take_base(&git, commit).map_err(failed)?;
            }
            (_, _) if self.ask == Ask::Never => {
                self.unpinned.push(format!("{}: {text}", reference.place));
            }
            (git, _) => match self.asked(reference, git.as_ref()).map_err(failed)? {
                Known::File(digest) => {
                    self.pins.files.insert(text.to_owned(), digest);
                }
                Known::Base(commit) => {
                    if let Some(git) = git {
                        self.take_base(&git, commit).map_err(failed)?;
                    }
                }
            },
        }
        Ok(())
    }

    /// What a reference is without asking: pinned, or a commit by itself.
    fn known(&self, reference: &RemoteReference) -> Option<Known> {
        let text = reference.text.as_str();
        let git = git_reference(text);
        let is_file_only = reference.role == RemoteRole::File;
        let itself = git.as_ref().and_then(|git| git.reference.parse().ok());
        let is_base = !is_http(text) || (looks_like_git(text) && !is_file_only);
        if let Some(commit) = itself.filter(|_| is_base) {
            return Some(Known::Base(commit));
        }
        if self.ask == Ask::ForAll {
            return None;
        }
        if let Some(digest) = self.old.file(text) {
            return Some(Known::File(digest));
        }
        let git = git.filter(|_| !is_file_only)?;
        let pinned = self.old.base(&git.repository, &git.reference);
        pinned.map(Known::Base)
    }

    /// Asks for it: as kustomize, for a file first where it may be one.
    fn asked(
        &self,
        reference: &RemoteReference,
        git: Option<&GitReference>,
    ) -> Result<Known, RemoteError> {
        let text = reference.text.as_str();
        let may_be_file = is_http(text) && reference.role != RemoteRole::Directory;
        let fetched = may_be_file.then(|| self.cache.fetch_file(text));
        match (fetched, git) {
            (Some(Ok((digest, _))), _) if reference.role == RemoteRole::File => {
                Ok(Known::File(digest))
            }
            (Some(Ok((digest, bytes))), _) if holds_objects(&bytes) => Ok(Known::File(digest)),
            (Some(Err(error)), _) if reference.role == RemoteRole::File => Err(error),
            (Some(Err(error)), None) => Err(error),
            (Some(Ok(_)), None) => Err(RemoteError::Refused {
                message: "what is there holds no objects".to_owned(),
            }),
            (_, Some(git)) => match git.reference.parse() {
                Ok(commit) => Ok(Known::Base(commit)),
                Err(_) => self.cache.resolve(git).map(Known::Base),
            },
            (None, None) => Err(RemoteError::Unpinned),
        }
    }

    /// Notes the commit, and goes on in the directory.
    fn take_base(&mut self, git: &GitReference, commit: Oid) -> Result<(), RemoteError> {
        let root = self.cache.base(git, commit)?;
        if git.reference.parse::<Oid>().is_err() {
            let key = (git.repository.clone(), git.reference.clone());
            self.pins.bases.insert(key, commit);
        }
        let directory = root.join(git.directory.trim_matches('/'));
        let path = tree_path(&directory).ok();
        let path =
            path.filter(|path| matches!(self.tree.kind(path), Ok(Some(EntryKind::Directory))));
        let path = path.ok_or_else(|| RemoteError::Refused {
            message: format!("commit {commit} has no directory {:?}", git.directory),
        })?;
        self.due.push_back(path);
        Ok(())
    }
}

/// What a reference leads to.
#[derive(Debug, Clone, Copy)]
enum Known {
    File(ContentDigest),
    Base(Oid),
}

/// Whether bytes are objects, and no page that says that there is none.
fn holds_objects(bytes: &[u8]) -> bool {
    let documents = parse_documents(bytes, &Limits::DEFAULT).unwrap_or_default();
    let mut values = documents.iter().map(|document| &document.value);
    !documents.is_empty() && values.all(|value| value.is_null() || value.get("kind").is_some())
}

/// The directories in and below one, but for what git keeps for itself; links are not followed.
pub(super) fn below(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    found.push(directory.to_owned());
    // What cannot be listed cannot be built either.
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && entry.file_name() != ".git" && depth > 0 {
            below(&entry.path(), depth - 1, found);
        }
    }
}
