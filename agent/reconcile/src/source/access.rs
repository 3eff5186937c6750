//! With what a source is reached, for what its files name on the same host.

use windlass_wire::Credentials;

use super::spec::SourceSpec;
use crate::repository::access::authority;

/// What a source is reached with. It is shown to its own host only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceAccess {
    url: String,
    credentials: Credentials,
    ca_bundle: Option<String>,
}

// === impl SourceAccess ===

impl SourceAccess {
    pub(crate) fn of(spec: &SourceSpec) -> Self {
        SourceAccess {
            url: spec.url.clone(),
            credentials: spec.credentials.clone(),
            ca_bundle: spec.ca_bundle.clone(),
        }
    }

    /// Nothing, for whatever has no server of its own.
    pub(crate) fn nothing() -> Self {
        SourceAccess {
            url: String::new(),
            credentials: Credentials::None,
            ca_bundle: None,
        }
    }

    /// What may be shown to the server of another URL: all of it to the same server, nothing to any other.
    pub(crate) fn for_url(&self, url: &str) -> (Credentials, Option<String>) {
        match authority(url) == authority(&self.url) {
            true => (self.credentials.clone(), self.ca_bundle.clone()),
            false => (Credentials::None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_the_host_of_the_source_only() {
        let credentials = Credentials::Bearer("token".to_owned().into());
        let access = SourceAccess {
            url: "https://git.test/house".to_owned(),
            credentials: credentials.clone(),
            ca_bundle: Some("CA".to_owned()),
        };
        let near = access.for_url("https://GIT.test:443/other");
        assert_eq!(near, (credentials, Some("CA".to_owned())));
        for far in [
            "http://git.test/other",
            "https://git.test:8443/other",
            "https://git.test.evil.test/other",
            "https://git.test@evil.test/other",
            "ssh://git@git.test/other",
        ] {
            assert_eq!(access.for_url(far), (Credentials::None, None), "{far}");
        }
    }
}
