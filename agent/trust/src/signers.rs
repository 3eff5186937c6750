//! The pinned keys: a file in OpenSSH's `allowed_signers` format (ssh-keygen(1), ALLOWED SIGNERS).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};

use crate::sshsig::{GIT_NAMESPACE, WireReader};
use crate::text;

/// The one key type that this part verifies.
pub(crate) const ED25519: &str = "ssh-ed25519";

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
    /// The key, decompressed once.
    pub(crate) key: VerifyingKey,
    /// Whether the line allows signatures under Git's namespace.
    pub(crate) signs_git: bool,
}

// === impl AllowedSigners ===

impl AllowedSigners {
    /// Reads the whole text.
    ///
    /// # Errors
    /// A line cannot be read or asks for something that is not supported; the line is named and
    /// nothing of the file is used.
    pub fn parse(text: &str) -> Result<Self, SignersError> {
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
            let line = signers_line(line).map_err(|message| SignersError {
                line: index + 1,
                message,
            })?;
            lines.push(line);
        }
        Ok(Self { lines })
    }

    /// Says whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Gives the number of lines with a key.
    pub fn len(&self) -> usize {
        self.lines.len()
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
    let signs_git = git_allowed(options)?;
    check_key_type(key_type)?;
    let (key, _comment) = field(rest)?;
    let (wire_key, key) = ed25519_key(key)?;
    Ok(SignersLine {
        principals: principals.to_owned(),
        wire_key,
        key,
        signs_git,
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

fn check_key_type(key_type: &str) -> Result<(), String> {
    match key_type {
        ED25519 => Ok(()),
        "" => Err("the key is missing; expected: PRINCIPAL ssh-ed25519 KEY".to_owned()),
        other => Err(format!(
            "key type {:?} is not supported yet, only {ED25519}; remove the line or use another key",
            text::shown(other.as_bytes())
        )),
    }
}

/// Reads the options and says whether Git's namespace is allowed.
fn git_allowed(options: &str) -> Result<bool, String> {
    let mut allowed = None;
    for option in split_options(options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.to_ascii_lowercase().as_str() {
            "namespaces" if allowed.is_some() => {
                return Err("the option namespaces is there twice".to_owned());
            }
            "namespaces" => allowed = Some(namespaces_hold_git(unquoted(value))?),
            "cert-authority" => {
                return Err(
                    "cert-authority is not supported: list the signing keys themselves".to_owned(),
                );
            }
            "valid-after" | "valid-before" => {
                return Err(format!(
                    "{name} is not supported: a commit's date is set by whoever signs it and the \
                     node's clock may be wrong, so remove the option, and remove the line when \
                     the key is no longer valid"
                ));
            }
            _ => {
                return Err(format!(
                    "option or key type {:?} is not known",
                    text::shown(option.as_bytes())
                ));
            }
        }
    }
    Ok(allowed.unwrap_or(true))
}

/// Cuts options at commas outside double quotes.
fn split_options(options: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = options.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    if options.is_empty() {
        Vec::new()
    } else {
        parts.collect()
    }
}

/// Judges a pattern list as OpenSSH does: a negated match wins (ssh_config(5), PATTERNS).
fn namespaces_hold_git(patterns: &str) -> Result<bool, String> {
    if patterns.split(',').any(str::is_empty) {
        return Err("the option namespaces has an empty pattern".to_owned());
    }
    let negated = |pattern: &&str| pattern.starts_with('!');
    let matches = |pattern: &str| wildcard(pattern.as_bytes(), GIT_NAMESPACE.as_bytes());
    let refused = patterns
        .split(',')
        .filter(negated)
        .any(|pattern| matches(&pattern[1..]));
    let named = patterns
        .split(',')
        .filter(|pattern| !negated(pattern))
        .any(matches);
    Ok(named && !refused)
}

/// Matches `*` and `?`, in time proportional to pattern times text.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(text_at) {
        match pattern.get(pattern_at) {
            Some(b'*') => {
                star = Some((pattern_at, text_at));
                pattern_at += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                pattern_at += 1;
                text_at += 1;
            }
            _ => {
                let Some((star_at, tried)) = star else {
                    return false;
                };
                star = Some((star_at, tried + 1));
                (pattern_at, text_at) = (star_at + 1, tried + 1);
            }
        }
    }
    pattern.iter().skip(pattern_at).all(|byte| *byte == b'*')
}

fn ed25519_key(base64: &str) -> Result<(Vec<u8>, VerifyingKey), String> {
    if base64.is_empty() {
        return Err("the key is missing after its type".to_owned());
    }
    let wire_key = STANDARD
        .decode(base64)
        .map_err(|_| "the key is not base64".to_owned())?;
    let raw = raw_ed25519(&wire_key).ok_or_else(|| format!("the key is not an {ED25519} key"))?;
    let key = VerifyingKey::from_bytes(raw)
        .ok()
        .filter(|key| !key.is_weak())
        .ok_or("the key is not a usable point on the curve; make a new key")?;
    Ok((wire_key, key))
}

/// Gives the 32 bytes of an ed25519 key in SSH wire format.
fn raw_ed25519(wire_key: &[u8]) -> Option<&[u8; 32]> {
    let mut reader = WireReader::new(wire_key);
    let named = reader.string()? == ED25519.as_bytes();
    let raw = reader.string()?.try_into().ok()?;
    (named && reader.is_empty()).then_some(raw)
}

#[cfg(test)]
mod tests;
