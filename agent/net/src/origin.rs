//! Which repository is meant: the URL, parsed once and strictly.

use std::fmt;
use std::path::PathBuf;

use windlass_wire::{DisplayUrl, FailureClass, Secret};

use crate::failure::Failure;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Remote(Remote),
    /// A repository on the node, read without any server.
    Path(PathBuf),
}

/// A repository behind a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remote {
    Http(HttpOrigin),
    Ssh(SshOrigin),
}

/// The part of an http(s) URL that decides who may see credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) tls: bool,
    /// Lower case; an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// An http(s) repository; `path` starts with `/`, has no trailing one, and may carry a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpOrigin {
    pub(crate) authority: Authority,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// User and password written into the URL.
    pub(crate) userinfo: Option<(String, Secret)>,
}

/// An ssh repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshOrigin {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl HttpOrigin {
    /// The address of `service` below the repository, without user and password.
    pub(crate) fn address(&self, service: &str) -> String {
        let query = match (&self.query, service.contains('?')) {
            (None, _) => String::new(),
            (Some(query), true) => format!("&{query}"),
            (Some(query), false) => format!("?{query}"),
        };
        format!("{}{}/{service}{query}", self.authority, self.path)
    }
}

impl HttpOrigin {
    /// The URL itself, without user and password.
    pub(crate) fn whole(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        let path = match self.path.as_str() {
            "" => "/",
            path => path,
        };
        format!("{}{path}{}", self.authority, query.unwrap_or_default())
    }

    /// What a reference in an answer from here means (RFC 3986, 5.2, without `.` and `..`, which servers resolve).
    pub(crate) fn resolve(&self, reference: &str) -> String {
        let scheme = if self.authority.tls { "https" } else { "http" };
        let directory = self
            .path
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory);
        match reference {
            absolute if absolute.contains("://") => absolute.to_owned(),
            host if host.starts_with("//") => format!("{scheme}:{host}"),
            path if path.starts_with('/') => format!("{}{path}", self.authority),
            query if query.starts_with('?') => format!("{}{}{query}", self.authority, self.path),
            relative => format!("{}{directory}/{relative}", self.authority),
        }
    }
}

impl Remote {
    /// What the cache of this repository is filed under: no credential, one spelling.
    pub(crate) fn cache_key(&self) -> String {
        match self {
            Self::Http(http) => http.address(""),
            Self::Ssh(ssh) => format!("ssh://{}@{}:{}/{}", ssh.user, ssh.host, ssh.port, ssh.path),
        }
    }
}

impl Origin {
    /// Reads a URL. Only http, https, ssh, `file:` and absolute paths are allowed; no host or user may look
    /// like an option; nothing in it may hold a control character.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        if url.is_empty() || url.chars().any(|character| character.is_control()) {
            return Err(invalid(url, "is empty or holds a control character"));
        }
        if url.starts_with('/') {
            return local_path(url, url);
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(without_scheme(url));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => http(url, rest, true).map(|http| Self::Remote(Remote::Http(http))),
            "http" => http(url, rest, false).map(|http| Self::Remote(Remote::Http(http))),
            "ssh" => ssh(url, rest).map(|ssh| Self::Remote(Remote::Ssh(ssh))),
            "file" => local_path(url, rest),
            _ => Err(invalid(url, "has a scheme other than https, http and ssh")),
        }
    }
}

fn invalid(url: &str, why: &str) -> Failure {
    Failure::new(
        FailureClass::InvalidUrl,
        format!(
            "URL {} {why}; use https://host/path or ssh://user@host/path",
            DisplayUrl(url)
        ),
    )
}

/// `user@host:path` is scp's spelling; Flux refuses it too (source-controller, `spec.url` pattern).
fn without_scheme(url: &str) -> Failure {
    let scp_like = url.split_once(':').filter(|(host, path)| {
        !host.is_empty() && !host.contains('/') && !host.contains(':') && !path.starts_with(':')
    });
    match scp_like {
        Some((host, path)) if !path.is_empty() => {
            let spelling = format!("ssh://{host}/{}", path.trim_start_matches('/'));
            Failure::new(
                FailureClass::InvalidUrl,
                format!(
                    "URL {} has no scheme; write it as {}",
                    DisplayUrl(url),
                    DisplayUrl(&spelling)
                ),
            )
        }
        _ => invalid(url, "has no scheme"),
    }
}

fn local_path(url: &str, path: &str) -> Result<Origin, Failure> {
    let segments_are_plain = path.split('/').all(|segment| segment != "..");
    if path.starts_with('/') && segments_are_plain {
        Ok(Origin::Path(PathBuf::from(path)))
    } else {
        Err(invalid(
            url,
            "is not an absolute path on this node without `..`",
        ))
    }
}

fn http(url: &str, rest: &str, tls: bool) -> Result<HttpOrigin, Failure> {
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query.to_owned())),
        None => (rest, None),
    };
    let (authority, path) = split_path(rest);
    let (userinfo, host_and_port) = split_userinfo(authority);
    // Browsers take a backslash for a slash: what follows would be another host there.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if !userinfo.unwrap_or_default().bytes().all(is_plain) {
        return Err(invalid(
            url,
            "holds a character in its user or password that must be written as %XX",
        ));
    }
    let (host, port) = split_port(url, host_and_port, if tls { 443 } else { 80 })?;
    check_text(url, path)?;
    if let Some(query) = &query {
        check_text(url, query)?;
    }
    let userinfo = userinfo
        .map(decode_userinfo)
        .filter(|(user, _)| !user.is_empty());
    let path = path.trim_end_matches('/').to_owned();
    Ok(HttpOrigin {
        authority: Authority { tls, host, port },
        path,
        query,
        userinfo,
    })
}

fn ssh(url: &str, rest: &str) -> Result<SshOrigin, Failure> {
    let (authority, path) = split_path(rest);
    let (userinfo, host_and_port) = split_userinfo(authority);
    let (host, port) = split_port(url, host_and_port, 22)?;
    let user = match userinfo {
        None => "git".to_owned(),
        Some(userinfo) if userinfo.contains(':') => {
            return Err(invalid(
                url,
                "holds a password; ssh authenticates with the identity",
            ));
        }
        Some(user) => user.to_owned(),
    };
    let user_is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(user_is_plain) {
        return Err(invalid(url, "has a user name that ssh would not take"));
    }
    check_text(url, path)?;
    let quotes = |character: char| "'\"\\`$!".contains(character);
    if path.len() < 2 || path.contains(quotes) || path.starts_with("/-") {
        return Err(invalid(
            url,
            "has no path, or one with quotes or other shell characters",
        ));
    }
    // `ssh://host/~user/path` names a home directory; the leading slash is not part of it (git-clone(1)).
    let path = if path.starts_with("/~") {
        path.trim_start_matches('/')
    } else {
        path
    };
    Ok(SshOrigin {
        user,
        host,
        port,
        path: path.to_owned(),
    })
}

fn split_path(rest: &str) -> (&str, &str) {
    match rest.find('/') {
        Some(position) => rest.split_at(position),
        None => (rest, ""),
    }
}

fn split_userinfo(authority: &str) -> (Option<&str>, &str) {
    match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    }
}

fn split_port(url: &str, text: &str, usual: u16) -> Result<(String, u16), Failure> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None => usual,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => {
                return Err(invalid(
                    url,
                    "has a port that is not a number from 1 to 65535",
                ));
            }
        },
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !host.is_empty() && !host.starts_with('-') && host.bytes().all(plain)
        }
    };
    if !host_is_good {
        return Err(invalid(
            url,
            "has no host, or one with characters that no host name has",
        ));
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn check_text(url: &str, text: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if text.bytes().all(plain) {
        Ok(())
    } else {
        Err(invalid(
            url,
            "holds a character that must be written as %XX",
        ))
    }
}

fn decode_userinfo(userinfo: &str) -> (String, Secret) {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    (
        percent_decoded(user),
        Secret::new(percent_decoded(password)),
    )
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, hex_pair(after)) {
            (b'%', Some((value, after))) => {
                decoded.push(value);
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = bytes.split_first_chunk()?;
    let value = char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?;
    Some((u8::try_from(value).ok()?, rest))
}

#[cfg(test)]
mod tests;
