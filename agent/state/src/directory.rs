//! The state directory: ours alone, and used by one agent at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// The file whose flock says that an agent is at work. The kernel drops the lock when its holder dies, so the
/// file itself means nothing and never needs removal.
pub(crate) const LOCK: &str = "lock";

/// Nobody else can read what the cluster's Secrets may be made of.
const MODE: u32 = 0o700;

/// The proof that this process alone works in the directory.
#[derive(Debug)]
#[must_use = "dropping it lets another agent in"]
pub(crate) struct DirectoryLock(
    #[expect(dead_code, reason = "held for its Drop, which releases the lock")] Flock<File>,
);

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be made or looked at.
    #[error("state directory {}: {source}", path.display())]
    Io {
        /// The directory or the file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It belongs to another user.
    #[error(
        "state directory {} belongs to uid {owner}, not to uid {expected}; \
         run windlass as its owner or choose another [state] dir",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        expected: u32,
    },
    /// Something else has its name.
    #[error("state directory {} is not a directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// Another agent is at work in it.
    #[error("state directory {} is in use by another windlass; stop it first (`systemctl stop windlass`)", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

/// Makes the directory if it is missing, and sees to it that only we can enter it.
pub(crate) fn prepare(path: &Path) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    let made = DirBuilder::new().recursive(true).mode(MODE).create(path);
    let metadata = match (made, fs::metadata(path)) {
        (_, Ok(metadata)) => metadata,
        (Err(source), Err(_)) | (Ok(()), Err(source)) => return Err(failed(source)),
    };
    if !metadata.is_dir() {
        return Err(DirectoryError::NotADirectory {
            path: path.to_owned(),
        });
    }
    let expected = nix::unistd::geteuid().as_raw();
    if metadata.uid() != expected {
        return Err(DirectoryError::NotOurs {
            path: path.to_owned(),
            owner: metadata.uid(),
            expected,
        });
    }
    if metadata.mode() & 0o7777 != MODE {
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    }
    Ok(())
}

/// Takes the directory for this process, until the lock is dropped or the process dies.
pub(crate) fn lock(directory: &Path) -> Result<DirectoryLock, DirectoryError> {
    let path = directory.join(LOCK);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let file = options
        .open(&path)
        .or_else(|error| read_only_lock(&path, error));
    let file = file.map_err(|source| DirectoryError::Io {
        path: path.clone(),
        source,
    })?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(DirectoryLock(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(DirectoryError::InUse {
            path: directory.to_owned(),
        }),
        Err((_, errno)) => Err(DirectoryError::Io {
            path,
            source: errno.into(),
        }),
    }
}

/// flock(2) needs no write access, so a disk that turned read-only is no obstacle.
fn read_only_lock(path: &Path, error: io::Error) -> io::Result<File> {
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        File::open(path)
    } else {
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_ours_alone_and_an_open_one_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        prepare(&path).unwrap();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!(mode(), 0o700);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        prepare(&path).unwrap();
        assert_eq!(mode(), 0o700);
    }

    #[test]
    fn a_directory_of_someone_else_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(place.path(), Some(12345), None).unwrap();
        let error = prepare(place.path()).unwrap_err();
        assert!(
            matches!(error, DirectoryError::NotOurs { owner: 12345, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(matches!(
            prepare(&path),
            Err(DirectoryError::NotADirectory { .. })
        ));
    }

    #[test]
    fn only_one_holds_the_lock_and_a_file_left_behind_does_not() {
        let place = tempfile::tempdir().unwrap();
        let first = lock(place.path()).unwrap();
        assert!(matches!(
            lock(place.path()),
            Err(DirectoryError::InUse { .. })
        ));
        drop(first);
        assert!(place.path().join(LOCK).exists());
        assert!(lock(place.path()).is_ok());
    }
}
