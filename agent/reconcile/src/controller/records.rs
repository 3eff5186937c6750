//! The Secrets that hold the revisions of releases: a release is looked at again as soon as somebody else, such as a
//! person with `helm`, writes or deletes one.

use std::collections::BTreeSet;

use serde_json::Value;
use windlass_cluster::WatchEvent;

use super::Controller;
use crate::named::Named;
use crate::release::storage::{Kept, version_in};
use crate::seen::Meta;

/// Helm's labels: the release that the revision is of, and where it stands.
const NAME: &str = "name";
const STATUS: &str = "status";

/// What the list that is under way has shown.
#[derive(Debug, Default)]
pub(super) struct Records {
    listed: BTreeSet<Revision>,
}

/// One revision of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Revision {
    /// Where its Secret is.
    namespace: String,
    release: String,
    version: i64,
}

/// News of a revision.
#[derive(Clone, Debug)]
pub(super) struct News {
    revision: Revision,
    /// The resourceVersion of its Secret; none where it is gone.
    state: Option<String>,
}

impl Controller {
    pub(super) fn record_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => self.records.listed.clear(),
            WatchEvent::Applied(secret) => {
                let Some((news, moving)) = read(&secret) else {
                    return;
                };
                self.records.listed.insert(news.revision.clone());
                self.unsettle_releases(&news);
                // Whoever is at it says so again when it is done; one that was killed is seen at the interval.
                if !moving {
                    self.take_record(news);
                }
            }
            WatchEvent::Deleted(secret) => {
                if let Some((news, _)) = read(&secret) {
                    let news = News {
                        state: None,
                        ..news
                    };
                    self.unsettle_releases(&news);
                    self.take_record(news);
                }
            }
            WatchEvent::Synced(_) => self.take_unlisted_records(),
            WatchEvent::Failed(error) => {
                tracing::debug!(%error, "watch of release Secrets interrupted; it starts again by itself");
            }
        }
    }

    fn take_unlisted_records(&mut self) {
        let kept = self.releases.values().filter_map(|slot| slot.kept.as_ref());
        let known = kept.flat_map(|kept| {
            kept.versions.keys().map(|version| Revision {
                namespace: kept.namespace.clone(),
                release: kept.release.clone(),
                version: *version,
            })
        });
        let gone: Vec<Revision> = known
            .filter(|revision| !self.records.listed.contains(revision))
            .collect();
        self.records.listed.clear();
        for revision in gone {
            let news = News {
                revision,
                state: None,
            };
            self.unsettle_releases(&news);
            self.take_record(news);
        }
    }

    /// What was found in sync is looked at again in the next pass, whoever moved the revision.
    fn unsettle_releases(&mut self, news: &News) {
        for slot in self.releases.values_mut() {
            let settled = slot.settled.as_ref();
            if settled
                .is_some_and(|settled| news.is_of(&settled.kept) && news.differs(&settled.kept))
            {
                slot.settled = None;
            }
        }
    }

    /// What a pass that is under way writes is known only when it has ended.
    fn take_record(&mut self, news: News) {
        for (name, slot) in &mut self.releases {
            let of_it = slot.kept.as_ref().filter(|kept| news.is_of(kept));
            let Some(kept) = of_it else { continue };
            if self.release_queue.is_running(name) {
                slot.unjudged.push(news.clone());
            } else if news.is_foreign(kept) {
                self.release_queue.wake(name);
            }
        }
    }

    /// Takes what a pass left in the storage, and looks at what was said meanwhile.
    pub(super) fn records_left(&mut self, name: &Named, left: Option<Kept>) {
        let Some(slot) = self.releases.get_mut(name) else {
            return;
        };
        slot.kept = left.or(slot.kept.take());
        let said = std::mem::take(&mut slot.unjudged);
        let kept = slot.kept.as_ref();
        let foreign =
            |news: &News| kept.is_some_and(|kept| news.is_of(kept) && news.is_foreign(kept));
        if said.iter().any(foreign) {
            slot.settled = None;
            self.release_queue.wake(name);
        }
    }
}

/// Reads the metadata of a Secret; says as well whether somebody is at the revision.
fn read(secret: &Value) -> Option<(News, bool)> {
    let meta = Meta::parse(secret)?;
    let release = meta.labels.get(NAME)?.clone();
    let status = meta.labels.get(STATUS).map_or("", String::as_str);
    let moving = status.starts_with("pending-") || status == "uninstalling";
    let revision = Revision {
        version: version_in(&meta.name.name, &release)?,
        namespace: meta.name.namespace,
        release,
    };
    let state = Some(meta.resource_version);
    Some((News { revision, state }, moving))
}

// === impl News ===

impl News {
    fn is_of(&self, kept: &Kept) -> bool {
        (&self.revision.namespace, &self.revision.release) == (&kept.namespace, &kept.release)
    }

    /// Whether it is not what was there, be it newer or come back from a backup.
    fn differs(&self, kept: &Kept) -> bool {
        let known = kept.versions.get(&self.revision.version);
        match (&self.state, known) {
            (Some(seen), Some(known)) => seen != known,
            _ => self.is_foreign(kept),
        }
    }

    /// Whether it is not what the last pass left there, or older.
    fn is_foreign(&self, kept: &Kept) -> bool {
        let version = self.revision.version;
        let known = kept.versions.get(&version);
        match (&self.state, known) {
            (None, known) => known.is_some(),
            (Some(seen), Some(known)) => is_after(seen, known),
            // Below the newest is what we deleted.
            (Some(_), None) => kept.versions.keys().all(|newest| version > *newest),
        }
    }
}

/// Whether a resourceVersion is later than another one. What is no number is later when it is another one.
fn is_after(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one > other,
        _ => one != other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn news(version: i64, state: Option<&str>) -> News {
        let secret = json!({"metadata": {
            "name": format!("sh.helm.release.v1.web.v{version}"), "namespace": "apps",
            "labels": {"name": "web", "status": "deployed"}, "resourceVersion": state.unwrap_or("0"),
        }});
        let (news, moving) = read(&secret).unwrap();
        assert!(!moving);
        News {
            state: state.map(str::to_owned),
            ..news
        }
    }

    #[test]
    fn only_what_others_write_or_delete_is_news() {
        let kept = Kept {
            namespace: "apps".to_owned(),
            release: "web".to_owned(),
            versions: [(2, "20".to_owned()), (3, "30".to_owned())].into(),
        };
        for (version, state, expected) in [
            (3, Some("30"), false),
            (3, Some("29"), false),
            (3, Some("101"), true),
            (4, Some("40"), true),
            (1, Some("35"), false),
            (2, None, true),
            (1, None, false),
        ] {
            let news = news(version, state);
            assert!(news.is_of(&kept));
            assert_eq!(news.is_foreign(&kept), expected, "{version} {state:?}");
            // What is older came back from a backup, or late.
            let older = state == Some("29");
            assert_eq!(
                news.differs(&kept),
                expected || older,
                "{version} {state:?}"
            );
        }
    }

    #[test]
    fn a_revision_that_somebody_is_at_is_left_to_them() {
        for status in ["pending-upgrade", "uninstalling"] {
            let secret = json!({"metadata": {
                "name": "sh.helm.release.v1.web.v1", "namespace": "apps", "labels": {"name": "web", "status": status}}});
            assert!(read(&secret).unwrap().1);
        }
    }
}
