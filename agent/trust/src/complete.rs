//! Whether everything that a verified commit's directory names is there.

use std::collections::HashSet;

use crate::object::load_kind;
use crate::tree::{self, EntryMode};
use crate::{InvalidTree, LoadError, ObjectKind, ObjectReader, Oid, ReadError, VerifiedSource};

/// Most objects that one commit's directory may name; the largest public repositories have half
/// a million files.
const MAX_OBJECTS: usize = 2_000_000;

/// Why it could not be told whether everything is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompletenessError {
    /// A directory could not be loaded.
    #[error("the files of commit {commit} cannot be checked")]
    Load {
        /// The commit.
        commit: Oid,
        /// Which object and why.
        #[source]
        source: LoadError,
    },
    /// A directory is hostile.
    #[error("the files of commit {commit} cannot be used")]
    InvalidTree {
        /// The commit.
        commit: Oid,
        /// Which directory and why.
        #[source]
        source: InvalidTree,
    },
    /// The store could not be asked.
    #[error("the kept objects cannot be asked for {oid}")]
    Read {
        /// The object asked for.
        oid: Oid,
        /// What the store said.
        #[source]
        source: ReadError,
    },
    /// The commit names more than is looked at.
    #[error("commit {commit} names more than {MAX_OBJECTS} files and directories")]
    TooManyObjects {
        /// The commit.
        commit: Oid,
    },
}

/// Looks for the first object that the commit's directory names and the store does not hold;
/// `None` when all are there. Submodules are not looked for.
///
/// # Errors
/// A directory is hostile or was changed where it is kept, or the store could not be asked.
pub fn missing_objects(
    reader: &dyn ObjectReader,
    source: &VerifiedSource,
) -> Result<Option<Oid>, CompletenessError> {
    let commit = source.commit();
    let mut seen = HashSet::from([source.tree()]);
    let mut directories = vec![source.tree()];
    while let Some(directory) = directories.pop() {
        let bytes = match load_kind(reader, &directory, ObjectKind::Tree) {
            Ok(bytes) => bytes,
            Err(LoadError::Missing { oid }) => return Ok(Some(oid)),
            Err(source) => return Err(CompletenessError::Load { commit, source }),
        };
        let entries = tree::parse(&directory, &bytes)
            .map_err(|source| CompletenessError::InvalidTree { commit, source })?;
        for entry in entries {
            if entry.mode == EntryMode::Submodule || !seen.insert(entry.oid) {
                continue;
            }
            if seen.len() > MAX_OBJECTS {
                return Err(CompletenessError::TooManyObjects { commit });
            }
            if entry.mode == EntryMode::Directory {
                directories.push(entry.oid);
            } else if !reader
                .contains(&entry.oid)
                .map_err(|source| CompletenessError::Read {
                    oid: entry.oid,
                    source,
                })?
            {
                return Ok(Some(entry.oid));
            }
        }
    }
    Ok(None)
}
