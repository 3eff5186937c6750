//! A file of the node's trust, or of a clone's, that is written whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::error::TrustError;

/// A file to be written.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Change {
    /// Writes it beside and puts it there in one step that a power cut does not undo, with the owner and the rights of another file
    /// that is there.
    pub(crate) fn write(&self, like: Option<&Path>) -> Result<(), TrustError> {
        let mut beside = self.path.clone();
        beside.as_mut_os_string().push(".new");
        self.put(&beside, like).map_err(|source| TrustError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn put(&self, beside: &Path, like: Option<&Path>) -> io::Result<()> {
        match fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Never through a link that somebody laid there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(beside)?;
        if let Some(like) = like {
            let like = fs::metadata(like)?;
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
            file.set_permissions(like.permissions())?;
        }
        file.write_all(self.text.as_bytes())?;
        file.sync_all()?;
        fs::rename(beside, &self.path)?;
        self.path
            .parent()
            .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}
