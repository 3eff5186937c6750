//! What was accepted and what was refused: the newest entries, for people.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use windlass_trust::{Oid, Proof};

use super::{Store, StoreError, line_at, oid_at};
use crate::line::Line;

/// Entries of each verdict that are kept: a year of three commits a day. Refused heads have their own thousand, so that
/// nobody can push what was accepted out of the audit.
const ENTRY_LIMIT: i64 = 1000;

/// One verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What was checked before it was accepted; none for a refused one, and where an older windlass wrote the entry.
    pub proof: Option<Proof>,
}

/// What became of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
                proof: None,
            };
            let transaction = connection.transaction()?;
            record(&transaction, &entry)?;
            transaction.commit()
        })
    }

    /// The heads of a line that were accepted once: wherever the line stands now, it went on or back from there on purpose.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn passed(&self, line: &Line) -> Result<BTreeSet<Oid>, StoreError> {
        let history = self.history(usize::MAX)?.into_iter();
        let accepted =
            history.filter(|entry| entry.line == *line && entry.verdict == Verdict::Accepted);
        Ok(accepted.map(|entry| entry.to).collect())
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
    if let Some(proof) = &entry.proof {
        let text = serde_json::to_string(proof)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let id = connection.last_insert_rowid();
        connection.execute(
            "INSERT OR REPLACE INTO proofs (entry, proof) VALUES (?1, ?2)",
            params![id, text],
        )?;
    }
    let dropped = connection.execute(
        "DELETE FROM history WHERE verdict = ?1 AND id <=
         (SELECT id FROM history WHERE verdict = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![entry.verdict.as_str(), ENTRY_LIMIT],
    )?;
    if dropped > 0 {
        connection.execute(
            "DELETE FROM proofs WHERE entry NOT IN (SELECT id FROM history)",
            [],
        )?;
    }
    Ok(())
}

pub(super) fn newest(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<HistoryEntry>> {
    let selection = selection(connection)?;
    let mut statement =
        connection.prepare_cached(&format!("{selection} ORDER BY id DESC LIMIT ?1"))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.query_map([limit], entry_at)?.collect()
}

fn last_of(connection: &Connection, line: &Line) -> rusqlite::Result<Option<HistoryEntry>> {
    let selection = selection(connection)?;
    let mut statement = connection.prepare_cached(&format!(
        "{selection} WHERE source = ?1 AND url = ?2 AND selector = ?3 ORDER BY id DESC LIMIT 1"
    ))?;
    statement
        .query_row(params![line.source, line.url, line.selector], entry_at)
        .optional()
}

/// Entries with their proofs. Looked at by a newer command than the agent that wrote it, a database has no table for them.
fn selection(connection: &Connection) -> rusqlite::Result<String> {
    let (proof, table) = if connection.table_exists(None, "proofs")? {
        ("proof", "history LEFT JOIN proofs ON entry = id")
    } else {
        ("NULL", "history")
    };
    Ok(format!(
        "SELECT at, source, url, selector, from_head, to_head, verdict, reason, signer, commits, {proof} FROM {table}"
    ))
}

fn entry_at(row: &Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let from: Option<[u8; 20]> = row.get(4)?;
    let verdict: String = row.get(6)?;
    let proof: Option<String> = row.get(10)?;
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
        // A proof that a later windlass wrote otherwise is for people of that one.
        proof: proof.and_then(|text| serde_json::from_str(&text).ok()),
    })
}
