//! Why a fetch failed, in the words the agent shows.

use std::io;
use std::time::{Duration, Instant};

use windlass_wire::FailureClass;

use crate::limits;

/// Ends a fetch: a class and a message that says what to do next. Never holds a credential.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Protocol, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Refused, message)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(FailureClass::InvalidRequest, message)
    }

    pub(crate) fn cache(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Cache, message)
    }

    /// Takes a failure back out of an `io::Error` it travelled in, or says what `reading` met.
    pub(crate) fn from_io(error: io::Error, reading: &str) -> Self {
        let class = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => FailureClass::Timeout,
            io::ErrorKind::InvalidData => FailureClass::Protocol,
            _ => FailureClass::Unreachable,
        };
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::new(
                FailureClass::Unreachable,
                format!("the server closed the connection while {reading}; it is tried again"),
            ),
            Err(error) => Self::new(class, format!("{reading}: {error}")),
        }
    }

    /// Lets a failure travel through `Read`.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

/// Shows what a server said: one line, no control characters, cut.
pub(crate) fn server_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim()
        .chars()
        .take(limits::SERVER_TEXT_CHARACTERS)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// When a fetch has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    given: Duration,
}

impl Deadline {
    /// Starts the clock; an absurd time is cut to [`limits::LONGEST_TIMEOUT`].
    pub(crate) fn after(given: Duration) -> Self {
        let given = given.min(limits::LONGEST_TIMEOUT);
        Self {
            at: Instant::now() + given,
            given,
        }
    }

    /// What is left, or the failure when nothing is.
    pub(crate) fn remaining(&self) -> Result<Duration, Failure> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(self.failure())
        } else {
            Ok(left)
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure::new(
            FailureClass::Timeout,
            format!(
                "the fetch did not end within {} s; raise the source's timeout if the server is slow",
                self.given.as_secs()
            ),
        )
    }
}
