//! Bytes that are known by their content: charts, indexes, files of other places. Each is a file under its SHA-256.
//!
//! They can be fetched again, so nothing depends on one being there; what is loaded is hashed again. A blob stays while
//! somebody uses it, and all together never take more than their share of the disk.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};

use nix::sys::statvfs::statvfs;
use sha2::{Digest as _, Sha256};

pub use windlass_trust::{ContentDigest as BlobDigest, ParseDigestError};

use super::{Store, StoreError};
use crate::durable::WriteError;

const DIRECTORY: &str = "blobs";
const INCOMING: &str = "incoming-";
/// Where the store remembers who uses what.
const USES: &str = "blob/";

/// All blobs together: a hundred of the largest charts, and a small part of the disk of a small node.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// What is left free on the disk: the ratchet, the database and the rest of the node need it more.
const LEFT_FREE: u64 = 128 * 1024 * 1024;

/// How often the free space is looked at while a blob grows.
const LOOK_EVERY: u64 = 4 * 1024 * 1024;

/// A blob on its way in; nothing stays of it unless it is kept.
#[derive(Debug)]
pub struct IncomingBlob {
    store: Store,
    file: File,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
    looked_at: u64,
}

// === impl Store ===

impl Store {
    /// Begins to take a blob.
    ///
    /// # Errors
    /// The disk is full, read-only or broken.
    pub fn receive_blob(&self) -> Result<IncomingBlob, StoreError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let directory = self.blob_directory();
        let failed = |source| WriteError::new(directory.clone(), source);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed)?;
        leaves_room(&directory)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{INCOMING}{}-{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(|source| WriteError::new(path.clone(), source))?;
        Ok(IncomingBlob {
            store: self.clone(),
            file,
            path,
            hash: Sha256::new(),
            bytes: 0,
            looked_at: 0,
        })
    }

    /// Keeps bytes for a user, as [`IncomingBlob::keep`] does.
    ///
    /// # Errors
    /// As [`IncomingBlob::keep`].
    pub fn keep_blob(&self, user: &str, bytes: &[u8]) -> Result<BlobDigest, StoreError> {
        let digest = BlobDigest::of(bytes);
        if self.blob(&digest)?.is_none() {
            let mut incoming = self.receive_blob()?;
            incoming.write(bytes)?;
            return incoming.keep(user);
        }
        self.use_blob(user, &digest)?;
        Ok(digest)
    }

    /// Loads a blob and hashes it. `None` when it is not there, or is not what it was: then it is dropped.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn blob(&self, digest: &BlobDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.blob_path(digest);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(WriteError::new(path, error).into()),
        }
        if BlobDigest::of(&bytes) == *digest {
            return Ok(Some(bytes));
        }
        // On a disk that turned read-only it stays, and is found out again.
        drop(fs::remove_file(&path));
        Ok(None)
    }

    /// Opens a blob whose bytes are too many for the memory, after it was hashed. `None` as for [`Store::blob`].
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn blob_reader(&self, digest: &BlobDigest) -> Result<Option<File>, StoreError> {
        let path = self.blob_path(digest);
        let failed = |error| WriteError::new(path.clone(), error);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mut hash = Sha256::new();
        io::copy(&mut file, &mut hash).map_err(failed)?;
        if BlobDigest::from_bytes(hash.finalize().into()) == *digest {
            file.rewind().map_err(failed)?;
            return Ok(Some(file));
        }
        // On a disk that turned read-only it stays, and is found out again.
        drop(fs::remove_file(&path));
        Ok(None)
    }

    /// Says that a user works with this blob from now on, and with no other.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn use_blob(&self, user: &str, digest: &BlobDigest) -> Result<(), StoreError> {
        self.remember(&format!("{USES}{user}"), digest.to_string().as_bytes())
    }

    /// The blob that a user works with.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn used_blob(&self, user: &str) -> Result<Option<BlobDigest>, StoreError> {
        let used = self.recall(&format!("{USES}{user}"))?;
        let used = used.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(used.and_then(|text| text.parse().ok()))
    }

    /// The users whose names begin so, sorted.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn blob_users(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let keys = self.remembered_keys(&format!("{USES}{prefix}"))?;
        let users = keys.iter().filter_map(|key| key.strip_prefix(USES));
        Ok(users.map(str::to_owned).collect())
    }

    /// Forgets a user; its blob goes with the next [`Store::collect_blobs`] unless somebody else uses it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn leave_blob(&self, user: &str) -> Result<(), StoreError> {
        self.unremember(&format!("{USES}{user}"))
    }

    /// Forgets the users whose names begin with `prefix` but those whose names go on as one of `names`, or as one of those and `/`, what is remembered under their
    /// names, and the blobs that nobody uses then.
    ///
    /// # Errors
    /// The disk or the database cannot be read or written.
    pub fn leave_blobs_but(&self, prefix: &str, names: &[String]) -> Result<(), StoreError> {
        for user in self.blob_users(prefix)? {
            let name = user.strip_prefix(prefix).unwrap_or_default();
            let is_of = |kept: &String| {
                let rest = name.strip_prefix(kept.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !names.iter().any(is_of) {
                self.leave_blob(&user)?;
                self.unremember(&user)?;
            }
        }
        self.collect_blobs().map(drop)
    }

    /// Removes the blobs that nobody uses, and says how many.
    ///
    /// # Errors
    /// The disk or the database cannot be read.
    pub fn collect_blobs(&self) -> Result<usize, StoreError> {
        let guard = self.blob_names();
        self.collect_named(&guard)
    }

    fn collect_named(&self, _guard: &MutexGuard<'_, ()>) -> Result<usize, StoreError> {
        let mut used = BTreeSet::new();
        for user in self.blob_users("")? {
            used.extend(self.used_blob(&user)?.map(|digest| digest.hex()));
        }
        let mut removed = 0;
        for (name, path, _) in kept_files(&self.blob_directory())? {
            if !name.starts_with(INCOMING) && !used.contains(&name) {
                fs::remove_file(&path).map_err(|error| WriteError::new(path, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Held while a blob gets its name and its user, and while blobs without users lose theirs.
    fn blob_names(&self) -> MutexGuard<'_, ()> {
        let names = self.0.blobs.lock();
        names.unwrap_or_else(PoisonError::into_inner)
    }

    fn blob_directory(&self) -> PathBuf {
        self.directory().join(DIRECTORY)
    }

    fn blob_path(&self, digest: &BlobDigest) -> PathBuf {
        self.blob_directory().join(digest.hex())
    }
}

// === impl IncomingBlob ===

impl IncomingBlob {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The disk is full, or would be.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes += bytes.len() as u64;
        if self.bytes - self.looked_at >= LOOK_EVERY {
            self.looked_at = self.bytes;
            leaves_room(&self.path)?;
        }
        self.hash.update(bytes);
        let written = self.file.write_all(bytes);
        written.map_err(|source| WriteError::new(self.path.clone(), source).into())
    }

    /// How many bytes were taken.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of the bytes so far.
    #[must_use]
    pub fn digest(&self) -> BlobDigest {
        BlobDigest::from_bytes(self.hash.clone().finalize().into())
    }

    /// Reads what was taken so far from its beginning.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn reread(&self) -> Result<File, StoreError> {
        let opened = File::open(&self.path);
        opened.map_err(|source| WriteError::new(self.path.clone(), source).into())
    }

    /// Gives the blob its name and its user, in place of what that one used before.
    ///
    /// # Errors
    /// The disk is full or broken, or all blobs together would be larger than their share.
    pub fn keep(self, user: &str) -> Result<BlobDigest, StoreError> {
        let digest = self.digest();
        let failed = |source| WriteError::new(self.path.clone(), source);
        self.file.sync_all().map_err(failed)?;
        let store = self.store.clone();
        let guard = store.blob_names();
        if total(&store.blob_directory())? > MOST_BYTES {
            store.collect_named(&guard)?;
        }
        if total(&store.blob_directory())? > MOST_BYTES {
            return Err(StoreError::BlobsFull {
                path: store.blob_directory(),
                limit: MOST_BYTES,
            });
        }
        fs::rename(&self.path, store.blob_path(&digest)).map_err(failed)?;
        let directory = File::open(store.blob_directory());
        directory
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        store.use_blob(user, &digest)?;
        Ok(digest)
    }
}

impl Drop for IncomingBlob {
    fn drop(&mut self) {
        // It has its name by now, or nobody wants it.
        drop(fs::remove_file(&self.path));
    }
}

/// Removes what a process left behind that died while it took blobs.
pub(super) fn remove_leftovers(state: &Path) {
    let files = kept_files(&state.join(DIRECTORY)).unwrap_or_default();
    for (_, path, _) in files
        .into_iter()
        .filter(|(name, ..)| name.starts_with(INCOMING))
    {
        drop(fs::remove_file(path));
    }
}

fn total(directory: &Path) -> Result<u64, StoreError> {
    let files = kept_files(directory)?;
    Ok(files.iter().map(|(_, _, bytes)| bytes).sum())
}

/// Name, path and size of each file.
fn kept_files(directory: &Path) -> Result<Vec<(String, PathBuf, u64)>, StoreError> {
    let failed = |source| WriteError::new(directory.to_owned(), source);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        files.push((name, entry.path(), bytes));
    }
    Ok(files)
}

fn leaves_room(path: &Path) -> Result<(), StoreError> {
    let Ok(disk) = statvfs(path) else {
        return Ok(());
    };
    if disk.blocks_available().saturating_mul(disk.fragment_size()) > LEFT_FREE {
        return Ok(());
    }
    let full = io::Error::new(
        io::ErrorKind::StorageFull,
        format!("less than {} MiB are free", LEFT_FREE / 1024 / 1024),
    );
    Err(WriteError::new(path.to_owned(), full).into())
}

#[cfg(test)]
mod tests;
