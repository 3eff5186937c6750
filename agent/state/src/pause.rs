//! The pause that a person on the node asked for.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{self, Directory, Disk, WriteError};

const NAME: &str = "pause.json";

/// A reason is a sentence; the file stays far under this.
const LIMIT: u64 = 64 * 1024;

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends by itself (seconds since 1970); `None`: when somebody ends it.
    pub until: Option<i64>,
    /// Why.
    pub reason: String,
}

/// The file that holds the pause; missing means that there is none.
#[derive(Debug)]
pub struct PauseFile(Directory);

/// The pause could not be read. Treat it as a pause: somebody asked for one.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The disk says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what we write.
    #[error("{}: is damaged ({source}); `windlass resume` removes it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

// === impl Pause ===

impl Pause {
    /// Says whether the pause holds at a time (seconds since 1970).
    #[must_use]
    pub fn holds_at(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

// === impl PauseFile ===

impl PauseFile {
    /// Names the file in a state directory; nothing is read yet.
    #[must_use]
    pub fn new(directory: &Path) -> PauseFile {
        PauseFile(Directory::new(directory))
    }

    /// Reads the pause; `None` when there is none.
    ///
    /// # Errors
    /// The file is there and cannot be read or is damaged.
    pub fn read(&self) -> Result<Option<Pause>, PauseError> {
        let bytes = self.0.read(NAME, LIMIT).map_err(|source| PauseError::Io {
            path: self.0.path(NAME),
            source,
        })?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let pause = serde_json::from_slice(&bytes);
        pause.map(Some).map_err(|source| PauseError::Damaged {
            path: self.0.path(NAME),
            source,
        })
    }

    /// Puts a pause in place of any earlier one; a crash leaves the one or the other.
    ///
    /// # Errors
    /// The disk is full, read-only or broken; the earlier pause is then still in force.
    pub fn write(&mut self, pause: &Pause) -> Result<(), WriteError> {
        let bytes = serde_json::to_vec(pause)
            .map_err(|error| WriteError::new(self.0.path(NAME), error.into()))?;
        durable::replace(&mut self.0, NAME, &bytes)
    }

    /// Ends the pause; fine when there is none.
    ///
    /// # Errors
    /// The disk is read-only or broken.
    pub fn clear(&mut self) -> Result<(), WriteError> {
        let removed = self.0.remove(NAME).and_then(|()| self.0.sync_names());
        removed.map_err(|source| WriteError::new(self.0.path(NAME), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_written_replaced_read_and_cleared() {
        let place = tempfile::tempdir().unwrap();
        let mut file = PauseFile::new(place.path());
        assert_eq!(file.read().unwrap(), None);
        file.clear().unwrap();
        for until in [Some(100), None] {
            let pause = Pause {
                until,
                reason: "new switch".to_owned(),
            };
            file.write(&pause).unwrap();
            assert_eq!(PauseFile::new(place.path()).read().unwrap(), Some(pause));
        }
        file.clear().unwrap();
        assert_eq!(file.read().unwrap(), None);
    }

    #[test]
    fn a_pause_ends_at_its_time() {
        let pause = |until| Pause {
            until,
            reason: String::new(),
        };
        assert!(pause(Some(100)).holds_at(99));
        assert!(!pause(Some(100)).holds_at(100));
        assert!(pause(None).holds_at(i64::MAX));
    }

    #[test]
    fn a_damaged_pause_is_an_error_and_not_no_pause() {
        let place = tempfile::tempdir().unwrap();
        for content in ["", "{\"until\":", "[]"] {
            std::fs::write(place.path().join(NAME), content).unwrap();
            let error = PauseFile::new(place.path()).read().unwrap_err();
            assert!(error.to_string().contains("windlass resume"), "{error}");
        }
    }

    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_directory() {
        use std::os::unix::fs::{MetadataExt, chown};
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        chown(place.path(), Some(12345), Some(12346)).unwrap();
        PauseFile::new(place.path())
            .write(&Pause {
                until: None,
                reason: String::new(),
            })
            .unwrap();
        let metadata = std::fs::metadata(place.path().join(NAME)).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o777),
            (12345, 12346, 0o600)
        );
    }
}
