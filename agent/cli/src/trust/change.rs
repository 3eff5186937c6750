//! A file of the node's trust that is written whole.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::TrustError;

/// A file to be written.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Change {
    /// Writes it beside and puts it there in one step, with the rights of another file that is there.
    pub(crate) fn write(&self, like: &Path) -> Result<(), TrustError> {
        let mut beside = self.path.clone();
        beside.as_mut_os_string().push(".new");
        let written = fs::write(&beside, &self.text)
            .and_then(|()| fs::set_permissions(&beside, fs::metadata(like)?.permissions()))
            .and_then(|()| fs::File::open(&beside)?.sync_all())
            .and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|source| TrustError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
