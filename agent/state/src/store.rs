//! The database: kept objects and everything else that can be fetched or computed again.
//!
//! Losing it costs a fetch and a dry-run, never trust: objects come back as untrusted bytes that `trust` hashes again.
//! What must not be lost, the ratchet, is a file of its own.

mod blobs;
mod coding;
mod database;
mod error;
mod garbage;
mod history;
mod incoming;
mod inspection;
mod links;
mod memory;
mod notices;
mod outgoing;
mod reader;
mod spool;

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};
use windlass_trust::Oid;

pub use self::blobs::{BlobDigest, IncomingBlob, ParseDigestError};
pub use self::error::{OpenError, StoreError};
pub use self::garbage::Collected;
pub use self::history::{HistoryEntry, Refused, Verdict};
pub use self::incoming::{Incoming, PutError};
pub use self::inspection::Inspection;
pub use self::memory::Binding;
pub use self::notices::Notice;
pub use self::outgoing::Outgoing;
pub use self::reader::Reader;

use self::database::Database;
use crate::directory::{self, DirectoryLock};
use crate::line::Line;

/// The open state of this node; clones share it. One process per directory has it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    /// The only connection that writes.
    writer: Mutex<Connection>,
    recovered: Option<Recovered>,
    /// How many [`Incoming`] are open: their objects may refer to kept ones that nothing else refers to.
    incoming: AtomicUsize,
    /// Held while blobs get or lose their names.
    blobs: Mutex<()>,
    _lock: DirectoryLock,
}

/// A damaged database was found and put aside; an empty one took its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where the damaged one is, for whoever wants to look at it.
    pub moved_to: std::path::PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

/// What is kept of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The accepted head. It must be verified again before it is used.
    pub head: Oid,
    /// When it was fetched (seconds since 1970).
    pub fetched_at: i64,
    /// Where it was found; an older windlass did not write it down.
    pub tip: Option<Tip>,
}

/// The reference under which a head was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its full name.
    pub reference: String,
    /// What it names: the head, or an annotated tag over it, which is kept as well.
    pub target: Oid,
}

// === impl Store ===

impl Store {
    /// Opens the state in a directory, which is made if it is missing and is then ours alone.
    ///
    /// # Errors
    /// The directory is someone else's or in use by another agent, or the disk is full, read-only or broken. A
    /// damaged database is no error: see [`Store::recovered`].
    pub fn open(path: &Path) -> Result<Store, OpenError> {
        directory::prepare(path)?;
        let lock = directory::lock(path)?;
        spool::remove_leftovers(path);
        blobs::remove_leftovers(path);
        let database = Database::new(path);
        let (connection, recovered) = database.open_or_recover()?;
        Ok(Store(Arc::new(Inner {
            database,
            writer: Mutex::new(connection),
            recovered,
            incoming: AtomicUsize::new(0),
            blobs: Mutex::default(),
            _lock: lock,
        })))
    }

    /// The state directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.database.directory()
    }

    /// Says whether opening found a damaged database, and where it is now.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovered> {
        self.0.recovered.as_ref()
    }

    /// Opens a reader of kept objects. It sees what was kept up to each of its reads.
    ///
    /// # Errors
    /// The database cannot be opened again (too many open files, a broken disk).
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.0.database)
    }

    /// Begins to receive objects; nothing of them is kept before [`Incoming::keep`].
    ///
    /// # Errors
    /// The disk is full, read-only or broken.
    pub fn receive(&self) -> Result<Incoming, StoreError> {
        Incoming::begin(self)
    }

    /// What is kept of a line.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn kept(&self, line: &Line) -> Result<Option<Kept>, StoreError> {
        self.with(|connection| kept(connection, line))
    }

    /// Every line of which something is kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn kept_lines(&self) -> Result<Vec<(Line, Kept)>, StoreError> {
        self.with(|connection| kept_lines(connection))
    }

    /// Forgets what is kept of a line; its objects go with the next [`Store::collect_garbage`]. Says whether
    /// there was something.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn forget(&self, line: &Line) -> Result<bool, StoreError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let forgotten = transaction.execute(
                "DELETE FROM kept WHERE source = ?1 AND url = ?2 AND selector = ?3",
                params![line.source, line.url, line.selector],
            )?;
            transaction.execute(
                "DELETE FROM tips WHERE source = ?1 AND url = ?2 AND selector = ?3",
                params![line.source, line.url, line.selector],
            )?;
            if forgotten > 0 {
                garbage::expect(&transaction)?;
            }
            transaction.commit()?;
            Ok(forgotten > 0)
        })
    }

    /// Forgets one object whose bytes were found to be changed (`LoadError::Tampered`), so that the next fetch
    /// that sends it again can put it in its place. That fetch must claim to have nothing.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn drop_object(&self, oid: &Oid) -> Result<(), StoreError> {
        self.with(|connection| {
            connection.execute(
                "DELETE FROM objects WHERE oid = ?1",
                [oid.as_bytes().as_slice()],
            )?;
            Ok(())
        })
    }

    /// Works on the writing connection and gives its errors their names.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let result = work(&mut self.writer());
        result.map_err(|error| self.0.database.explain(error))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A transaction whose thread panicked was rolled back by its drop.
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = self.0.database.reopen() {
            *writer = connection;
        }
        writer
    }
}

fn kept(connection: &Connection, line: &Line) -> rusqlite::Result<Option<Kept>> {
    let mut statement = connection.prepare_cached(
        "SELECT kept.head, fetched_at, reference, target FROM kept
         LEFT JOIN tips USING (source, url, selector, head)
         WHERE source = ?1 AND url = ?2 AND selector = ?3",
    )?;
    statement
        .query_row(params![line.source, line.url, line.selector], kept_at)
        .optional()
}

fn kept_lines(connection: &Connection) -> rusqlite::Result<Vec<(Line, Kept)>> {
    let mut statement = connection.prepare_cached(
        "SELECT kept.head, fetched_at, reference, target, source, url, selector FROM kept
         LEFT JOIN tips USING (source, url, selector, head) ORDER BY 5, 6, 7",
    )?;
    let rows = statement.query_map([], |row| Ok((line_at(row, 4)?, kept_at(row)?)))?;
    rows.collect()
}

/// Reads the first four columns. A tip of another head, which a windlass that knows no tips left behind, is none.
fn kept_at(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let reference: Option<String> = row.get(2)?;
    let tip = reference
        .map(|reference| {
            let target = oid_at(row, 3)?;
            Ok::<_, rusqlite::Error>(Tip { reference, target })
        })
        .transpose()?;
    Ok(Kept {
        head: oid_at(row, 0)?,
        fetched_at: row.get(1)?,
        tip,
    })
}

/// Reads the three columns of a line, beginning at `column`.
fn line_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Line> {
    Ok(Line {
        source: row.get(column)?,
        url: row.get(column + 1)?,
        selector: row.get(column + 2)?,
    })
}

fn oid_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Oid> {
    let bytes: [u8; 20] = row.get(column)?;
    Ok(Oid::from_bytes(bytes))
}

#[cfg(test)]
mod tests;
