//! The objects of one kind, as its watch shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use windlass_cluster::WatchEvent;

use crate::named::Named;
use crate::seen::Meta;

/// The objects of one kind.
#[derive(Debug)]
pub(crate) struct Known<Kept> {
    objects: BTreeMap<Named, Kept>,
    /// What a list that has begun did not show yet.
    unlisted: BTreeSet<Named>,
    listed: bool,
}

impl<Kept> Default for Known<Kept> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            listed: false,
        }
    }
}

impl<Kept> Known<Kept> {
    /// Takes what the watch says. An object that `read` makes nothing of is not there.
    pub(crate) fn take(
        &mut self,
        event: WatchEvent,
        read: impl FnOnce(&Value) -> Option<(Named, Kept)>,
    ) {
        match event {
            WatchEvent::Restarted => self.unlisted = self.objects.keys().cloned().collect(),
            WatchEvent::Applied(object) => match read(&object) {
                Some((name, kept)) => {
                    self.unlisted.remove(&name);
                    self.objects.insert(name, kept);
                }
                None => self.remove(&object),
            },
            WatchEvent::Deleted(object) => self.remove(&object),
            WatchEvent::Synced(_) => {
                for name in std::mem::take(&mut self.unlisted) {
                    self.objects.remove(&name);
                }
                self.listed = true;
            }
            // What was seen last counts while the API server does not answer.
            WatchEvent::Failed(_) => {}
        }
    }

    fn remove(&mut self, object: &Value) {
        if let Some(meta) = Meta::parse(object) {
            self.objects.remove(&meta.name);
        }
    }

    /// Whether all of them were listed once.
    pub(crate) fn is_listed(&self) -> bool {
        self.listed
    }

    pub(crate) fn get(&self, name: &Named) -> Option<&Kept> {
        self.objects.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Named, &Kept)> {
        self.objects.iter()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str) -> Value {
        json!({ "metadata": { "name": name, "namespace": "a" } })
    }

    fn names(known: &Known<()>) -> Vec<&str> {
        known.iter().map(|(name, ())| name.name.as_str()).collect()
    }

    #[test]
    fn what_a_new_list_does_not_show_is_gone() {
        let mut known = Known::default();
        let read = |object: &Value| Meta::parse(object).map(|meta| (meta.name, ()));
        let synced = || WatchEvent::Synced("1".to_owned());
        known.take(WatchEvent::Restarted, read);
        known.take(WatchEvent::Applied(object("one")), read);
        known.take(WatchEvent::Applied(object("two")), read);
        assert!(!known.is_listed());
        known.take(synced(), read);
        assert!(known.is_listed());
        known.take(WatchEvent::Restarted, read);
        known.take(WatchEvent::Applied(object("two")), read);
        assert_eq!(names(&known), ["one", "two"]);
        known.take(synced(), read);
        assert_eq!(names(&known), ["two"]);
        known.take(WatchEvent::Deleted(object("two")), read);
        assert!(names(&known).is_empty());
    }

    #[test]
    fn an_object_that_cannot_be_read_any_more_is_gone() {
        let mut known = Known::default();
        let read = |object: &Value| Meta::parse(object).map(|meta| (meta.name, ()));
        known.take(WatchEvent::Applied(object("one")), read);
        known.take(WatchEvent::Applied(object("one")), |_| None);
        assert!(names(&known).is_empty());
    }
}
