//! The files of this machine as a build reads them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use windlass_kustomize::{Entry, EntryKind, RemoteError, Tree, TreeError};

use crate::elsewhere::Elsewhere;

/// The longest file that is read: one byte more than a build takes, so that it says what is wrong.
const READ_LIMIT: u64 = (64 << 20) + 1;

/// The whole file system, so that bases may lie anywhere; its paths lack the first slash.
#[derive(Debug)]
pub(crate) struct LocalTree {
    /// Whether files must lie in or below the directory of the kustomization that names them.
    pub(crate) restricts: bool,
    /// Patterns of files to leave out.
    pub(crate) left_out: Option<Gitignore>,
    /// What kustomizations name of other places.
    pub(crate) elsewhere: Elsewhere,
}

/// Reads patterns as `.gitignore` has them, for what is below a directory of the tree.
///
/// # Errors
/// One is no pattern; the message names it.
pub(crate) fn left_out(directory: &str, patterns: &[String]) -> Result<Option<Gitignore>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut builder = GitignoreBuilder::new(absolute(directory));
    for pattern in patterns {
        builder
            .add_line(None, pattern)
            .map_err(|error| format!("{pattern:?}: {error}"))?;
    }
    builder.build().map(Some).map_err(|error| error.to_string())
}

/// The path of a directory of this machine in a [`LocalTree`].
///
/// # Errors
/// It is not there, or its name is no text.
pub(crate) fn tree_path(path: &Path) -> io::Result<String> {
    let path = fs::canonicalize(path)?;
    let text = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(text.trim_start_matches('/').to_owned())
}

/// A message about files of the tree as a person in the current directory writes their paths.
pub(crate) fn as_seen_here(message: &str) -> String {
    let here = std::env::current_dir().and_then(|here| tree_path(&here));
    match here {
        Ok(here) if !here.is_empty() => message.replace(&format!("{here}/"), ""),
        _ => message.to_owned(),
    }
}

fn absolute(path: &str) -> PathBuf {
    Path::new("/").join(path)
}

impl Tree for LocalTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let mut bytes = Vec::new();
        File::open(absolute(path))
            .and_then(|file| file.take(READ_LIMIT).read_to_end(&mut bytes))
            .map_err(|error| TreeError::new(path, error.to_string()))?;
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError> {
        let failed = |error: io::Error| TreeError::new(directory, error.to_string());
        let mut entries = Vec::new();
        for entry in fs::read_dir(absolute(directory)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if let Some(kind) = self.kind(&format!("{directory}/{name}"))? {
                entries.push(Entry { name, kind });
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        match fs::metadata(absolute(path)) {
            Ok(found) if found.is_dir() => Ok(Some(EntryKind::Directory)),
            Ok(found) if found.is_file() => Ok(Some(EntryKind::File)),
            // A pipe or a device is nothing a build reads.
            Ok(_) => Ok(None),
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]
                    .contains(&error.kind()) =>
            {
                Ok(None)
            }
            Err(error) => Err(TreeError::new(path, error.to_string())),
        }
    }

    fn real(&self, path: &str) -> Result<String, TreeError> {
        tree_path(&absolute(path)).map_err(|error| TreeError::new(path, error.to_string()))
    }

    fn remote(&self, reference: &str) -> Result<String, RemoteError> {
        let path = self.elsewhere.path(reference)?;
        tree_path(&path).map_err(|error| RemoteError::Unavailable {
            message: format!("{}: {error}", path.display()),
        })
    }

    fn remote_root(&self, path: &str) -> Option<String> {
        let root = self.elsewhere.root_of(&absolute(path))?;
        tree_path(&root).ok()
    }

    fn restricts(&self) -> bool {
        self.restricts
    }

    fn leaves_out(&self, path: &str) -> bool {
        let path = absolute(path);
        self.left_out.as_ref().is_some_and(|patterns| {
            path.starts_with(patterns.path())
                && patterns
                    .matched_path_or_any_parents(&path, path.is_dir())
                    .is_ignore()
        })
    }
}
