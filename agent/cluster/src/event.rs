//! Events about objects, as client-go's recorder writes them.

mod log;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;
use windlass_object::{GroupVersionKind, Object};

use crate::cluster::Cluster;
use crate::discovery::Resource;
use crate::error::{ErrorClass, RequestError};
pub(crate) use crate::event::log::EventLog;
use crate::event::log::Written;
use crate::leadership::Authority;
use crate::write::PatchOptions;

/// Longest message: the API server has no limit for core/v1 Events (its 1 KiB is for
/// `events.k8s.io`), and what a large apply changed is a long list; this is the limit of a
/// condition's message.
const MESSAGE_BYTES: usize = 32_768;
/// Longest part of the object's name in the Event's own, so that the name stays a valid one.
const NAME_BYTES: usize = 230;

/// What an Event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectReference {
    /// The object's apiVersion.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, `""` for cluster-scoped kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, `""` when not known.
    pub uid: String,
    /// Its resourceVersion, `""` when not known.
    pub resource_version: String,
}

/// Whether an Event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// For information.
    Normal,
    /// Something is wrong.
    Warning,
}

/// One Event to publish.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventSpec {
    /// What it is about.
    pub regarding: ObjectReference,
    /// Good or bad news.
    pub event_type: EventType,
    /// Why, in one CamelCase word.
    pub reason: String,
    /// What a person should know; cut at 32 KiB.
    pub message: String,
    /// Annotations of the Event itself.
    pub annotations: BTreeMap<String, String>,
    /// Who reports it, such as `kustomize-controller`.
    pub component: String,
    /// On which node it runs.
    pub instance: String,
}

// === impl ObjectReference ===

impl From<&Object> for ObjectReference {
    fn from(object: &Object) -> Self {
        Self {
            api_version: object.api_version().to_owned(),
            kind: object.kind().to_owned(),
            namespace: object.namespace().unwrap_or_default().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().unwrap_or_default().to_owned(),
            resource_version: object.resource_version().unwrap_or_default().to_owned(),
        }
    }
}

// === impl EventSpec ===

impl EventSpec {
    /// The Event as it would be written now, where nobody can be told of it.
    #[must_use]
    pub fn unwritten(&self) -> Option<Object> {
        event(self, Timestamp::now(), 0).ok()
    }
}

// === impl Cluster ===

impl Cluster {
    /// Writes an Event next to the object, or in `default` for cluster-scoped objects; the same
    /// news within the hour is counted on the Event that lies there already.
    ///
    /// # Errors
    /// It could not be written; it is not tried again.
    pub async fn publish_event(
        &self,
        authority: Authority<'_>,
        spec: &EventSpec,
    ) -> Result<(), RequestError> {
        if let Some(written) = self.events().repeated(spec, Instant::now()) {
            match self.count_event(authority, spec, &written).await {
                Err(error) if error.class() == ErrorClass::NotFound => self.events().forget(spec),
                counted => return counted,
            }
        }
        let event = event(spec, Timestamp::now(), rand::random())?;
        self.create(authority, &resource(), &event, "").await?;
        let written = Written {
            name: event.name().to_owned(),
            count: 1,
        };
        self.events().remember(spec, written, Instant::now());
        Ok(())
    }

    async fn count_event(
        &self,
        authority: Authority<'_>,
        spec: &EventSpec,
        written: &Written,
    ) -> Result<(), RequestError> {
        let count = written.count.saturating_add(1);
        let patch = json!({ "count": count, "lastTimestamp": format!("{:.0}", Timestamp::now()) });
        let options = PatchOptions {
            subresource: None,
            manager: "",
        };
        self.patch_merge(
            authority,
            &resource(),
            namespace(spec),
            &written.name,
            &patch,
            &options,
        )
        .await?;
        let written = Written {
            name: written.name.clone(),
            count,
        };
        self.events().remember(spec, written, Instant::now());
        Ok(())
    }
}

fn resource() -> Resource {
    Resource {
        gvk: GroupVersionKind::new("v1", "Event"),
        plural: "events".to_owned(),
        namespaced: true,
        watchable: true,
        has_status: false,
    }
}

fn namespace(spec: &EventSpec) -> &str {
    let namespace = spec.regarding.namespace.as_str();
    if namespace.is_empty() {
        "default"
    } else {
        namespace
    }
}

fn event(spec: &EventSpec, now: Timestamp, unique: u64) -> Result<Object, RequestError> {
    let regarding = &spec.regarding;
    let time = format!("{now:.0}");
    let event_type = match spec.event_type {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    let value = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{unique:016x}", cut(&regarding.name, NAME_BYTES).trim_end_matches(['.', '-'])),
            "namespace": namespace(spec),
            "annotations": spec.annotations,
        },
        "involvedObject": {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
            "uid": regarding.uid,
            "resourceVersion": regarding.resource_version,
        },
        "type": event_type,
        "reason": spec.reason,
        "message": cut(&spec.message, MESSAGE_BYTES),
        "source": { "component": spec.component, "host": spec.instance },
        "reportingComponent": spec.component,
        "reportingInstance": spec.instance,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    });
    Object::from_value(value).map_err(|error| {
        RequestError::local(
            "create",
            "Event",
            ErrorClass::Invalid,
            format!("not an event: {error}"),
        )
    })
}

fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(namespace: &str, name: &str, message: &str) -> EventSpec {
        let regarding = ObjectReference {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..ObjectReference::default()
        };
        EventSpec {
            regarding,
            event_type: EventType::Warning,
            reason: "BuildFailed".to_owned(),
            message: message.to_owned(),
            annotations: BTreeMap::new(),
            component: "kustomize-controller".to_owned(),
            instance: "node-1".to_owned(),
        }
    }

    #[test]
    fn an_event_lies_beside_its_object_or_in_default() {
        let now: Timestamp = "2026-11-24T06:00:00.9Z".parse().expect("a time");
        let beside = event(&spec("apps", "web", "no"), now, 0xab).expect("an event");
        assert_eq!(
            (beside.namespace(), beside.name()),
            (Some("apps"), "web.00000000000000ab")
        );
        assert_eq!(
            beside
                .pointer("/firstTimestamp")
                .and_then(|time| time.as_str()),
            Some("2026-11-24T06:00:00Z")
        );
        let elsewhere = event(&spec("", "nodes", "no"), now, 1).expect("an event");
        assert_eq!(elsewhere.namespace(), Some("default"));
    }

    #[test]
    fn long_names_and_messages_are_cut_between_characters() {
        let now = Timestamp::UNIX_EPOCH;
        let long =
            event(&spec("a", &"n".repeat(253), &"ü".repeat(20_000)), now, 1).expect("an event");
        assert_eq!(long.name().len(), NAME_BYTES + 17);
        let message = long
            .pointer("/message")
            .and_then(|message| message.as_str())
            .expect("a message");
        assert_eq!(message.len(), MESSAGE_BYTES);
    }
}
