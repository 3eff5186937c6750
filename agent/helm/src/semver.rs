//! Versions as Masterminds/semver reads and orders them: loosely, with `v` and missing parts.

pub(crate) mod choose;
mod constraint;

use std::cmp::Ordering;
use std::fmt;

pub(crate) use crate::semver::constraint::Constraint;

/// The longest version, in bytes; Masterminds' bound.
const MAX_LENGTH: usize = 256;

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) prerelease: String,
    pub(crate) metadata: String,
    /// As it was written.
    pub(crate) original: String,
}

/// Why a text is no version or constraint, in Masterminds' words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SemverError(pub(crate) String);

// === impl Version ===

impl Version {
    /// Reads a version; one or two numbers will do.
    pub(crate) fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > MAX_LENGTH {
            let message = format!("version string is too long (max {MAX_LENGTH} bytes)");
            return Err(SemverError(message));
        }
        let invalid = || SemverError("invalid semantic version".to_owned());
        let body = text.strip_prefix('v').unwrap_or(text);
        let (body, metadata) = match body.split_once('+') {
            Some((body, metadata)) => (body, Some(metadata)),
            None => (body, None),
        };
        let (numbers, prerelease) = match body.split_once('-') {
            Some((numbers, prerelease)) => (numbers, Some(prerelease)),
            None => (body, None),
        };
        let has_parts = |part: Option<&str>| part.is_none_or(is_identifiers);
        if !has_parts(prerelease) || !has_parts(metadata) {
            return Err(invalid());
        }
        let mut parts = Vec::new();
        for part in numbers.split('.') {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid());
            }
            let number = part.parse::<u64>().map_err(|_| {
                SemverError(format!(
                    "error parsing version segment: strconv.ParseUint: parsing {part:?}: value out of range"
                ))
            })?;
            parts.push(number);
        }
        let (major, minor, patch) = match parts.as_slice() {
            [major] => (*major, 0, 0),
            [major, minor] => (*major, *minor, 0),
            [major, minor, patch] => (*major, *minor, *patch),
            _ => return Err(invalid()),
        };
        let prerelease = prerelease.unwrap_or_default();
        let zero_padded = |part: &str| {
            part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit())
        };
        if prerelease.split('.').any(zero_padded) {
            return Err(SemverError("version segment starts with 0".to_owned()));
        }
        Ok(Self {
            major,
            minor,
            patch,
            prerelease: prerelease.to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// The next one: a part raised, those after it zero.
    pub(crate) fn next(&self, part: Part) -> Self {
        let mut next = Self {
            prerelease: String::new(),
            metadata: String::new(),
            ..self.clone()
        };
        match part {
            Part::Major => {
                next.major = next.major.saturating_add(1);
                next.minor = 0;
                next.patch = 0;
            }
            Part::Minor => {
                next.minor = next.minor.saturating_add(1);
                next.patch = 0;
            }
            // A prerelease's next patch is the release itself.
            Part::Patch if !self.prerelease.is_empty() => {}
            Part::Patch => next.patch = next.patch.saturating_add(1),
        }
        let v = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        next.original = format!("{v}{next}");
        next
    }
}

/// A part of a version that can be raised.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Major,
    Minor,
    Patch,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(formatter, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(formatter, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Version {
    /// The order of SemVer 2; metadata does not count.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch);
        numbers
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prerelease(&self.prerelease, &other.prerelease))
    }
}

fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

pub(crate) fn compare_prerelease(one: &str, other: &str) -> Ordering {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut ones = one.split('.');
    let mut others = other.split('.');
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => {
                let order = match (one.parse::<u64>(), other.parse::<u64>()) {
                    (Ok(one), Ok(other)) => one.cmp(&other),
                    (Ok(_), Err(_)) => Ordering::Less,
                    (Err(_), Ok(_)) => Ordering::Greater,
                    (Err(_), Err(_)) => one.cmp(other),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}
