//! What this node says of itself: to systemd, and on its Lease for `windlass status`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use windlass_api::node::NodeStatus as Said;
use windlass_api::time::Time;
use windlass_cluster::FluxStanding;
use windlass_host::config::Role;
use windlass_host::files;
use windlass_host::systemd::{self, Watchdog};

use crate::controller::Standing;
use crate::named::Named;
use crate::source::status::Problem;

/// Of the message of a refusal: the source's own status has all of it.
const REFUSAL_LIMIT: usize = 300;

/// Remembers what was said last, so that nothing is said twice.
#[derive(Debug)]
pub(crate) struct NodeStatus {
    root: Named,
    said: String,
    /// Whether a fetch of the root has ended since the start, however it did.
    asked: bool,
    offline_since: Option<Timestamp>,
    /// Why the root was not fetched, where somebody answered.
    unfetched: Option<&'static str>,
    fetched_at: Option<Time>,
    /// Why what the root offers is not taken.
    refused: Option<String>,
    /// What is wrong with the node's own manifests.
    manifests: Option<String>,
    /// Where the state is, and what is left there, as it was said last.
    state: (PathBuf, Option<u64>),
    /// Where others reach its metrics.
    pub(crate) metrics_at: Option<SocketAddr>,
    /// Where other nodes ask it, and its key.
    pub(crate) peer: Option<String>,
    /// What it found, where it only looks.
    pub(crate) observed: Option<String>,
    annotations: watch::Sender<BTreeMap<String, String>>,
    own: watch::Sender<BTreeMap<String, String>>,
    watchdog: Option<Watchdog>,
    feed_at: Instant,
}

impl NodeStatus {
    /// `annotations` are those of the Lease of the leader, `own` those of this node's.
    pub(crate) fn new(
        root: Named,
        state: PathBuf,
        annotations: watch::Sender<BTreeMap<String, String>>,
        own: watch::Sender<BTreeMap<String, String>>,
    ) -> Self {
        let free = files::free_bytes(&state);
        NodeStatus {
            root,
            said: String::new(),
            asked: false,
            offline_since: None,
            unfetched: None,
            fetched_at: None,
            refused: None,
            manifests: None,
            state: (state, free),
            metrics_at: None,
            observed: None,
            peer: None,
            annotations,
            own,
            watchdog: systemd::watchdog(),
            feed_at: Instant::now(),
        }
    }

    /// Tells systemd's watchdog that the event loop turns, if it is time to.
    pub(crate) fn feed_watchdog(&mut self) {
        let Some(watchdog) = self
            .watchdog
            .as_ref()
            .filter(|_| self.feed_at <= Instant::now())
        else {
            return;
        };
        if let Err(error) = watchdog.ping() {
            tracing::warn!(%error, "the watchdog could not be fed");
        }
        self.feed_at = Instant::now() + watchdog.interval();
    }

    /// When the loop has to turn for the watchdog's sake.
    pub(crate) fn next_feed(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|_| self.feed_at)
    }

    /// Takes the end of a fetch: one of the root that nobody answers is the beginning of being offline.
    pub(crate) fn source_asked(&mut self, name: &Named, problem: Option<&Problem>) {
        if *name != self.root {
            return;
        }
        self.asked = true;
        let failed = problem.filter(|problem| problem.is_fetch());
        let silent = failed.is_some_and(Problem::is_offline);
        let began = self.offline_since.unwrap_or_else(Timestamp::now);
        self.offline_since = silent.then_some(began);
        let refused = problem.filter(|problem| !problem.is_fetch());
        self.refused = refused.map(|problem| {
            let text = format!("{}: {}", problem.reason, problem.message);
            text.chars().take(REFUSAL_LIMIT).collect()
        });
        self.look_at_the_disk();
        self.unfetched = failed.filter(|_| !silent).map(|problem| problem.reason);
        if failed.is_none() {
            self.fetched_at = Some(Timestamp::now().into());
        }
    }

    /// Whether a fetch of the root has ended since the start.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked
    }

    /// Takes what is wrong with the node's own manifests.
    pub(crate) fn manifests_complain(&mut self, complaint: Option<String>) {
        let short = |text: String| text.chars().take(REFUSAL_LIMIT).collect();
        self.manifests = complaint.map(short);
    }

    /// Bytes left where the state is, now.
    pub(crate) fn free_disk(&self) -> Option<u64> {
        files::free_bytes(&self.state.0)
    }

    /// A tenth more or less is worth saying.
    fn look_at_the_disk(&mut self) {
        let (path, said) = &mut self.state;
        let Some(now) = files::free_bytes(path) else {
            return;
        };
        if said.is_none_or(|said| now.abs_diff(said) > said / 10) {
            *said = Some(now);
        }
    }

    /// Shows the state, if it is another one than before.
    pub(crate) fn show(
        &mut self,
        standing: &Standing,
        revision: Option<&str>,
        (ready, total): (usize, usize),
        roots: &str,
    ) {
        let text = self.line(standing, revision, ready, total);
        self.annotate(revision, ready, total);
        self.say_of_itself(role(standing), revision, roots);
        if text == self.said {
            return;
        }
        if let Err(error) = systemd::status(&text) {
            tracing::debug!(%error, "systemd could not be told");
        }
        tracing::debug!(status = %text);
        self.said = text;
    }

    /// Says that the agent is going down.
    pub(crate) fn stopping(&self) {
        if let Err(error) = systemd::stopping() {
            tracing::debug!(%error, "systemd could not be told");
        }
    }

    fn line(
        &self,
        standing: &Standing,
        revision: Option<&str>,
        ready: usize,
        total: usize,
    ) -> String {
        let mut parts = vec![role(standing)];
        parts.push(revision.unwrap_or("no verified revision yet").to_owned());
        parts.push(format!("{ready}/{total} ready"));
        parts.extend(self.observed.clone());
        if let Some(since) = self.offline_since {
            parts.push(format!(
                "offline since {}",
                since.strftime("%Y-%m-%d %H:%M:%SZ")
            ));
        }
        if !self.asked {
            parts.push("not fetched yet".to_owned());
        }
        if let Some(reason) = self.unfetched {
            parts.push(format!("not fetched ({reason})"));
        }
        parts.extend(standing.api_error.map(str::to_owned));
        parts.join(", ")
    }

    fn annotate(&self, revision: Option<&str>, ready: usize, total: usize) {
        let said = Said {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            revision: revision.map(str::to_owned),
            fetched_at: self.fetched_at,
            offline_since: self.offline_since.map(Time::new),
            ready: Some((ready as u64, total as u64)),
            ..Said::default()
        };
        say(&self.annotations, &said);
    }

    /// What changes with every pass is left out: at rest nothing is written.
    fn say_of_itself(&self, role: String, revision: Option<&str>, roots: &str) {
        let said = Said {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            revision: revision.map(str::to_owned),
            offline_since: self.offline_since.map(Time::new),
            role: Some(role),
            refused: self.refused.clone(),
            roots: Some(roots.to_owned()),
            free_disk: self.state.1,
            metrics: self.metrics_at.map(|address| address.to_string()),
            peer: self.peer.clone(),
            manifests: self.manifests.clone(),
            ..Said::default()
        };
        say(&self.own, &said);
    }
}

fn say(to: &watch::Sender<BTreeMap<String, String>>, said: &Said) {
    let values = said.to_annotations();
    to.send_if_modified(|old| {
        let moved = *old != values;
        *old = values;
        moved
    });
}

fn role(standing: &Standing) -> String {
    if let Some(what) = &standing.uninstall {
        return format!("UninstallDetected ({what})");
    }
    if standing.pause.is_some() {
        return "paused".to_owned();
    }
    if standing.observes {
        return "observing".to_owned();
    }
    match (&standing.leadership, &standing.flux) {
        (None, _) if standing.role == Role::Cache => "cache".to_owned(),
        (None, _) => "standby".to_owned(),
        (Some(_), FluxStanding::HeldBy { holder, .. }) => format!("standby: Flux leads ({holder})"),
        (Some(_), _) => "leader".to_owned(),
    }
}
