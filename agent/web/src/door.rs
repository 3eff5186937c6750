//! Who is shown what is going on: whoever has the token or, where there is none, a browser that is on this node.

use subtle::ConstantTimeEq as _;

/// Characters of the shortest token: at the rate at which requests are taken nobody guesses one.
pub const TOKEN_LEAST: usize = 16;

/// How a request is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Only this node reaches the port; a page of another site in a browser here is turned away by the name it used.
    Local,
    /// `Authorization: Bearer TOKEN` (RFC 6750).
    Token(Token),
}

/// Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A token that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is guessed too easily.
    #[error(
        "the token has fewer than {TOKEN_LEAST} characters; `openssl rand -hex 16` makes a good one"
    )]
    Short,
    /// It cannot stand in a header.
    #[error("the token has characters other than letters, digits and -._~+/=")]
    Characters,
}

/// A request that is shown nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token, or another one.
    #[error("the token is missing or wrong")]
    Token,
    /// The browser was led here under a name of somebody else (DNS rebinding).
    #[error("ask for it as localhost, or by the address of the loopback")]
    Host,
}

impl Door {
    /// A door for whoever has the token, which may end in white space.
    ///
    /// # Errors
    /// The token is too short, or cannot be sent.
    pub fn token(text: &str) -> Result<Self, TokenError> {
        let text = text.trim_end();
        let may_stand = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if !text.chars().all(may_stand) {
            return Err(TokenError::Characters);
        }
        if text.len() < TOKEN_LEAST {
            return Err(TokenError::Short);
        }
        Ok(Door::Token(Token(text.to_owned())))
    }

    /// Judges a request by its headers, whose names are in lower case.
    ///
    /// # Errors
    /// What it lacks.
    pub fn judge(&self, headers: &[(String, Vec<u8>)]) -> Result<(), Denied> {
        match self {
            Door::Local => match only(headers, "host") {
                Some(host) if is_of_this_node(host) => Ok(()),
                _ => Err(Denied::Host),
            },
            Door::Token(Token(token)) => {
                let sent = only(headers, "authorization")
                    .and_then(|value| value.strip_prefix(b"Bearer "))
                    .unwrap_or_default();
                let is_it = bool::from(sent.ct_eq(token.as_bytes()));
                is_it.then_some(()).ok_or(Denied::Token)
            }
        }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Denied {
    /// The status to answer with.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Denied::Token => 401,
            Denied::Host => 403,
        }
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let mut values = headers.iter().filter(|(of, _)| of == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value.as_slice())
}

/// Whether `host`, with or without a port, is the loopback.
fn is_of_this_node(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(lines: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        let lines = lines.iter();
        lines
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn without_a_token_only_names_of_this_node_count() {
        let judge = |host: &str| Door::Local.judge(&headers(&[("host", host)]));
        for host in [
            "localhost",
            "localhost:9797",
            "127.0.0.1:9797",
            "[::1]:9797",
            "[::1]",
        ] {
            assert_eq!(judge(host), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9797",
            "localhost.evil.example",
            "127.0.0.1:9797:1",
        ] {
            assert_eq!(judge(host), Err(Denied::Host), "{host}");
        }
        assert_eq!(Door::Local.judge(&[]), Err(Denied::Host));
        let two = headers(&[("host", "localhost"), ("host", "evil.example")]);
        assert_eq!(Door::Local.judge(&two), Err(Denied::Host));
    }

    #[test]
    fn a_token_is_asked_for_whole() {
        let door = Door::token(&format!("{TOKEN}\n")).unwrap();
        let judge = |value: &str| door.judge(&headers(&[("authorization", value)]));
        assert_eq!(judge(&format!("Bearer {TOKEN}")), Ok(()));
        for wrong in [
            "",
            "Bearer ",
            TOKEN,
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "bearer 0123456789abcdef",
        ] {
            assert_eq!(judge(wrong), Err(Denied::Token), "{wrong}");
        }
        assert_eq!(
            door.judge(&headers(&[("host", "localhost")])),
            Err(Denied::Token)
        );
        assert!(!format!("{door:?}").contains(TOKEN));
    }

    #[test]
    fn a_token_that_is_guessed_or_cannot_be_sent_is_none() {
        assert_eq!(Door::token(""), Err(TokenError::Short));
        assert_eq!(Door::token("0123456789abcde"), Err(TokenError::Short));
        assert_eq!(
            Door::token("0123456789 abcdef"),
            Err(TokenError::Characters)
        );
    }
}
