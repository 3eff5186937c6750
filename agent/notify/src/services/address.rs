//! The parts of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A URL of http or https in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    whole: &'a str,
    /// Where the path begins.
    path: usize,
    /// Where the path ends.
    query: usize,
}

impl<'a> Address<'a> {
    /// `None` for what is no such URL.
    pub(super) fn parse(whole: &'a str) -> Option<Self> {
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| whole.starts_with(scheme))?;
        let rest = whole.get(scheme.len()..)?;
        let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if host == 0 || whole.contains(|odd: char| odd.is_whitespace() || odd.is_control()) {
            return None;
        }
        let path = scheme.len() + host;
        let query = whole.get(path..)?.find(['?', '#']);
        let query = query.map_or(whole.len(), |at| path + at);
        Some(Self { whole, path, query })
    }

    pub(super) fn whole(&self) -> &'a str {
        self.whole
    }

    /// Scheme, host and port, with user and password where it has them.
    pub(super) fn site(&self) -> &'a str {
        self.whole.get(..self.path).unwrap_or_default()
    }

    pub(super) fn path(&self) -> &'a str {
        self.whole.get(self.path..self.query).unwrap_or_default()
    }

    /// With the question mark.
    pub(super) fn query(&self) -> &'a str {
        self.whole.get(self.query..).unwrap_or_default()
    }

    /// Host and port, without user and password.
    pub(super) fn host(&self) -> &'a str {
        let site = self.site();
        let host = site.rsplit("://").next().unwrap_or_default();
        host.rsplit('@').next().unwrap_or_default()
    }

    /// What stands before the `@` of the host.
    pub(super) fn user(&self) -> Option<&'a str> {
        let (user, _) = self.site().split_once("://")?.1.rsplit_once('@')?;
        Some(user)
    }

    pub(super) fn scheme(&self) -> &'a str {
        self.whole.split("://").next().unwrap_or_default()
    }
}

/// What stands for itself everywhere (RFC 3986, 2.3).
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes a text so that it is one segment of a path, or one value of a form.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_parts() {
        let address = Address::parse("https://key@h.example:8443/api/7?a=b#c").unwrap();
        assert_eq!(address.site(), "https://key@h.example:8443");
        assert_eq!(
            (address.scheme(), address.host()),
            ("https", "h.example:8443")
        );
        assert_eq!((address.path(), address.query()), ("/api/7", "?a=b#c"));
        assert_eq!(address.user(), Some("key"));
        let bare = Address::parse("http://h").unwrap();
        assert_eq!((bare.path(), bare.query(), bare.user()), ("", "", None));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for bad in [
            "h",
            "ftp://h",
            "https://",
            "https:///x",
            "http://a b",
            "https://h/\n",
            "",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn encoding_leaves_only_what_is_safe_everywhere() {
        assert_eq!(
            encode("!room:h.example/a b+ü"),
            "%21room%3Ah.example%2Fa%20b%2B%C3%BC"
        );
    }
}
