//! The options of a line in `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS; sshsig.c, sshsigopt_parse).

use crate::sshsig::Namespace;
use crate::text;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether the line allows signatures under Git's namespace.
    pub(crate) signs_git: bool,
    /// The first second at which the key counts, since 1970.
    pub(crate) valid_after: Option<i64>,
    /// The last second at which the key counts, since 1970.
    pub(crate) valid_before: Option<i64>,
    /// Whether a security key's signature counts that nobody touched it for.
    pub(crate) no_touch_required: bool,
    /// Whether a security key's signature counts only with PIN or finger print.
    pub(crate) verify_required: bool,
}

// === impl Options ===

impl Options {
    /// Takes what a line of `authorized_keys` asks of a security key, which must be touched unless
    /// the line says otherwise; its other options limit a login and say nothing of signatures.
    pub(crate) fn of_login(text: &str) -> Self {
        // With an escaped quote it takes a whole parser to tell an option from a command's text.
        let text = if text.contains('\\') { "" } else { text };
        let asks = |name: &str| {
            split(text)
                .iter()
                .any(|option| option.eq_ignore_ascii_case(name))
        };
        Self {
            signs_git: true,
            valid_after: None,
            valid_before: None,
            no_touch_required: asks("no-touch-required"),
            verify_required: asks("verify-required"),
        }
    }

    /// Reads the options field; empty when the line has none.
    ///
    /// # Errors
    /// An option is not known, not supported, repeated or broken.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut namespaces, mut after, mut before) = (None, None, None);
        let (mut no_touch, mut verify) = (None, None);
        for option in split(text) {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (option, None),
            };
            match (name.to_ascii_lowercase().as_str(), value) {
                ("namespaces", Some(value)) => {
                    set(
                        &mut namespaces,
                        name,
                        namespaces_hold_git(quoted(name, value)?)?,
                    )?;
                }
                ("valid-after", Some(value)) => {
                    set(&mut after, name, seconds(name, quoted(name, value)?)?)?;
                }
                ("valid-before", Some(value)) => {
                    set(&mut before, name, seconds(name, quoted(name, value)?)?)?;
                }
                ("no-touch-required", None) => set(&mut no_touch, name, true)?,
                ("verify-required", None) => set(&mut verify, name, true)?,
                ("cert-authority", None) => {
                    return Err(
                        "cert-authority is not supported: list the signing keys themselves"
                            .to_owned(),
                    );
                }
                _ => {
                    let shown = text::shown(option.as_bytes());
                    return Err(format!("option or key type {shown:?} is not known"));
                }
            }
        }
        if let (Some(after), Some(before)) = (after, before)
            && before <= after
        {
            return Err("valid-before is not later than valid-after".to_owned());
        }
        Ok(Self {
            signs_git: namespaces.unwrap_or(true),
            valid_after: after,
            valid_before: before,
            no_touch_required: no_touch.unwrap_or(false),
            verify_required: verify.unwrap_or(false),
        })
    }
}

fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    if place.replace(value).is_some() {
        return Err(format!("the option {name} is there twice"));
    }
    Ok(())
}

/// Cuts options at commas outside double quotes.
fn split(options: &str) -> Vec<&str> {
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

/// Takes the double quotes off, which OpenSSH demands (misc.c, opt_dequote).
fn quoted<'a>(name: &str, value: &'a str) -> Result<&'a str, String> {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|value| !value.contains(['"', '\\']))
        .ok_or_else(|| format!("the value of {name} must stand in double quotes"))
}

/// Reads `YYYYMMDD[HHMM[SS]]Z`. Without the Z OpenSSH takes the time zone of the machine, which
/// would give one file another meaning on every node.
fn seconds(name: &str, value: &str) -> Result<i64, String> {
    let wrong =
        || format!("{name} is {value:?}; write YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ");
    let digits = value.strip_suffix('Z').ok_or_else(|| {
        format!("{name} is {value:?}, in no time zone; write it in UTC with a Z at its end")
    })?;
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number = |from: usize, to: usize| -> i64 {
        digits
            .get(from..to)
            .and_then(|part| part.parse().ok())
            .unwrap_or(0)
    };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let exists = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of_month).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !exists {
        return Err(wrong());
    }
    // Days since 1970, counted in years that begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Judges a pattern list as OpenSSH does: a negated match wins (ssh_config(5), PATTERNS).
fn namespaces_hold_git(patterns: &str) -> Result<bool, String> {
    if patterns.split(',').any(str::is_empty) {
        return Err("the option namespaces has an empty pattern".to_owned());
    }
    let negated = |pattern: &&str| pattern.starts_with('!');
    let matches = |pattern: &str| wildcard(pattern.as_bytes(), Namespace::Git.name().as_bytes());
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

#[cfg(test)]
mod tests;
