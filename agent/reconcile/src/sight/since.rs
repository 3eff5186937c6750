//! What is new since somebody looked last.

use std::str::FromStr;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::answer::guard;
use super::{Known, Sight};

/// How far somebody has seen: the process that showed it, and how many changes there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    process: i64,
    changes: u64,
}

/// What is new.
#[derive(Debug, PartialEq)]
pub(crate) struct News {
    pub(crate) version: Version,
    /// Whether it is everything there is, rather than what comes on top.
    pub(crate) whole: bool,
    /// Without what may hold a secret.
    pub(crate) objects: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

impl Sight {
    /// Waits until there is something that is not in a version, or for as long as given.
    pub(crate) async fn wait(&self, after: Option<Version>, most: Duration) {
        let mut version = self.version.subscribe();
        let known = after.filter(|after| after.process == self.process);
        let Some(known) = known else { return };
        let changed = version.wait_for(|now| *now > known.changes);
        // Whoever waits holds the sight, so that the sender is not gone; and after the time nothing is new.
        let _ = tokio::time::timeout(most, changed).await;
    }

    /// What is not in a version; everything when it is of another process, or something went since.
    pub(crate) fn since(&self, after: Option<Version>) -> News {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let after = after.filter(|after| after.process == self.process);
        let seen = after.filter(|after| after.changes >= known.gone_at);
        let changes = seen.map_or(0, |seen| seen.changes);
        let whole = seen.is_none();
        let mut objects: Vec<Value> = known
            .texts_after(changes, whole)
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect();
        objects.iter_mut().for_each(guard);
        let events = known.events.iter();
        let events = events.filter(|event| whole || event.at > changes);
        News {
            version: Version {
                process: self.process,
                changes: known.version,
            },
            whole,
            objects,
            events: events.map(|event| event.event.clone()).collect(),
        }
    }
}

impl Known {
    fn texts_after(&self, changes: u64, whole: bool) -> impl Iterator<Item = &str> {
        let objects = self.kinds.values().flat_map(|seen| seen.objects.values());
        let new = objects.filter(move |object| whole || object.at > changes);
        new.map(|object| &*object.text)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.process, self.changes)
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, changes) = text.split_once('.').ok_or(())?;
        let (process, changes) = (process.parse(), changes.parse());
        Ok(Version {
            process: process.map_err(drop)?,
            changes: changes.map_err(drop)?,
        })
    }
}
