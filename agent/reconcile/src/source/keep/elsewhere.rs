//! Heads that came otherwise than from the server of their source, by a bundle or from another node. Until the server has
//! them, it is behind, and nobody set it back.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use windlass_state::{Line, StoreError};
use windlass_trust::{Oid, commits_since, descends};

use super::Keep;
use crate::named::Named;
use crate::source::ask::Came;
use crate::source::fetch::FetchError;

/// One such head, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Elsewhere {
    #[serde(flatten)]
    line: Line,
    head: String,
    /// What the server showed last; nothing where it never showed anything.
    shown: Option<String>,
}

/// Begins the keys under which they are remembered.
const KEY: &str = "elsewhere ";

fn key(line: &Line) -> String {
    format!("{KEY}{} {} {}", line.source, line.url, line.selector)
}

impl Keep {
    /// Notes that a line went to `head` without its server; `before` is where it stood.
    pub(in crate::source) fn came_elsewhere(
        &self,
        line: &Line,
        head: Oid,
        before: Option<Oid>,
    ) -> Result<(), StoreError> {
        let shown = match self.elsewhere(line)? {
            Some(known) => known.shown,
            None => before.map(|before| before.to_string()),
        };
        let elsewhere = Elsewhere {
            line: line.clone(),
            head: head.to_string(),
            shown,
        };
        let bytes = serde_json::to_vec(&elsewhere).unwrap_or_default();
        self.store.remember(&key(line), &bytes)?;
        // The other nodes are told that the server need not show it to them.
        self.moves.send_replace(());
        Ok(())
    }

    /// Whether what the server shows is what it showed before, or some of what was taken elsewhere since; that is noted.
    pub(in crate::source) fn is_ahead_of(
        &self,
        line: &Line,
        came: &Came,
    ) -> Result<bool, FetchError> {
        let (Some(known), Some(ratchet)) = (self.elsewhere(line)?, self.ratchet(line)?) else {
            return Ok(false);
        };
        let (theirs, ours) = (came.head, ratchet.head);
        let begins = Some(&ratchet.introduction);
        let shown = known.shown.and_then(|shown| shown.parse().ok());
        let was_set_back =
            shown.is_some_and(|shown: Oid| !descends(&came.incoming, (&theirs, &shown), begins));
        let commits = commits_since(&came.incoming, (&ours, &theirs), begins);
        let Some(commits) = commits.filter(|commits| *commits > 0 && !was_set_back) else {
            return Ok(false);
        };
        let end = if commits == 1 { "" } else { "s" };
        let message = format!(
            "forge is {commits} commit{end} behind: it has {theirs}, and {ours} came by a bundle or from another node; push it there"
        );
        self.note_behind(line, Some(message));
        Ok(true)
    }

    /// Takes that the server has what is in use.
    pub(in crate::source) fn server_caught_up(&self, line: &Line) -> Result<(), StoreError> {
        self.note_behind(line, None);
        if self.elsewhere(line)?.is_some() {
            self.store.unremember(&key(line))?;
            self.moves.send_replace(());
        }
        Ok(())
    }

    /// Notes whether the server of a line answers.
    pub(in crate::source) fn note_answered(&self, line: &Line, answers: bool) {
        let mut all = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match answers {
            true => all.insert(line.clone(), Instant::now()),
            false => all.remove(line),
        };
    }

    /// How long ago the server of a line answered; nothing where it never did, or failed since.
    pub(crate) fn answered_ago(&self, line: &Line) -> Option<Duration> {
        let all = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(line).map(Instant::elapsed)
    }

    /// What is to be said of a server that is behind.
    pub(crate) fn behind(&self, source: &Named) -> Option<String> {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        behind.get(&source.to_string()).cloned()
    }

    /// The lines whose head their server did not show to this node.
    pub(crate) fn unshown(&self) -> Result<BTreeSet<Line>, StoreError> {
        let keys = self.store.remembered_keys(KEY)?;
        let read = keys.iter().map(|key| self.store.recall(key));
        let read: Result<Vec<_>, StoreError> = read.collect();
        let known = read?.into_iter().flatten();
        let known = known.filter_map(|bytes| serde_json::from_slice::<Elsewhere>(&bytes).ok());
        Ok(known.map(|known| known.line).collect())
    }

    fn elsewhere(&self, line: &Line) -> Result<Option<Elsewhere>, StoreError> {
        let known = self.store.recall(&key(line))?;
        Ok(known.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn note_behind(&self, line: &Line, message: Option<String>) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let source = line.source.clone();
        if behind.get(&source) == message.as_ref() {
            return;
        }
        match message {
            Some(message) => {
                tracing::warn!(source, "{message}");
                behind.insert(source, message);
            }
            None => {
                tracing::info!(source, "the forge has what is in use again");
                behind.remove(&source);
            }
        }
    }
}
