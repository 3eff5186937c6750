//! URLs, as Go's net/url reads and writes them.

/// `url.QueryEscape`.
pub(crate) fn query_escape(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => escaped.push('+'),
            b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(*byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A URL in its parts, unescaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) opaque: String,
    pub(crate) user: Option<User>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) fragment: String,
}

/// Who a URL logs in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    name: String,
    password: Option<String>,
}

/// Where an escaped text stands, which says what needs no escape.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    User,
    Host,
    Fragment,
}

// === impl Url ===

impl Url {
    /// Reads a URL; the error is Go's.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|reason| format!("parse {text:?}: {reason}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.chars().any(|character| character.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Self {
            fragment: unescape(fragment, Part::Fragment)?,
            ..Self::default()
        };
        if rest == "*" {
            url.path = "*".to_owned();
            return Ok(url);
        }
        let (scheme, rest) = scheme(rest)?;
        url.scheme = scheme.to_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.to_owned();
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_owned();
                return Ok(url);
            }
            let first = rest.split('/').next().unwrap_or_default();
            if first.contains(':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let authority = rest.strip_prefix("//");
        let has_authority = authority.is_some() && !rest.starts_with("///");
        let mut path = rest;
        if let (Some(authority), true) = (authority, has_authority) {
            let end = authority.find('/').unwrap_or(authority.len());
            let (authority, after) = authority.split_at(end);
            url.authority(authority)?;
            path = after;
        } else if let (Some(after), false) = (authority, url.scheme.is_empty()) {
            // An empty host, as in file:///path.
            path = after;
        }
        url.path = unescape(path, Part::Path)?;
        Ok(url)
    }

    fn authority(&mut self, authority: &str) -> Result<(), String> {
        let host = match authority.rsplit_once('@') {
            None => authority,
            Some((user, host)) => {
                let allowed = |byte: u8| {
                    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
                };
                if !user.bytes().all(allowed) {
                    return Err("net/url: invalid userinfo".to_owned());
                }
                let (name, password) = match user.split_once(':') {
                    Some((name, password)) => (name, Some(unescape(password, Part::User)?)),
                    None => (user, None),
                };
                self.user = Some(User {
                    name: unescape(name, Part::User)?,
                    password,
                });
                host
            }
        };
        if let Some(inner) = host.strip_prefix('[') {
            let Some((_, after)) = inner.rsplit_once(']') else {
                return Err("missing ']' in host".to_owned());
            };
            check_port(after)?;
            self.host = unescape(host, Part::Host)?;
            return Ok(());
        }
        if let Some(colon) = host.rfind(':') {
            check_port(host.get(colon..).unwrap_or_default())?;
        }
        self.host = unescape(host, Part::Host)?;
        Ok(())
    }

    /// The host without its port and brackets.
    pub(crate) fn hostname(&self) -> &str {
        let host = self.host.as_str();
        if let Some(inner) = host.strip_prefix('[') {
            return inner.split(']').next().unwrap_or_default();
        }
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        }
    }
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => {
                return Ok((
                    text.get(..index).unwrap_or_default(),
                    text.get(index + 1..).unwrap_or_default(),
                ));
            }
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_port(port: &str) -> Result<(), String> {
    let digits = port.strip_prefix(':');
    let valid = port.is_empty()
        || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if valid {
        Ok(())
    } else {
        Err(format!("invalid port {port:?} after host"))
    }
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'%' => {
                let code = after
                    .get(..2)
                    .and_then(|code| std::str::from_utf8(code).ok());
                let value = code.and_then(|code| u8::from_str_radix(code, 16).ok());
                let Some(value) = value else {
                    let shown: String = String::from_utf8_lossy(rest).chars().take(3).collect();
                    return Err(format!("invalid URL escape {shown:?}"));
                };
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            b' ' | b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'}' | b'|'
                if part == Part::Host =>
            {
                let shown = char::from(*byte).to_string();
                return Err(format!("invalid character {shown:?} in host name"));
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn escape(text: &str, part: Part) -> String {
    let plain: &[u8] = match part {
        Part::Path => b"-_.~$&+,/:;=@",
        Part::User => b"-_.~$&+,;=",
        Part::Host => b"-_.~!$&'()*+,;=:[]<>\"",
        Part::Fragment => b"-_.~$&+,/:;=?@!()*",
    };
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

impl std::fmt::Display for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&escape(&self.name, Part::User))?;
        match &self.password {
            Some(password) => write!(formatter, ":{}", escape(password, Part::User)),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.scheme.is_empty() {
            write!(formatter, "{}:", self.scheme)?;
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.user.is_some() {
                    formatter.write_str("//")?;
                }
                if let Some(user) = &self.user {
                    write!(formatter, "{user}@")?;
                }
                formatter.write_str(&escape(&self.host, Part::Host))?;
            }
            let path = escape(&self.path, Part::Path);
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                formatter.write_str("/")?;
            }
            formatter.write_str(&path)?;
        } else {
            formatter.write_str(&self.opaque)?;
        }
        if !self.query.is_empty() {
            write!(formatter, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(formatter, "#{}", escape(&self.fragment, Part::Fragment))?;
        }
        Ok(())
    }
}
