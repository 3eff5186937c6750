//! Reading kept objects.

use std::cell::RefCell;

use rusqlite::{Connection, OptionalExtension, Row};
use windlass_trust::{ObjectKind, ObjectReader, Oid, RawObject, ReadError};

use super::coding;
use super::database::{Database, ReadConnection};
use super::error::StoreError;

/// A reader of kept objects with a connection of its own, so that readers never wait for each other or for a writer.
/// Its cache is small; opening one takes a fraction of a millisecond.
#[derive(Debug)]
pub struct Reader {
    connection: RefCell<ReadConnection>,
    database: Database,
}

// === impl Reader ===

impl Reader {
    pub(super) fn open(database: &Database) -> Result<Reader, StoreError> {
        let connection = RefCell::new(database.open_for_reading()?);
        Ok(Reader {
            connection,
            database: database.clone(),
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        if self.connection.borrow().is_frozen && self.database.is_writable() {
            *self.connection.borrow_mut() = self.database.open_for_reading()?;
        }
        work(&self.connection.borrow().connection)
            .map_err(|error| self.database.explain(error).into())
    }
}

impl ObjectReader for Reader {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        self.with(|connection| object(connection, oid))
    }

    fn contains(&self, oid: &Oid) -> Result<bool, ReadError> {
        self.with(|connection| contains(connection, oid))
    }
}

/// Reads one object as it lies in the database.
pub(super) fn object(connection: &Connection, oid: &Oid) -> rusqlite::Result<Option<RawObject>> {
    let mut statement =
        connection.prepare_cached("SELECT kind, coding, size, data FROM objects WHERE oid = ?1")?;
    statement
        .query_row([oid.as_bytes().as_slice()], decoded)
        .optional()
}

/// Whether there is one.
pub(super) fn contains(connection: &Connection, oid: &Oid) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM objects WHERE oid = ?1")?;
    statement.exists([oid.as_bytes().as_slice()])
}

/// A kind that no Git object has was changed on the disk; as a blob it hashes to something else.
fn decoded(row: &Row<'_>) -> rusqlite::Result<RawObject> {
    let code: i64 = row.get(0)?;
    let kind = u8::try_from(code)
        .ok()
        .and_then(ObjectKind::from_code)
        .unwrap_or(ObjectKind::Blob);
    let data = row.get_ref(3)?.as_bytes()?;
    Ok(RawObject {
        kind,
        bytes: coding::decode(row.get(1)?, row.get(2)?, data),
    })
}
