//! The files of an artifact whose bytes are those that somebody vouches for, in memory; nothing is unpacked to a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::archive::{ArchiveError, Unpacked, unpack};
use crate::{ContentDigest, Listed, NodeKind};

/// The files of a verified archive.
pub struct VerifiedFiles {
    digest: ContentDigest,
    files: BTreeMap<String, Arc<[u8]>>,
    /// Every directory with what is in it; the root is `""`.
    directories: BTreeMap<String, BTreeSet<String>>,
}

/// A path of an archive that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Nothing is there.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// The path.
        path: String,
    },
    /// The path is that of a directory.
    #[error("{path}: is a directory")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// The path leads out of the archive.
    #[error("{path}: leads out of the artifact")]
    Outside {
        /// The path.
        path: String,
    },
}

// === impl VerifiedFiles ===

impl VerifiedFiles {
    /// Unpacks an archive (tar in gzip), if it has the digest that is vouched for. Who vouches for that, the caller knows.
    ///
    /// # Errors
    /// The bytes are others, or hold what is never taken: links, devices, names that lead elsewhere, too much.
    pub fn open(bytes: &[u8], vouched: &ContentDigest) -> Result<Self, ArchiveError> {
        let found = ContentDigest::of(bytes);
        let wanted = *vouched;
        if found != wanted {
            return Err(ArchiveError::OtherBytes { wanted, found });
        }
        Ok(Self::of(found, unpack(bytes)?))
    }

    fn of(digest: ContentDigest, unpacked: Unpacked) -> Self {
        let Unpacked { files, directories } = unpacked;
        let mut all = BTreeMap::from([(String::new(), BTreeSet::new())]);
        for directory in directories {
            enter(&mut all, &directory);
            all.entry(directory).or_default();
        }
        for path in files.keys() {
            enter(&mut all, path);
        }
        Self {
            digest,
            files,
            directories: all,
        }
    }

    /// The digest of the archive.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// Every file, sorted by path.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>)> {
        self.files.iter().map(|(path, data)| (path.as_str(), data))
    }

    /// Reads a file; `path` is relative to the root and separated by `/`.
    ///
    /// # Errors
    /// No file is there, or the path leaves the root.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, FilesError> {
        let inner = resolve(path)?;
        if let Some(data) = self.files.get(&inner) {
            return Ok(data.to_vec());
        }
        let path = path.to_owned();
        Err(match self.directories.contains_key(&inner) {
            true => FilesError::NotAFile { path },
            false => FilesError::NotFound { path },
        })
    }

    /// Lists a directory, sorted by name; `""` is the root.
    ///
    /// # Errors
    /// No directory is there, or the path leaves the root.
    pub fn list(&self, directory: &str) -> Result<Vec<(String, Listed)>, FilesError> {
        let inner = resolve(directory)?;
        let names = self.directories.get(&inner);
        let names = names.ok_or_else(|| FilesError::NotFound {
            path: directory.to_owned(),
        })?;
        let listed = names.iter().map(|name| {
            let path = match inner.as_str() {
                "" => name.clone(),
                inner => format!("{inner}/{name}"),
            };
            let listed = match self.directories.contains_key(&path) {
                true => Listed::Directory,
                false => Listed::File,
            };
            (name.clone(), listed)
        });
        Ok(listed.collect())
    }

    /// What is at a path, if anything.
    ///
    /// # Errors
    /// The path leaves the root.
    pub fn kind(&self, path: &str) -> Result<Option<NodeKind>, FilesError> {
        let inner = resolve(path)?;
        let is_file = self.files.contains_key(&inner);
        let is_directory = self.directories.contains_key(&inner);
        Ok(match (is_file, is_directory) {
            (true, _) => Some(NodeKind::File),
            (false, true) => Some(NodeKind::Directory),
            (false, false) => None,
        })
    }
}

impl fmt::Debug for VerifiedFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedFiles")
            .field("digest", &self.digest)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// Puts a path, and every directory above it, into the directory that it is in.
fn enter(all: &mut BTreeMap<String, BTreeSet<String>>, path: &str) {
    let mut rest = path;
    loop {
        let (parent, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        let is_new = all
            .entry(parent.to_owned())
            .or_default()
            .insert(name.to_owned());
        if !is_new || parent.is_empty() {
            return;
        }
        rest = parent;
    }
}

/// A path below the root, without `.` and `..`.
fn resolve(path: &str) -> Result<String, FilesError> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                let path = path.to_owned();
                return Err(FilesError::Outside { path });
            }
            ".." => {}
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str], directories: &[&str]) -> VerifiedFiles {
        let unpacked = Unpacked {
            files: (names.iter())
                .map(|name| ((*name).to_owned(), name.as_bytes().into()))
                .collect(),
            directories: directories.iter().map(|name| (*name).to_owned()).collect(),
        };
        VerifiedFiles::of(ContentDigest::of(b""), unpacked)
    }

    #[test]
    fn files_are_found_below_the_directories_that_they_make() {
        let files = files(&["a/b/c.yaml", "a/d.yaml", "e.yaml"], &["empty/inner"]);
        let list = |directory: &str| -> Vec<String> {
            let listed = files.list(directory).unwrap().into_iter();
            listed
                .map(|(name, kind)| match kind {
                    Listed::Directory => format!("{name}/"),
                    _ => name,
                })
                .collect()
        };
        assert_eq!(list(""), ["a/", "e.yaml", "empty/"]);
        assert_eq!(list("a"), ["b/", "d.yaml"]);
        assert_eq!(list("./a/b/../"), ["b/", "d.yaml"]);
        assert_eq!(list("empty"), ["inner/"]);
        assert_eq!(list("empty/inner"), Vec::<String>::new());
        assert_eq!(files.read("a/x/../d.yaml").unwrap(), b"a/d.yaml");
        assert_eq!(files.kind("a/b").unwrap(), Some(NodeKind::Directory));
        assert_eq!(files.kind("a/b/c.yaml").unwrap(), Some(NodeKind::File));
        assert_eq!(files.kind("a/b/c").unwrap(), None);
    }

    #[test]
    fn what_is_not_there_or_elsewhere_is_not_read() {
        let files = files(&["a/b"], &[]);
        assert!(matches!(files.read("a"), Err(FilesError::NotAFile { .. })));
        assert!(matches!(files.read("c"), Err(FilesError::NotFound { .. })));
        assert!(matches!(
            files.list("a/b"),
            Err(FilesError::NotFound { .. })
        ));
        for path in ["..", "a/../..", "/../x"] {
            assert!(
                matches!(files.read(path), Err(FilesError::Outside { .. })),
                "{path}"
            );
        }
    }

    #[test]
    fn other_bytes_than_those_that_are_vouched_for_are_not_even_unpacked() {
        let error = VerifiedFiles::open(b"other", &ContentDigest::of(b"these")).unwrap_err();
        assert!(matches!(error, ArchiveError::OtherBytes { .. }), "{error}");
    }
}
