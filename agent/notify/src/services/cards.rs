//! Messages that are cards: Microsoft Teams, Google Chat and Lark (`teams.go`, `google_chat.go`, `lark.go`).

use serde_json::{Value, json};

use super::words::{by_severity, cut, object};
use super::{ComposeError, json as bytes, set};
use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::Outgoing;
use crate::secret::Secret;

/// Characters of a message: the smallest of the three takes 28 KiB in all.
const TEXT: usize = 6000;

/// Hosts of the connectors that Microsoft retires, which take another form.
const OFFICE_CONNECTOR: &str = ".webhook.office.com";

pub(super) fn teams(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let address = recipient.address()?;
    let host = address.host().split(':').next().unwrap_or_default();
    let message = match host.ends_with(OFFICE_CONNECTOR) {
        true => connector_card(event),
        false => adaptive_card(event),
    };
    Ok(Outgoing::json(
        Secret::new(address.whole()),
        bytes(&message),
    ))
}

fn connector_card(event: &Event) -> Value {
    let facts = facts(event, "name");
    json!({
        "@type": "MessageCard", "@context": "http://schema.org/extensions",
        "themeColor": by_severity(event, "0076D7", "FF0000"), "summary": object(event),
        "sections": [{
            "activityTitle": cut(&event.message, TEXT), "activitySubtitle": object(event), "facts": facts,
        }],
    })
}

fn adaptive_card(event: &Event) -> Value {
    let mut text = json!({ "type": "TextBlock", "text": cut(&event.message, TEXT), "wrap": true });
    if by_severity(event, false, true) {
        set(&mut text, "color", "attention");
    }
    let title = json!({
        "type": "TextBlock", "text": object(event), "size": "large", "weight": "bolder", "wrap": true,
    });
    let facts = json!({ "type": "FactSet", "facts": facts(event, "title") });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "msteams": { "width": "Full" },
                "body": [{ "type": "Container", "items": [title, text, facts] }],
            },
        }],
    })
}

/// The metadata, the summary first.
fn facts(event: &Event, key: &str) -> Vec<Value> {
    let mut metadata: Vec<_> = event.metadata.iter().collect();
    metadata.sort_by_key(|(name, _)| name.as_str() != "summary");
    let facts = metadata.into_iter();
    facts
        .map(|(name, value)| json!({ key: name, "value": value }))
        .collect()
}

pub(super) fn google_chat(
    recipient: &Recipient<'_>,
    event: &Event,
) -> Result<Outgoing, ComposeError> {
    let text = cut(&event.message, TEXT);
    let text = by_severity(
        event,
        text.clone(),
        format!("<font color=\"#ff0000\">{text}</font>"),
    );
    let mut sections = vec![json!({ "widgets": [{ "textParagraph": { "text": text } }] })];
    let row = |(key, value): (&String, &String)| json!({ "keyValue": { "topLabel": key, "content": value } });
    let rows: Vec<Value> = event.metadata.iter().map(row).collect();
    if !rows.is_empty() {
        sections.push(json!({ "widgets": rows }));
    }
    let header = json!({ "title": object(event), "subtitle": event.reporting_controller });
    let message = json!({ "cards": [{ "header": header, "sections": sections }] });
    let url = Secret::new(recipient.address()?.whole());
    Ok(Outgoing::json(url, bytes(&message)))
}

pub(super) fn lark(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let (emoji, color) = by_severity(event, ("💫", "turquoise"), ("🚨", "red"));
    let mut text = format!("**{}**\n\n", cut(&event.message, TEXT));
    for (key, value) in &event.metadata {
        text.push_str(&format!("{key}: {value}\n"));
    }
    let title = json!({ "tag": "plain_text", "content": format!("{emoji} {}", object(event)) });
    let element = json!({ "tag": "div", "text": { "tag": "lark_md", "content": text } });
    let card = json!({
        "config": { "wide_screen_mode": true },
        "header": { "title": title, "template": color },
        "elements": [element],
    });
    let message = json!({ "msg_type": "interactive", "card": card });
    let url = Secret::new(recipient.address()?.whole());
    Ok(Outgoing::json(url, bytes(&message)))
}
