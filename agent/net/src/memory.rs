//! What was learnt about a server: a poll that finds nothing is then one request.

use std::fs;
use std::path::{Path, PathBuf};

/// One small file beside the cache of a URL. Losing it costs one request.
#[derive(Debug)]
pub(crate) struct Memory {
    file: PathBuf,
}

/// The file holds nothing else: it is there, or it is not.
const VERSION_TWO: &[u8] = b"version 2\n";

impl Memory {
    pub(crate) fn at(directory: &Path) -> Self {
        Self {
            file: directory.join("protocol"),
        }
    }

    /// True when the last handshake with this URL found protocol version 2.
    pub(crate) fn speaks_version_two(&self) -> bool {
        // A symbolic link or a large file was not written here.
        let is_ours = fs::symlink_metadata(&self.file)
            .is_ok_and(|found| found.is_file() && found.len() == VERSION_TWO.len() as u64);
        is_ours && fs::read(&self.file).is_ok_and(|text| text == VERSION_TWO)
    }

    /// Writes it down; when that fails, the next poll makes two requests instead of one.
    pub(crate) fn remember_version_two(&self) {
        if !self.speaks_version_two() && fs::write(&self.file, VERSION_TWO).is_err() {
            tracing::debug!(file = %self.file.display(), "the server's protocol could not be noted");
        }
    }

    /// The next contact begins with a handshake again.
    pub(crate) fn forget(&self) {
        if fs::remove_file(&self.file).is_err() {
            tracing::debug!(file = %self.file.display(), "the note on the protocol was gone already");
        }
    }
}
