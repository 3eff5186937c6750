//! What a notification says besides the event's message: who may say it, and who overrules whom (Flux's RFC 0008).

use std::collections::BTreeMap;

use windlass_api::alert::AlertSpec;
use windlass_api::names;

use crate::event::Event;

const SUMMARY: &str = "summary";

/// A key that two of the sources of metadata say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: String,
    /// Who says it; the last one counts.
    pub sources: Vec<&'static str>,
}

/// Replaces an event's metadata by what receivers see of it: annotations of the object, overruled by the Alert's
/// eventMetadata, its summary, and what the controller said of the object.
#[must_use]
pub fn combine(mut event: Event, alert: &AlertSpec) -> (Event, Vec<Conflict>) {
    let raw = std::mem::take(&mut event.metadata);
    let of_object = format!("{}/", event.involved_object.group());
    let summary = alert
        .summary
        .iter()
        .map(|text| (SUMMARY.to_owned(), text.clone()));
    let layers = [
        (
            "involved object annotations",
            below(&raw, names::EVENT_PREFIX),
        ),
        (
            "Alert object .spec.eventMetadata",
            alert.event_metadata.clone(),
        ),
        ("Alert object .spec.summary", summary.collect()),
        (
            "involved object controller metadata",
            below(&raw, &of_object),
        ),
    ];
    let mut said: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for (source, layer) in layers {
        for (key, value) in layer {
            said.entry(key.clone()).or_default().push(source);
            event.metadata.insert(key, value);
        }
    }
    let conflicts = said.into_iter().filter(|(_, sources)| sources.len() > 1);
    let conflicts = conflicts.map(|(key, sources)| Conflict { key, sources });
    (event, conflicts.collect())
}

fn below(metadata: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, String> {
    let entries = metadata.iter();
    entries
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::tests::event;

    fn combined(mut spec: Value) -> (Value, Vec<Conflict>) {
        spec["providerRef"] = json!({ "name": "chat" });
        spec["eventSources"] = json!([]);
        let event = event().cleaned().without_token();
        let (event, conflicts) = combine(event, &serde_json::from_value(spec).unwrap());
        (json!(event.metadata), conflicts)
    }

    #[test]
    fn the_controller_overrules_the_alert_and_the_alert_the_annotations() {
        let (metadata, conflicts) = combined(json!({}));
        let plain = json!({ "revision": "main@sha1:5394cb7f", "team": "web" });
        assert_eq!((metadata, conflicts), (plain, vec![]));

        let (metadata, conflicts) = combined(json!({
            "eventMetadata": { "team": "data", "revision": "mine", "summary": "a", "cluster": "home" },
            "summary": "b",
        }));
        let expected = json!({
            "revision": "main@sha1:5394cb7f", "team": "data", "summary": "b", "cluster": "home",
        });
        assert_eq!(metadata, expected);
        let keys: Vec<_> = conflicts
            .iter()
            .map(|conflict| conflict.key.as_str())
            .collect();
        assert_eq!(keys, ["revision", "summary", "team"]);
        assert_eq!(
            conflicts[1].sources,
            [
                "Alert object .spec.eventMetadata",
                "Alert object .spec.summary"
            ]
        );
    }
}
