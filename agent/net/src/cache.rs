//! The throw-away object store of one URL: an SQLite file that may be deleted at any time.
//!
//! Objects are kept whole and compressed, so a delta in the next pack finds its base at once and every
//! fetch is one transaction: a torn one leaves nothing behind. Nothing here is believed: an object is hashed
//! again when it is read, and whatever looks wrong means the file is deleted and fetched again.

mod all;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::Kind;
use gix_zlib::Decompress;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::zlib;

/// The open cache of one URL.
pub(crate) struct Cache {
    connection: Connection,
    file: PathBuf,
    limits: Limits,
}

/// Why the cache could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// The file is not what was written; it has to go.
    #[error("the cache is damaged: {0}")]
    Damaged(String),
    /// Anything else ends the fetch.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Changes whenever the schema does; another version is thrown away.
const SCHEMA_VERSION: i64 = 2;
const PAGE_BYTES: u64 = 4096;

/// Durability is not wanted: after a power cut the file is whole or it is fetched again, and an SD card sees
/// no fsync. The journal only makes a killed process leave no half transaction.
const SETTINGS: &str = "
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -4096;
    PRAGMA mmap_size = 0;
";

const SCHEMA: &str = "
    CREATE TABLE object (
        id INTEGER PRIMARY KEY, oid BLOB NOT NULL UNIQUE,
        kind INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE tip (id INTEGER PRIMARY KEY AUTOINCREMENT, oid BLOB NOT NULL UNIQUE) STRICT;
    CREATE TABLE shallow (oid BLOB PRIMARY KEY) STRICT;
";

/// Tips remembered; more than any set of sources on one URL has.
const TIPS: i64 = 64;

impl Cache {
    /// Opens the cache in `directory`, or begins a new one when it is missing, too large or damaged.
    pub(crate) fn open(directory: &Path, limits: &Limits) -> Result<Self, Failure> {
        create_directory(directory)?;
        let file = directory.join("objects.sqlite");
        let is_too_large = fs::metadata(&file).is_ok_and(|found| found.len() > limits.cache_bytes);
        if is_too_large {
            tracing::info!(file = %file.display(), "the cache has grown too large and is begun again");
            remove(&file)?;
        }
        match Self::connect(&file, limits) {
            Ok(cache) => Ok(cache),
            Err(CacheError::Failure(failure)) => Err(failure),
            Err(CacheError::Damaged(reason)) => {
                tracing::warn!(file = %file.display(), reason, "the cache is begun again");
                remove(&file)?;
                Self::connect(&file, limits).map_err(CacheError::into_failure)
            }
        }
    }

    fn connect(file: &Path, limits: &Limits) -> Result<Self, CacheError> {
        let connection = Connection::open(file).map_err(sqlite_error)?;
        connection.execute_batch(SETTINGS).map_err(sqlite_error)?;
        // The size may pass the bound a little before the next opening throws the file away.
        let pages = i64::try_from(limits.cache_bytes / PAGE_BYTES * 5 / 4 + 16).unwrap_or(i64::MAX);
        connection
            .pragma_update(None, "max_page_count", pages)
            .map_err(sqlite_error)?;
        let version: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(sqlite_error)?;
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(sqlite_error)?;
        match (version, tables) {
            (SCHEMA_VERSION, _) => {}
            (0, 0) => {
                connection.execute_batch(SCHEMA).map_err(sqlite_error)?;
                connection
                    .pragma_update(None, "user_version", SCHEMA_VERSION)
                    .map_err(sqlite_error)?;
            }
            _ => return Err(CacheError::Damaged(format!("schema version {version}"))),
        }
        Ok(Self {
            connection,
            file: file.to_owned(),
            limits: limits.clone(),
        })
    }

    /// Throws everything away and begins again.
    pub(crate) fn discard(self) -> Result<Self, Failure> {
        let Self {
            connection,
            file,
            limits,
        } = self;
        drop(connection);
        remove(&file)?;
        Self::connect(&file, &limits).map_err(CacheError::into_failure)
    }

    /// Reads an object and hashes it again; `None` when it is not there.
    pub(crate) fn read(&self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, CacheError> {
        let sql = "SELECT kind, size, data FROM object WHERE oid = ?1";
        let Some((kind, bytes)) = self.object(sql, oid.as_slice())? else {
            return Ok(None);
        };
        let actual = gix_object::compute_hash(gix_hash::Kind::Sha1, kind, &bytes)
            .map_err(|error| CacheError::Damaged(format!("{oid}: {error}")))?;
        if actual == *oid {
            Ok(Some((kind, bytes)))
        } else {
            Err(CacheError::Damaged(format!(
                "{oid} has the content of {actual}"
            )))
        }
    }

    pub(crate) fn contains(&self, oid: &ObjectId) -> Result<bool, CacheError> {
        self.connection
            .prepare_cached("SELECT 1 FROM object WHERE oid = ?1")
            .and_then(|mut statement| statement.exists([oid.as_slice()]))
            .map_err(sqlite_error)
    }

    /// Commits that were fetched with everything they reach but what is behind the shallow ones, latest first.
    pub(crate) fn tips(&self) -> Result<Vec<ObjectId>, CacheError> {
        self.oids("SELECT oid FROM tip ORDER BY id DESC LIMIT ?1")
    }

    /// Commits that were fetched without what is behind them.
    pub(crate) fn shallow(&self) -> Result<Vec<ObjectId>, CacheError> {
        self.oids("SELECT oid FROM shallow LIMIT ?1")
    }

    fn oids(&self, sql: &str) -> Result<Vec<ObjectId>, CacheError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(sqlite_error)?;
        let rows = statement
            .query_map([TIPS], |row| row.get::<_, Vec<u8>>(0))
            .map_err(sqlite_error)?;
        rows.map(|row| parse_oid(&row.map_err(sqlite_error)?))
            .collect()
    }

    /// Keeps the file open for reading as long as the returned value lives, which spares many small reads
    /// their locks; nobody can write meanwhile.
    pub(crate) fn read_at_once(&self) -> Result<Transaction<'_>, CacheError> {
        self.connection
            .unchecked_transaction()
            .map_err(sqlite_error)
    }

    /// Begins to write; dropping what is returned undoes everything.
    pub(crate) fn receive(&mut self) -> Result<Receiving<'_>, CacheError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sqlite_error)?;
        Ok(Receiving(transaction))
    }

    fn object(
        &self,
        sql: &str,
        key: impl rusqlite::ToSql,
    ) -> Result<Option<(Kind, Vec<u8>)>, CacheError> {
        stored_object(&self.connection, sql, key)
    }
}

impl CacheError {
    /// Damage in a file that was made a moment ago is the disk's.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Damaged(reason) => Failure::cache(format!(
                "the cache of windlass-net is damaged again right after it was made new ({reason}); \
                 check the disk"
            )),
        }
    }
}

/// Writes into the cache; nothing is there until [`Receiving::commit`].
#[must_use = "what was received is undone when this is dropped"]
pub(crate) struct Receiving<'a>(Transaction<'a>);

impl Receiving<'_> {
    /// Keeps an object under the id it was hashed to, and returns its row.
    pub(crate) fn put(
        &mut self,
        oid: &ObjectId,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<i64, CacheError> {
        if let Some(row) = self.row(oid)? {
            return Ok(row);
        }
        let data = zlib::deflated(bytes)
            .map_err(|error| Failure::cache(format!("an object cannot be compressed: {error}")))?;
        self.0
            .prepare_cached("INSERT INTO object (oid, kind, size, data) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| {
                statement.insert((oid.as_slice(), kind_code(kind), bytes.len() as i64, data))
            })
            .map_err(sqlite_error)
    }

    /// The row of an object, by its id.
    pub(crate) fn row(&self, oid: &ObjectId) -> Result<Option<i64>, CacheError> {
        self.0
            .prepare_cached("SELECT id FROM object WHERE oid = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([oid.as_slice()], |row| row.get(0))
                    .optional()
            })
            .map_err(sqlite_error)
    }

    /// An object by its row, not hashed again: it is only a base, and what it becomes is hashed.
    pub(crate) fn by_row(&self, row: i64) -> Result<(Kind, Vec<u8>), CacheError> {
        stored_object(
            &self.0,
            "SELECT kind, size, data FROM object WHERE id = ?1",
            row,
        )?
        .ok_or_else(|| CacheError::Damaged(format!("row {row} is gone")))
    }

    /// Remembers that `oid` and everything it reaches is here.
    pub(crate) fn add_tip(&mut self, oid: &ObjectId) -> Result<(), CacheError> {
        self.0
            .execute("DELETE FROM tip WHERE oid = ?1", [oid.as_slice()])
            .map_err(sqlite_error)?;
        self.0
            .execute("INSERT INTO tip (oid) VALUES (?1)", [oid.as_slice()])
            .map_err(sqlite_error)?;
        let sql = "DELETE FROM tip WHERE id NOT IN (SELECT id FROM tip ORDER BY id DESC LIMIT ?1)";
        self.0.execute(sql, [TIPS]).map_err(sqlite_error)?;
        Ok(())
    }

    /// Remembers that what is behind `oid` is not here.
    pub(crate) fn add_shallow(&mut self, oid: &ObjectId) -> Result<(), CacheError> {
        let sql = "INSERT OR IGNORE INTO shallow (oid) VALUES (?1)";
        self.0
            .execute(sql, [oid.as_slice()])
            .map_err(sqlite_error)?;
        Ok(())
    }

    /// Makes everything that was put visible.
    pub(crate) fn commit(self) -> Result<(), CacheError> {
        self.0.commit().map_err(sqlite_error)
    }
}

fn stored_object(
    connection: &Connection,
    sql: &str,
    key: impl rusqlite::ToSql,
) -> Result<Option<(Kind, Vec<u8>)>, CacheError> {
    let damaged = |reason: &str| CacheError::Damaged(reason.to_owned());
    let mut statement = connection.prepare_cached(sql).map_err(sqlite_error)?;
    let mut rows = statement.query([key]).map_err(sqlite_error)?;
    let Some(row) = rows.next().map_err(sqlite_error)? else {
        return Ok(None);
    };
    let code: i64 = row.get(0).map_err(sqlite_error)?;
    let kind = kind_of_code(code).ok_or_else(|| damaged("unknown object kind"))?;
    let size: i64 = row.get(1).map_err(sqlite_error)?;
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size <= Limits::DEFAULT.object_bytes)
        .ok_or_else(|| damaged("impossible object size"))?;
    let mut data = row
        .get_ref(2)
        .and_then(|data| data.as_blob().map_err(Into::into))
        .map_err(sqlite_error)?;
    let bytes = zlib::inflate_from(&mut data, &mut Decompress::new(), size)
        .map_err(|error| damaged(&error.to_string()))?;
    Ok(Some((kind, bytes)))
}

/// Git's pack codes (gitformat-pack(5)).
pub(crate) fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    }
}

pub(crate) fn kind_of_code(code: i64) -> Option<Kind> {
    [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag]
        .into_iter()
        .find(|kind| i64::from(kind_code(*kind)) == code)
}

fn parse_oid(bytes: &[u8]) -> Result<ObjectId, CacheError> {
    <[u8; 20]>::try_from(bytes)
        .map(ObjectId::from)
        .map_err(|_| CacheError::Damaged("an object id of the wrong length".to_owned()))
}

fn sqlite_error(error: rusqlite::Error) -> CacheError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
            CacheError::Damaged(error.to_string())
        }
        Some(ErrorCode::DiskFull) => Failure::cache(
            "the cache of windlass-net is full: the disk is, or the repository is too large for it",
        )
        .into(),
        // A missing table or column, or a value of another type, was not written here.
        None | Some(ErrorCode::Unknown) => CacheError::Damaged(error.to_string()),
        Some(_) => {
            Failure::cache(format!("the cache of windlass-net cannot be used: {error}")).into()
        }
    }
}

/// Makes a directory that only this user can enter.
pub(crate) fn create_directory(directory: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| {
            Failure::cache(format!(
                "{} cannot be made: {error}; check its owner",
                directory.display()
            ))
        })
}

/// Deletes the file and its journal.
fn remove(file: &Path) -> Result<(), Failure> {
    for path in [file.with_extension("sqlite-journal"), file.to_owned()] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::cache(format!(
                    "{} cannot be deleted: {error}; delete it by hand",
                    path.display()
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
