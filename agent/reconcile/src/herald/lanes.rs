//! One lane for each Provider: what it is to be told goes one after the other, and again later when it cannot be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use windlass_api::names;
use windlass_api::provider::ProviderSpec;
use windlass_plan::backoff;

use super::Notice;
use super::deliver::{Problem, deliver, shown};
use crate::context::Context;
use crate::known::Known;
use crate::named::Named;

/// Waits between attempts: long enough not to be a burden, short enough that news are news when the network is back.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long something that a notice needs may be missing: a commit brings the Provider, its Secret and the Kustomization
/// that is told of in any order.
const MISSING_SECONDS: i64 = 120;

/// One Provider's.
#[derive(Debug, Default)]
struct Lane {
    /// What sends the next notice.
    sending: Option<Id>,
    failures: u32,
    /// Not before this.
    due: Option<Instant>,
}

/// All of them.
pub(super) struct Lanes {
    context: Arc<Context>,
    lanes: BTreeMap<Named, Lane>,
    sending: JoinSet<Sent>,
    /// Notices that were told and could not be taken out.
    stuck: BTreeSet<i64>,
}

/// What became of one notice.
struct Sent {
    recipient: Named,
    id: i64,
    notice: Notice,
    result: Result<(), Problem>,
}

/// What is wrong, and with which Alert.
type Told = Option<(Named, String)>;

// === impl Lanes ===

impl Lanes {
    /// Goes on where an earlier process stopped.
    pub(super) fn new(context: Arc<Context>) -> Self {
        let waiting = context
            .keep
            .store
            .waiting_recipients()
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "what somebody was still to be told cannot be read");
                Vec::new()
            });
        let lanes = waiting.iter().filter_map(|name| name.split_once('/'));
        let lanes = lanes.map(|(namespace, name)| (Named::new(namespace, name), Lane::default()));
        Self {
            lanes: lanes.collect(),
            context,
            sending: JoinSet::new(),
            stuck: BTreeSet::new(),
        }
    }

    /// Keeps a notice until it is told.
    pub(super) fn queue(&mut self, recipient: &Named, notice: &Notice) {
        let at = notice.event.timestamp.timestamp().as_second();
        let text = serde_json::to_string(notice).expect("every map has texts as keys");
        let queued = self
            .context
            .keep
            .store
            .queue_notice(at, &recipient.to_string(), &text);
        match queued {
            Ok(0) => {}
            Ok(gone) => tracing::warn!(
                kind = names::PROVIDER, name = %recipient,
                "too many notifications wait; the oldest are dropped ({gone})"
            ),
            Err(error) => tracing::error!(
                kind = names::PROVIDER, name = %recipient, %error,
                "a notification cannot be kept; nobody is told"
            ),
        }
        self.lanes.entry(recipient.clone()).or_default();
    }

    /// Starts what is due.
    pub(super) fn start(&mut self, providers: &Known<ProviderSpec>) {
        let now = Instant::now();
        let due = |lane: &Lane| lane.sending.is_none() && lane.due.is_none_or(|due| due <= now);
        let names: Vec<Named> = self
            .lanes
            .iter()
            .filter(|(_, lane)| due(lane))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            while self.start_next(&name, providers.get(&name)) {}
        }
    }

    /// Starts the next notice of a lane, and says whether another one has to be looked at.
    fn start_next(&mut self, name: &Named, spec: Option<&ProviderSpec>) -> bool {
        let next = self.context.keep.store.next_notice(&name.to_string());
        match next {
            Ok(Some(waiting)) if self.stuck.contains(&waiting.id) => self.forget(name, waiting.id),
            Ok(Some(waiting)) => self.send(name, spec, waiting),
            Ok(None) => {
                self.lanes.remove(name);
                false
            }
            Err(error) => {
                tracing::warn!(kind = names::PROVIDER, %name, %error, "what it is to be told cannot be read");
                self.wait(name);
                false
            }
        }
    }

    /// Sends a notice, or drops one that nobody is to be told; as [`Lanes::start_next`].
    fn send(
        &mut self,
        recipient: &Named,
        spec: Option<&ProviderSpec>,
        waiting: windlass_state::Notice,
    ) -> bool {
        let Ok(notice) = serde_json::from_str::<Notice>(&waiting.text) else {
            tracing::error!(%recipient, "a notification of another windlass cannot be read; it is dropped");
            return self.forget(recipient, waiting.id);
        };
        if spec.is_some_and(|spec| spec.suspend) {
            tracing::info!(%recipient, "the Provider is suspended; a notification is dropped");
            return self.forget(recipient, waiting.id);
        }
        let lane = self.lanes.entry(recipient.clone()).or_default();
        let (context, recipient, spec) =
            (Arc::clone(&self.context), recipient.clone(), spec.cloned());
        let sending = self.sending.spawn(async move {
            let place = (waiting.id, waiting.sent);
            let result = match &spec {
                Some(spec) => {
                    deliver(&context, &recipient, spec, place, notice.event.clone()).await
                }
                None => Err(Problem::NotThere(format!(
                    "failed to read provider: provider '{recipient}' not found; create it"
                ))),
            };
            Sent {
                recipient,
                id: waiting.id,
                notice,
                result,
            }
        });
        lane.sending = Some(sending.id());
        false
    }

    /// Waits until a notice was told, or an attempt is due; says what went wrong if it is news.
    pub(super) async fn next(&mut self) -> Option<Told> {
        let far = Instant::now() + Duration::from_secs(3600);
        let waiting = self.lanes.values().filter(|lane| lane.sending.is_none());
        let due = waiting.filter_map(|lane| lane.due).fold(far, Instant::min);
        tokio::select! {
            Some(sent) = self.sending.join_next() => Some(match sent {
                Ok(sent) => self.finished(sent),
                Err(error) => {
                    self.broke(&error);
                    None
                }
            }),
            () = tokio::time::sleep_until(due) => Some(None),
        }
    }

    /// A notice that broke what sends it is tried again much later.
    fn broke(&mut self, error: &JoinError) {
        tracing::error!(%error, "sending a notification broke off");
        for lane in self.lanes.values_mut() {
            if lane.sending == Some(error.id()) {
                (lane.sending, lane.due) = (None, Some(Instant::now() + LONGEST_WAIT));
            }
        }
    }

    fn finished(&mut self, sent: Sent) -> Told {
        let Sent {
            recipient,
            id,
            notice,
            result,
        } = sent;
        let age =
            jiff::Timestamp::now().as_second() - notice.event.timestamp.timestamp().as_second();
        let what = shown(&notice.event.involved_object);
        let alert = Named::new(&recipient.namespace, &notice.alert);
        let lane = self.lanes.entry(recipient.clone()).or_default();
        lane.sending = None;
        let (again, message) = match result {
            Ok(()) => {
                tracing::info!(kind = names::PROVIDER, name = %recipient, %alert, age, "told of {what}: {}", notice.event.reason);
                (lane.failures, lane.due) = (0, None);
                self.forget(&recipient, id);
                return None;
            }
            Err(Problem::Later(message)) => (true, message),
            Err(Problem::NotThere(message)) => (age < MISSING_SECONDS, message),
            Err(Problem::Never(message)) => (false, message),
        };
        let message = format!("failed to send notification for {what}: {message}");
        if !again {
            (lane.failures, lane.due) = (0, None);
            self.forget(&recipient, id);
            return Some((alert, message));
        }
        lane.failures = lane.failures.saturating_add(1);
        let wait = backoff::delay(lane.failures, SHORTEST_WAIT, LONGEST_WAIT, rand::random());
        lane.due = Some(Instant::now() + wait);
        if lane.failures == 1 {
            return Some((alert, message));
        }
        tracing::debug!(kind = names::PROVIDER, name = %recipient, failures = lane.failures, "{message}");
        None
    }

    /// Takes a notice out, and says whether that worked. One that stays is not sent again as long as this process lives.
    fn forget(&mut self, recipient: &Named, id: i64) -> bool {
        match self.context.keep.store.drop_notice(id) {
            Ok(()) => {
                self.stuck.remove(&id);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a notification cannot be taken out of the queue; it may be sent again");
                self.stuck.insert(id);
                self.wait(recipient);
                false
            }
        }
    }

    fn wait(&mut self, name: &Named) {
        let lane = self.lanes.entry(name.clone()).or_default();
        lane.due = Some(Instant::now() + LONGEST_WAIT);
    }
}
