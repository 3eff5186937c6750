//! A revision's own files with those of included sources put inside, as Flux copies them before it packs its artifact.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use windlass_kustomize::{EntryKind, Tree, TreeError};
use windlass_trust::{FilesError, Listed, NodeKind, VerifiedFiles, VerifiedTree, ViewError};

use super::View;
use super::ignore::join;

/// Where a directory of an included source is put: from and to, both without `.` and `..`; `""` is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// An include that cannot be put where it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to copy '{name}' include from {from:?} to {to:?}: {why}")]
pub(crate) struct IncludeError {
    name: String,
    from: String,
    to: String,
    why: &'static str,
}

/// A path of a source could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error(transparent)]
    Own(#[from] ViewError),
    #[error(transparent)]
    Archived(#[from] FilesError),
    #[error(transparent)]
    Included(#[from] TreeError),
}

/// The files of a source, own and included.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    own: Own<'a>,
    mounts: Vec<Mount<'a>>,
}

/// What is a source's own.
#[derive(Debug)]
pub(crate) enum Own<'a> {
    /// A commit.
    Tree(Box<VerifiedTree<'a>>),
    /// An archive.
    Files(Box<VerifiedFiles>),
}

#[derive(Debug)]
struct Mount<'a> {
    place: Place,
    view: View<'a>,
}

// === impl Own ===

impl Own<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, LayerError> {
        Ok(match self {
            Own::Tree(tree) => tree.read(path)?,
            Own::Files(files) => files.read(path)?,
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<(String, Listed)>, LayerError> {
        Ok(match self {
            Own::Tree(tree) => tree.list(directory)?,
            Own::Files(files) => files.list(directory)?,
        })
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>, LayerError> {
        Ok(match self {
            Own::Tree(tree) => tree.kind(path)?,
            Own::Files(files) => files.kind(path)?,
        })
    }
}

// === impl Place ===

impl Place {
    /// Reads what `spec.include` says; a path that leads out of the repository ends at its root, as in Flux.
    pub(crate) fn new(from: Option<&str>, to: Option<&str>, name: &str) -> Self {
        let given = |path: Option<&str>| path.filter(|path| !path.is_empty()).map(str::to_owned);
        Place {
            from: within_root(&given(from).unwrap_or_default()),
            to: within_root(&given(to).unwrap_or_else(|| name.to_owned())),
        }
    }

    /// What of `path` lies in it; `""` is the place itself.
    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.to.as_str())?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.strip_prefix('/')
    }

    /// The next name on the way from a directory to the place.
    fn next_from(&self, directory: &str) -> Option<&str> {
        let rest = if directory.is_empty() {
            self.to.as_str()
        } else {
            self.to.strip_prefix(directory)?.strip_prefix('/')?
        };
        rest.split('/').next()
    }
}

fn within_root(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.extend(name.to_str()),
            Component::ParentDir => drop(names.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    names.join("/")
}

// === impl Layers ===

impl<'a> Layers<'a> {
    pub(super) fn new(own: Own<'a>) -> Self {
        Layers {
            own,
            mounts: Vec::new(),
        }
    }

    /// The archive that it is, if it is one.
    pub(super) fn files(&self) -> Option<&VerifiedFiles> {
        match &self.own {
            Own::Files(files) => Some(files),
            Own::Tree(_) => None,
        }
    }

    /// Puts a directory or file of an included source where nothing is yet.
    pub(super) fn include(
        &mut self,
        name: &str,
        place: Place,
        view: View<'a>,
    ) -> Result<(), IncludeError> {
        let failed = |why| {
            Err(IncludeError {
                name: name.to_owned(),
                from: place.from.clone(),
                to: place.to.clone(),
                why,
            })
        };
        if !matches!(view.kind(&place.from), Ok(Some(_))) {
            return failed("the other repository has nothing there; correct fromPath");
        }
        if place.to.is_empty() {
            return failed("it would take the place of the repository itself; correct toPath");
        }
        if !matches!(self.kind(&place.to), Ok(None)) {
            return failed("something is there already; correct toPath");
        }
        self.mounts.push(Mount { place, view });
        Ok(())
    }

    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, LayerError> {
        match self.mounted(path) {
            Some((mount, inner)) => Ok(mount.view.read(&inner)?),
            None => self.own.read(path),
        }
    }

    pub(super) fn kind(&self, path: &str) -> Result<Option<EntryKind>, LayerError> {
        if let Some((mount, inner)) = self.mounted(path) {
            return Ok(mount.view.kind(&inner)?);
        }
        if self.leads_to_a_mount(path) {
            return Ok(Some(EntryKind::Directory));
        }
        Ok(self.own.kind(path)?.map(|kind| match kind {
            NodeKind::File => EntryKind::File,
            NodeKind::Directory => EntryKind::Directory,
        }))
    }

    /// Sorted by name. What is included has no symbolic links: Flux's artifacts have none.
    pub(super) fn list(&self, directory: &str) -> Result<Vec<(String, Listed)>, LayerError> {
        let mut names = BTreeMap::new();
        if let Some((mount, inner)) = self.mounted(directory) {
            for entry in mount.view.list(&inner)? {
                names.insert(entry.name, listed(entry.kind));
            }
        } else if !self.leads_to_a_mount(directory) || self.own.kind(directory)?.is_some() {
            names.extend(self.own.list(directory)?);
        }
        for mount in &self.mounts {
            let Some(name) = mount.place.next_from(directory) else {
                continue;
            };
            let kind = self.kind(&join(directory, name))?;
            names.extend(kind.map(|kind| (name.to_owned(), listed(kind))));
        }
        Ok(names.into_iter().collect())
    }

    /// The included source that holds a path, and the path in it; of two around each other the inner one.
    fn mounted(&self, path: &str) -> Option<(&Mount<'a>, String)> {
        let holding = self.mounts.iter().filter_map(|mount| {
            let rest = mount.place.below(path)?;
            Some((mount, rest))
        });
        let (mount, rest) = holding.max_by_key(|(mount, _)| mount.place.to.len())?;
        let inner = match (mount.place.from.as_str(), rest) {
            (from, "") => from.to_owned(),
            (from, rest) => join(from, rest),
        };
        Some((mount, inner))
    }

    fn leads_to_a_mount(&self, path: &str) -> bool {
        let mut places = self.mounts.iter().map(|mount| &mount.place);
        places.any(|place| place.next_from(path).is_some())
    }
}

fn listed(kind: EntryKind) -> Listed {
    match kind {
        EntryKind::File => Listed::File,
        EntryKind::Directory => Listed::Directory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_root_and_the_name_is_the_default() {
        let place = |from, to| {
            let place = Place::new(from, to, "other");
            (place.from, place.to)
        };
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(place(None, None), pair("", "other"));
        assert_eq!(place(Some(""), Some("")), pair("", "other"));
        assert_eq!(place(Some("./a//b/"), Some("/x/./y")), pair("a/b", "x/y"));
        assert_eq!(place(Some("../../a"), Some("x/../../y")), pair("a", "y"));
        assert_eq!(place(Some("/"), Some(".")), pair("", ""));
    }

    #[test]
    fn a_place_knows_the_way_to_it_and_what_is_below() {
        let place = Place::new(None, Some("a/b"), "other");
        assert_eq!(place.next_from(""), Some("a"));
        assert_eq!(place.next_from("a"), Some("b"));
        assert_eq!(place.next_from("a/b"), None);
        assert_eq!(place.next_from("a/bc"), None);
        assert_eq!(place.below("a/b"), Some(""));
        assert_eq!(place.below("a/b/c/d"), Some("c/d"));
        assert_eq!(place.below("a/bc"), None);
    }
}
