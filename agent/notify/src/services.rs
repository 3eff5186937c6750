//! What each kind of service wants to be sent (notification-controller, `internal/notifier`).

mod generic;

use windlass_api::provider::ProviderType;

use crate::event::Event;
use crate::recipient::Recipient;
use crate::request::Outgoing;
use crate::secret::Secret;

/// Why there is nothing to be sent to a Provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// It is not said where to.
    #[error("the Provider has no address; set spec.address, or the key address of its Secret")]
    NoAddress,
    /// What is said is no URL.
    #[error("the Provider's address is no URL of the form https://host/path or http://host/path")]
    Address,
    /// A credential is not there.
    #[error("{type_}: the Provider's Secret has no {what}; add that key", type_ = .type_.name())]
    Missing {
        /// The kind of service.
        type_: ProviderType,
        /// The key.
        what: &'static str,
    },
    /// It is another kind of service.
    #[error(
        "windlass cannot send to a Provider of type {type_} yet; use another type, such as generic",
        type_ = .type_.name()
    )]
    NotServed {
        /// The kind of service.
        type_: ProviderType,
    },
}

/// The requests that tell a Provider of an event, in the order in which they are to be sent.
///
/// # Errors
/// The Provider, or its Secret, does not say enough, or it is of a type that is not served.
pub fn compose(recipient: &Recipient<'_>, event: &Event) -> Result<Vec<Outgoing>, ComposeError> {
    let type_ = recipient.spec.type_;
    match type_ {
        ProviderType::Generic => generic::plain(recipient, event),
        ProviderType::GenericHmac => generic::signed(recipient, event),
        _ => return Err(ComposeError::NotServed { type_ }),
    }
    .map(|request| vec![request])
}

// === impl Recipient ===

impl Recipient<'_> {
    /// The address, if it is one at all.
    fn url(&self) -> Result<&Secret, ComposeError> {
        let address = self.address.as_ref().ok_or(ComposeError::NoAddress)?;
        let text = address.expose();
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        match host {
            Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => Ok(address),
            _ => Err(ComposeError::Address),
        }
    }

    fn token(&self) -> Result<&Secret, ComposeError> {
        let token = self
            .token
            .as_ref()
            .filter(|token| !token.expose().is_empty());
        token.ok_or(ComposeError::Missing {
            type_: self.spec.type_,
            what: "token",
        })
    }
}

/// JSON of a value that has no keys but texts.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("every map has texts as keys")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::tests::event;
    use crate::recipient::tests::{fields, provider};

    fn error(type_: &str, pairs: &[(&str, &str)]) -> String {
        let spec = provider(json!({ "type": type_ }));
        let fields = fields(pairs);
        let recipient = Recipient::new(&spec, &fields).unwrap();
        compose(&recipient, &event()).unwrap_err().to_string()
    }

    #[test]
    fn what_a_provider_lacks_is_named_and_no_secret_with_it() {
        assert!(error("generic", &[]).contains("has no address"));
        for bad in [
            "hooks.example",
            "ftp://secret/",
            "https://",
            "https:///secret",
            "http://a b",
        ] {
            let error = error("generic", &[("address", bad)]);
            assert!(
                error.contains("is no URL") && !error.contains("secret"),
                "{error}"
            );
        }
        let address = ("address", "https://h");
        assert!(error("generic-hmac", &[address]).contains("no token"));
        assert!(error("generic-hmac", &[address, ("token", "")]).contains("no token"));
    }

    #[test]
    fn a_type_that_is_not_served_is_refused_by_its_name() {
        for type_ in ["azureeventhub", "googlepubsub"] {
            assert!(error(type_, &[]).contains(&format!("type {type_} yet")));
        }
    }
}
