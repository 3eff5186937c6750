//! What was accepted and what was refused: the newest entries, for people.

use rusqlite::{Connection, OptionalExtension, Row, params};
use windlass_trust::Oid;

use super::{Store, StoreError, line_at, oid_at};
use crate::line::Line;

/// A year of three commits a day.
const ENTRY_LIMIT: i64 = 1000;

/// One verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When (seconds since 1970).
    pub at: i64,
    /// The line.
    pub line: Line,
    /// The head that was kept before.
    pub from: Option<Oid>,
    /// The head that was judged.
    pub to: Oid,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Why it was refused; empty when it was accepted.
    pub reason: String,
    /// Who signed it, as far as is known.
    pub signer: String,
    /// How many commits were new.
    pub commits: i64,
}

/// What became of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was accepted and kept.
    Accepted,
    /// It was refused; the line stands where it stood.
    Refused,
}

/// A head that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When (seconds since 1970).
    pub at: i64,
    /// The head.
    pub head: Oid,
    /// Why, in words for people.
    pub reason: String,
    /// Who signed it, as far as is known.
    pub signer: String,
}

// === impl Store ===

impl Store {
    /// Records that a head of a line was refused. The same refusal again (the branch is asked every minute) is
    /// not written again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn record_refused(&self, line: &Line, refused: &Refused) -> Result<(), StoreError> {
        self.with(|connection| {
            let last = last_of(connection, line)?;
            let is_known = last.is_some_and(|last| {
                (last.verdict, last.to, last.reason)
                    == (Verdict::Refused, refused.head, refused.reason.clone())
            });
            if is_known {
                return Ok(());
            }
            let entry = HistoryEntry {
                at: refused.at,
                line: line.clone(),
                from: super::kept(connection, line)?.map(|kept| kept.head),
                to: refused.head,
                verdict: Verdict::Refused,
                reason: refused.reason.clone(),
                signer: refused.signer.clone(),
                commits: 0,
            };
            let transaction = connection.transaction()?;
            record(&transaction, &entry)?;
            transaction.commit()
        })
    }

    /// Gives the newest verdicts, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        self.with(|connection| newest(connection, limit))
    }
}

// === impl Verdict ===

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Refused => "refused",
        }
    }
}

/// Adds an entry and drops the oldest ones.
pub(super) fn record(connection: &Connection, entry: &HistoryEntry) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO history (at, source, url, selector, from_head, to_head, verdict, reason, signer, commits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            entry.at,
            entry.line.source,
            entry.line.url,
            entry.line.selector,
            entry.from.map(|oid| *oid.as_bytes()),
            entry.to.as_bytes(),
            entry.verdict.as_str(),
            entry.reason,
            entry.signer,
            entry.commits,
        ],
    )?;
    let newest = connection.last_insert_rowid();
    connection.execute("DELETE FROM history WHERE id <= ?1", [newest - ENTRY_LIMIT])?;
    Ok(())
}

pub(super) fn newest(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<HistoryEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, source, url, selector, from_head, to_head, verdict, reason, signer, commits
         FROM history ORDER BY id DESC LIMIT ?1",
    )?;
    let limit = i64::try_from(limit).unwrap_or(ENTRY_LIMIT);
    statement.query_map([limit], entry_at)?.collect()
}

fn last_of(connection: &Connection, line: &Line) -> rusqlite::Result<Option<HistoryEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, source, url, selector, from_head, to_head, verdict, reason, signer, commits
         FROM history WHERE source = ?1 AND url = ?2 AND selector = ?3 ORDER BY id DESC LIMIT 1",
    )?;
    statement
        .query_row(params![line.source, line.url, line.selector], entry_at)
        .optional()
}

fn entry_at(row: &Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let from: Option<[u8; 20]> = row.get(4)?;
    let verdict: String = row.get(6)?;
    Ok(HistoryEntry {
        at: row.get(0)?,
        line: line_at(row, 1)?,
        from: from.map(Oid::from_bytes),
        to: oid_at(row, 5)?,
        verdict: if verdict == Verdict::Accepted.as_str() {
            Verdict::Accepted
        } else {
            Verdict::Refused
        },
        reason: row.get(7)?,
        signer: row.get(8)?,
        commits: row.get(9)?,
    })
}
