//! What this node saw of the cluster last: Flux's objects as the watches showed them, and the events it announced itself.
//! It answers the commands on this node when the API server cannot, also after a restart (decision 272).

mod answer;
mod kept;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_cluster::{ErrorClass, Resource, WatchEvent};
use windlass_object::patch;

pub(crate) use self::answer::serve;
use crate::named::Named;
use crate::seen::Meta;

/// Events that are kept: a start makes a few for each object, and more than a screenful of the newest helps nobody.
const EVENTS: usize = 500;

/// Not written more often than this, however often the API server comes and goes.
const WRITE_AGAIN_SECONDS: i64 = 60;

/// Shared by the watches, who tell, and the socket, who asks.
#[derive(Debug)]
pub(crate) struct Sight {
    /// Where it is kept over a restart.
    directory: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    kinds: BTreeMap<String, Seen>,
    /// The newest last.
    events: VecDeque<Value>,
    silent_since: Option<Timestamp>,
    written_at: Option<Timestamp>,
}

/// The objects of one kind.
#[derive(Debug, Default)]
struct Seen {
    /// As text, which takes a third of the memory of a parsed one.
    objects: BTreeMap<Named, Object>,
}

#[derive(Debug)]
struct Object {
    text: Box<str>,
    /// Whether the list under way has shown it.
    listed: bool,
}

// === impl Sight ===

impl Sight {
    /// Begins with what an earlier process kept, if it kept anything.
    pub(crate) fn open(directory: PathBuf) -> Self {
        let known = kept::read(&directory).unwrap_or_default();
        Sight {
            directory,
            known: Mutex::new(known),
        }
    }

    /// Takes what a watch of one of Flux's kinds shows. Blocks for a moment when the API server has fallen silent.
    pub(crate) fn take(&self, resource: &Resource, event: &WatchEvent) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fell_silent = known.take(resource, event);
        if fell_silent && known.may_be_written() {
            kept::write(&self.directory, &known);
        }
    }

    /// Takes an event that this node announces. The same news again is counted, as in the cluster.
    pub(crate) fn announced(&self, event: Option<windlass_object::Object>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = event {
            known.announced(event.into_value());
        }
    }

    /// Keeps it for the next process.
    pub(crate) fn keep(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        kept::write(&self.directory, &known);
    }
}

// === impl Known ===

impl Known {
    /// Gives whether the API server has just stopped answering.
    fn take(&mut self, resource: &Resource, event: &WatchEvent) -> bool {
        let seen = self.kinds.entry(resource.gvk.kind.clone()).or_default();
        match event {
            WatchEvent::Restarted => {
                let objects = seen.objects.values_mut();
                objects.for_each(|object| object.listed = false);
                return false;
            }
            WatchEvent::Applied(object) => seen.put(resource, object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(object) {
                    seen.objects.remove(&meta.name);
                }
            }
            WatchEvent::Synced(_) => seen.objects.retain(|_, object| object.listed),
            WatchEvent::Failed(error) => {
                let is_silent = matches!(
                    error.class(),
                    ErrorClass::Unreachable | ErrorClass::Timeout | ErrorClass::Server
                );
                let fell_silent = is_silent && self.silent_since.is_none();
                if fell_silent {
                    self.silent_since = Some(Timestamp::now());
                }
                return fell_silent;
            }
        }
        self.silent_since = None;
        false
    }

    fn may_be_written(&mut self) -> bool {
        let now = Timestamp::now();
        let recently = self
            .written_at
            .is_some_and(|at| now.as_second().saturating_sub(at.as_second()) < WRITE_AGAIN_SECONDS);
        if !recently {
            self.written_at = Some(now);
        }
        !recently
    }

    fn announced(&mut self, mut event: Value) {
        let said = |event: &Value| {
            ["kind", "namespace", "name"]
                .map(|part| text(event, &format!("/involvedObject/{part}")))
                .into_iter()
                .chain([text(event, "/reason"), text(event, "/message")])
                .collect::<Vec<String>>()
        };
        let same = said(&event);
        let before = self.events.iter().position(|other| said(other) == same);
        if let Some(before) = before.and_then(|before| self.events.remove(before)) {
            let count = before.get("count").and_then(Value::as_i64).unwrap_or(1);
            let first = before.get("firstTimestamp");
            let counted = json!({"count": count.saturating_add(1), "firstTimestamp": first});
            patch::merge(&mut event, &counted);
        }
        self.events.push_back(event);
        while self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

// === impl Seen ===

impl Seen {
    fn put(&mut self, resource: &Resource, object: &Value) {
        let Some(meta) = Meta::parse(object) else {
            return;
        };
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            // The items of a list carry no kind of their own.
            let gvk = &resource.gvk;
            fields.insert("apiVersion".to_owned(), gvk.api_version().into());
            fields.insert("kind".to_owned(), gvk.kind.clone().into());
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let text = object.to_string().into_boxed_str();
        let listed = true;
        self.objects.insert(meta.name, Object { text, listed });
    }
}

#[cfg(test)]
mod tests;
