//! Events, worded and labelled as Flux's controllers do: for the cluster, and for whoever is to be told.

use std::collections::BTreeMap;

use windlass_api::names;
use windlass_cluster::{Authority, Cluster, EventSpec, EventType, Leadership, ObjectReference};

use crate::herald::Herald;
use crate::seen::Meta;

/// One event, and what its object is labelled with.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) event: EventSpec,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Publishes one event and hands it to the herald. That it cannot be published is logged and nothing more: the
/// condition says it too.
pub(crate) async fn announce(
    cluster: &Cluster,
    leadership: &Leadership,
    herald: &Herald,
    news: News,
) {
    herald.tell(leadership, &news);
    let (authority, event) = (Authority::Leader(leadership), &news.event);
    if let Err(error) = cluster.publish_event(authority, event).await {
        tracing::debug!(%error, reason = %event.reason, "an event could not be published");
    }
}

/// Builds an event about one of our kinds, with the annotations that the object has for its events.
pub(crate) fn event(
    (api_version, kind): (&str, &str),
    meta: &Meta,
    (event_type, reason, message): (EventType, &str, String),
    revision: Option<(&str, &str)>,
    component: &str,
) -> News {
    let own = meta.annotations.iter();
    let own = own.filter(|(key, _)| key.starts_with(names::EVENT_PREFIX));
    let mut annotations: BTreeMap<_, _> = own
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    annotations.extend(revision.map(|(key, value)| (key.to_owned(), value.to_owned())));
    News {
        event: EventSpec {
            regarding: ObjectReference {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace: meta.name.namespace.clone(),
                name: meta.name.name.clone(),
                uid: meta.uid.clone(),
                resource_version: meta.resource_version.clone(),
            },
            event_type,
            reason: reason.to_owned(),
            message,
            annotations,
            component: component.to_owned(),
            instance: "windlass".to_owned(),
        },
        labels: meta.labels.clone(),
    }
}
