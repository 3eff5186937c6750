//! What each kind of service wants to be sent (notification-controller, `internal/notifier`).

mod address;
mod cards;
mod chat;
pub(crate) mod generic;
mod monitors;
mod texts;
mod words;

use sha2_new::{Digest, Sha256};
use windlass_api::provider::ProviderType;
use windlass_object::Value;

use self::address::Address;
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
    /// It is not said to whom at the service.
    #[error("{type_}: the Provider has no channel; set spec.channel", type_ = .type_.name())]
    NoChannel {
        /// The kind of service.
        type_: ProviderType,
    },
    /// Zulip's channels have topics.
    #[error("zulip: spec.channel of the Provider has to be channel/topic")]
    ZulipChannel,
    /// The address is none of Sentry's.
    #[error("sentry: the Provider's address has to be a DSN, https://KEY@host/PROJECT")]
    SentryDsn,
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

/// The requests that tell a Provider of an event, in the order in which they are to be sent. There may be none: some
/// services have no use for some events.
///
/// # Errors
/// The Provider, or its Secret, does not say enough, or it is of a type that is not served.
pub fn compose(recipient: &Recipient<'_>, event: &Event) -> Result<Vec<Outgoing>, ComposeError> {
    let type_ = recipient.spec.type_;
    let one = match type_ {
        ProviderType::Generic => generic::plain(recipient, event),
        ProviderType::GenericHmac => generic::signed(recipient, event),
        ProviderType::Slack => chat::slack(recipient, event),
        ProviderType::Discord => chat::discord(recipient, event),
        ProviderType::Rocket => chat::rocket(recipient, event),
        ProviderType::MsTeams => cards::teams(recipient, event),
        ProviderType::GoogleChat => cards::google_chat(recipient, event),
        ProviderType::Lark => cards::lark(recipient, event),
        ProviderType::Telegram => texts::telegram(recipient, event),
        ProviderType::Matrix => texts::matrix(recipient, event),
        ProviderType::Webex => texts::webex(recipient, event),
        ProviderType::Zulip => texts::zulip(recipient, event),
        ProviderType::Alertmanager => monitors::alertmanager(recipient, event),
        ProviderType::Grafana => monitors::grafana(recipient, event),
        ProviderType::Datadog => monitors::datadog(recipient, event),
        ProviderType::Opsgenie => monitors::opsgenie(recipient, event),
        ProviderType::PagerDuty => return monitors::pager_duty(recipient, event),
        ProviderType::Sentry => monitors::sentry(recipient, event),
        _ => Err(ComposeError::NotServed { type_ }),
    };
    one.map(|request| vec![request])
}

// === impl Recipient ===

impl Recipient<'_> {
    /// The address, if it is one at all.
    fn address(&self) -> Result<Address<'_>, ComposeError> {
        let address = self.address.as_ref().ok_or(ComposeError::NoAddress)?;
        Address::parse(address.expose()).ok_or(ComposeError::Address)
    }

    fn channel(&self) -> Result<&str, ComposeError> {
        let channel = self.spec.channel.as_deref();
        let type_ = self.spec.type_;
        channel.ok_or(ComposeError::NoChannel { type_ })
    }

    fn token(&self) -> Result<&Secret, ComposeError> {
        self.filled_token().ok_or(self.missing("token"))
    }

    fn filled_token(&self) -> Option<&Secret> {
        let token = self.token.as_ref();
        token.filter(|token| !token.expose().is_empty())
    }

    /// User name and password.
    fn login(&self) -> Result<(&Secret, &Secret), ComposeError> {
        let username = self.username.as_ref().ok_or(self.missing("username"))?;
        let password = self.password.as_ref().ok_or(self.missing("password"))?;
        Ok((username, password))
    }

    /// With whatever proof there is; user name and password where they are both there, else a token.
    fn proved(&self, request: Outgoing) -> Outgoing {
        match (self.login(), self.filled_token()) {
            (Ok(login), _) => request.with_basic(login),
            (Err(_), Some(token)) => request.with_bearer(token),
            (Err(_), None) => request,
        }
    }

    fn missing(&self, what: &'static str) -> ComposeError {
        let type_ = self.spec.type_;
        ComposeError::Missing { type_, what }
    }
}

/// JSON of a value that has no keys but texts.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("every map has texts as keys")
}

/// Sets a field of a map.
fn set(map: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = map.as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

/// An identifier of the event, the same however often and however late it is told: 32 hex digits.
fn stable_id(event: &Event) -> String {
    let mut hash = Sha256::new();
    hash.update(event.key());
    hash.update(event.timestamp.to_string());
    for (key, value) in &event.metadata {
        if key != crate::event::keys::DELAYED {
            hash.update(format!("{key}={value}\n"));
        }
    }
    let mut id = hex::encode(hash.finalize());
    id.truncate(32);
    id
}

#[cfg(test)]
mod tests;
