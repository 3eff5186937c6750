//! The files of a revision together with what it names of other places: pinned in `windlass.lock`, fetched once, kept.

pub(crate) mod base;
mod file;
mod names;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use windlass_host::config::Unpinned;
use windlass_kustomize::{
    Entry, EntryKind, RemoteError, Tree, TreeError, git_reference, is_http, looks_like_git,
};
use windlass_state::{BlobDigest, Line, Store, StoreError};
use windlass_trust::{
    LockFile, NodeKind, ObjectReader, Oid, Pin, VerifiedFiles, VerifiedSource, VerifiedTree,
};

use self::base::Base;
use self::names::Names;
use crate::named::Named;
use crate::net::Net;
use crate::source::access::SourceAccess;
use crate::source::status::chain;
use crate::view::View;
use crate::vouch::lock;

/// How the blobs of a Kustomization are called.
const USER: &str = "remote";

/// How long a build waits to hear whether something that it has is still the same.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What fetching takes.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) store: &'a Store,
    pub(super) net: &'a Net,
    /// The Kustomization that is built.
    pub(super) owner: &'a Named,
    /// What is built, and what its source is reached with.
    pub(super) naming: Naming<'a>,
    pub(super) access: &'a SourceAccess,
    pub(super) unpinned: Unpinned,
}

/// What names content of other places, as proof that somebody vouches for the name.
#[derive(Clone, Copy)]
pub(super) enum Naming<'a> {
    Commit(&'a VerifiedSource),
    Archive(&'a VerifiedFiles),
}

/// A revision and what it names elsewhere.
pub(super) struct Pinned<'a> {
    view: &'a View<'a>,
    reader: &'a dyn ObjectReader,
    world: World<'a>,
    lock: OnceCell<Result<LockFile, String>>,
    names: RefCell<Names>,
    files: RefCell<BTreeMap<String, Rc<[u8]>>>,
    /// The repositories, by the paths of their roots.
    bases: RefCell<BTreeMap<String, Rc<VerifiedTree<'a>>>>,
    /// The blobs and lines that this build used.
    used: RefCell<Vec<BlobDigest>>,
    used_lines: RefCell<Vec<Line>>,
    /// What is not any more what it was when it was met first.
    changed: RefCell<Vec<String>>,
}

// === impl Naming ===

impl Naming<'_> {
    fn pin(self, commit: Oid) -> Pin {
        match self {
            Naming::Commit(source) => Pin::in_verified(commit, source),
            Naming::Archive(files) => Pin::in_files(commit, files),
        }
    }
}

// === impl Pinned ===

impl<'a> Pinned<'a> {
    pub(super) fn new(view: &'a View<'a>, reader: &'a dyn ObjectReader, world: World<'a>) -> Self {
        Pinned {
            view,
            reader,
            world,
            lock: OnceCell::new(),
            names: RefCell::default(),
            files: RefCell::default(),
            bases: RefCell::default(),
            used: RefCell::default(),
            used_lines: RefCell::default(),
            changed: RefCell::default(),
        }
    }

    /// What the revision pins.
    pub(super) fn lock(&self) -> Result<&LockFile, String> {
        let read = self.lock.get_or_init(|| lock::read(self.view));
        read.as_ref().map_err(Clone::clone)
    }

    /// What changed elsewhere since it was met first, as sentences.
    pub(super) fn changed(&self) -> Vec<String> {
        self.changed.borrow().clone()
    }

    /// Lets go of what earlier builds of the Kustomization used and this one did not.
    pub(super) fn forget_the_rest(&self) {
        let used = self.used.borrow();
        let hexes: Vec<String> = used.iter().map(BlobDigest::hex).collect();
        let lines = self.used_lines.borrow();
        let World { store, owner, .. } = self.world;
        if let Err(error) = forget_all_but(store, owner, (&hexes, &lines)) {
            tracing::warn!(%error, "remote content that is not used any more could not be dropped; the next build tries again");
        }
    }

    fn pins(&self) -> Result<&LockFile, RemoteError> {
        self.lock().map_err(|message| RemoteError::Refused {
            message: format!("what pins it cannot be read: {message}"),
        })
    }

    /// Whether a reference is taken for a directory of a repository. A URL can be either: kustomize asks the server; here
    /// the pins say it, and where nothing is pinned the form does.
    fn is_base(&self, reference: &str) -> Result<bool, RemoteError> {
        let Some(git) = git_reference(reference) else {
            return Ok(false);
        };
        if !is_http(reference) {
            return Ok(true);
        }
        let pins = self.pins()?;
        if pins.file(reference).is_some() {
            return Ok(false);
        }
        let is_pinned = pins.base(&git.repository, &git.reference).is_some();
        Ok(is_pinned || looks_like_git(reference))
    }

    /// The path of a directory of a repository, whose files are there from now on.
    fn base(&self, reference: &str) -> Result<String, RemoteError> {
        // Whoever asks has looked at the form.
        let git = git_reference(reference).ok_or(RemoteError::Unpinned)?;
        let base = Base::new(self.world, &git)?;
        let pinned = match git.reference.parse::<Oid>() {
            Ok(commit) => Some(commit),
            Err(_) => self.pins()?.base(&git.repository, &git.reference),
        };
        let commit = match (pinned, self.world.unpinned) {
            (Some(commit), _) => commit,
            (None, Unpinned::FirstSeen) => base.first_seen(&mut self.changed.borrow_mut())?,
            (None, Unpinned::Refuse) => return Err(RemoteError::Unpinned),
        };
        let root = Names::of_base(&git.repository, commit);
        if !self.bases.borrow().contains_key(&root) {
            let source = base.commit(self.reader, commit)?;
            let tree = VerifiedTree::new(&source, self.reader);
            self.bases.borrow_mut().insert(root.clone(), Rc::new(tree));
            self.used_lines.borrow_mut().push(base.line(commit));
        }
        Ok(match git.directory.trim_matches('/') {
            "" => root,
            directory => names::join(&root, directory),
        })
    }

    /// The repository that a path is in, its root, and the path there.
    fn based(&self, path: &str) -> Option<(Rc<VerifiedTree<'a>>, String, String)> {
        let bases = self.bases.borrow();
        bases.iter().find_map(|(root, tree)| {
            let rest = path.strip_prefix(root.as_str())?;
            let inner = match rest {
                "" => "",
                rest => rest.strip_prefix('/')?,
            };
            Some((Rc::clone(tree), root.clone(), inner.to_owned()))
        })
    }
}

impl Tree for Pinned<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        if let Some((tree, _, inner)) = self.based(path) {
            return tree.read(&inner).map_err(|error| in_base(path, &error));
        }
        match self.files.borrow().get(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.view.read(path),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        match self.based(directory) {
            // Only a directory without a kustomization is listed, and in another repository that is refused.
            Some(_) => Err(TreeError::new(directory, "it is not listed")),
            None => self.view.list(directory),
        }
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        if let Some((tree, _, inner)) = self.based(path) {
            let kind = tree.kind(&inner).map_err(|error| in_base(path, &error))?;
            return Ok(kind.map(|kind| match kind {
                NodeKind::File => EntryKind::File,
                NodeKind::Directory => EntryKind::Directory,
            }));
        }
        match self.files.borrow().contains_key(path) {
            true => Ok(Some(EntryKind::File)),
            false => self.view.kind(path),
        }
    }

    fn remote(&self, reference: &str) -> Result<String, RemoteError> {
        if let Some(known) = self.names.borrow().known(reference) {
            return Ok(known);
        }
        if self.is_base(reference)? {
            let path = self.base(reference)?;
            self.names.borrow_mut().note(reference, &path);
            return Ok(path);
        }
        let bytes = self.file(reference)?;
        let name = self.names.borrow_mut().of_file(reference);
        self.files.borrow_mut().insert(name.clone(), bytes.into());
        Ok(name)
    }

    fn remote_root(&self, path: &str) -> Option<String> {
        self.based(path).map(|(_, root, _)| root)
    }
}

fn in_base(path: &str, error: &windlass_trust::ViewError) -> TreeError {
    TreeError::new(path, chain(error))
}

/// Lets go of what builds of other Kustomizations than these used.
pub(crate) fn forget_gone(store: &Store, owners: &BTreeSet<String>) -> Result<(), StoreError> {
    let mut left = false;
    for user in store.blob_users(&format!("{USER}/"))? {
        let owner = user
            .strip_prefix(USER)
            .and_then(|rest| rest.strip_prefix('/'));
        let owner = owner.and_then(|rest| rest.rsplit_once('/'));
        if owner.is_none_or(|(owner, _)| !owners.contains(owner)) {
            store.leave_blob(&user)?;
            left = true;
        }
    }
    if left {
        store.collect_blobs()?;
    }
    base::forget_gone(store, owners)
}

/// Lets go of everything that builds of a Kustomization used but for these blobs and lines.
fn forget_all_but(
    store: &Store,
    owner: &Named,
    (hexes, lines): (&[String], &[Line]),
) -> Result<(), StoreError> {
    let prefix = format!("{USER}/{owner}/");
    let mut left = false;
    for user in store.blob_users(&prefix)? {
        let hex = user.strip_prefix(&prefix).unwrap_or_default();
        if !hexes.iter().any(|used| used == hex) {
            store.leave_blob(&user)?;
            left = true;
        }
    }
    if left {
        store.collect_blobs()?;
    }
    base::forget_all_but(store, owner, lines)
}

fn user(owner: &Named, digest: &BlobDigest) -> String {
    format!("{USER}/{owner}/{}", digest.hex())
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> RemoteError {
    RemoteError::Unavailable {
        message: chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_gone_kustomizations_used_goes() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let keep = |owner: &str, text: &str| {
            let digest = BlobDigest::of(text.as_bytes());
            let owner = Named::new("apps", owner);
            store
                .keep_blob(&user(&owner, &digest), text.as_bytes())
                .unwrap()
        };
        let (shared, stays, goes) = (keep("a", "shared"), keep("a", "stays"), keep("b", "goes"));
        assert_eq!(keep("b", "shared"), shared);
        let is_there = |digest| store.blob(digest).unwrap().is_some();
        forget_gone(&store, &BTreeSet::from(["apps/a".to_owned()])).unwrap();
        assert!(is_there(&shared) && is_there(&stays) && !is_there(&goes));
        forget_all_but(&store, &Named::new("apps", "a"), (&[stays.hex()], &[])).unwrap();
        assert!(!is_there(&shared) && is_there(&stays));
    }
}
