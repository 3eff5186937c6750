//! What Prometheus is told: Flux's names for what the leader knows of its objects, and windlass's own for the node.

mod text;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::{oneshot, watch};
use windlass_host::config::Settings;
use windlass_wire::Routes;

use crate::context::Context;
use crate::event::Event;
use crate::listen::{self, Asked};
use crate::named::Named;

pub(crate) use self::text::{Condition, Node, ObjectState, Scraped, SourceState};
use self::text::{ObjectLabels, Passes};

/// The path that Prometheus asks for unless told otherwise.
const PATH: &str = "/metrics";
/// OpenMetrics 1.0, "ABNF".
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long passes took, as long as their objects are there.
#[derive(Debug)]
pub(crate) struct Durations {
    passes: Passes,
    known: Mutex<BTreeSet<(&'static str, Named)>>,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            passes: text::passes(),
            known: Mutex::default(),
        }
    }
}

impl Durations {
    /// Takes how long a pass took.
    pub(crate) fn note(&self, kind: &'static str, name: &Named, took: Duration) {
        let labels = ObjectLabels::new(kind, name);
        self.passes
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((kind, name.clone()));
    }

    /// Forgets what is not there any more.
    fn retain(&self, there: &BTreeSet<(&'static str, &Named)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(kind, name)| {
            let stays = there.contains(&(*kind, name));
            if !stays {
                self.passes.remove(&ObjectLabels::new(kind, name));
            }
            stays
        });
    }
}

/// Answers for good where the settings say so, and nowhere otherwise.
pub(crate) async fn follow(
    context: Arc<Context>,
    settings: watch::Receiver<Settings>,
    sender: UnboundedSender<Event>,
) {
    let Some(address) = settings.borrow().metrics.listen else {
        return;
    };
    let (asking, mut asked) = mpsc::unbounded_channel();
    let (_routes, routes) = watch::channel(Routes {
        paths: vec![PATH.to_owned()],
        otherwise: 404,
    });
    let net = Arc::clone(&context.net);
    tokio::spawn(listen::follow("metrics", address, net, routes, asking));
    while let Some(one) = asked.recv().await {
        answer(&context.durations, &sender, one).await;
    }
}

async fn answer(durations: &Durations, sender: &UnboundedSender<Event>, asked: Asked) {
    /// Method Not Allowed.
    const ONLY_READ: u16 = 405;
    /// Internal Server Error.
    const FAILED: u16 = 500;
    if asked.taken.method != "GET" {
        return asked.reply(ONLY_READ, "", Vec::new());
    }
    let (to, scraped) = oneshot::channel();
    // Both fail only when the agent is about to end.
    let _ = sender.send(Event::Scrape(to));
    let Ok(scraped) = scraped.await else { return };
    durations.retain(&scraped.there());
    match text::encode(&scraped, &durations.passes) {
        Ok(text) => asked.reply(200, CONTENT_TYPE, text.into_bytes()),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            asked.reply(FAILED, "", Vec::new());
        }
    }
}
