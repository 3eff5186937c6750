//! Tells others what happens: takes the events of the passes, keeps what an Alert wants of them in the node's state, and
//! has it sent, for each Provider in order.
//!
//! Only the leader announces, so only it queues. What it queued it also delivers, even when another node leads by then:
//! nobody else knows of it.

mod access;
mod deliver;
mod lanes;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use windlass_api::{alert::AlertSpec, names, parse, provider::ProviderSpec};
use windlass_cluster::{
    Authority, BootClock, Clock, EventSpec, EventType, Leadership, ObjectReference, WatchEvent,
};
use windlass_host::config::Settings;
use windlass_notify::{Event, InvolvedObject, Recent, Rules, Severity, combine, takes};
use windlass_object::Object;

pub(crate) use self::deliver::request;
use self::lanes::Lanes;
use crate::announce::News;
use crate::context::Context;
use crate::known::Known;
use crate::named::Named;
use crate::seen::Meta;
use crate::sight::Sight;

/// Events that wait for the list of Alerts; a start makes a few for each object. Of more the newest count.
const WAITING: usize = 1000;

/// Where passes hand their events to.
#[derive(Clone, Debug)]
pub(crate) struct Herald {
    sender: UnboundedSender<Heard>,
    sight: Arc<Sight>,
}

/// What the task hears of.
#[derive(Debug)]
pub(crate) enum Heard {
    News(Box<(News, Leadership)>),
    Alert(WatchEvent),
    Provider(WatchEvent),
}

/// An Alert as the watch shows it.
#[derive(Debug)]
struct SeenAlert {
    reference: ObjectReference,
    spec: AlertSpec,
    rules: Rules,
}

/// What is kept until it is sent. It holds no secret: these are read when it is.
#[derive(Debug, Serialize, Deserialize)]
struct Notice {
    /// The name of the Alert; its namespace is the Provider's.
    alert: String,
    event: Event,
}

/// The task.
struct Task {
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    alerts: Known<SeenAlert>,
    providers: Known<ProviderSpec>,
    recent: Recent,
    /// Events that came before it was known which Alerts there are.
    early: VecDeque<News>,
    lanes: Lanes,
    /// By which events about Alerts may be published.
    leadership: Option<Leadership>,
    publishing: JoinSet<()>,
}

// === impl Herald ===

impl Herald {
    /// `sight` remembers what is told, for whoever asks on this node.
    pub(crate) fn new(sight: Arc<Sight>) -> (Self, UnboundedReceiver<Heard>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, sight }, receiver)
    }

    /// Takes an event of a pass; only as long as this node leads.
    pub(crate) fn tell(&self, leadership: &Leadership, news: &News) {
        self.sight.announced(news.event.unwritten());
        if leadership.check().is_ok() {
            self.hear(Heard::News(Box::new((news.clone(), leadership.clone()))));
        }
    }

    /// Takes what a watch shows.
    pub(crate) fn hear(&self, heard: Heard) {
        // Without the task the agent is about to end.
        let _ = self.sender.send(heard);
    }
}

/// Listens until nobody can tell anything any more.
pub(crate) async fn follow(
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    mut heard: UnboundedReceiver<Heard>,
) {
    let mut task = Task {
        lanes: Lanes::new(Arc::clone(&context)),
        context,
        settings,
        alerts: Known::default(),
        providers: Known::default(),
        recent: Recent::default(),
        early: VecDeque::new(),
        leadership: None,
        publishing: JoinSet::new(),
    };
    loop {
        if task.is_ready() {
            task.lanes.start(&task.providers);
        }
        tokio::select! {
            heard = heard.recv() => match heard {
                Some(heard) => task.hear(heard),
                None => return,
            },
            Some(problem) = task.lanes.next() => {
                if let Some((alert, message)) = problem {
                    task.warn(&alert, deliver::DISPATCH_FAILED, message);
                }
            }
            Some(_) = task.publishing.join_next() => {}
        }
    }
}

// === impl Task ===

impl Task {
    /// Whether it is known which Alerts and Providers there are.
    fn is_ready(&self) -> bool {
        self.alerts.is_listed() && self.providers.is_listed()
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::News(news) => {
                let (news, leadership) = *news;
                self.leadership = Some(leadership);
                self.early.push_back(news);
                if self.early.len() > WAITING {
                    self.early.pop_front();
                    tracing::warn!(
                        "the Alerts are not known yet, and more than {WAITING} events wait; nobody is told of the oldest"
                    );
                }
            }
            Heard::Alert(event) => self.alert_seen(event),
            Heard::Provider(event) => self.providers.take(event, provider_of),
        }
        while self.is_ready()
            && let Some(news) = self.early.pop_front()
        {
            self.dispatch(news);
        }
    }

    fn alert_seen(&mut self, event: WatchEvent) {
        let before = match &event {
            WatchEvent::Applied(object) => Meta::parse(object).map(|meta| {
                let spec = self.alerts.get(&meta.name).map(|seen| seen.spec.clone());
                (meta.name, spec)
            }),
            _ => None,
        };
        self.alerts.take(event, alert_of);
        let Some((name, before)) = before else {
            return;
        };
        let now = self.alerts.get(&name);
        let problems = match now.filter(|now| Some(&now.spec) != before.as_ref()) {
            Some(changed) => changed.rules.problems().to_vec(),
            None => return,
        };
        for problem in problems {
            self.warn(&name, "InvalidConfig", problem);
        }
    }

    /// Queues an event for every Alert that wants it.
    fn dispatch(&mut self, news: News) {
        let labels = news.labels.clone();
        let event = noted(news, &self.settings.borrow().node.name).cleaned();
        if self.recent.repeats(&event, BootClock.now()) {
            tracing::debug!(
                reason = event.reason,
                "told of this within the last five minutes"
            );
            return;
        }
        let event = event.without_token();
        let wanting: Vec<(Named, AlertSpec)> = self
            .alerts
            .iter()
            .filter(|(_, alert)| !alert.spec.suspend && alert.rules.want(&event, &labels))
            .map(|(name, alert)| (name.clone(), alert.spec.clone()))
            .collect();
        for (name, spec) in wanting {
            self.queue(&name, &spec, &event);
        }
    }

    fn queue(&mut self, name: &Named, spec: &AlertSpec, event: &Event) {
        let object = &event.involved_object;
        if self.settings.borrow().tenancy.no_cross_namespace_refs
            && object.namespace != name.namespace
        {
            let what = deliver::shown(object);
            let message = format!(
                "alert '{name}' can't process event from '{what}', cross-namespace references have been blocked"
            );
            return self.warn(name, deliver::DISPATCH_FAILED, message);
        }
        let recipient = Named::new(&name.namespace, &spec.provider_ref.name);
        let provider = self.providers.get(&recipient);
        // Whether there is such a Provider is seen when it is sent: it may come with the same commit.
        if provider.is_some_and(|provider| provider.suspend || !takes(provider.type_, event)) {
            return;
        }
        let (event, conflicts) = combine(event.clone(), spec);
        if !conflicts.is_empty() {
            let keys: Vec<String> = conflicts
                .iter()
                .map(|conflict| format!("{} ({})", conflict.key, conflict.sources.join(", ")))
                .collect();
            let message = format!(
                "metadata key conflicts detected (please refer to the Alert API docs and Flux RFC 0008 for more \
                 information): {}",
                keys.join("; ")
            );
            self.warn(name, "MetadataAppendFailed", message);
        }
        let notice = Notice {
            alert: name.name.clone(),
            event,
        };
        self.lanes.queue(&recipient, &notice);
    }

    /// Says what is wrong in the log, and as an event of the Alert where this node leads.
    fn warn(&mut self, name: &Named, reason: &str, message: String) {
        tracing::warn!(kind = names::ALERT, %name, reason, "{message}");
        let alert = self.alerts.get(name);
        let (Some(alert), Some(leadership)) = (alert, &self.leadership) else {
            return;
        };
        let event = EventSpec {
            regarding: alert.reference.clone(),
            event_type: EventType::Warning,
            reason: reason.to_owned(),
            message,
            annotations: Default::default(),
            component: names::NOTIFICATION_CONTROLLER.to_owned(),
            instance: "windlass".to_owned(),
        };
        let (cluster, leadership) = (self.context.cluster.clone(), leadership.clone());
        self.publishing.spawn(async move {
            let authority = Authority::Leader(&leadership);
            if let Err(error) = cluster.publish_event(authority, &event).await {
                tracing::debug!(%error, "an event of an Alert could not be published");
            }
        });
    }
}

/// The event as Flux's controllers would have handed it on.
fn noted(news: News, node: &str) -> Event {
    let event = news.event;
    let regarding = event.regarding;
    Event {
        involved_object: InvolvedObject {
            kind: regarding.kind,
            namespace: regarding.namespace,
            name: regarding.name,
            uid: regarding.uid,
            api_version: regarding.api_version,
            resource_version: regarding.resource_version,
        },
        severity: match event.event_type {
            EventType::Normal => Severity::Info,
            EventType::Warning => Severity::Error,
        },
        timestamp: jiff::Timestamp::now().into(),
        message: event.message,
        reason: event.reason,
        metadata: event.annotations,
        reporting_controller: event.component,
        reporting_instance: node.to_owned(),
    }
}

fn alert_of(object: &Value) -> Option<(Named, SeenAlert)> {
    let (name, object) = typed(object)?;
    match parse::alert(&object) {
        Ok(alert) => {
            let rules = Rules::new(&name.namespace, &alert.spec);
            let reference = ObjectReference::from(&object);
            let spec = alert.spec;
            Some((
                name,
                SeenAlert {
                    reference,
                    spec,
                    rules,
                },
            ))
        }
        Err(error) => {
            tracing::warn!(kind = names::ALERT, %name, "{error}; nobody is told by it");
            None
        }
    }
}

fn provider_of(object: &Value) -> Option<(Named, ProviderSpec)> {
    let (name, object) = typed(object)?;
    match parse::provider(&object) {
        Ok(provider) => Some((name, provider.spec)),
        Err(error) => {
            tracing::warn!(kind = names::PROVIDER, %name, "{error}; nobody is told by it");
            None
        }
    }
}

fn typed(object: &Value) -> Option<(Named, Object)> {
    let meta = Meta::parse(object)?;
    let object = Object::from_value(object.clone()).ok()?;
    Some((meta.name, object))
}
