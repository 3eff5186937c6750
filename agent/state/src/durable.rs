//! Small files that are replaced whole: after a crash at any point a file is the old one or the new one.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// The few operations that replacing a file is made of. It is a trait because what happens when one of them is
/// the last one before a crash is what the tests are about.
pub(crate) trait Disk: fmt::Debug + Send {
    /// Reads a file, at most `limit` bytes; `None` when there is none.
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;
    /// Makes (or empties) a file and writes it, which may reach the disk or not.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the file's bytes are on the disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Gives a file another's name.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Returns when all names are on the disk.
    fn sync_names(&mut self) -> io::Result<()>;
    /// Where a file is, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// A directory of the real disk.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

/// A file could not be replaced; the old one is still in force.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No space, no quota or no inodes.
    #[error("{}: no space left to write it ({source}); free some space, the old state stays in force", path.display())]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// The kernel's word for it.
        #[source]
        source: io::Error,
    },
    /// The disk is mounted read-only.
    #[error("{}: the disk is read-only; look for I/O errors in `journalctl -k` and remount it", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// The kernel's word for it.
        #[source]
        source: io::Error,
    },
    /// Anything else, such as a dying disk.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Replaces `name` by `bytes` and returns when this cannot be undone by a power cut.
pub(crate) fn replace(disk: &mut dyn Disk, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
    let temporary = format!("{name}.tmp");
    let result = steps(disk, name, &temporary, bytes);
    result.map_err(|source| {
        // Half a file would hold the space that is missing.
        drop(disk.remove(&temporary));
        WriteError::new(disk.path(name), source)
    })
}

/// Replaces a file of a directory by `bytes` and returns when this cannot be undone by a power cut.
///
/// # Errors
/// The disk does not take it; the old one is still there.
pub fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
    replace(&mut Directory::new(directory), name, bytes)
}

fn steps(disk: &mut dyn Disk, name: &str, temporary: &str, bytes: &[u8]) -> io::Result<()> {
    disk.write(temporary, bytes)?;
    disk.sync(temporary)?;
    disk.rename(temporary, name)?;
    disk.sync_names()
}

// === impl Directory ===

impl Directory {
    pub(crate) fn new(path: &Path) -> Directory {
        Directory(path.to_owned())
    }

    /// A root shell may write here (`windlass pause`); the agent must still be able to read the file.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let directory = fs::metadata(&self.0)?;
        fchown(file, Some(directory.uid()), Some(directory.gid()))
    }
}

impl Disk for Directory {
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("larger than {limit} bytes"),
            ));
        }
        Ok(Some(bytes))
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        // A link planted under the temporary name is not followed.
        let mut file = options
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(self.path(name))?;
        self.give_to_owner(&file)?;
        file.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        File::open(self.path(name))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

// === impl WriteError ===

impl WriteError {
    pub(crate) fn new(path: PathBuf, source: io::Error) -> WriteError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                WriteError::NoSpace { path, source }
            }
            io::ErrorKind::ReadOnlyFilesystem => WriteError::ReadOnly { path, source },
            _ => WriteError::Io { path, source },
        }
    }
}
