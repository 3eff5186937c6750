//! The section that says who outside of the cluster is told how the node is.

use std::fmt;
use std::time::Duration;

use windlass_api::provider::ProviderType;

use super::{HOUR, MINUTE};
use crate::config::inputs::{Located, SectionReader};

const LEAST: Duration = Duration::from_secs(10);

/// What is told with nothing but an address.
const FORMATS: [ProviderType; 7] = [
    ProviderType::Generic,
    ProviderType::Slack,
    ProviderType::Discord,
    ProviderType::MsTeams,
    ProviderType::Rocket,
    ProviderType::GoogleChat,
    ProviderType::Lark,
];

/// `[alarm]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSettings {
    /// Asked for again and again while the node is well; nobody is unless it is set.
    pub ping_url: Option<SecretUrl>,
    /// How often, and how long the API server may be silent until that is told.
    pub ping_interval: Duration,
    /// Told when the node is not well, and when it is again; nobody is unless it is set.
    pub webhook_url: Option<SecretUrl>,
    /// In which form.
    pub webhook_type: ProviderType,
}

/// A URL that lets whoever knows it speak for the node.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

// === impl AlarmSettings ===

impl AlarmSettings {
    /// Whether anybody is to be told.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.ping_url.is_some() || self.webhook_url.is_some()
    }
}

// === impl SecretUrl ===

impl SecretUrl {
    /// The URL itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> AlarmSettings {
    AlarmSettings {
        ping_url: url(section, "ping_url"),
        ping_interval: section.duration("ping_interval", MINUTE, LEAST, HOUR),
        webhook_url: url(section, "webhook_url"),
        webhook_type: section.parsed("webhook_type", ProviderType::Generic, format),
    }
}

fn url(section: &mut SectionReader<'_>, key: &'static str) -> Option<SecretUrl> {
    let Located { value, origin } = section.text(key)?;
    if !value.starts_with("https://") && !value.starts_with("http://") {
        let message = "must be a URL, https://host/path or http://host/path";
        section.wrong(&origin, key, message);
        return None;
    }
    Some(SecretUrl(value))
}

fn format(text: &str) -> Result<ProviderType, String> {
    let known = FORMATS.into_iter().find(|format| format.name() == text);
    known.ok_or_else(|| {
        let names = FORMATS.map(ProviderType::name).join(", ");
        format!("must be one of {names}, not {text:?}")
    })
}
