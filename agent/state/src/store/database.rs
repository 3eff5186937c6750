//! The database file: how it is opened, checked, and put aside when it is damaged.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Recovered;
use super::error::{OpenError, StoreError};
use crate::durable::WriteError;

const NAME: &str = "store.db";

/// Written when damage is found while at work, so that the next start need not find it again.
const DAMAGE_MARKER: &str = "store.damaged";

/// How the file says whose it is (`PRAGMA application_id`): "wdls".
const APPLICATION_ID: i32 = 0x7764_6c73;

/// Checking reads the whole file. 20 MiB take half a second on an SD card; a file for which this is not enough is
/// checked as far as it goes, and the rest when it is read: every object is hashed at each load.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// Instructions of SQLite's machine between two looks at the clock.
const CHECK_STEPS: i32 = 10_000;

/// Nobody but us writes, so waiting at all means that a person looks into the file with another program.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// Rows over a quarter of a page leave the B-tree. Filling a table with 20,000 compressed manifests of 0.2 to 4 KiB
/// takes a third less time on pages of 8 KiB than on pages of 4 KiB, and as much space.
const LAYOUT: &str = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;";

/// NORMAL in WAL mode fsyncs at checkpoints only: a power cut may take the latest rows, never the database. Where a
/// row must be on disk before something else happens, that one transaction asks for FULL. The cache is small
/// because the kernel caches the file anyway. No memory map: a bad sector would be a SIGBUS instead of an error.
const WRITER: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048;
    PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;
    PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF;";

const READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -512; PRAGMA mmap_size = 0;
    PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";

/// Changes to this are additions, so that the previous windlass can still work with the file.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS objects (
        oid BLOB PRIMARY KEY, kind INTEGER NOT NULL, coding INTEGER NOT NULL, size INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS kept (
        source TEXT NOT NULL, url TEXT NOT NULL, selector TEXT NOT NULL,
        head BLOB NOT NULL, fetched_at INTEGER NOT NULL,
        PRIMARY KEY (source, url, selector)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS tips (
        source TEXT NOT NULL, url TEXT NOT NULL, selector TEXT NOT NULL,
        head BLOB NOT NULL, reference TEXT NOT NULL, target BLOB NOT NULL,
        PRIMARY KEY (source, url, selector)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS history (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
        source TEXT NOT NULL, url TEXT NOT NULL, selector TEXT NOT NULL,
        from_head BLOB, to_head BLOB NOT NULL,
        verdict TEXT NOT NULL, reason TEXT NOT NULL, signer TEXT NOT NULL, commits INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS proofs (entry INTEGER PRIMARY KEY, proof TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS remembered (
        key TEXT PRIMARY KEY, coding INTEGER NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS notices (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, recipient TEXT NOT NULL, sent INTEGER NOT NULL, text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Where the database is.
#[derive(Clone, Debug)]
pub(super) struct Database {
    directory: PathBuf,
    /// Why it can only be read, if so.
    read_only: Arc<Mutex<Option<Obstacle>>>,
}

/// What keeps the database from being opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    NoSpace,
    ReadOnlyDisk,
}

/// A connection that reads.
#[derive(Debug)]
pub(super) struct ReadConnection {
    pub(super) connection: Connection,
    /// The file was opened as one that nobody changes; once somebody does, the connection is void.
    pub(super) is_frozen: bool,
}

// === impl Database ===

impl Database {
    pub(super) fn new(directory: &Path) -> Database {
        Database {
            directory: directory.to_owned(),
            read_only: Arc::default(),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Opens the database for writing; a damaged one is put aside and replaced by an empty one. On a disk that
    /// is full or read-only it is opened for reading: what is kept can be served.
    pub(super) fn open_or_recover(&self) -> Result<(Connection, Option<Recovered>), OpenError> {
        let reason = if self.directory.join(DAMAGE_MARKER).exists() {
            "damage was found while it was in use".to_owned()
        } else {
            match self.open() {
                Ok(connection) => return Ok((connection, None)),
                Err(StoreError::Damaged { source, .. }) => source.to_string(),
                Err(error) => return Ok((self.open_despite(error)?, None)),
            }
        };
        let moved_to = self.put_aside().map_err(OpenError::PutAside)?;
        let connection = self.open()?;
        Ok((connection, Some(Recovered { moved_to, reason })))
    }

    /// Opens the database for writing again if it could only be read until now; `None` when there is no need
    /// or still no way.
    pub(super) fn reopen(&self) -> Option<Connection> {
        self.obstacle()?;
        let connection = self.open().ok()?;
        self.set_obstacle(None);
        Some(connection)
    }

    /// Opens the database for reading.
    pub(super) fn open_for_reading(&self) -> Result<ReadConnection, StoreError> {
        let is_frozen = self.obstacle().is_some() && !self.has_log();
        let flags = match self.obstacle() {
            None => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Some(_) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let connection = self
            .read_with(flags, is_frozen)
            .map_err(|error| self.explain(error))?;
        Ok(ReadConnection {
            connection,
            is_frozen,
        })
    }

    /// Opens the database for a look beside the running agent.
    pub(super) fn open_for_a_look(&self) -> Result<Connection, StoreError> {
        let connection = self.read_with(OpenFlags::SQLITE_OPEN_READ_ONLY, false);
        connection.map_err(|error| StoreError::new(self.path(), error))
    }

    /// Says whether connections opened as frozen are void by now.
    pub(super) fn is_writable(&self) -> bool {
        self.obstacle().is_none()
    }

    /// Gives an error its name. Damage is noted down for the next start.
    pub(super) fn explain(&self, error: rusqlite::Error) -> StoreError {
        let error = StoreError::new(self.path(), error);
        match (error, self.obstacle()) {
            // What looks like damage may be a frozen file that is changed after all.
            (StoreError::Damaged { path, source }, None) => {
                // On a disk that takes no file the next start has to find the damage by itself.
                drop(File::create(self.directory.join(DAMAGE_MARKER)));
                StoreError::Damaged { path, source }
            }
            (StoreError::ReadOnly { path, source }, Some(Obstacle::NoSpace)) => {
                StoreError::NoSpace { path, source }
            }
            (error, _) => error,
        }
    }

    fn open_despite(&self, error: StoreError) -> Result<Connection, StoreError> {
        let obstacle = match error {
            StoreError::NoSpace { .. } => Obstacle::NoSpace,
            StoreError::ReadOnly { .. } => Obstacle::ReadOnlyDisk,
            error => return Err(error),
        };
        let opened = self.read_with(OpenFlags::SQLITE_OPEN_READ_ONLY, !self.has_log());
        // Without a database there is nothing to serve, and the first error says why there is none.
        let connection = opened.map_err(|_| error)?;
        self.set_obstacle(Some(obstacle));
        Ok(connection)
    }

    /// Opens the file for reading. Without a log a frozen file needs no shared memory beside it, for which there
    /// may be no room.
    fn read_with(&self, flags: OpenFlags, is_frozen: bool) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let suffix = if is_frozen { "?immutable=1" } else { "" };
        let connection =
            Connection::open_with_flags(format!("{}{suffix}", uri(&self.path())), flags)?;
        connection.busy_timeout(BUSY_TIME)?;
        connection.execute_batch(READER)?;
        // Opening is lazy; only reading shows whether it works.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    }

    fn has_log(&self) -> bool {
        fs::metadata(self.directory.join(format!("{NAME}-wal"))).is_ok_and(|log| log.len() > 0)
    }

    fn obstacle(&self) -> Option<Obstacle> {
        *self
            .read_only
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn set_obstacle(&self, obstacle: Option<Obstacle>) {
        *self
            .read_only
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = obstacle;
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let named = |error| StoreError::new(self.path(), error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(self.path(), flags).map_err(named)?;
        connection.busy_timeout(BUSY_TIME).map_err(named)?;
        prepare(&mut connection).map_err(named)?;
        Ok(connection)
    }

    /// Moves the file out of the way and gives its new place. An earlier damaged file goes: one is enough to
    /// look at, and disks are small.
    fn put_aside(&self) -> Result<PathBuf, WriteError> {
        let seconds = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let prefix = format!("{NAME}.damaged-");
        self.remove_all(&prefix);
        let aside = format!("{prefix}{seconds}");
        // The log first: a fresh database must never find the log of the damaged one.
        self.rename(&format!("{NAME}-wal"), &format!("{aside}-wal"))?;
        self.remove_all(&format!("{NAME}-shm"));
        self.rename(NAME, &aside)?;
        self.remove_all(DAMAGE_MARKER);
        Ok(self.directory.join(aside))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), WriteError> {
        let from = self.directory.join(from);
        match fs::rename(&from, self.directory.join(to)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(WriteError::new(from, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the files whose names begin so. What cannot be removed is in nobody's way.
    fn remove_all(&self, prefix: &str) {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// A path as SQLite's URIs want it (sqlite.org/uri.html).
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        // On a file that has tables this would be a write.
        connection.execute_batch(LAYOUT)?;
    }
    connection.execute_batch(WRITER)?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(damage("the file is a database of another program"));
    }
    if id == APPLICATION_ID {
        check(connection)?;
    }
    if tables < expected_tables() {
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A start with nothing to add writes nothing.
fn expected_tables() -> i64 {
    i64::try_from(SCHEMA.matches("CREATE TABLE").count()).unwrap_or(i64::MAX)
}

fn check(connection: &mut Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    connection.progress_handler(CHECK_STEPS, Some(move || began.elapsed() > CHECK_TIME))?;
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(finding) => Err(damage(&finding)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(()),
        Err(error) => Err(error),
    }
}

fn damage(finding: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(finding.to_owned()))
}
