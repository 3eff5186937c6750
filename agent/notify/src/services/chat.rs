//! Slack, and what takes messages of its form: Discord and Rocket.Chat (`slack.go`, `discord.go`, `rocket.go`).

use serde_json::{Map, Value, json};

use super::words::{by_severity, cut, object};
use super::{ComposeError, json as bytes, set};
use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::{Expected, Outgoing};
use crate::secret::Secret;

/// Slack's method to post a message, which answers 200 to what it refuses.
const SLACK_API: &str = "https://slack.com/api/chat.postMessage";

/// Discord makes an embed of an attachment; its description has at most this many characters.
const DISCORD_TEXT: usize = 4096;
/// An embed's fields, and the characters of a field's name and value.
const DISCORD_FIELDS: (usize, usize, usize) = (25, 256, 1024);

pub(super) fn slack(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let url = recipient.address()?.whole();
    let first = event.message.lines().next().unwrap_or_default();
    let mut attachment = attachment(event, by_severity(event, "good", "danger"));
    attachment.insert(
        "fallback".to_owned(),
        format!("{}: {first}", object(event)).into(),
    );
    let username = name(recipient, event);
    let mut message = json!({ "username": username, "attachments": [attachment] });
    if let Some(channel) = &recipient.spec.channel {
        set(&mut message, "channel", channel.as_str());
    }
    let mut request = Outgoing::json(Secret::new(url), bytes(&message));
    if let Some(token) = recipient.filled_token() {
        request = request.with_bearer(token);
    }
    if url == SLACK_API {
        request.expected = Expected::Ok;
    }
    Ok(request)
}

pub(super) fn discord(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let address = recipient.address()?;
    let path = address.path().trim_end_matches('/');
    let path = path.strip_suffix("/slack").unwrap_or(path);
    let url = format!("{}{path}/slack{}", address.site(), address.query());
    let mut shortened = event.clone();
    let (fields, key, value) = DISCORD_FIELDS;
    shortened.message = cut(&event.message, DISCORD_TEXT);
    let metadata = event.metadata.iter().take(fields);
    shortened.metadata = metadata
        .map(|(name, text)| (cut(name, key), cut(text, value)))
        .collect();
    let attachment = attachment(&shortened, by_severity(event, "good", "danger"));
    let message = json!({ "username": name(recipient, event), "attachments": [attachment] });
    Ok(Outgoing::json(Secret::new(url), bytes(&message)))
}

pub(super) fn rocket(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let attachment = attachment(event, by_severity(event, "#0076D7", "#FF0000"));
    let mut message = json!({ "attachments": [attachment] });
    if let Some(channel) = &recipient.spec.channel {
        set(&mut message, "channel", channel.as_str());
    }
    if let Some(username) = &recipient.username {
        set(&mut message, "username", username.expose());
    }
    let url = Secret::new(recipient.address()?.whole());
    Ok(Outgoing::json(url, bytes(&message)))
}

fn attachment(event: &Event, color: &str) -> Map<String, Value> {
    let field =
        |(key, value): (&String, &String)| json!({ "title": key, "value": value, "short": false });
    let fields: Vec<Value> = event.metadata.iter().map(field).collect();
    let attachment = json!({
        "color": color, "author_name": object(event), "text": event.message,
        "mrkdwn_in": ["text"], "fields": fields,
    });
    match attachment {
        Value::Object(attachment) => attachment,
        _ => Map::new(),
    }
}

/// Under which name it is posted.
fn name(recipient: &Recipient<'_>, event: &Event) -> String {
    let own = recipient.username.as_ref();
    own.map_or(event.reporting_controller.as_str(), |name| name.expose())
        .to_owned()
}
