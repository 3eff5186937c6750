//! A list that is kept up to date: pages, then watches of at most a minute, for as long as the
//! stream is read.

mod lines;
mod scope;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::stream::{self, Stream};
use http::Method;
use serde_json::Value;

use crate::backoff;
use crate::call::{Call, JSON, METADATA};
use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
use crate::path::Target;
use crate::read::name_kind;
use crate::redact::Redactor;
pub use scope::Scope;

use lines::Lines;

/// Longest watch: after it a new one is opened, so that a dead one is never believed for long.
const WATCH: Duration = Duration::from_secs(60);
/// What is waited beyond a watch's own end before the connection counts as dead.
const GRACE: Duration = Duration::from_secs(10);
/// How much earlier than asked a server may end a watch that it ends for its age.
const SLACK: Duration = Duration::from_secs(2);
/// A watch that lived this long worked, and the next failure begins with the shortest delay again.
const WORKED: Duration = Duration::from_secs(5);

/// How much of each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Object,
    /// Its metadata; apiVersion and kind are still the object's own.
    Metadata,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// A list begins: every object there is follows as `Applied` until `Synced`; what does not is
    /// gone.
    Restarted,
    /// An object is there, or was changed.
    Applied(Value),
    /// An object is gone, or no longer in the scope; this was its last state.
    Deleted(Value),
    /// The list that `Restarted` began is complete; this is its resourceVersion.
    Synced(String),
    /// The watch does not work at the moment and goes on trying.
    Failed(RequestError),
}

/// Where the loop stands.
enum State {
    List {
        token: String,
        begun: bool,
    },
    Watch {
        version: String,
    },
    /// The watch broke: whoever answers now may be behind what was seen before.
    Resume {
        version: String,
    },
    Streaming(Streaming),
}

struct Streaming {
    version: String,
    lines: Lines,
    opened: Instant,
    /// How long the server was asked to keep it open.
    asked: Duration,
    told: bool,
}

struct Loop {
    cluster: Cluster,
    resource: Resource,
    scope: Scope,
    detail: Detail,
    pending: VecDeque<WatchEvent>,
    state: State,
    /// Failures in a row, and lists in a row that led to no working watch.
    failures: u32,
    relists: u32,
    wait: Option<Duration>,
}

/// What an event line leads to.
enum Told {
    Event(Option<WatchEvent>, String),
    Error(RequestError),
}

// === impl Cluster ===

impl Cluster {
    /// Takes a kind, a scope and how much of each object is wanted and gives what happens to them,
    /// without end. It lists in pages, watches from there, lists again only when the server has
    /// forgotten the place (410), and after an error waits: longer each time, spread at random,
    /// never less than the server asks. Events are parsed one by one; while the stream is not read,
    /// nothing is asked for.
    pub fn watch(
        &self,
        resource: &Resource,
        scope: Scope,
        detail: Detail,
    ) -> impl Stream<Item = WatchEvent> + Send + use<> {
        let watching = Loop {
            cluster: self.clone(),
            resource: resource.clone(),
            scope,
            detail,
            pending: VecDeque::new(),
            state: State::List {
                token: String::new(),
                begun: false,
            },
            failures: 0,
            relists: 0,
            wait: None,
        };
        stream::unfold(watching, |mut watching| async move {
            let event = watching.next().await;
            Some((event, watching))
        })
    }
}

/// Whether one resourceVersion of a kind comes before another. They are whole numbers that grow (KEP-5504, "Comparable
/// Resource Version"); of others this is never said.
#[must_use]
pub fn is_before(one: &str, other: &str) -> bool {
    let number = |version: &str| version.parse::<u64>().ok();
    number(one)
        .zip(number(other))
        .is_some_and(|(one, other)| one < other)
}

// === impl Loop ===

impl Loop {
    async fn next(&mut self) -> WatchEvent {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            self.pending.shrink_to(0);
            if let Some(wait) = self.wait.take() {
                tokio::time::sleep(wait).await;
            }
            let state = std::mem::replace(
                &mut self.state,
                State::List {
                    token: String::new(),
                    begun: false,
                },
            );
            self.state = match state {
                State::List { token, begun } => self.list(token, begun).await,
                State::Watch { version } => self.open(version).await,
                State::Resume { version } => self.resume(version).await,
                State::Streaming(streaming) => self.read(streaming).await,
            };
        }
    }

    async fn list(&mut self, token: String, begun: bool) -> State {
        match self
            .cluster
            .page(&self.resource, &self.scope, self.detail, &token)
            .await
        {
            Ok(page) => {
                if !begun {
                    self.pending.push_back(WatchEvent::Restarted);
                }
                for mut item in page.items {
                    name_kind(&self.resource, &mut item);
                    self.pending.push_back(WatchEvent::Applied(item));
                }
                if !page.token.is_empty() {
                    return State::List {
                        token: page.token,
                        begun: true,
                    };
                }
                self.pending
                    .push_back(WatchEvent::Synced(page.version.clone()));
                State::Watch {
                    version: page.version,
                }
            }
            Err(error) if error.status == Some(410) => self.list_again(error.retry_after),
            Err(error) => {
                self.fail(error);
                State::List { token, begun }
            }
        }
    }

    /// Goes on from the same place, unless the cluster is behind it: etcd was restored from a backup. A watch from a
    /// version that is yet to come is accepted and tells nothing until it has come.
    async fn resume(&mut self, version: String) -> State {
        match self
            .cluster
            .collection_version(&self.resource, &self.scope)
            .await
        {
            Ok(now) if is_before(&now, &version) => self.list_again(None),
            Ok(_) => State::Watch { version },
            Err(error) => {
                self.fail(error);
                State::Resume { version }
            }
        }
    }

    async fn open(&mut self, version: String) -> State {
        let asked = WATCH.mul_f64((2.0 + backoff::random()) / 3.0);
        let target = Target::collection(&self.resource, &self.scope.namespace);
        let query = self
            .scope
            .query()
            .add("watch", "true")
            .add("allowWatchBookmarks", "true");
        let query = query
            .add("resourceVersion", &version)
            .add("timeoutSeconds", &asked.as_secs().to_string());
        let accept = match self.detail {
            Detail::Object => JSON,
            Detail::Metadata => METADATA,
        };
        let call = Call::new("watch", Method::GET, &target)
            .query(query)
            .accept(accept);
        match self.cluster.open(&call).await {
            Ok(answer) => State::Streaming(Streaming {
                version,
                lines: Lines::new(answer),
                opened: Instant::now(),
                asked,
                told: false,
            }),
            Err(error) => self.after(self.cluster.noticed(error), version),
        }
    }

    async fn read(&mut self, mut streaming: Streaming) -> State {
        let left = (WATCH + GRACE).saturating_sub(streaming.opened.elapsed());
        let line = match tokio::time::timeout(left, streaming.lines.next()).await {
            Ok(Ok(line)) => line,
            Ok(Err(message)) => {
                return self.after(
                    self.failed(ErrorClass::Unreachable, message),
                    streaming.version,
                );
            }
            Err(_) => {
                let message = "the server did not end the watch in time".to_owned();
                return self.after(self.failed(ErrorClass::Timeout, message), streaming.version);
            }
        };
        let Some(line) = line else {
            return self.ended(streaming);
        };
        match self.told(&line) {
            Told::Event(event, newer) => {
                self.worked();
                self.pending.extend(event);
                if !newer.is_empty() {
                    streaming.version = newer;
                }
                streaming.told = true;
                State::Streaming(streaming)
            }
            Told::Error(error) => self.after(error, streaming.version),
        }
    }

    /// Where to go when the server ended a watch in good order. One that ended before its time belonged to a server that
    /// stops, and one that told nothing, not even a bookmark, may wait for a version that is yet to come: what answers
    /// next may be a cluster restored from a backup.
    fn ended(&mut self, streaming: Streaming) -> State {
        let lived = streaming.opened.elapsed();
        // An end right after the beginning must not become a loop without rest.
        if streaming.told || lived >= WORKED {
            self.worked();
        } else {
            self.back_off(None);
        }
        let version = streaming.version;
        if streaming.told && lived + SLACK >= streaming.asked {
            State::Watch { version }
        } else {
            State::Resume { version }
        }
    }

    fn told(&self, line: &[u8]) -> Told {
        let mut event: Value = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                return Told::Error(self.failed(
                    ErrorClass::Unreachable,
                    format!("an event is cut off: {error}"),
                ));
            }
        };
        let mut object = event.get_mut("object").map(Value::take).unwrap_or_default();
        let version = object
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind != "ERROR" {
            name_kind(&self.resource, &mut object);
        }
        match kind {
            "ADDED" | "MODIFIED" => Told::Event(Some(WatchEvent::Applied(object)), version),
            "DELETED" => Told::Event(Some(WatchEvent::Deleted(object)), version),
            "BOOKMARK" => Told::Event(None, version),
            "ERROR" => Told::Error(RequestError::from_status(
                "watch",
                &self.label(),
                &object,
                &Redactor::none(),
            )),
            other => Told::Error(self.failed(
                ErrorClass::Server,
                format!("an event of unknown type {other:?}"),
            )),
        }
    }

    /// Where to go after a watch failed: a place the server has forgotten means a new list, which
    /// is nobody's fault.
    fn after(&mut self, error: RequestError, version: String) -> State {
        if error.status == Some(410) {
            return self.list_again(error.retry_after);
        }
        self.fail(error);
        State::Resume { version }
    }

    /// Begins a new list, the first one soon: until it is there, changes go unseen.
    fn list_again(&mut self, asked: Option<Duration>) -> State {
        self.relists = self.relists.saturating_add(1);
        self.wait = Some(backoff::delay(self.relists, asked, backoff::random()));
        State::List {
            token: String::new(),
            begun: false,
        }
    }

    fn worked(&mut self) {
        (self.failures, self.relists) = (0, 0);
    }

    fn fail(&mut self, error: RequestError) {
        self.back_off(error.retry_after);
        self.pending.push_back(WatchEvent::Failed(error));
    }

    fn back_off(&mut self, asked: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        self.wait = Some(backoff::delay(self.failures, asked, backoff::random()));
    }

    fn failed(&self, class: ErrorClass, message: String) -> RequestError {
        RequestError::local("watch", &self.label(), class, message)
    }

    fn label(&self) -> String {
        Target::collection(&self.resource, &self.scope.namespace).label()
    }
}
