//! Tells somebody outside of the cluster that this node is well, and what is wrong when it is not: Prometheus and what
//! an Alert tells both need the cluster, which may be what is down.

mod wrong;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use windlass_api::provider::ProviderSpec;
use windlass_host::config::{AlarmSettings, SecretUrl, Settings};
use windlass_notify::{Event, InvolvedObject, Recipient, Severity, compose};
use windlass_wire::{PostExpected, PostMethod, PostRequest};

use self::wrong::{Wrong, wrong};
use crate::context::Context;
use crate::herald::request;
use crate::post::post;
use crate::sight::OwnWord;

/// How often it is looked at how the node is.
const LOOK: Duration = Duration::from_secs(5);
/// How soon somebody is told again who could not be.
const AGAIN: Duration = Duration::from_secs(30);
/// How long one request may take.
const TIMEOUT_SECONDS: u64 = 10;
/// Where it is remembered what was told last, so that a restart tells nothing twice.
const TOLD: &str = "alarm/told";

struct Task {
    context: Arc<Context>,
    own_word: OwnWord,
    /// What was told last.
    told: BTreeSet<String>,
    ping_due: Instant,
    webhook_due: Instant,
    /// What went wrong last, by whom: the log says it once.
    failed: BTreeSet<&'static str>,
}

/// Tells for good what the settings ask for.
pub(crate) async fn follow(
    context: Arc<Context>,
    mut settings: watch::Receiver<Settings>,
    own_word: OwnWord,
) {
    let mut task = Task::new(context, own_word);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Where nobody is to be told, nothing is looked at.
        let is_set = |settings: &Settings| settings.alarm.is_set();
        let (alarm, node) = match settings.wait_for(is_set).await {
            Ok(settings) => (settings.alarm.clone(), settings.node.name.clone()),
            Err(_) => return,
        };
        looks.tick().await;
        task.look(&alarm, &node).await;
    }
}

// === impl Task ===

impl Task {
    fn new(context: Arc<Context>, own_word: OwnWord) -> Self {
        let told = context.keep.store.recall(TOLD).unwrap_or_else(|error| {
            tracing::warn!(%error, "what the webhook of [alarm] was told last cannot be read");
            None
        });
        let told = told.and_then(|text| serde_json::from_slice(&text).ok());
        Task {
            context,
            own_word,
            told: told.unwrap_or_default(),
            ping_due: Instant::now(),
            webhook_due: Instant::now(),
            failed: BTreeSet::new(),
        }
    }

    async fn look(&mut self, alarm: &AlarmSettings, node: &str) {
        let standing = self.own_word.standing(&self.context);
        let wrong = wrong(&standing, alarm.ping_interval, Timestamp::now());
        // Before the first fetch has ended it is not known what the root source offers.
        let is_known = *self.context.root_asked.borrow();
        if !is_known && wrong.is_empty() {
            return;
        }
        let now = Instant::now();
        if let Some(url) = &alarm.ping_url
            && wrong.is_empty()
            && self.ping_due <= now
        {
            self.ping_due = now + alarm.ping_interval;
            self.send("ping_url", Ok(vec![ping(url)])).await;
        }
        let names: BTreeSet<String> = wrong.keys().map(|name| (*name).to_owned()).collect();
        if let Some(url) = &alarm.webhook_url
            && names != self.told
            && self.webhook_due <= now
        {
            self.webhook_due = now + AGAIN;
            if self
                .send("webhook_url", told(alarm, url, &event(node, &wrong)))
                .await
            {
                self.remember(names);
            }
        }
    }

    /// Sends requests, and says whether all were taken.
    async fn send(
        &mut self,
        key: &'static str,
        requests: Result<Vec<PostRequest>, String>,
    ) -> bool {
        let net = Arc::clone(&self.context.net);
        let sending = tokio::task::spawn_blocking(move || {
            let sent = requests?.iter().try_for_each(|request| post(&net, request));
            sent.map_err(|error| error.to_string())
        });
        let sent = sending.await.unwrap_or_else(|error| Err(error.to_string()));
        match sent {
            Ok(()) => {
                self.failed.remove(key);
                true
            }
            Err(error) => {
                if self.failed.insert(key) {
                    tracing::warn!(
                        "[alarm] {key} cannot be told how this node is: {error}; trying again"
                    );
                }
                false
            }
        }
    }

    fn remember(&mut self, told: BTreeSet<String>) {
        self.webhook_due = Instant::now();
        let text = json!(told).to_string();
        if let Err(error) = self.context.keep.store.remember(TOLD, text.as_bytes()) {
            tracing::warn!(%error, "what the webhook of [alarm] was told cannot be remembered; a restart tells it again");
        }
        self.told = told;
    }
}

/// Some services take a ping by GET alone.
fn ping(url: &SecretUrl) -> PostRequest {
    PostRequest {
        method: PostMethod::Get,
        url: url.expose().to_owned().into(),
        headers: Vec::new(),
        body: Vec::new(),
        expected: PostExpected::Success,
        ca_bundle: None,
        identity: None,
        proxy: None,
        timeout_seconds: TIMEOUT_SECONDS,
    }
}

/// What tells of an event in the form that the settings name, or why there is no such thing.
fn told(alarm: &AlarmSettings, url: &SecretUrl, event: &Event) -> Result<Vec<PostRequest>, String> {
    let spec = json!({
        "type": alarm.webhook_type, "address": url.expose(), "timeout": format!("{TIMEOUT_SECONDS}s"),
    });
    let spec: ProviderSpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
    let whom = Recipient::new(&spec, &Default::default()).map_err(|error| error.to_string())?;
    let composed = compose(&whom, event).map_err(|error| error.to_string())?;
    let requests = composed.into_iter();
    let requests = requests.map(|outgoing| request(outgoing, &Default::default(), &spec));
    Ok(requests.collect())
}

fn event(node: &str, wrong: &Wrong) -> Event {
    let (severity, reason) = match wrong.is_empty() {
        true => (Severity::Info, "NodeWell"),
        false => (Severity::Error, "NodeUnwell"),
    };
    let whys: Vec<&str> = wrong.values().map(String::as_str).collect();
    let message = match wrong.is_empty() {
        true => "everything is well again".to_owned(),
        false => whys.join("; "),
    };
    Event {
        involved_object: InvolvedObject {
            kind: "Node".to_owned(),
            name: node.to_owned(),
            api_version: "v1".to_owned(),
            ..InvolvedObject::default()
        },
        severity,
        timestamp: Timestamp::now().into(),
        message,
        reason: reason.to_owned(),
        metadata: Default::default(),
        reporting_controller: "windlass".to_owned(),
        reporting_instance: node.to_owned(),
    }
}
