//! What this node saw of the cluster last: Flux's objects as the watches showed them, and the events it announced itself.
//! It answers the commands on this node when the API server cannot, also after a restart (decision 272), and the status page
//! (decision 328).

mod answer;
mod kept;
mod since;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use windlass_api::names;
use windlass_cluster::{ErrorClass, RequestError, Resource, WatchEvent};
use windlass_object::patch;

pub(crate) use self::answer::{OwnWord, serve};
pub(crate) use self::since::Version;
use crate::named::Named;
use crate::seen::Meta;

/// Events that are kept: a start makes a few for each object, and more than a screenful of the newest helps nobody.
const EVENTS: usize = 500;

/// Not written more often than this, however often the API server comes and goes.
const WRITE_AGAIN_SECONDS: i64 = 60;

/// Shared by the watches, who tell, and the socket and the page, who ask.
#[derive(Debug)]
pub(crate) struct Sight {
    /// Where it is kept over a restart.
    directory: PathBuf,
    known: Mutex<Known>,
    /// When this process began, in microseconds: versions of another one say nothing here.
    process: i64,
    /// Tells whoever waits for news.
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    kinds: BTreeMap<String, Seen>,
    /// The newest last.
    events: VecDeque<Announced>,
    silent_since: Option<Timestamp>,
    written_at: Option<Timestamp>,
    /// Counts the changes.
    version: u64,
    /// The version at which an object went last.
    gone_at: u64,
}

#[derive(Debug)]
struct Announced {
    event: Value,
    /// The version at which it came.
    at: u64,
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
    /// The version at which it became what it is.
    at: u64,
}

// === impl Sight ===

impl Sight {
    /// Begins with what an earlier process kept, if it kept anything.
    pub(crate) fn open(directory: PathBuf) -> Self {
        let known = kept::read(&directory).unwrap_or_default();
        Sight {
            directory,
            known: Mutex::new(known),
            process: Timestamp::now().as_microsecond(),
            version: watch::Sender::default(),
        }
    }

    /// Takes what a watch of one of Flux's kinds shows. Blocks for a moment when the API server has fallen silent.
    pub(crate) fn take(&self, resource: &Resource, event: &WatchEvent) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fell_silent = known.take(resource, event);
        self.tell(&known);
        if fell_silent && known.may_be_written() {
            kept::write(&self.directory, &known);
        }
    }

    /// Takes an event that this node announces. The same news again is counted, as in the cluster.
    pub(crate) fn announced(&self, event: Option<windlass_object::Object>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = event {
            known.announced(event.into_value());
            self.tell(&known);
        }
    }

    /// Keeps it for the next process.
    pub(crate) fn keep(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        kept::write(&self.directory, &known);
    }

    fn tell(&self, known: &Known) {
        self.version.send_if_modified(|told| {
            let moved = *told != known.version;
            *told = known.version;
            moved
        });
    }
}

// === impl Known ===

impl Known {
    /// Gives whether the API server has just stopped answering.
    fn take(&mut self, resource: &Resource, event: &WatchEvent) -> bool {
        let next = self.version.saturating_add(1);
        let seen = self.kinds.entry(resource.gvk.kind.clone()).or_default();
        let (came, went) = match event {
            WatchEvent::Restarted => {
                let objects = seen.objects.values_mut();
                objects.for_each(|object| object.listed = false);
                return false;
            }
            WatchEvent::Applied(object) => (seen.put(resource, object, next), false),
            WatchEvent::Deleted(object) => (false, seen.remove(object)),
            WatchEvent::Synced(_) => (false, seen.end_list()),
            WatchEvent::Failed(error) => return self.failed(error, next),
        };
        if went {
            self.gone_at = next;
        }
        let answers_again = self.silent_since.take().is_some();
        if came || went || answers_again {
            self.version = next;
        }
        false
    }

    fn failed(&mut self, error: &RequestError, next: u64) -> bool {
        let is_silent = matches!(
            error.class(),
            ErrorClass::Unreachable | ErrorClass::Timeout | ErrorClass::Server
        );
        let fell_silent = is_silent && self.silent_since.is_none();
        if fell_silent {
            self.silent_since = Some(Timestamp::now());
            self.version = next;
        }
        fell_silent
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
        let mut events = self.events.iter();
        let before = events.position(|other| said(&other.event) == same);
        if let Some(Announced { event: before, .. }) =
            before.and_then(|before| self.events.remove(before))
        {
            let count = before.get("count").and_then(Value::as_i64).unwrap_or(1);
            let first = before.get("firstTimestamp");
            let counted = json!({"count": count.saturating_add(1), "firstTimestamp": first});
            patch::merge(&mut event, &counted);
        }
        self.version = self.version.saturating_add(1);
        let at = self.version;
        self.events.push_back(Announced { event, at });
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
    /// Gives whether it is another one than before.
    fn put(&mut self, resource: &Resource, object: &Value, version: u64) -> bool {
        let Some(meta) = Meta::parse(object) else {
            return false;
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
            if let Some(annotations) = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
            {
                // Long, and for the other agents only.
                annotations.remove(names::ACCEPTED);
            }
        }
        let text = object.to_string().into_boxed_str();
        let before = self.objects.get(&meta.name);
        let same = before.filter(|before| before.text == text);
        let at = same.map_or(version, |same| same.at);
        let moved = same.is_none();
        let listed = true;
        self.objects.insert(meta.name, Object { text, listed, at });
        moved
    }

    /// Gives whether it was there.
    fn remove(&mut self, object: &Value) -> bool {
        let meta = Meta::parse(object);
        meta.is_some_and(|meta| self.objects.remove(&meta.name).is_some())
    }

    /// Forgets what a whole list did not show; gives whether there was any.
    fn end_list(&mut self) -> bool {
        let before = self.objects.len();
        self.objects.retain(|_, object| object.listed);
        self.objects.len() < before
    }
}

#[cfg(test)]
mod tests;
