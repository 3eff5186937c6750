//! Why a pass stopped, and what follows from it.

use std::time::Duration;

use windlass_api::reasons;
use windlass_cluster::{ErrorClass, RequestError};

use super::webhook::{self, Asked};

/// How soon a server that did not answer well is asked again.
const SERVER_AGAIN: Duration = Duration::from_secs(5);
const FORBIDDEN_AGAIN: Duration = Duration::from_secs(15);
/// What the API server says when an object was written between a read and a write (apiserver, `OptimisticLockErrorMsg`).
const MODIFIED: &str = "the object has been modified";
/// How soon a kind is asked for again that discovery shows and the API server does not answer for yet.
const KIND_AGAIN: Duration = Duration::from_secs(1);

/// How soon a webhook is tried again of which no watch has told anything.
const WEBHOOK_AGAIN: Duration = Duration::from_secs(30);

/// A stage that could not do its job: the reason and message of the condition, and when to try again.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct StageError {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) class: Class,
}

/// What happens after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing but a change of the object can help.
    Stalled,
    /// A person has to confirm it, or another revision to come; looked at again after the retry interval.
    Held,
    /// Try again after the retry interval.
    Retry,
    /// Something else has to happen first; look again after this time at the latest.
    Waiting(Duration),
    /// The API server has no such kind: try again when a definition comes, or after the retry interval.
    KindMissing,
    /// A webhook gives no answer: try again when its endpoints or its configuration change, or after this
    /// time.
    WebhookSilent(Duration),
    /// This pass was overtaken by a newer wish: start over at once, say nothing.
    Overtaken,
    /// This node does not lead any more: say nothing, write nothing.
    NotLeading,
    /// The object itself is not there any more, which the watch is about to tell.
    Gone,
}

impl StageError {
    pub(crate) fn retry(reason: &'static str, message: impl Into<String>) -> Self {
        StageError {
            reason,
            message: message.into(),
            class: Class::Retry,
        }
    }

    pub(crate) fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        StageError {
            reason,
            message: message.into(),
            class: Class::Stalled,
        }
    }

    pub(crate) fn waiting(
        reason: &'static str,
        message: impl Into<String>,
        at_most: Duration,
    ) -> Self {
        StageError {
            reason,
            message: message.into(),
            class: Class::Waiting(at_most),
        }
    }

    pub(crate) fn overtaken() -> Self {
        StageError {
            reason: reasons::PROGRESSING,
            message: "overtaken by a newer revision or request".to_owned(),
            class: Class::Overtaken,
        }
    }

    pub(crate) fn gone() -> Self {
        StageError {
            reason: reasons::PROGRESSING,
            message: "the object is gone".to_owned(),
            class: Class::Gone,
        }
    }

    /// A request to the API server failed during the work that `reason` names.
    pub(crate) fn request(reason: &'static str, error: &RequestError) -> Self {
        let class = match error.class() {
            ErrorClass::NotLeading => Class::NotLeading,
            ErrorClass::TooManyRequests => {
                Class::Waiting(error.retry_after.unwrap_or(SERVER_AGAIN))
            }
            // The API server's answer to a manifest with a field of the wrong type: asking again changes nothing.
            ErrorClass::Server if error.message.contains("failed to create typed patch") => {
                Class::Retry
            }
            ErrorClass::Server => of_server(&error.message),
            ErrorClass::Unreachable | ErrorClass::Timeout => Class::Waiting(SERVER_AGAIN),
            // Somebody writes the object so often that there was no moment in between.
            ErrorClass::Conflict if error.message.contains(MODIFIED) => {
                Class::Waiting(SERVER_AGAIN)
            }
            // Discovery knew the kind, so its definition has only just come or gone.
            ErrorClass::UnknownKind if error.status.is_some() => Class::Waiting(KIND_AGAIN),
            ErrorClass::UnknownKind => Class::KindMissing,
            // An API server that has just started knows no rights for a second or two.
            ErrorClass::Forbidden => Class::Waiting(FORBIDDEN_AGAIN),
            _ => Class::Retry,
        };
        StageError {
            reason,
            message: error.to_string(),
            class,
        }
    }
}

fn of_server(message: &str) -> Class {
    match webhook::silent(message).map(|silent| silent.asked) {
        Some(Asked::Through(_)) => Class::WebhookSilent(WEBHOOK_AGAIN),
        Some(Asked::AtUrl) => Class::WebhookSilent(SERVER_AGAIN),
        None => Class::Waiting(SERVER_AGAIN),
    }
}
