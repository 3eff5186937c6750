//! Which host keys are accepted: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", judged as OpenSSH does.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// The lines of a known_hosts file that can be used.
#[derive(Debug)]
pub(crate) struct KnownHosts {
    entries: Vec<Entry>,
    /// The number of the first line that could not be read.
    unreadable: Option<usize>,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    hosts: Hosts,
    algorithm: String,
    key: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    Authority,
}

#[derive(Debug)]
enum Hosts {
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// What a known_hosts file says about one key of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Trusted,
    /// The key is revoked, whatever else is listed.
    Revoked,
    /// The host is known with other keys.
    Mismatch,
    /// The host is known only through a certificate authority.
    OnlyAuthority,
    Unknown,
}

/// A line whose marker could not be understood, or a revocation that could not be read: skipping it could
/// trust a key that was revoked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of known_hosts cannot be read; correct or remove it")]
pub(crate) struct KnownHostsError {
    line: usize,
}

impl KnownHosts {
    /// Reads a file. Unreadable lines are skipped, as OpenSSH does, unless they may be revocations.
    pub(crate) fn parse(text: &str) -> Result<Self, KnownHostsError> {
        let mut known = Self {
            entries: Vec::new(),
            unreadable: None,
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(line) {
                Some(entry) => known.entries.push(entry),
                None if line.starts_with('@') => return Err(KnownHostsError { line: index + 1 }),
                None => known.unreadable = known.unreadable.or(Some(index + 1)),
            }
        }
        Ok(known)
    }

    /// Judges `key`, in SSH's encoding, for a host. With a port other than 22 the name is `[host]:port`;
    /// when that is unknown, OpenSSH looks for the bare name too (sshconnect.c, `check_host_key`).
    pub(crate) fn judge(&self, host: &str, port: u16, key: &[u8]) -> Verdict {
        match self.judge_name(&name_with_port(host, port), key) {
            Verdict::Unknown if port != 22 => match self.judge_name(host, key) {
                Verdict::Trusted => Verdict::Trusted,
                Verdict::Revoked => Verdict::Revoked,
                _ => Verdict::Unknown,
            },
            verdict => verdict,
        }
    }

    fn judge_name(&self, name: &str, key: &[u8]) -> Verdict {
        let mut verdict = Verdict::Unknown;
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.hosts.match_name(name))
        {
            let is_same = entry.key == key;
            match (entry.marker, &verdict) {
                (Marker::Revoked, _) if is_same => return Verdict::Revoked,
                (Marker::None, _) if is_same => verdict = Verdict::Trusted,
                (Marker::None, Verdict::Unknown | Verdict::OnlyAuthority) => {
                    verdict = Verdict::Mismatch;
                }
                (Marker::Authority, Verdict::Unknown) => verdict = Verdict::OnlyAuthority,
                _ => {}
            }
        }
        verdict
    }

    /// The key types listed for a host, so that the server is asked for one of them and not for another
    /// key that it has too.
    pub(crate) fn algorithms(&self, host: &str, port: u16) -> Vec<&str> {
        let with_port = name_with_port(host, port);
        let is_known = self
            .entries
            .iter()
            .any(|entry| entry.hosts.match_name(&with_port));
        let name = if is_known { &with_port } else { host };
        self.entries
            .iter()
            .filter(|entry| entry.marker == Marker::None && entry.hosts.match_name(name))
            .map(|entry| entry.algorithm.as_str())
            .collect()
    }

    /// The first line that was skipped because it could not be read.
    pub(crate) fn unreadable_line(&self) -> Option<usize> {
        self.unreadable
    }
}

fn name_with_port(host: &str, port: u16) -> String {
    if port == 22 {
        host.to_owned()
    } else {
        format!("[{host}]:{port}")
    }
}

/// The fingerprint that ssh shows.
pub(crate) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

fn parse_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let mut word = words.next()?;
    let marker = match word {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::Authority,
        _ if word.starts_with('@') => return None,
        _ => Marker::None,
    };
    if marker != Marker::None {
        word = words.next()?;
    }
    let hosts = parse_hosts(word)?;
    let algorithm = words.next()?;
    let key = BASE64.decode(words.next()?).ok()?;
    // The encoded key begins with the name of its type (RFC 4253, 6.6).
    let (length, rest) = key.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let is_of_this_type = rest.get(..length)? == algorithm.as_bytes();
    is_of_this_type.then(|| Entry {
        marker,
        hosts,
        algorithm: algorithm.to_owned(),
        key: key.clone(),
    })
}

fn parse_hosts(word: &str) -> Option<Hosts> {
    let Some(hashed) = word.strip_prefix("|1|") else {
        return Some(Hosts::Patterns(
            word.split(',').map(str::to_ascii_lowercase).collect(),
        ));
    };
    let (salt, hash) = hashed.split_once('|')?;
    Some(Hosts::Hashed {
        salt: BASE64.decode(salt).ok()?,
        hash: BASE64.decode(hash).ok()?,
    })
}

impl Hosts {
    fn match_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        match self {
            Self::Hashed { salt, hash } => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
                ring::hmac::verify(&key, name.as_bytes(), hash).is_ok()
            }
            Self::Patterns(patterns) => {
                let mut matches = false;
                for pattern in patterns {
                    match pattern.strip_prefix('!') {
                        Some(pattern) if matches_pattern(pattern.as_bytes(), name.as_bytes()) => {
                            return false;
                        }
                        Some(_) => {}
                        None => matches |= matches_pattern(pattern.as_bytes(), name.as_bytes()),
                    }
                }
                matches
            }
        }
    }
}

/// `*` and `?` as in ssh_config(5), PATTERNS. Remembers the last star only, so it takes at most
/// `pattern × text` steps.
fn matches_pattern(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                last_star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(letter) if *letter == b'?' || text.get(at_text) == Some(letter) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match last_star {
                Some((star, taken)) => {
                    last_star = Some((star, taken + 1));
                    (at_pattern, at_text) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at_pattern..)
        .is_some_and(|rest| rest.iter().all(|letter| *letter == b'*'))
}

#[cfg(test)]
mod tests;
