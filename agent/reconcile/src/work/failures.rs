//! What failed while objects were applied, and whether the others go on.

use std::collections::BTreeSet;

use windlass_object::ObjectKey;

use super::Work;
use super::error::{Class, StageError};

/// The failures of a pass: the first one speaks for all.
#[derive(Debug, Default)]
pub(super) struct Failures {
    first: Option<StageError>,
    more: usize,
    keys: BTreeSet<ObjectKey>,
}

impl Failures {
    pub(super) fn add(&mut self, key: Option<ObjectKey>, error: StageError) {
        self.keys.extend(key);
        let Some(first) = &mut self.first else {
            self.first = Some(error);
            return;
        };
        if ends_all(&error) {
            // Whatever else failed: nothing may be said or written any more.
            *first = error;
            self.more = 0;
            return;
        }
        self.more += 1;
        if first.class == Class::Retry && error.class == Class::KindMissing {
            first.class = Class::KindMissing;
        }
    }

    pub(super) fn contains(&self, key: &ObjectKey) -> bool {
        self.keys.contains(key)
    }

    /// Ends the pass if something failed, unless a person asked that the others go on.
    pub(super) fn stop(&mut self, work: &Work<'_>) -> Result<(), StageError> {
        let goes_on = work.goes_on && !self.first.as_ref().is_some_and(ends_all);
        if goes_on {
            return Ok(());
        }
        self.take().map_or(Ok(()), Err)
    }

    /// The first failure, with the number of the others.
    pub(super) fn take(&mut self) -> Option<StageError> {
        let first = self.first.take()?;
        if self.more == 0 {
            return Some(first);
        }
        Some(StageError {
            message: format!("{} (and {} more objects failed)", first.message, self.more),
            ..first
        })
    }
}

fn ends_all(error: &StageError) -> bool {
    matches!(
        error.class,
        Class::NotLeading | Class::Overtaken | Class::Gone
    )
}
