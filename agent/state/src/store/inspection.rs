//! A look into the state for people, beside a running agent or without one.

use std::path::Path;

use rusqlite::Connection;
use windlass_trust::{ObjectReader, Oid, RawObject, ReadError};

use super::database::Database;
use super::history::{self, HistoryEntry};
use super::memory::fact;
use super::reader::{contains, object};
use super::{Kept, StoreError, kept_lines};
use crate::line::Line;

/// The state as a person sees it. It takes no lock and changes nothing.
#[derive(Debug)]
pub struct Inspection {
    connection: Connection,
    database: Database,
}

// === impl Inspection ===

impl Inspection {
    /// Opens the state in a directory for looking.
    ///
    /// # Errors
    /// There is none, it may not be read (run as root), or it is damaged.
    pub fn open(directory: &Path) -> Result<Inspection, StoreError> {
        let database = Database::new(directory);
        let connection = database.open_for_a_look()?;
        Ok(Inspection {
            connection,
            database,
        })
    }

    /// Every line of which something is kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn kept_lines(&self) -> Result<Vec<(Line, Kept)>, StoreError> {
        self.explained(kept_lines(&self.connection))
    }

    /// The newest verdicts, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        self.explained(history::newest(&self.connection, limit))
    }

    /// The cluster (UID of its kube-system namespace) that the state belongs to.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn cluster(&self) -> Result<Option<String>, StoreError> {
        self.explained(fact(&self.connection, super::memory::CLUSTER))
    }

    fn explained<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| self.database.explain(error))
    }
}

impl ObjectReader for Inspection {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        Ok(self.explained(object(&self.connection, oid))?)
    }

    fn contains(&self, oid: &Oid) -> Result<bool, ReadError> {
        Ok(self.explained(contains(&self.connection, oid))?)
    }
}
