//! The files of a verified revision as Flux would have them in its artifact.

pub(crate) mod artifact;
pub(crate) mod ignore;
pub(crate) mod layers;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use windlass_kustomize::{Entry, EntryKind, Tree, TreeError};
use windlass_trust::{
    Listed, ObjectReader, VerifiedFiles, VerifiedSource, VerifiedTree, ViewError,
};

use self::artifact::{ArtifactDigest, ArtifactHasher};
use self::ignore::{IGNORE_FILE, Ignore, IgnoreError, Sparse, join};
use self::layers::{IncludeError, LayerError, Layers, Own};
use self::walk::{
    CONTENT_LIMIT, DEPTH_LIMIT, ENTRY_LIMIT, PATH_LIMIT, RULE_FILES_LIMIT, RULES_LIMIT, walk,
};
use crate::source::fetch::Snapshot;
use crate::source::include::Included;

/// A read-only tree: verified objects, re-hashed as they are read, without the ignored files.
#[derive(Debug)]
pub(crate) struct View<'a> {
    tree: Layers<'a>,
    ignore: Arc<Ignore>,
}

/// Why a revision cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewFailure {
    #[error(transparent)]
    Tree(#[from] ViewError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Include(#[from] IncludeError),
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    #[error(
        "{path}: directories are nested deeper than {DEPTH_LIMIT}; take it out of the repository"
    )]
    TooDeep { path: String },
    #[error(
        "{path}: a path in it is longer than {PATH_LIMIT} bytes, and cannot be checked out; take it out of the repository"
    )]
    TooLong { path: String },
    #[error(
        "it has more than {ENTRY_LIMIT} files and directories, the same one counted at each of its paths; take out what the \
         cluster does not need, or name the directories that it needs in spec.sparseCheckout"
    )]
    TooManyEntries,
    #[error(
        "the files that are not ignored have more than {CONTENT_LIMIT} bytes; take out what the cluster does not need, or \
         name it in .sourceignore"
    )]
    TooMuch,
    #[error(
        "it has more than {RULE_FILES_LIMIT} .sourceignore files, or they have more than {RULES_LIMIT} bytes; say the same \
         in fewer words, best in one file"
    )]
    TooManyRules,
}

impl ViewFailure {
    /// Whether no later look can come to anything else.
    pub(crate) fn condemns_the_revision(&self) -> bool {
        match self {
            ViewFailure::TooDeep { .. }
            | ViewFailure::TooLong { .. }
            | ViewFailure::TooManyEntries
            | ViewFailure::TooMuch
            | ViewFailure::TooManyRules => true,
            ViewFailure::Tree(_)
            | ViewFailure::Layer(_)
            | ViewFailure::Include(_)
            | ViewFailure::Ignore(_) => false,
        }
    }
}

/// What a source's spec says about which files are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// `spec.ignore`
    pub(crate) ignore: Option<String>,
    /// `spec.sparseCheckout`
    pub(crate) sparse: Vec<String>,
}

/// Puts the included files to the revision's own.
fn layers<'a>(
    source: &VerifiedSource,
    reader: &'a dyn ObjectReader,
    includes: &[Included],
) -> Result<Layers<'a>, ViewFailure> {
    let tree = Box::new(VerifiedTree::new(source, reader));
    let mut layers = Layers::new(Own::Tree(tree));
    for included in includes {
        let view = View::of(&included.snapshot, reader)?;
        let name = &included.asked.repository.name;
        layers.include(name, included.place.clone(), view)?;
    }
    Ok(layers)
}

/// Reads the ignore rules of a revision: those of its tree, and those of its source.
fn ignore_rules(tree: &Layers<'_>, choice: &Choice) -> Result<Ignore, ViewFailure> {
    let sparse = Sparse::new(&choice.sparse);
    let mut files = Vec::new();
    let mut room = RULES_LIMIT;
    walk(tree, &sparse, &mut |path, _| {
        let directory = match path.rsplit_once('/') {
            Some((directory, IGNORE_FILE)) => directory,
            None if path == IGNORE_FILE => "",
            _ => return Ok(()),
        };
        // What is not checked out gives no rules either.
        if sparse.excludes(path, false) {
            return Ok(());
        }
        let bytes = tree.read(path)?;
        let left = room.checked_sub(bytes.len());
        room = left
            .filter(|_| files.len() < RULE_FILES_LIMIT)
            .ok_or(ViewFailure::TooManyRules)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        files.push((directory.to_owned(), text));
        Ok(())
    })?;
    Ok(Ignore::new(&files, choice.ignore.as_deref(), sparse)?)
}

impl<'a> View<'a> {
    /// Opens a revision by what its source's spec says of its files.
    pub(crate) fn open(
        source: &VerifiedSource,
        reader: &'a dyn ObjectReader,
        (choice, includes): (&Choice, &[Included]),
    ) -> Result<Self, ViewFailure> {
        let tree = layers(source, reader, includes)?;
        let ignore = Arc::new(ignore_rules(&tree, choice)?);
        Ok(View { tree, ignore })
    }

    /// Opens a revision whose rules were read before.
    pub(crate) fn of(
        snapshot: &Snapshot,
        reader: &'a dyn ObjectReader,
    ) -> Result<Self, ViewFailure> {
        Ok(View {
            tree: layers(&snapshot.source, reader, &snapshot.includes)?,
            ignore: Arc::clone(&snapshot.ignore),
        })
    }

    /// Opens an archive, of which the rules in it and in `choice` leave things out.
    pub(crate) fn of_files(files: VerifiedFiles, choice: &Choice) -> Result<Self, ViewFailure> {
        let tree = Layers::new(Own::Files(Box::new(files)));
        let ignore = Arc::new(ignore_rules(&tree, choice)?);
        Ok(View { tree, ignore })
    }

    /// Opens an archive, all of it.
    pub(crate) fn of_all_files(files: VerifiedFiles) -> Self {
        View {
            tree: Layers::new(Own::Files(Box::new(files))),
            ignore: Arc::new(Ignore::nothing()),
        }
    }

    /// The archive that it is the files of, if it is one.
    pub(crate) fn files(&self) -> Option<&VerifiedFiles> {
        self.tree.files()
    }

    /// The rules.
    pub(crate) fn ignore(&self) -> Arc<Ignore> {
        Arc::clone(&self.ignore)
    }

    /// Digest and size of the artifact that Flux would store. Symbolic links are not in it, as in Flux.
    pub(crate) fn artifact(&self) -> Result<ArtifactDigest, ViewFailure> {
        self.artifact_within(CONTENT_LIMIT)
    }

    fn artifact_within(&self, mut room: u64) -> Result<ArtifactDigest, ViewFailure> {
        let mut hasher = ArtifactHasher::new();
        walk(&self.tree, self.ignore.sparse(), &mut |path, listed| {
            if listed == Listed::File && !self.ignore.excludes(path, false) {
                let bytes = self.tree.read(path)?;
                let left = room.checked_sub(bytes.len() as u64);
                room = left.ok_or(ViewFailure::TooMuch)?;
                hasher.add(path, &bytes);
            }
            Ok(())
        })?;
        Ok(hasher.finish())
    }
}

/// Both name the path; once is enough.
fn tree_error(path: &str, error: &LayerError) -> TreeError {
    let text = error.to_string();
    let why = text.strip_prefix(&format!("{path}: "));
    TreeError::new(path, why.unwrap_or(&text))
}

impl Tree for View<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        if self.ignore.excludes(path, false) {
            return Err(TreeError::new(
                path,
                "left out by the ignore rules of the source",
            ));
        }
        self.tree
            .read(path)
            .map_err(|error| tree_error(path, &error))
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        let listed = self.tree.list(directory);
        let listed = listed.map_err(|error| tree_error(directory, &error))?;
        let mut entries = Vec::new();
        // Flux drops symbolic links from its artifacts: a directory does not list them, a path may lead through them.
        for (name, _) in listed
            .into_iter()
            .filter(|(_, listed)| *listed != Listed::Symlink)
        {
            if let Some(kind) = self.kind(&join(directory, &name))? {
                entries.push(Entry { name, kind });
            }
        }
        Ok(entries)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let kind = self.tree.kind(path);
        let Some(kind) = kind.map_err(|error| tree_error(path, &error))? else {
            return Ok(None);
        };
        let excluded = self.ignore.excludes(path, kind == EntryKind::Directory);
        Ok((!excluded).then_some(kind))
    }
}
