//! Webhooks that gave no answer: what they stopped is tried again when their endpoints or configurations change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use windlass_cluster::{Cluster, Detail, Resource, Scope, WatchEvent};
use windlass_object::GroupVersionKind;

use super::Controller;
use crate::event::Event;
use crate::named::Named;
use crate::work::webhook::{Asked, configurations};

/// After an endpoint became ready, the way to it takes a moment to be open, during which what waits for the webhook looks
/// often.
const SETTLES_WITHIN: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The webhooks that something waits for. Nothing is watched while nothing waits.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    watched: BTreeMap<Asked, Watched>,
}

#[derive(Debug)]
struct Watched {
    task: AbortHandle,
    moved: Option<Instant>,
}

impl Controller {
    /// Watches exactly what something waits for.
    pub(super) fn follow_webhooks(&mut self) {
        let slots = self.kustomizations.values();
        let awaited: BTreeSet<Asked> = slots
            .filter_map(|slot| slot.awaits_webhook.clone())
            .collect();
        let watched = &mut self.webhooks.watched;
        watched.retain(|asked, it| {
            let wanted = awaited.contains(asked);
            if !wanted {
                it.task.abort();
            }
            wanted
        });
        for asked in awaited {
            watched.entry(asked).or_insert_with_key(|asked| {
                let (cluster, sender) = (self.context.cluster.clone(), self.sender.clone());
                let task = tokio::spawn(follow(cluster, asked.clone(), sender));
                Watched {
                    task: task.abort_handle(),
                    moved: None,
                }
            });
        }
    }

    /// Takes that a webhook may answer now; `news`: because something changed.
    pub(super) fn webhook_moved(&mut self, asked: &Asked, news: bool) {
        let Some(watched) = self.webhooks.watched.get_mut(asked) else {
            return;
        };
        if news {
            watched.moved = Some(Instant::now());
        }
        let waiting = self.kustomizations.iter();
        let waiting = waiting.filter(|(_, slot)| slot.awaits_webhook.as_ref() == Some(asked));
        let names: Vec<Named> = waiting.map(|(name, _)| name.clone()).collect();
        self.wake_in_turn(&names);
    }
}

impl Webhooks {
    /// How soon to ask again; `None` when nothing suggests that it is about to answer.
    pub(super) fn wait_for(&self, asked: &Asked) -> Option<Duration> {
        let moved = self.watched.get(asked)?.moved?;
        (moved.elapsed() < SETTLES_WITHIN).then_some(LOOK_AGAIN)
    }

    /// Ends all watches: this node does not lead any more.
    pub(super) fn stop(&mut self) {
        self.watched.values().for_each(|it| it.task.abort());
        self.watched.clear();
    }
}

async fn follow(cluster: Cluster, asked: Asked, sender: UnboundedSender<Event>) {
    let of_configurations =
        configurations().map(|resource| (resource, Scope::all(), Detail::Metadata));
    let mut watches = Vec::from(of_configurations);
    if let Asked::Through(service) = &asked {
        let slices = Scope {
            label_selector: format!("kubernetes.io/service-name={}", service.name),
            ..Scope::in_namespace(&service.namespace)
        };
        watches.push((endpoint_slices(), slices, Detail::Object));
    }
    let watches = watches.into_iter().map(|(resource, scope, detail)| {
        let ends = detail == Detail::Object;
        let watch = cluster
            .watch(&resource, scope, detail)
            .scan(false, move |listed, event| {
                let news = news(ends, *listed, &event);
                *listed |= matches!(event, WatchEvent::Synced(_));
                futures::future::ready(Some(news))
            });
        Box::pin(watch)
    });
    let mut moves = stream::select_all(watches);
    while let Some(news) = moves.next().await {
        let Some(news) = news else { continue };
        let asked = asked.clone();
        if sender.send(Event::WebhookMoved { asked, news }).is_err() {
            return;
        }
    }
}

/// Whether an event is a reason to ask again, and if so whether something changed. The end of the first list is one: what
/// happened before it was not seen.
fn news(ends: bool, listed: bool, event: &WatchEvent) -> Option<bool> {
    match event {
        WatchEvent::Synced(_) => (!listed).then_some(false),
        WatchEvent::Applied(object) if listed && ends => is_ready(object).then_some(true),
        WatchEvent::Applied(_) | WatchEvent::Deleted(_) if listed && !ends => Some(true),
        _ => None,
    }
}

/// Whether a slice has an endpoint that takes requests. One that does not say is ready (discovery.k8s.io/v1).
fn is_ready(slice: &Value) -> bool {
    let endpoints = slice.get("endpoints").and_then(Value::as_array);
    endpoints.into_iter().flatten().any(|endpoint| {
        let addresses = endpoint.get("addresses").and_then(Value::as_array);
        let ready = endpoint.pointer("/conditions/ready");
        addresses.is_some_and(|all| !all.is_empty()) && ready != Some(&Value::Bool(false))
    })
}

fn endpoint_slices() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("discovery.k8s.io/v1", "EndpointSlice"),
        plural: "endpointslices".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slice_is_ready_when_one_of_its_endpoints_is() {
        let slice = |ready: Value| {
            json!({"endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": false}},
                {"addresses": ["10.0.0.2"], "conditions": ready},
            ]})
        };
        assert!(is_ready(&slice(json!({"ready": true}))));
        assert!(is_ready(&slice(json!({}))));
        assert!(!is_ready(&slice(json!({"ready": false}))));
        assert!(!is_ready(&json!({"endpoints": [{"addresses": []}]})));
        assert!(!is_ready(&json!({})));
    }

    #[test]
    fn what_is_listed_first_is_no_news_but_its_end_is_a_reason_to_ask() {
        let ready = WatchEvent::Applied(json!({"endpoints": [{"addresses": ["10.0.0.1"]}]}));
        let empty = WatchEvent::Applied(json!({}));
        let synced = WatchEvent::Synced("1".to_owned());
        let (slices, configurations) = (true, false);
        assert_eq!(news(slices, false, &ready), None);
        assert_eq!(news(slices, false, &synced), Some(false));
        assert_eq!(news(slices, true, &synced), None);
        assert_eq!(news(slices, true, &ready), Some(true));
        assert_eq!(news(slices, true, &empty), None);
        assert_eq!(news(configurations, false, &empty), None);
        assert_eq!(news(configurations, true, &empty), Some(true));
    }
}
