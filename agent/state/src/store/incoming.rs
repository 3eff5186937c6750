//! Receiving objects, and keeping those that an accepted head reaches.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, params};
use windlass_trust::{Accepted, Collision, ObjectKind, ObjectReader, Oid, RawObject, ReadError};

use super::error::StoreError;
use super::history::{self, HistoryEntry, Verdict};
use super::links;
use super::reader::Reader;
use super::spool::{Entry, Spool};
use super::{Kept, Store, Tip, coding, garbage, kept};
use crate::durable::WriteError;
use crate::line::Line;

/// `trust` looks at no more objects per head; an index entry takes about 100 bytes of memory.
const OBJECT_LIMIT: usize = 2_000_000;

/// More than this is no configuration repository; an SD card has 16 GiB.
const BYTE_LIMIT: u64 = 4 * 1024 * 1024 * 1024;

/// Objects that were received and are not kept yet. Reading sees them and the kept ones. Dropping it forgets them.
#[derive(Debug)]
#[must_use = "what is received is forgotten when this is dropped; call keep() after the verdict"]
pub struct Incoming {
    store: Store,
    reader: Reader,
    spool: Spool,
}

/// An object was not received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The bytes are another object than they claim to be.
    #[error("the sender calls object {actual} by the name {claimed}; nothing from it is kept")]
    WrongId {
        /// The id it came with.
        claimed: Oid,
        /// The id that its bytes have.
        actual: Oid,
    },
    /// The bytes are a SHA-1 collision attack.
    #[error(
        "object {oid} carries a SHA-1 collision attack; do not use the source until its owner has explained this"
    )]
    Collision {
        /// The id it came with.
        oid: Oid,
    },
    /// Larger than any file that is read.
    #[error("object {oid} has {size} bytes, and at most {limit} are kept; take the file out of the repository", limit = coding::SIZE_LIMIT)]
    TooLarge {
        /// Its id.
        oid: Oid,
        /// Its size.
        size: usize,
    },
    /// More than one source may send.
    #[error(
        "the source sends more than {OBJECT_LIMIT} objects or {BYTE_LIMIT} bytes; use a smaller repository"
    )]
    TooMuch,
    /// The disk takes no more.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a head reaches among the objects that were received.
struct Walk {
    /// Those objects, in the order of their ids.
    reached: Vec<(Oid, Entry)>,
    /// And every object that is named on the way, received or not.
    seen: HashSet<Oid>,
}

// === impl Incoming ===

impl Incoming {
    pub(super) fn begin(store: &Store) -> Result<Incoming, StoreError> {
        let spool = Spool::create(store.directory())?;
        let reader = store.reader()?;
        store.0.incoming.fetch_add(1, Ordering::AcqRel);
        Ok(Incoming {
            store: store.clone(),
            reader,
            spool,
        })
    }

    /// Receives one object; its bytes are hashed, so that nothing lies under a name that is not its own.
    ///
    /// # Errors
    /// The bytes have another id, are too large or too many, or the disk is full, read-only or broken.
    pub fn put(&mut self, oid: Oid, kind: ObjectKind, bytes: &[u8]) -> Result<(), PutError> {
        if bytes.len() > coding::SIZE_LIMIT {
            return Err(PutError::TooLarge {
                oid,
                size: bytes.len(),
            });
        }
        if self.spool.len() >= OBJECT_LIMIT || self.spool.bytes() >= BYTE_LIMIT {
            return Err(PutError::TooMuch);
        }
        match windlass_trust::hash(kind, bytes) {
            Err(Collision) => return Err(PutError::Collision { oid }),
            Ok(actual) if actual != oid => {
                return Err(PutError::WrongId {
                    claimed: oid,
                    actual,
                });
            }
            Ok(_) => {}
        }
        if self.spool.get(&oid).is_none() {
            self.spool.put(oid, kind, &coding::encode(bytes))?;
        }
        Ok(())
    }

    /// How many objects were received.
    #[must_use]
    pub fn received(&self) -> usize {
        self.spool.len()
    }

    /// Keeps what the accepted head reaches, and the tags over it, as the line's head from now on, in one transaction
    /// that is on the disk when this returns: the ratchet may move after it. What is kept already is not written again.
    ///
    /// # Errors
    /// The database cannot be written; what was kept before is then still kept.
    pub fn keep(
        self,
        line: &Line,
        accepted: &Accepted,
        tip: &Tip,
        fetched_at: i64,
    ) -> Result<(), StoreError> {
        let head = accepted.source.commit();
        let Walk { reached, seen } = self
            .reached([head, tip.target])
            .map_err(|source| self.unreadable(source))?;
        let mut writer = self.store.writer();
        let result = (|| {
            let before = kept(&writer, line)?;
            let stays = |before: &Kept| before.head == head && before.tip.as_ref() == Some(tip);
            if reached.is_empty() && before.as_ref().is_some_and(stays) {
                return Ok(());
            }
            let moved_on = before.as_ref().is_none_or(|before| {
                let tag = before.tip.as_ref().map(|tip| tip.target);
                (before.head == head || seen.contains(&before.head))
                    && tag.is_none_or(|tag| tag == tip.target || seen.contains(&tag))
            });
            let at = fetched_at;
            // The kept head must survive a power cut that the ratchet survives.
            writer.pragma_update(None, "synchronous", "FULL")?;
            let written = self.write(&mut writer, &reached, |connection| {
                if !moved_on {
                    garbage::expect(connection)?;
                }
                set_head(connection, line, (&head, tip), at)?;
                history::record(connection, &entry(line, before, accepted, at))
            });
            writer.pragma_update(None, "synchronous", "NORMAL")?;
            written
        })();
        drop(writer);
        result.map_err(|error| self.store.0.database.explain(error))
    }

    /// Walks from the head and its tag through what was received.
    fn reached(&self, from: [Oid; 2]) -> io::Result<Walk> {
        let mut reached = Vec::new();
        let mut seen = HashSet::from(from);
        let mut pending: Vec<Oid> = seen.iter().copied().collect();
        while let Some(oid) = pending.pop() {
            let Some(entry) = self.spool.get(&oid) else {
                continue;
            };
            reached.push((oid, entry));
            if entry.kind == ObjectKind::Blob {
                continue;
            }
            let data = self.spool.data(&entry)?;
            let bytes = coding::decode(entry.coding, entry.size, &data);
            let links = links::links(entry.kind, &bytes);
            pending.extend(
                links
                    .into_iter()
                    .map(|link| link.oid)
                    .filter(|oid| seen.insert(*oid)),
            );
        }
        // Rows in the order of their key fill the pages of the table one after the other.
        reached.sort_unstable_by_key(|(oid, _)| *oid);
        Ok(Walk { reached, seen })
    }

    fn write(
        &self,
        writer: &mut Connection,
        reached: &[(Oid, Entry)],
        finish: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let transaction = writer.transaction()?;
        let mut statement = transaction.prepare_cached(
            "INSERT OR IGNORE INTO objects (oid, kind, coding, size, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (oid, entry) in reached {
            let data = self
                .spool
                .data(entry)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            statement.execute(params![
                oid.as_bytes(),
                entry.kind.code(),
                entry.coding,
                entry.size,
                data
            ])?;
        }
        drop(statement);
        finish(&transaction)?;
        transaction.commit()
    }

    fn unreadable(&self, source: io::Error) -> StoreError {
        StoreError::Io {
            path: self.store.directory().to_owned(),
            source: source.into(),
        }
    }
}

impl ObjectReader for Incoming {
    fn read(&self, oid: &Oid) -> Result<Option<RawObject>, ReadError> {
        match self.spool.read(oid) {
            Ok(None) => self.reader.read(oid),
            Ok(found) => Ok(found),
            Err(source) => Err(self.unreadable(source).into()),
        }
    }

    fn contains(&self, oid: &Oid) -> Result<bool, ReadError> {
        if self.spool.get(oid).is_some() {
            Ok(true)
        } else {
            self.reader.contains(oid)
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.store.0.incoming.fetch_sub(1, Ordering::AcqRel);
    }
}

fn set_head(
    connection: &Connection,
    line: &Line,
    (head, tip): (&Oid, &Tip),
    fetched_at: i64,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO kept (source, url, selector, head, fetched_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET head = excluded.head, fetched_at = excluded.fetched_at",
        params![
            line.source,
            line.url,
            line.selector,
            head.as_bytes(),
            fetched_at
        ],
    )?;
    connection.execute(
        "INSERT INTO tips (source, url, selector, head, reference, target) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET head = excluded.head, reference = excluded.reference, target = excluded.target",
        params![
            line.source,
            line.url,
            line.selector,
            head.as_bytes(),
            tip.reference,
            tip.target.as_bytes()
        ],
    )?;
    Ok(())
}

fn entry(line: &Line, before: Option<Kept>, accepted: &Accepted, at: i64) -> HistoryEntry {
    HistoryEntry {
        at,
        line: line.clone(),
        from: before.map(|before| before.head),
        to: accepted.source.commit(),
        verdict: Verdict::Accepted,
        reason: String::new(),
        signer: accepted.signer.clone(),
        commits: i64::try_from(accepted.proof.new_commits).unwrap_or(i64::MAX),
        proof: Some(accepted.proof.clone()),
    }
}
