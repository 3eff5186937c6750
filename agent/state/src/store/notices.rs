//! What somebody is still to be told: notices in the order in which they happened, for each recipient by itself.
//!
//! What a notice and its recipient are called is the caller's; a notice holds no secret.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError};

/// Notices of one recipient that wait. A day without network makes fewer than a hundred; of more the newest count.
const OF_ONE: i64 = 500;

/// Bytes of all notices that wait. A usual one has a kilobyte, the longest a few hundred.
const BYTES: i64 = 16 * 1024 * 1024;

/// One notice that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// When it happened (seconds since 1970).
    pub at: i64,
    /// How much of it was sent already: it may be more than one message.
    pub sent: u32,
    /// What is to be told.
    pub text: String,
}

// === impl Store ===

impl Store {
    /// Queues a notice, and says how many older ones had to go because too many wait.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn queue_notice(&self, at: i64, recipient: &str, text: &str) -> Result<usize, StoreError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO notices (at, recipient, sent, text) VALUES (?1, ?2, 0, ?3)",
                params![at, recipient, text],
            )?;
            let many = transaction.execute(
                "DELETE FROM notices WHERE recipient = ?1 AND id <=
                 (SELECT id FROM notices WHERE recipient = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![recipient, OF_ONE],
            )?;
            // The newest that together are small enough stay.
            let large = transaction.execute(
                "DELETE FROM notices WHERE id IN
                 (SELECT id FROM (SELECT id, sum(length(text)) OVER (ORDER BY id DESC) AS bytes FROM notices)
                  WHERE bytes > ?1)",
                [BYTES],
            )?;
            transaction.commit()?;
            Ok(many + large)
        })
    }

    /// Whoever is still to be told something, in order of their names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn waiting_recipients(&self) -> Result<Vec<String>, StoreError> {
        self.with(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT DISTINCT recipient FROM notices ORDER BY recipient")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// What a recipient is to be told next.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn next_notice(&self, recipient: &str) -> Result<Option<Notice>, StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, at, sent, text FROM notices WHERE recipient = ?1 ORDER BY id LIMIT 1",
            )?;
            statement.query_row([recipient], notice_at).optional()
        })
    }

    /// Notes how much of a notice was sent.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note_sent(&self, id: i64, sent: u32) -> Result<(), StoreError> {
        self.with(|connection| {
            let set = "UPDATE notices SET sent = ?2 WHERE id = ?1";
            connection.execute(set, params![id, sent]).map(drop)
        })
    }

    /// Takes a notice out: it was told, or nobody can be told.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn drop_notice(&self, id: i64) -> Result<(), StoreError> {
        self.with(|connection| {
            let remove = "DELETE FROM notices WHERE id = ?1";
            connection.execute(remove, [id]).map(drop)
        })
    }
}

fn notice_at(row: &Row<'_>) -> rusqlite::Result<Notice> {
    Ok(Notice {
        id: row.get(0)?,
        at: row.get(1)?,
        sent: row.get(2)?,
        text: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(place: &tempfile::TempDir) -> Store {
        Store::open(&place.path().join("state")).unwrap()
    }

    fn texts(store: &Store, recipient: &str) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(notice) = store.next_notice(recipient).unwrap() {
            texts.push(notice.text);
            store.drop_notice(notice.id).unwrap();
        }
        texts
    }

    #[test]
    fn notices_come_in_order_for_each_recipient_also_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let store = open(&place);
        for (at, recipient, text) in [(1, "a", "one"), (2, "b", "two"), (3, "a", "three")] {
            assert_eq!(store.queue_notice(at, recipient, text).unwrap(), 0);
        }
        let first = store.next_notice("a").unwrap().unwrap();
        assert_eq!((first.at, first.sent, first.text.as_str()), (1, 0, "one"));
        store.note_sent(first.id, 1).unwrap();
        drop(store);

        let store = open(&place);
        assert_eq!(store.waiting_recipients().unwrap(), ["a", "b"]);
        let again = store.next_notice("a").unwrap().unwrap();
        assert_eq!(again, Notice { sent: 1, ..first });
        assert_eq!(texts(&store, "a"), ["one", "three"]);
        assert_eq!(store.waiting_recipients().unwrap(), ["b"]);
        drop(store);
        assert_eq!(open(&place).next_notice("a").unwrap(), None);
        assert_eq!(texts(&open(&place), "b"), ["two"]);
    }

    #[test]
    fn of_too_many_the_newest_stay_and_others_lose_nothing() {
        let place = tempfile::tempdir().unwrap();
        let store = open(&place);
        store.queue_notice(0, "other", "mine").unwrap();
        let mut gone = 0;
        for number in 0..OF_ONE + 3 {
            gone += store
                .queue_notice(number, "a", &number.to_string())
                .unwrap();
        }
        assert_eq!(gone, 3);
        let kept = texts(&store, "a");
        assert_eq!(kept.len(), usize::try_from(OF_ONE).unwrap());
        assert_eq!(
            (kept[0].as_str(), kept.last().unwrap().as_str()),
            ("3", "502")
        );
        assert_eq!(texts(&store, "other"), ["mine"]);
    }

    #[test]
    fn all_together_have_a_size_too() {
        let place = tempfile::tempdir().unwrap();
        let store = open(&place);
        let large = "x".repeat(1024 * 1024);
        for number in 0..16 {
            let recipient = format!("r{number}");
            assert_eq!(store.queue_notice(0, &recipient, &large).unwrap(), 0);
        }
        assert_eq!(store.queue_notice(0, "r16", "y").unwrap(), 1);
        assert_eq!(store.next_notice("r0").unwrap(), None);
        assert!(store.next_notice("r1").unwrap().is_some());
    }
}
