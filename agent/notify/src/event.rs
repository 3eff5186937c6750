//! One event, in the JSON of Flux (`github.com/fluxcd/pkg/apis/event/v1beta1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2_new::{Digest, Sha256};
use windlass_api::duration::GoDuration;
use windlass_api::names;
use windlass_api::time::Time;

/// The longest message (`Event.Message`, in characters).
const MESSAGE_CHARACTERS: usize = 39_000;

/// What is told this long after it happened says so.
const LATE_SECONDS: i64 = 60;

/// Keys of metadata, behind the group of the event or of the object.
pub(crate) mod keys {
    pub(crate) const REVISION: &str = "revision";
    pub(crate) const ORIGIN_REVISION: &str = "originRevision";
    pub(crate) const CHECKSUM: &str = "checksum";
    pub(crate) const DIGEST: &str = "digest";
    pub(crate) const TOKEN: &str = "token";
    pub(crate) const COMMIT: &str = "commit";
    pub(crate) const COMMIT_STATUS: &str = "commit_status";
    pub(crate) const COMMIT_STATUS_UPDATE: &str = "update";
    pub(crate) const CHANGE_REQUEST: &str = "change_request";
    pub(crate) const DELAYED: &str = "delayed";
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The object.
    pub involved_object: InvolvedObject,
    /// Whether it is bad news.
    pub severity: Severity,
    /// When it happened.
    pub timestamp: Time,
    /// What a person should know.
    pub message: String,
    /// Why, in one word.
    pub reason: String,
    /// Facts; of those that came with the event, the keys begin with a group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Which of Flux's controllers would have said so.
    pub reporting_controller: String,
    /// The node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reporting_instance: String,
}

/// Which object an event is about (`corev1.ObjectReference`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvolvedObject {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Its apiVersion.
    pub api_version: String,
    /// Its resourceVersion.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
}

/// Whether an event is bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is not.
    Info,
    /// Something failed.
    Error,
}

// === impl InvolvedObject ===

impl InvolvedObject {
    /// The group of its API.
    pub(crate) fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }
}

// === impl Severity ===

impl Severity {
    /// As Flux writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

// === impl Event ===

impl Event {
    /// Leaves of the metadata what is for receivers: the keys of the event's and the object's own group, without the
    /// digest of an artifact. Cuts a message that is too long.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        let of_object = format!("{}/", self.involved_object.group());
        let left_out = [keys::CHECKSUM, keys::DIGEST].map(|key| format!("{of_object}{key}"));
        self.metadata.retain(|key, _| {
            let is_ours = key.starts_with(names::EVENT_PREFIX) || key.starts_with(&of_object);
            is_ours && !left_out.iter().any(|other| other.eq_ignore_ascii_case(key))
        });
        if let Some((end, _)) = self.message.char_indices().nth(MESSAGE_CHARACTERS) {
            self.message.truncate(end);
        }
        self
    }

    /// What two events have in common that are the same news (notification-controller, `eventKeyFunc`).
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let object = &self.involved_object;
        let mut parts = vec![
            "event".to_owned(),
            format!("name={}", object.name),
            format!("namespace={}", object.namespace),
            format!("kind={}", object.kind),
            format!("message={}", self.message),
        ];
        for key in [keys::ORIGIN_REVISION, keys::REVISION, keys::TOKEN] {
            let value = self.of_object(key);
            parts.extend(value.map(|value| format!("{key}={value}")));
        }
        Sha256::digest(parts.join("/")).into()
    }

    /// Takes out what only tells events apart.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        let group = self.involved_object.group();
        self.metadata.remove(&format!("{group}/{}", keys::TOKEN));
        self
    }

    /// Says how late it is told, if it is.
    #[must_use]
    pub fn told_at(mut self, now: Time) -> Self {
        let late = now.seconds_since(self.timestamp);
        if late >= LATE_SECONDS {
            let late = GoDuration::from_secs(late.unsigned_abs()).to_string();
            self.metadata.insert(keys::DELAYED.to_owned(), late);
        }
        self
    }

    /// Metadata of the object's own group.
    pub(crate) fn of_object(&self, key: &str) -> Option<&str> {
        let group = self.involved_object.group();
        let value = self.metadata.get(&format!("{group}/{key}"));
        value.map(String::as_str)
    }

    /// Metadata of the event's group, which comes from annotations of the object.
    pub(crate) fn of_event(&self, key: &str) -> Option<&str> {
        let value = self.metadata.get(&format!("{}{key}", names::EVENT_PREFIX));
        value.map(String::as_str)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event of a Kustomization, as a pass announces it.
    pub(crate) fn event() -> Event {
        let timestamp: jiff::Timestamp = "2026-11-28T07:00:00Z".parse().unwrap();
        let metadata = [
            ("kustomize.toolkit.fluxcd.io/revision", "main@sha1:5394cb7f"),
            ("kustomize.toolkit.fluxcd.io/token", "7"),
            ("kustomize.toolkit.fluxcd.io/digest", "sha256:12"),
            ("event.toolkit.fluxcd.io/team", "web"),
            ("source.toolkit.fluxcd.io/url", "https://other.example"),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Event {
            involved_object: InvolvedObject {
                kind: "Kustomization".to_owned(),
                namespace: "flux-system".to_owned(),
                name: "apps".to_owned(),
                uid: "ae55dcde-1f42-4d65-8e5c-9d2a4bbd0b1b".to_owned(),
                api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
                resource_version: "42".to_owned(),
            },
            severity: Severity::Error,
            timestamp: timestamp.into(),
            message: "health check failed".to_owned(),
            reason: "HealthCheckFailed".to_owned(),
            metadata: metadata.into(),
            reporting_controller: "kustomize-controller".to_owned(),
            reporting_instance: "node-1".to_owned(),
        }
    }

    #[test]
    fn an_event_is_written_as_flux_writes_it() {
        let written = serde_json::to_string(&event().cleaned().without_token()).unwrap();
        let expected = concat!(
            r#"{"involvedObject":{"kind":"Kustomization","namespace":"flux-system","name":"apps","#,
            r#""uid":"ae55dcde-1f42-4d65-8e5c-9d2a4bbd0b1b","apiVersion":"kustomize.toolkit.fluxcd.io/v1","#,
            r#""resourceVersion":"42"},"severity":"error","timestamp":"2026-11-28T07:00:00Z","#,
            r#""message":"health check failed","reason":"HealthCheckFailed","#,
            r#""metadata":{"event.toolkit.fluxcd.io/team":"web","#,
            r#""kustomize.toolkit.fluxcd.io/revision":"main@sha1:5394cb7f"},"#,
            r#""reportingController":"kustomize-controller","reportingInstance":"node-1"}"#,
        );
        assert_eq!(written, expected);
        let read: Event = serde_json::from_str(expected).unwrap();
        assert_eq!(read, event().cleaned().without_token());
    }

    #[test]
    fn the_key_of_an_event_is_flux_s() {
        // sha256 of "event/name=apps/namespace=flux-system/kind=Kustomization/message=health check failed/
        // revision=main@sha1:5394cb7f/token=7" in one line, by sha256sum.
        let expected = "9040a8b9ea58e3d3a30dac70b56474aa693a83a1d33a9e6324846bc87793c5b5";
        assert_eq!(hex::encode(event().key()), expected);
        let mut later = event();
        later.timestamp = jiff::Timestamp::UNIX_EPOCH.into();
        later.involved_object.resource_version.clear();
        assert_eq!(later.key(), event().key());
        later.message.push('!');
        assert_ne!(later.key(), event().key());
    }

    #[test]
    fn what_is_told_late_says_how_late() {
        let after = |seconds: i64| {
            let at = event().timestamp.timestamp().as_second() + seconds;
            let now = jiff::Timestamp::from_second(at).unwrap();
            let told = event().told_at(now.into());
            told.metadata.get(keys::DELAYED).cloned()
        };
        assert_eq!((after(-5), after(59)), (None, None));
        assert_eq!(after(3725).as_deref(), Some("1h2m5s"));
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let mut long = event();
        long.message = "ü".repeat(40_000);
        assert_eq!(long.cleaned().message.chars().count(), MESSAGE_CHARACTERS);
    }
}
