//! What a failed request says, and which kind of failure it is.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::redact::Redactor;

/// Longest message kept of the server's: beyond it a message is a dump, not an explanation.
const MESSAGE_BYTES: usize = 4096;
/// Longest `Retry-After` that is honoured: a larger one is a mistake, and the loop has its own
/// longest delay.
const RETRY_AFTER: Duration = Duration::from_secs(120);

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The object (or the namespace it should be in) is not there.
    NotFound,
    /// Somebody else changed or owns it, or it exists already.
    Conflict,
    /// The server understood and rejects the content; sending it again changes nothing.
    Invalid,
    /// The identity may not do this.
    Forbidden,
    /// The server does not know the identity.
    Unauthorized,
    /// The server asks for patience; see `retry_after`.
    TooManyRequests,
    /// The server failed.
    Server,
    /// No connection, or it broke; whether a write happened is not known.
    Unreachable,
    /// No answer in time; whether a write happened is not known.
    Timeout,
    /// The proof of leadership is no longer good; nothing was sent.
    NotLeading,
    /// The API server has no such kind.
    UnknownKind,
}

/// A request that did not succeed: which, on what, and what the server said. Never holds a Secret's
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// What was asked for: `get`, `apply`, `dry-run apply`, `delete`, ...
    pub verb: &'static str,
    /// The object as `Kind/namespace/name`, or the collection.
    pub object: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The server's machine-readable reason (`AlreadyExists`, `Invalid`, ...) or ours.
    pub reason: String,
    /// The server's message, or what went wrong before there was one.
    pub message: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    class: ErrorClass,
}

impl RequestError {
    /// The kind of failure.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether it is not known if the server did what was asked.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        matches!(self.class, ErrorClass::Unreachable | ErrorClass::Timeout)
    }

    /// Takes what failed on our side and gives the error for it.
    pub(crate) fn local(
        verb: &'static str,
        object: &str,
        class: ErrorClass,
        message: String,
    ) -> Self {
        Self {
            verb,
            object: object.to_owned(),
            status: None,
            reason: format!("{class:?}"),
            message,
            retry_after: None,
            class,
        }
    }

    /// Takes an answer that is not a success and gives the error for it: its body is a
    /// `metav1.Status` or plain text.
    pub(crate) fn from_answer(
        verb: &'static str,
        object: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        redactor: &Redactor,
    ) -> Self {
        let answer = serde_json::from_slice::<Value>(body)
            .ok()
            .filter(|answer| answer.is_object());
        let mut error = match answer {
            Some(answer) => Self::from_status(verb, object, &answer, redactor),
            None => {
                let mut error = Self::local(verb, object, ErrorClass::Server, String::new());
                error.message = redactor.clean(&bounded(String::from_utf8_lossy(body).trim()));
                error.reason = status
                    .canonical_reason()
                    .unwrap_or("Unknown")
                    .replace(' ', "");
                error
            }
        };
        error.status = Some(status.as_u16());
        error.retry_after = error.retry_after.or_else(|| retry_after(headers));
        error.class = classify(
            status.as_u16(),
            &error.reason,
            &error.message,
            names_an_object(body),
        );
        error
    }

    /// Takes a `metav1.Status` (an error event of a watch, or an error's body) and gives the error
    /// for it.
    pub(crate) fn from_status(
        verb: &'static str,
        object: &str,
        answer: &Value,
        redactor: &Redactor,
    ) -> Self {
        let text = |pointer: &str| {
            answer
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let code = answer
            .get("code")
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok());
        let seconds = answer
            .pointer("/details/retryAfterSeconds")
            .and_then(Value::as_u64)
            .filter(|seconds| *seconds > 0);
        let named = !text("/details/name").is_empty();
        let reason = if text("/reason").is_empty() {
            "Unknown"
        } else {
            text("/reason")
        };
        let message = redactor.clean(&bounded(text("/message")));
        Self {
            verb,
            object: object.to_owned(),
            status: code,
            reason: reason.to_owned(),
            class: classify(code.unwrap_or(500), reason, &message, named),
            message,
            retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER)),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: ", self.verb, self.object)?;
        match self.status {
            Some(status) => write!(formatter, "{status} {}", self.reason)?,
            None => write!(formatter, "{}", self.reason)?,
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for RequestError {}

/// The class of an answer. A typed patch that does not fit the schema comes as a 500 from
/// server-side apply, though the content is at fault (seen on kube-apiserver 1.37).
fn classify(status: u16, reason: &str, message: &str, named: bool) -> ErrorClass {
    match status {
        401 => ErrorClass::Unauthorized,
        403 => ErrorClass::Forbidden,
        404 if named => ErrorClass::NotFound,
        404 => ErrorClass::UnknownKind,
        409 => ErrorClass::Conflict,
        408 | 504 => ErrorClass::Timeout,
        410 => ErrorClass::Conflict,
        429 => ErrorClass::TooManyRequests,
        400..=499 => ErrorClass::Invalid,
        500 if message.contains("failed to create typed patch object") => ErrorClass::Invalid,
        503 if reason == "Timeout" => ErrorClass::Timeout,
        _ => ErrorClass::Server,
    }
}

/// Whether a 404 is about an object: then its details carry the object's name; without it the path
/// itself is unknown.
fn names_an_object(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|answer| {
            answer
                .pointer("/details/name")
                .and_then(Value::as_str)
                .map(|name| !name.is_empty())
        })
        .unwrap_or(false)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER))
}

fn bounded(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES {
        return text.to_owned();
    }
    let end = (0..=MESSAGE_BYTES)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests;
