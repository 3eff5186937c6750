//! One writer per cache: requests for the same URL that have to fetch wait for each other.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::failure::{Deadline, Failure};

/// The caches that are in use.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    keys: Mutex<HashSet<String>>,
    freed: Condvar,
}

/// Frees the cache when dropped.
#[must_use = "the cache is free again as soon as this is dropped"]
#[derive(Debug)]
pub(crate) struct BusyGuard<'a> {
    busy: &'a Busy,
    key: String,
}

impl Busy {
    /// Waits until nobody uses the cache filed under `key`, or the time is up.
    pub(crate) fn wait_for(&self, key: &str, deadline: Deadline) -> Result<BusyGuard<'_>, Failure> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        while keys.contains(key) {
            let left = deadline.remaining()?;
            let (woken, _) = self
                .freed
                .wait_timeout(keys, left)
                .unwrap_or_else(PoisonError::into_inner);
            keys = woken;
        }
        keys.insert(key.to_owned());
        Ok(BusyGuard {
            busy: self,
            key: key.to_owned(),
        })
    }
}

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        self.busy
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
        self.busy.freed.notify_all();
    }
}
