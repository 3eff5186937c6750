//! What watches over systems: Alertmanager, Grafana, Datadog, Opsgenie, PagerDuty and Sentry (`alertmanager.go` and so on).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_api::reasons;

use super::words::{by_severity, cut, object, reason};
use super::{ComposeError, json as bytes, set, stable_id};
use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::Outgoing;
use crate::secret::Secret;

/// Characters that each service takes at most.
const OPSGENIE_MESSAGE: usize = 130;
const OPSGENIE_DESCRIPTION: usize = 15_000;
const DATADOG_TITLE: usize = 100;
const DATADOG_TEXT: usize = 4000;
const PAGERDUTY_SUMMARY: usize = 1024;
/// Sentry cuts a message at 8,192.
const SENTRY_MESSAGE: usize = 8192;

pub(super) fn alertmanager(
    recipient: &Recipient<'_>,
    event: &Event,
) -> Result<Outgoing, ComposeError> {
    let mut annotations = BTreeMap::from([("message".to_owned(), event.message.clone())]);
    let mut labels = BTreeMap::new();
    for (key, value) in &event.metadata {
        match key.as_str() {
            "summary" => annotations.insert(key.clone(), value.clone()),
            _ => labels.insert(label(key), value.clone()),
        };
    }
    let object = &event.involved_object;
    let own = [
        (
            "alertname",
            format!("Flux{}{}", object.kind, titled(&event.reason)),
        ),
        ("severity", event.severity.name().to_owned()),
        ("reason", event.reason.clone()),
        ("kind", object.kind.clone()),
        ("name", object.name.clone()),
        ("namespace", object.namespace.clone()),
        ("reportingcontroller", event.reporting_controller.clone()),
    ];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value)));
    let alert =
        json!({ "labels": labels, "annotations": annotations, "startsAt": event.timestamp });
    let url = Secret::new(recipient.address()?.whole());
    let request = Outgoing::json(url, bytes(&[alert]));
    Ok(recipient.proved(request))
}

/// A name that a label of Prometheus can have.
fn label(key: &str) -> String {
    let is_good = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut name: String = key
        .chars()
        .map(|character| if is_good(character) { character } else { '_' })
        .collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// The first letter large, the others small, as Flux names its alerts.
fn titled(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.flat_map(char::to_lowercase)).collect()
}

pub(super) fn grafana(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let involved = &event.involved_object;
    let mut tags = vec!["flux".to_owned(), event.reporting_controller.clone()];
    let plain = |text: &str| text.replace(':', "|");
    let metadata = event.metadata.iter();
    tags.extend(metadata.map(|(key, value)| format!("{}: {}", plain(key), plain(value))));
    tags.push(format!("kind: {}", involved.kind));
    tags.push(format!("name: {}", involved.name));
    tags.push(format!("namespace: {}", involved.namespace));
    let seconds = event.timestamp.timestamp().as_second();
    // `time` is of /api/annotations, in milliseconds; `when` of the one in the manner of Graphite.
    let milliseconds = seconds.saturating_mul(1000);
    let annotation =
        json!({ "time": milliseconds, "when": seconds, "text": object(event), "tags": tags });
    let url = Secret::new(recipient.address()?.whole());
    let request = Outgoing::json(url, bytes(&annotation));
    Ok(recipient.proved(request))
}

pub(super) fn datadog(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let involved = &event.involved_object;
    let mut tags = vec![
        format!("flux_reporting_controller:{}", event.reporting_controller),
        format!("flux_reason:{}", event.reason),
        format!("kube_kind:{}", involved.kind),
        format!("kube_name:{}", involved.name),
        format!("kube_namespace:{}", involved.namespace),
    ];
    tags.extend(
        event
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}:{value}")),
    );
    let tags: Vec<String> = tags.iter().map(|tag| tag.to_lowercase()).collect();
    let title = format!(
        "Events from the {} {}/{}",
        involved.kind, involved.name, involved.namespace
    );
    let told = json!({
        "title": cut(&title, DATADOG_TITLE), "text": cut(&event.message, DATADOG_TEXT), "tags": tags,
        "source_type_name": "fluxcd", "date_happened": event.timestamp.timestamp().as_second(),
        "alert_type": event.severity.name(),
    });
    let url = Secret::new(format!("{}/api/v1/events", recipient.address()?.site()));
    let token = recipient.token()?.expose().trim().to_owned();
    Ok(Outgoing::json(url, bytes(&told)).with_header("DD-API-KEY", token))
}

pub(super) fn opsgenie(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let involved = &event.involved_object;
    let mut details = event.metadata.clone();
    details.insert("severity".to_owned(), event.severity.name().to_owned());
    let alert = json!({
        "message": cut(&format!("{}/{}", involved.kind, involved.name), OPSGENIE_MESSAGE),
        "description": cut(&event.message, OPSGENIE_DESCRIPTION), "details": details,
    });
    let url = Secret::new(recipient.address()?.whole());
    let key = format!("GenieKey {}", recipient.token()?.expose().trim());
    Ok(Outgoing::json(url, bytes(&alert)).with_header("Authorization", key))
}

/// An incident that good news resolve, and good news as a change.
pub(super) fn pager_duty(
    recipient: &Recipient<'_>,
    event: &Event,
) -> Result<Vec<Outgoing>, ComposeError> {
    let (site, key) = (recipient.address()?.site(), recipient.channel()?);
    if event.reason == reasons::PROGRESSING {
        return Ok(Vec::new());
    }
    let involved = &event.involved_object;
    let name = format!("{}/{}", involved.kind, involved.name).to_lowercase();
    let mut payload = json!({
        "summary": cut(&format!("{}: {name}", reason(&event.reason)), PAGERDUTY_SUMMARY),
        "source": format!("Flux {}", event.reporting_controller), "timestamp": event.timestamp,
        "custom_details": { "message": event.message, "metadata": event.metadata },
    });
    let mut incident = json!({ "routing_key": key, "dedup_key": involved.uid });
    let post = |path: &str, body: &Value| {
        Outgoing::json(Secret::new(format!("{site}{path}")), bytes(body))
    };
    if by_severity(event, true, false) {
        set(&mut incident, "event_action", "resolve");
        let change = json!({ "routing_key": key, "payload": payload });
        return Ok(vec![
            post("/v2/enqueue", &incident),
            post("/v2/change/enqueue", &change),
        ]);
    }
    set(&mut incident, "event_action", "trigger");
    set(&mut payload, "severity", "error");
    set(&mut payload, "component", involved.name.as_str());
    set(&mut payload, "group", involved.kind.as_str());
    set(&mut incident, "payload", payload);
    Ok(vec![post("/v2/enqueue", &incident)])
}

/// A failure as an event, anything else as a transaction, in an envelope to the project that the DSN names.
pub(super) fn sentry(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let address = recipient.address()?;
    let key = address
        .user()
        .map(|user| user.split(':').next().unwrap_or(user));
    let (before, project) = address
        .path()
        .rsplit_once('/')
        .ok_or(ComposeError::SentryDsn)?;
    let key = key.filter(|key| !key.is_empty() && !project.is_empty());
    let key = key.ok_or(ComposeError::SentryDsn)?;
    let id = stable_id(event);
    let involved = &event.involved_object;
    let summary = format!(
        "{}: {}/{}",
        involved.kind, involved.namespace, involved.name
    );
    let mut item = json!({
        "event_id": id, "platform": "other", "timestamp": event.timestamp, "transaction": summary,
        "server_name": event.reporting_controller, "environment": recipient.spec.channel,
    });
    let kind = by_severity(event, "transaction", "event");
    if by_severity(event, false, true) {
        set(&mut item, "level", "error");
        set(&mut item, "message", cut(&event.message, SENTRY_MESSAGE));
        set(&mut item, "contexts", json!({ "metadata": event.metadata }));
    } else {
        let span = id.get(..16).unwrap_or_default();
        set(&mut item, "type", kind);
        set(&mut item, "start_timestamp", json!(event.timestamp));
        set(
            &mut item,
            "contexts",
            json!({ "trace": { "trace_id": id, "span_id": span, "op": "event" } }),
        );
        set(&mut item, "tags", tags(event));
        set(
            &mut item,
            "extra",
            json!({ "message": cut(&event.message, SENTRY_MESSAGE) }),
        );
    }
    let item = bytes(&item);
    let header = json!({ "event_id": id, "sent_at": event.timestamp });
    let about = json!({ "type": kind, "length": item.len() });
    let mut envelope = format!("{header}\n{about}\n").into_bytes();
    envelope.extend(item);
    envelope.push(b'\n');
    let url = format!(
        "{}://{}{before}/api/{project}/envelope/",
        address.scheme(),
        address.host()
    );
    let client = concat!("windlass/", env!("CARGO_PKG_VERSION"));
    let proof = format!("Sentry sentry_version=7, sentry_client={client}, sentry_key={key}");
    Ok(Outgoing::json(Secret::new(url), envelope)
        .with_header("Content-Type", "application/x-sentry-envelope")
        .with_header("X-Sentry-Auth", proof))
}

fn tags(event: &Event) -> Value {
    let involved = &event.involved_object;
    let mut tags = event.metadata.clone();
    let own = [
        ("flux_involved_object_kind", &involved.kind),
        ("flux_involved_object_namespace", &involved.namespace),
        ("flux_involved_object_name", &involved.name),
        ("flux_reporting_controller", &event.reporting_controller),
        ("flux_reporting_instance", &event.reporting_instance),
        ("flux_reason", &event.reason),
    ];
    tags.extend(own.map(|(key, value)| (key.to_owned(), value.clone())));
    json!(tags)
}
