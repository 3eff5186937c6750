//! Kubernetes events, worded and labelled as Flux's controllers do.

use std::collections::BTreeMap;

use windlass_cluster::{Authority, Cluster, EventSpec, EventType, Leadership, ObjectReference};

/// Publishes one event. That it cannot be published is logged and nothing more: the condition says it too.
pub(crate) async fn announce(cluster: &Cluster, leadership: &Leadership, event: EventSpec) {
    let authority = Authority::Leader(leadership);
    if let Err(error) = cluster.publish_event(authority, &event).await {
        tracing::debug!(%error, reason = %event.reason, "an event could not be published");
    }
}

/// Builds an event about one of our kinds.
pub(crate) fn event(
    regarding: ObjectReference,
    event_type: EventType,
    reason: &str,
    message: String,
    revision: Option<(&str, &str)>,
    component: &str,
) -> EventSpec {
    let annotations = revision.map(|(key, value)| (key.to_owned(), value.to_owned()));
    EventSpec {
        regarding,
        event_type,
        reason: reason.to_owned(),
        message,
        annotations: annotations.into_iter().collect::<BTreeMap<_, _>>(),
        component: component.to_owned(),
        instance: "windlass".to_owned(),
    }
}
