//! Objects on their way in: a file without a name, so that whatever happens nothing of it stays.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_trust::{ObjectKind, Oid, RawObject};

use super::coding::{self, Coded};
use crate::durable::WriteError;

const PREFIX: &str = "incoming-";

/// Written in one go; small objects would otherwise cost a system call each.
const BUFFER: usize = 256 * 1024;

/// Objects received so far.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    path: PathBuf,
    /// How much of the spool is in the file; the rest is in `pending`.
    written: u64,
    pending: Vec<u8>,
    index: HashMap<Oid, Entry>,
}

/// Where an object is and how it lies there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) kind: ObjectKind,
    pub(super) coding: i64,
    pub(super) size: i64,
    offset: u64,
    length: usize,
}

// === impl Spool ===

impl Spool {
    /// Makes an empty one in the state directory, because only there is room for what will be kept.
    pub(super) fn create(directory: &Path) -> Result<Spool, WriteError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600);
        let file = options
            .open(&path)
            .map_err(|source| WriteError::new(path.clone(), source))?;
        // From here on the file ends with its last handle.
        fs::remove_file(&path).map_err(|source| WriteError::new(path.clone(), source))?;
        Ok(Spool {
            file,
            path,
            written: 0,
            pending: Vec::new(),
            index: HashMap::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    pub(super) fn get(&self, oid: &Oid) -> Option<Entry> {
        self.index.get(oid).copied()
    }

    pub(super) fn put(
        &mut self,
        oid: Oid,
        kind: ObjectKind,
        coded: &Coded<'_>,
    ) -> Result<(), WriteError> {
        let entry = Entry {
            kind,
            coding: coded.coding,
            size: coded.size,
            offset: self.bytes(),
            length: coded.data.len(),
        };
        self.pending.extend_from_slice(&coded.data);
        if self.pending.len() >= BUFFER {
            self.file
                .write_all(&self.pending)
                .map_err(|source| WriteError::new(self.path.clone(), source))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        self.index.insert(oid, entry);
        Ok(())
    }

    /// Gives an object's bytes as they lie in the spool.
    pub(super) fn data(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut data = vec![0; entry.length];
        match entry.offset.checked_sub(self.written) {
            None => self.file.read_exact_at(&mut data, entry.offset)?,
            Some(start) => {
                let start = usize::try_from(start).map_err(io::Error::other)?;
                let pending = self.pending.get(start..start + entry.length);
                data.copy_from_slice(
                    pending.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?,
                );
            }
        }
        Ok(data)
    }

    pub(super) fn read(&self, oid: &Oid) -> io::Result<Option<RawObject>> {
        let Some(entry) = self.get(oid) else {
            return Ok(None);
        };
        let bytes = coding::decode(entry.coding, entry.size, &self.data(&entry)?);
        Ok(Some(RawObject {
            kind: entry.kind,
            bytes,
        }))
    }
}

/// Removes the names of spools whose process died between making the file and removing its name.
pub(super) fn remove_leftovers(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        drop(fs::remove_file(entry.path()));
    }
}
