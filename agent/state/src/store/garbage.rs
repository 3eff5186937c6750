//! Dropping objects that no kept head reaches.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use windlass_trust::{ObjectKind, Oid};

use super::memory::{fact, set_fact};
use super::{Store, StoreError, kept_lines, links, oid_at, reader};

/// Says that something may be unreachable: a head moved elsewhere than forward, or a line was forgotten.
const EXPECTED: &str = "garbage";

/// An object takes about 50 bytes while it is marked; 100 MB for a minute are too much on a small node.
const MARK_LIMIT: i64 = 1_000_000;

/// Rows per transaction, so that the log stays small.
const BATCH: usize = 2000;

/// Free pages are given back to the disk from this share of the file on: below it, the next fetch uses them.
const FREE_SHARE: i64 = 4;

/// What came of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// Nothing can be garbage, so nothing was read.
    NothingToDo,
    /// Objects are being received that may refer to any kept one; try again after that.
    Busy,
    /// There are more objects than can be marked in memory.
    TooMany,
    /// It was done.
    Done {
        /// Objects dropped.
        removed: u64,
        /// Objects kept.
        kept: u64,
    },
}

// === impl Store ===

impl Store {
    /// Drops the objects that neither a kept head nor one of `also_live` reaches. It costs nothing when nothing can
    /// be garbage, so it may be called after each pass.
    ///
    /// # Errors
    /// The database cannot be read or written; what is kept is still kept.
    pub fn collect_garbage(&self, also_live: &[Oid]) -> Result<Collected, StoreError> {
        if self.0.incoming.load(Ordering::Acquire) > 0 {
            return Ok(Collected::Busy);
        }
        self.with(|connection| {
            if fact(connection, EXPECTED)?.as_deref() != Some("expected") {
                return Ok(Collected::NothingToDo);
            }
            let total: i64 =
                connection.query_row("SELECT count(*) FROM objects", [], |row| row.get(0))?;
            if total > MARK_LIMIT {
                return Ok(Collected::TooMany);
            }
            let live = mark(connection, also_live)?;
            let removed = sweep(connection, &live)?;
            set_fact(connection, EXPECTED, "none")?;
            shrink(connection)?;
            Ok(Collected::Done {
                removed,
                kept: total.unsigned_abs().saturating_sub(removed),
            })
        })
    }
}

/// Notes that something may be garbage from here on.
pub(super) fn expect(connection: &Connection) -> rusqlite::Result<()> {
    set_fact(connection, EXPECTED, "expected")
}

fn mark(connection: &Connection, also_live: &[Oid]) -> rusqlite::Result<HashSet<Oid>> {
    let heads = kept_lines(connection)?
        .into_iter()
        .flat_map(|(_, kept)| [Some(kept.head), kept.tip.map(|tip| tip.target)])
        .flatten();
    let mut pending: Vec<Oid> = heads.chain(also_live.iter().copied()).collect();
    let mut live: HashSet<Oid> = pending.iter().copied().collect();
    while let Some(oid) = pending.pop() {
        let Some(object) =
            reader::object(connection, &oid)?.filter(|object| object.kind != ObjectKind::Blob)
        else {
            continue;
        };
        for link in links::links(object.kind, &object.bytes) {
            if live.insert(link.oid) && !link.is_leaf {
                pending.push(link.oid);
            }
        }
    }
    Ok(live)
}

fn sweep(connection: &mut Connection, live: &HashSet<Oid>) -> rusqlite::Result<u64> {
    let dead = {
        let mut statement = connection.prepare_cached("SELECT oid FROM objects")?;
        let oids = statement.query_map([], |row| oid_at(row, 0))?;
        let dead = oids.filter(|oid| oid.as_ref().map_or(true, |oid| !live.contains(oid)));
        dead.collect::<rusqlite::Result<Vec<Oid>>>()?
    };
    for batch in dead.chunks(BATCH) {
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached("DELETE FROM objects WHERE oid = ?1")?;
            for oid in batch {
                statement.execute([oid.as_bytes().as_slice()])?;
            }
        }
        transaction.commit()?;
    }
    Ok(dead.len() as u64)
}

fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if free > pages / FREE_SHARE {
        connection.execute_batch("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(())
}
