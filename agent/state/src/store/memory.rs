//! Copies that other rooms keep of what the cluster told them, bound to one cluster.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError, coding};

/// What tells whose copies these are.
pub(super) const CLUSTER: &str = "cluster";

/// What binding the state to a cluster found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It was bound to none.
    New,
    /// It was bound to this one.
    Same,
    /// It was bound to another one: every copy of that cluster's state was dropped. The ratchet stays.
    Changed {
        /// The cluster it was bound to.
        was: String,
    },
}

// === impl Store ===

impl Store {
    /// Binds the state to a cluster (the UID of its kube-system namespace). Copies of another cluster's state are
    /// dropped: its fingerprints would hide drift here, its inventories would prune here.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn bind(&self, cluster: &str) -> Result<Binding, StoreError> {
        self.with(|connection| {
            let bound = fact(connection, CLUSTER)?;
            if bound.as_deref() == Some(cluster) {
                return Ok(Binding::Same);
            }
            let transaction = connection.transaction()?;
            if bound.is_some() {
                transaction.execute("DELETE FROM remembered", [])?;
            }
            set_fact(&transaction, CLUSTER, cluster)?;
            transaction.commit()?;
            Ok(bound.map_or(Binding::New, |was| Binding::Changed { was }))
        })
    }

    /// Remembers bytes under a key. The bytes that are remembered already are not written again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remember(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.with(|connection| {
            if recall(connection, key)?.is_some_and(|known| known == bytes) {
                return Ok(());
            }
            let coded = coding::encode(bytes);
            let mut statement = connection.prepare_cached(
                "INSERT INTO remembered (key, coding, size, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET coding = excluded.coding, size = excluded.size, value = excluded.value",
            )?;
            statement.execute(params![key, coded.coding, coded.size, coded.data])?;
            Ok(())
        })
    }

    /// Gives what is remembered under a key. It is a copy: nothing may depend on it being there.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|connection| recall(connection, key))
    }

    /// Forgets what is remembered under a key; fine when there is nothing.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn unremember(&self, key: &str) -> Result<(), StoreError> {
        self.with(|connection| {
            connection
                .execute("DELETE FROM remembered WHERE key = ?1", [key])
                .map(drop)
        })
    }

    /// Gives the keys that begin so, sorted.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn remembered_keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.with(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT key FROM remembered WHERE key >= ?1 ORDER BY key")?;
            let keys = statement.query_map([prefix], |row| row.get::<_, String>(0))?;
            keys.take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(prefix)))
                .collect()
        })
    }
}

fn recall(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement =
        connection.prepare_cached("SELECT coding, size, value FROM remembered WHERE key = ?1")?;
    let decoded = |row: &Row<'_>| {
        let value = row.get_ref(2)?.as_bytes()?;
        Ok(coding::decode(row.get(0)?, row.get(1)?, value))
    };
    statement.query_row([key], decoded).optional()
}

/// Reads one of the few facts about the database itself.
pub(super) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn set_fact(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        [name, value],
    )?;
    Ok(())
}
