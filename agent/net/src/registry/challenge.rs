//! How a registry says what it wants: `WWW-Authenticate` (RFC 9110, 11.6.1).

use ureq::http::{HeaderMap, header};

/// One way to prove who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password, sent to the registry itself.
    Basic,
    /// A token that the service at `realm` hands out.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// The first challenge that we know how to answer.
    pub(super) fn find(headers: &HeaderMap) -> Option<Self> {
        let fields = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
        fields
            .filter_map(|field| field.to_str().ok())
            .find_map(Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (name, value) in parameters(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        realm.map(|realm| Self::Bearer { realm, service })
    }
}

/// `name=value` and `name="value"`, between commas.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, after) = after.split_at(after.find(',').unwrap_or(after.len()));
                (value.trim().to_owned(), after)
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

/// The text up to the closing quote, and what follows that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, character)| character)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        let (realm, service) = (realm.to_owned(), service.map(str::to_owned));
        Some(Challenge::Bearer { realm, service })
    }

    #[test]
    fn the_realm_is_found_however_it_is_written() {
        let check = |text: &str, expected| assert_eq!(Challenge::parse(text), expected, "{text}");
        let plain = bearer("https://auth.test/token", Some("registry.test"));
        check(
            "Bearer realm=\"https://auth.test/token\",service=\"registry.test\",scope=\"repository:a/b:pull,push\"",
            plain,
        );
        check(
            "bearer scope=\"a=b\", Realm=https://auth.test/t",
            bearer("https://auth.test/t", None),
        );
        check("Bearer realm=\"a\\\"b\"", bearer("a\"b", None));
        check("Bearer realm=\"never closed", bearer("never closed", None));
        check("Basic realm=\"here\"", Some(Challenge::Basic));
        for nothing in [
            "",
            "Bearer",
            "Bearer service=\"x\"",
            "Negotiate abc",
            "Digest realm=\"x\"",
        ] {
            check(nothing, None);
        }
    }

    #[test]
    fn what_we_cannot_answer_is_passed_over() {
        let mut headers = HeaderMap::new();
        for value in ["Negotiate", "Bearer realm=\"https://h/t\"", "Basic"] {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        assert_eq!(Challenge::find(&headers), bearer("https://h/t", None));
        assert_eq!(Challenge::find(&HeaderMap::new()), None);
    }
}
