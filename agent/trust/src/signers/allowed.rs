//! The pinned keys: a file in OpenSSH's `allowed_signers` format (ssh-keygen(1), ALLOWED SIGNERS).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::options::Options;
use crate::sshkey::{SshKey, UnusableKey};
use crate::{SignatureKind, Signer, text};

/// Largest file that is read: ten thousand keys of a line each.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Who may sign commits. An empty list accepts nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    lines: Vec<SignersLine>,
}

/// Why the file was refused as a whole: a line that cannot be honoured may be the one that limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed signers, line {line}: {message}")]
pub struct SignersError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignersLine {
    /// The principals field as written.
    pub(crate) principals: String,
    /// The key in SSH wire format, as signatures carry it.
    wire_key: Vec<u8>,
    pub(crate) key: SshKey,
    pub(crate) options: Options,
}

// === impl AllowedSigners ===

impl AllowedSigners {
    /// Reads the whole text.
    ///
    /// # Errors
    /// A line cannot be read or asks for something that is not supported; the line is named and
    /// nothing of the file is used.
    pub fn parse(text: &str) -> Result<Self, SignersError> {
        Self::from_lines(text, signers_line)
    }

    /// Reads a text of which each line that is not blank or a comment is read by `read`.
    pub(crate) fn from_lines(
        text: &str,
        read: impl Fn(&str) -> Result<SignersLine, String>,
    ) -> Result<Self, SignersError> {
        if text.len() > MAX_FILE_BYTES {
            let message = format!("the file is larger than {MAX_FILE_BYTES} bytes");
            return Err(SignersError { line: 1, message });
        }
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            lines.push(read(line).map_err(|message| SignersError {
                line: index + 1,
                message,
            })?);
        }
        Ok(Self { lines })
    }

    /// Takes over the lines of another file.
    pub(crate) fn extend(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// Says whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Gives the number of lines with a key.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Gives every listed key, as people are shown it.
    pub(super) fn keys(&self) -> impl Iterator<Item = Signer> {
        self.lines.iter().map(|line| Signer {
            principal: line.principals.clone(),
            key: fingerprint(&line.wire_key),
            kind: SignatureKind::Ssh,
        })
    }

    /// Gives every line that lists this key, in SSH wire format.
    pub(crate) fn with_key(&self, wire_key: &[u8]) -> impl Iterator<Item = &SignersLine> {
        self.lines
            .iter()
            .filter(move |line| line.wire_key == wire_key)
    }
}

/// The name of a key that people compare: `SHA256:` and unpadded base64, as `ssh-keygen -l` prints.
pub(crate) fn fingerprint(wire_key: &[u8]) -> String {
    format!(
        "SHA256:{}",
        STANDARD_NO_PAD.encode(Sha256::digest(wire_key))
    )
}

fn signers_line(line: &str) -> Result<SignersLine, String> {
    let (principals, rest) = field(line)?;
    let principals = unquoted(principals);
    check_principals(principals)?;
    let (next, after) = field(rest)?;
    let (options, key_type, rest) = if is_key_type(next) {
        ("", next, after)
    } else {
        let (key_type, rest) = field(after)?;
        (next, key_type, rest)
    };
    let options = Options::parse(options)?;
    let (base64, _comment) = field(rest)?;
    let (wire_key, key) = key(key_type, base64)?;
    Ok(SignersLine {
        principals: principals.to_owned(),
        wire_key,
        key,
        options,
    })
}

/// Reads a line of `authorized_keys`: options, key and comment (sshd(8)); the comment is the principal.
pub(crate) fn authorized_key(line: &str) -> Result<SignersLine, String> {
    let (first, after) = field(line)?;
    let (options, (key_type, rest)) = if is_key_type(first) {
        ("", (first, after))
    } else {
        (first, field(after)?)
    };
    let (base64, comment) = field(rest)?;
    let (wire_key, key) = key(key_type, base64)?;
    Ok(SignersLine {
        principals: text::shown(comment.as_bytes()),
        wire_key,
        key,
        options: Options::of_login(options),
    })
}

/// Cuts the next field; blanks inside double quotes do not end it.
fn field(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim_start_matches([' ', '\t']);
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '\\' if quoted && !escaped => {
                escaped = true;
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok(text.split_at(at)),
            _ => {}
        }
        escaped = false;
    }
    if quoted {
        Err("a double quote is not closed".to_owned())
    } else {
        Ok((text, ""))
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

fn check_principals(principals: &str) -> Result<(), String> {
    if principals.split(',').any(str::is_empty) {
        return Err("a principal is empty; write for example alice@example.com".to_owned());
    }
    if principals
        .split(',')
        .any(|principal| principal.starts_with('!'))
    {
        return Err("a negated principal (!) has no meaning for commits; remove it".to_owned());
    }
    if principals.contains('"') {
        return Err("a principal holds a double quote".to_owned());
    }
    Ok(())
}

/// The names that begin a key in OpenSSH (sshkey.c); certificates carry a longer name.
fn is_key_type(word: &str) -> bool {
    [
        "ssh-",
        "ecdsa-sha2-",
        "sk-ssh-",
        "sk-ecdsa-sha2-",
        "rsa-sha2-",
    ]
    .iter()
    .any(|prefix| word.starts_with(prefix))
}

fn key(key_type: &str, base64: &str) -> Result<(Vec<u8>, SshKey), String> {
    if key_type.is_empty() {
        return Err("the key is missing; expected: PRINCIPAL ssh-ed25519 KEY".to_owned());
    }
    if base64.is_empty() {
        return Err("the key is missing after its type".to_owned());
    }
    let wire_key = STANDARD
        .decode(base64)
        .map_err(|_| "the key is not base64".to_owned())?;
    let key = SshKey::parse(&wire_key).map_err(|unusable| match unusable {
        UnusableKey::Type(name) => format!(
            "key type {name:?} is not supported; remove the line or list another key of this person"
        ),
        UnusableKey::Weak(detail) | UnusableKey::Broken(detail) => detail,
    })?;
    if key.type_name() == key_type {
        Ok((wire_key, key))
    } else {
        let written = text::shown(key_type.as_bytes());
        Err(format!(
            "the key is of type {}, but {written:?} stands before it",
            key.type_name()
        ))
    }
}

#[cfg(test)]
mod tests;
