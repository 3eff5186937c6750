//! Asks objects to look for news, each at most once in a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;
use windlass_api::names;
use windlass_cluster::{Authority, Cluster, Leadership, PatchOptions, RequestError, Resource};

use crate::named::Named;

/// One object is not asked more often than this. Who comes meanwhile is answered at once, and heard at its end.
const APART: Duration = Duration::from_secs(1);
/// Objects remembered before those are forgotten that nobody waits for.
const REMEMBERED: usize = 1000;

/// When each object was asked last.
#[derive(Debug)]
pub(super) struct Hints {
    cluster: Cluster,
    asked: Mutex<BTreeMap<Key, Asked>>,
}

/// Kind and name.
type Key = (String, Named);

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    /// Whether it is asked again when its time is over.
    again: bool,
}

/// When an object may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    At(Instant),
    /// Somebody waits already.
    Never,
}

impl Hints {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            asked: Mutex::default(),
        }
    }

    /// Asks an object to look for news: now, or when it was asked less than a second ago, at the end of that second.
    ///
    /// # Errors
    /// It could not be asked now.
    pub(super) async fn ask(
        self: &Arc<Self>,
        leadership: &Leadership,
        resource: &Resource,
        name: &Named,
    ) -> Result<(), RequestError> {
        let key = (resource.gvk.to_string(), name.clone());
        match self.turn(&key, Instant::now()) {
            Turn::Never => Ok(()),
            Turn::Now => self.annotate(leadership, resource, name).await,
            Turn::At(at) => {
                let (hints, leadership) = (Arc::clone(self), leadership.clone());
                let (resource, name) = (resource.clone(), name.clone());
                tokio::spawn(async move {
                    tokio::time::sleep_until(at).await;
                    hints.begins(&key);
                    if let Err(error) = hints.annotate(&leadership, &resource, &name).await {
                        tracing::warn!(%name, %error, "an object could not be asked to look for news");
                    }
                });
                Ok(())
            }
        }
    }

    fn turn(&self, key: &Key, now: Instant) -> Turn {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > REMEMBERED {
            all.retain(|_, asked| asked.again || now < asked.at + APART);
        }
        match all.get_mut(key) {
            Some(asked) if asked.again => Turn::Never,
            Some(asked) if now < asked.at + APART => {
                asked.again = true;
                Turn::At(asked.at + APART)
            }
            _ => {
                let asked = Asked {
                    at: now,
                    again: false,
                };
                all.insert(key.clone(), asked);
                Turn::Now
            }
        }
    }

    /// The second of an object that was waited for begins.
    fn begins(&self, key: &Key) {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked {
            at: Instant::now(),
            again: false,
        };
        all.insert(key.clone(), asked);
    }

    async fn annotate(
        &self,
        leadership: &Leadership,
        resource: &Resource,
        name: &Named,
    ) -> Result<(), RequestError> {
        let now = Timestamp::now().to_string();
        let patch = json!({ "metadata": { "annotations": { names::REQUESTED_AT: now } } });
        let options = PatchOptions {
            subresource: None,
            manager: names::NOTIFICATION_CONTROLLER,
        };
        let authority = Authority::Leader(leadership);
        let (namespace, name) = (&name.namespace, &name.name);
        self.cluster
            .patch_merge(authority, resource, namespace, name, &patch, &options)
            .await
            .map(drop)
    }
}
