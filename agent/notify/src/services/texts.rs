//! Messages that are text: Telegram, Matrix, Webex and Zulip (`telegram.go`, `matrix.go`, `webex.go`, `zulip.go`).

use serde_json::json;

use super::address::encode;
use super::words::{by_severity, cut, object};
use super::{ComposeError, json as bytes, set, stable_id};
use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::{Expected, Method, Outgoing};
use crate::secret::Secret;

/// Where Telegram's bots are spoken to; the address of a Provider does not count.
const TELEGRAM: &str = "https://api.telegram.org";
/// What Telegram takes in a message, less room for the rest of it.
const TELEGRAM_TEXT: usize = 3500;
/// Characters that mean something in Telegram's MarkdownV2.
const TELEGRAM_SPECIAL: &str = "\\.-_[]()~>`#+=|{}!*";

/// Webex takes 7,439 bytes; a character may have four, and metadata needs room.
const WEBEX_TEXT: usize = 1500;
/// Zulip cuts at 10,000 characters.
const ZULIP_TEXT: usize = 9000;
/// An event of Matrix has at most 64 KiB.
const MATRIX_TEXT: usize = 10_000;

pub(super) fn telegram(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let channel = recipient.channel()?;
    let url = format!(
        "{TELEGRAM}/bot{}/sendMessage",
        recipient.token()?.expose().trim()
    );
    let object = &event.involved_object;
    let kind = object.kind.to_lowercase();
    let emoji = by_severity(event, "💫", "🚨");
    let heading = format!("{emoji} {kind}/{}/{}", object.name, object.namespace);
    let message = cut(&event.message, TELEGRAM_TEXT);
    let mut text = format!("*{}*\n{}\n", escaped(&heading), escaped(&message));
    for (key, value) in &event.metadata {
        text.push_str(&format!("\\- *{}*: {}\n", escaped(key), escaped(value)));
    }
    let (chat, thread) = match channel.split_once(':') {
        Some((chat, thread)) => (chat, Some(thread)),
        None => (channel, None),
    };
    let mut message = json!({ "chat_id": chat, "text": text, "parse_mode": "MarkdownV2" });
    if let Some(thread) = thread {
        set(&mut message, "message_thread_id", thread);
    }
    let mut request = Outgoing::json(Secret::new(url), bytes(&message));
    request.expected = Expected::Ok;
    Ok(request)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if TELEGRAM_SPECIAL.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

pub(super) fn matrix(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let address = recipient.address()?;
    let room = encode(recipient.channel()?);
    // Told again with the same identifier, the server does not post it again.
    let transaction = stable_id(event);
    let base = format!("{}{}", address.site(), address.path().trim_end_matches('/'));
    let url = format!("{base}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}");
    let emoji = by_severity(event, "💫", "🚨");
    let message = cut(&event.message, MATRIX_TEXT);
    let mut text = format!("{emoji} {}\n{message}\n", object(event));
    for (key, value) in &event.metadata {
        text.push_str(&format!("- {key}: {value}\n"));
    }
    let message = json!({ "body": text, "msgtype": "m.text" });
    let mut request = Outgoing::json(Secret::new(url), bytes(&message));
    request.method = Method::Put;
    Ok(request.with_bearer(recipient.token()?))
}

pub(super) fn webex(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let emoji = by_severity(event, "✅", "💣");
    let message = cut(&event.message, WEBEX_TEXT);
    let mut text = format!("{emoji} **{}**\n{message}\n", object(event));
    for (key, value) in &event.metadata {
        text.push_str(&format!(">**{key}**: {value}\n"));
    }
    let message = json!({ "roomId": recipient.channel()?, "markdown": text });
    let url = Secret::new(recipient.address()?.whole());
    Ok(Outgoing::json(url, bytes(&message)).with_bearer(recipient.token()?))
}

pub(super) fn zulip(recipient: &Recipient<'_>, event: &Event) -> Result<Outgoing, ComposeError> {
    let address = recipient.address()?;
    let channel = recipient.channel()?.split_once('/');
    let whole = channel.filter(|(channel, topic)| !channel.is_empty() && !topic.is_empty());
    let (channel, topic) = whole.ok_or(ComposeError::ZulipChannel)?;
    let emoji = by_severity(event, "ℹ️", "⚠️");
    let object = &event.involved_object;
    let message = cut(&event.message, ZULIP_TEXT);
    let mut text = format!(
        "## Flux Status\n\n{emoji} {}/{}/{}\n\n{message}\n\nMetadata:\n",
        object.kind, object.namespace, object.name
    );
    for (key, value) in &event.metadata {
        text.push_str(&format!("* `{key}`: {value}\n"));
    }
    let fields = [
        ("type", "stream"),
        ("to", channel),
        ("topic", topic),
        ("content", &text),
    ];
    let form: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key}={}", encode(value)))
        .collect();
    let url = Secret::new(format!("{}/api/v1/messages", address.site()));
    let request = Outgoing::json(url, form.join("&").into_bytes())
        .with_header("Content-Type", "application/x-www-form-urlencoded");
    Ok(request.with_basic(recipient.login()?))
}
