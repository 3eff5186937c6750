//! One HTTP request that tells somebody something.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::secret::Secret;

/// A request to be sent. Every text of it may hold a secret: many services have theirs in the URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// How it is sent.
    pub method: Method,
    /// Where it goes.
    pub url: Secret,
    /// Names and values of headers.
    pub headers: Vec<(String, Secret)>,
    /// What it says.
    pub body: Vec<u8>,
    /// What the answer has to be.
    pub expected: Expected,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// What an answer has to be, for the request to count as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any status of success.
    Success,
    /// Besides, JSON whose `ok` is true: Slack's API answers 200 to a request that it refuses.
    Ok,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Outgoing")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("expected", &self.expected)
            .finish()
    }
}

impl Outgoing {
    /// A POST of JSON.
    pub(crate) fn json(url: Secret, body: Vec<u8>) -> Self {
        Self {
            method: Method::Post,
            url,
            headers: vec![header("Content-Type", "application/json")],
            body,
            expected: Expected::Success,
        }
    }

    /// With one more header, which replaces an earlier one of its name.
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push(header(name, value));
        self
    }

    /// With a token.
    pub(crate) fn with_bearer(self, token: &Secret) -> Self {
        // A token read from a file often ends in a newline, which no header may hold.
        self.with_header("Authorization", format!("Bearer {}", token.expose().trim()))
    }

    /// With a user name and a password.
    pub(crate) fn with_basic(self, (username, password): (&Secret, &Secret)) -> Self {
        let pair = Secret::new(format!("{}:{}", username.expose(), password.expose()));
        let encoded = BASE64.encode(pair.expose());
        self.with_header("Authorization", format!("Basic {encoded}"))
    }
}

fn header(name: &str, value: impl Into<String>) -> (String, Secret) {
    (name.to_owned(), Secret::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_a_request_shows_no_secret() {
        let request = Outgoing::json(Secret::new("https://h/secret"), b"secret".to_vec())
            .with_header("X-Key", "secret");
        let printed = format!("{request:?}");
        assert!(!printed.contains("secret"), "{printed}");
        assert!(printed.contains("X-Key"), "{printed}");
    }
}
