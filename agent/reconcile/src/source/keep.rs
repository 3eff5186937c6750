//! What the node keeps, shared by all fetches: the objects and the ratchets.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use windlass_state::{Line, RatchetFile, Refused, Store, StoreError};
use windlass_trust::{Accepted, LoadError, Oid, Ratchet};

use super::fetch::FetchError;

/// What the node keeps, shared by all fetches.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) store: Store,
    pub(crate) ratchets: Mutex<RatchetFile>,
}

impl Keep {
    pub(super) fn ratchet(&self, line: &Line) -> Result<Option<Ratchet>, FetchError> {
        Ok(self
            .ratchets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(line))
    }

    /// The ratchet of the line of the same source and URL that is in use, if that is another one.
    pub(super) fn other_line(&self, line: &Line) -> Result<Option<Ratchet>, FetchError> {
        let kept = self.store.kept_lines()?;
        let mut others = kept.into_iter().map(|(other, _)| other).filter(|other| {
            (&other.source, &other.url) == (&line.source, &line.url) && other != line
        });
        others.next().map_or(Ok(None), |other| self.ratchet(&other))
    }

    /// Forgets what is kept of the other lines of a source: it is at this one now. Their ratchets stay.
    pub(super) fn leave_other_lines(&self, line: &Line) {
        self.forget(|other| other.source == line.source && other != line);
    }

    /// Forgets what is kept of sources that are gone. Their ratchets stay, should they come back.
    pub(crate) fn forget_all_but(&self, sources: &BTreeSet<String>) {
        self.forget(|line| !sources.contains(&line.source));
        self.tidy();
    }

    fn forget(&self, is_over: impl Fn(&Line) -> bool) {
        let forgotten = self.store.kept_lines().and_then(|kept| {
            let over = kept.iter().filter(|(line, _)| is_over(line));
            over.map(|(line, _)| self.store.forget(line))
                .collect::<Result<Vec<_>, _>>()
        });
        if let Err(error) = forgotten {
            tracing::warn!(%error, "what is kept of sources that are gone could not be dropped; it is tried again");
        }
    }

    /// Drops what an error shows to be damaged. Says whether fetching everything again can help.
    pub(crate) fn heal(
        &self,
        error: &(dyn std::error::Error + 'static),
    ) -> Result<bool, StoreError> {
        let mut cause = Some(error);
        while let Some(inner) = cause {
            match inner.downcast_ref::<LoadError>() {
                Some(LoadError::Tampered { expected, .. }) => {
                    self.store.drop_object(expected)?;
                    return Ok(true);
                }
                Some(LoadError::Missing { .. }) => return Ok(true),
                _ => {}
            }
            if matches!(inner.downcast_ref(), Some(FetchError::Incomplete { .. })) {
                return Ok(true);
            }
            cause = inner.source();
        }
        Ok(false)
    }

    /// Keeps the refusal in the node's history.
    pub(super) fn note_refusal(&self, line: &Line, head: Oid, reason: String) {
        let refused = Refused {
            at: jiff::Timestamp::now().as_second(),
            head,
            reason,
            signer: String::new(),
        };
        if let Err(error) = self.store.record_refused(line, &refused) {
            tracing::warn!(%error, "the refusal could not be kept in the history");
        }
    }

    /// Drops what no kept head reaches any more; it costs nothing when there is nothing.
    pub(super) fn tidy(&self) {
        if let Err(error) = self.store.collect_garbage(&[]) {
            tracing::warn!(%error, "old objects could not be dropped; it is tried again with the next revision");
        }
    }

    /// Moves the ratchet, if it has to move: nothing is written for a head that it stands at already.
    pub(super) fn advance(&self, line: &Line, accepted: &Accepted) -> Result<(), FetchError> {
        let mut ratchets = self.ratchets.lock().unwrap_or_else(PoisonError::into_inner);
        if ratchets.get(line).as_ref() != Some(&accepted.ratchet) {
            ratchets.advance(line, &accepted.ratchet)?;
        }
        Ok(())
    }
}
