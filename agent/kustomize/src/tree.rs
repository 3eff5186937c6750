//! The files a build reads, behind a trait, and the one function that joins paths.

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without any `/`.
    pub name: String,
    /// File or directory.
    pub kind: EntryKind,
}

/// Read access to the files of a source.
///
/// Paths are relative to the root and separated by `/`; the empty path is the root. The build never
/// asks for a path with `.`, `..` or an empty segment, so it never leaves the root.
pub trait Tree {
    /// The content of a file.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError>;

    /// The entries of a directory, sorted by name.
    ///
    /// # Errors
    /// There is no such directory, or it cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<Entry>, TreeError>;

    /// What is at the path; none when nothing is there.
    ///
    /// # Errors
    /// It cannot be looked up.
    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError>;

    /// Where a path leads when symbolic links on it are followed; a tree without links has none.
    ///
    /// # Errors
    /// A link leads out of the root or in circles.
    fn real(&self, path: &str) -> Result<String, TreeError> {
        Ok(path.to_owned())
    }

    /// Whether a kustomization may only name files of its own directory and below it (kustomize's
    /// `LoadRestrictionsRootOnly`); directories it names are its bases and may lie anywhere.
    fn restricts(&self) -> bool {
        false
    }

    /// Where in this tree is what a reference to another place leads to: the file behind a URL, or the directory of
    /// a Git repository. Nothing of other places is in a tree that does not say so.
    ///
    /// # Errors
    /// It is not here; says why, and what to do.
    fn remote(&self, _reference: &str) -> Result<String, RemoteError> {
        Err(RemoteError::Disabled)
    }

    /// The directory that a path of another place must stay in; none for paths of the tree's own.
    fn remote_root(&self, _path: &str) -> Option<String> {
        None
    }

    /// Whether a person wants a file left out that the outermost kustomization names, or would be made
    /// from (`--ignore-paths` of Flux).
    fn leaves_out(&self, _path: &str) -> bool {
        false
    }
}

/// Why a tree could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct TreeError {
    /// The path, relative to the root.
    pub path: String,
    /// What went wrong there.
    pub message: String,
}

/// Why a tree does not have what is in another place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Nothing of other places is used here.
    #[error("remote resources are disabled here; copy it into the repository")]
    Disabled,
    /// Nothing says what it has to be.
    #[error(
        "it is remote, and windlass.lock does not pin it; run `windlass lock` at the root of the repository, look at \
         what it pins, and commit windlass.lock"
    )]
    Unpinned,
    /// A form that cannot be fetched.
    #[error("it is remote, and {message}")]
    Refused {
        /// What about it, and what to write instead.
        message: String,
    },
    /// It could not be fetched.
    #[error("it is remote, and could not be fetched: {message}")]
    Unavailable {
        /// Why.
        message: String,
    },
    /// It is not what it has to be.
    #[error("it is remote, and is not what it has to be: {message}")]
    Changed {
        /// What it is, what it has to be, and what to do.
        message: String,
    },
}

// === impl RemoteError ===

impl RemoteError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "RemoteBaseDisabled",
            Self::Unpinned => "RemoteNotPinned",
            Self::Refused { .. } => "RemoteRefused",
            Self::Unavailable { .. } => "RemoteUnavailable",
            Self::Changed { .. } => "RemoteChanged",
        }
    }
}

// === impl TreeError ===

impl TreeError {
    /// An error about one path.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// Joins a relative path onto a directory and resolves `.` and `..`; none when it is absolute or
/// would lead above the root.
pub(crate) fn join(directory: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in directory.split('/').chain(path.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

/// Whether a path is the other one or lies below it; the empty path is above all.
pub(crate) fn is_within(path: &str, ancestor: &str) -> bool {
    ancestor.is_empty()
        || path
            .strip_prefix(ancestor)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{is_within, join};

    #[test]
    fn a_path_resolves_inside_the_root_or_not_at_all() {
        assert_eq!(join("a/b", "../c/./d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(join("", "./").as_deref(), Some(""));
        assert_eq!(join("a", "..").as_deref(), Some(""));
        assert_eq!(join("a", "../.."), None);
        assert_eq!(join("a", "/etc/passwd"), None);
    }

    #[test]
    fn a_directory_with_a_longer_name_is_not_inside() {
        assert!(is_within("a/b", "a"));
        assert!(is_within("a", ""));
        assert!(!is_within("ab", "a"));
    }
}
