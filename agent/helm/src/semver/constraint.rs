//! Constraints (`>=1.2, <2 || ~3.1`), with Masterminds' rules for missing parts and prereleases.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use crate::semver::{SemverError, Version, compare_prerelease};

/// The longest constraint, in bytes, and the most alternatives; Masterminds' bounds.
const MAX_LENGTH: usize = 512;
const MAX_GROUPS: usize = 32;

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

struct Patterns {
    one: Regex,
    range: Regex,
    find: Regex,
    valid: Regex,
}

static PATTERNS: LazyLock<Result<Patterns, regex::Error>> = LazyLock::new(|| {
    let one = format!("({OPERATORS})\\s*({VERSION})");
    Ok(Patterns {
        one: Regex::new(&format!("^\\s*{one}\\s*$"))?,
        range: Regex::new(&format!("\\s*({VERSION})\\s+-\\s+({VERSION})\\s*"))?,
        find: Regex::new(&one)?,
        valid: Regex::new(&format!("^(\\s*{one}\\s*)((?:\\s+|,\\s*){one}\\s*)*$"))?,
    })
});

/// Alternatives, each a list of conditions that must all hold.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    groups: Vec<Vec<Condition>>,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: Operator,
    version: Version,
    /// Which parts were left out or are `x`.
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    Everything,
}

// === impl Constraint ===

impl Constraint {
    pub(crate) fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > MAX_LENGTH {
            let message = format!("constraint string is too long (max {MAX_LENGTH} bytes)");
            return Err(SemverError(message));
        }
        let patterns = PATTERNS
            .as_ref()
            .map_err(|error| SemverError(error.to_string()))?;
        let mut rewritten = text.to_owned();
        for range in patterns.range.captures_iter(text) {
            let whole = range.get(0).map_or("", |part| part.as_str());
            let low = range.get(1).map_or("", |part| part.as_str());
            let high = range.get(11).map_or("", |part| part.as_str());
            rewritten = rewritten.replacen(whole, &format!(">= {low}, <= {high} "), 1);
        }
        let groups: Vec<&str> = rewritten.split("||").collect();
        if groups.len() > MAX_GROUPS {
            let message = format!("too many constraint groups (max {MAX_GROUPS})");
            return Err(SemverError(message));
        }
        let groups = groups.into_iter().map(|group| conditions(patterns, group));
        Ok(Self {
            groups: groups.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn allows(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let takes_prerelease = group
                .iter()
                .any(|condition| !condition.version.prerelease.is_empty());
            let fits = version.prerelease.is_empty() || takes_prerelease;
            fits && group.iter().all(|condition| condition.allows(version))
        })
    }
}

fn conditions(patterns: &Patterns, group: &str) -> Result<Vec<Condition>, SemverError> {
    if !patterns.valid.is_match(group) {
        return Err(SemverError(format!("improper constraint: {group:?}")));
    }
    let found = patterns.find.find_iter(group);
    found
        .map(|found| condition(patterns, found.as_str()))
        .collect()
}

fn condition(patterns: &Patterns, text: &str) -> Result<Condition, SemverError> {
    let Some(parts) = patterns.one.captures(text) else {
        return Err(SemverError(format!("improper constraint: {text:?}")));
    };
    let part = |index: usize| parts.get(index).map_or("", |part| part.as_str());
    let operator = match part(1) {
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "<=" | "=<" => Operator::LessOrEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => Operator::Equal,
    };
    let (major, minor, patch, prerelease) = (part(3), part(4), part(5), part(6));
    let is_open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
    let (open, text) = if is_open(major) {
        (Open::Everything, format!("0.0.0{prerelease}"))
    } else if is_open(minor) {
        (Open::Minor, format!("{major}.0.0{prerelease}"))
    } else if is_open(patch) {
        (Open::Patch, format!("{major}{minor}.0{prerelease}"))
    } else {
        (Open::Nothing, part(2).to_owned())
    };
    match Version::parse(&text) {
        Ok(version) => Ok(Condition {
            operator,
            version,
            open,
        }),
        Err(_) => Err(SemverError("constraint parser error".to_owned())),
    }
}

// === impl Condition ===

impl Condition {
    fn allows(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => order == Ordering::Equal,
            Operator::Equal | Operator::Tilde => self.tilde(version, order),
            Operator::NotEqual => self.differs(version, order),
            Operator::Greater => self.is_less(version, order),
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::LessOrEqual => self.is_greater_or_equal(version, order),
            Operator::Caret => self.caret(version, order),
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing {
            return order != Ordering::Equal;
        }
        if wanted.major != version.major {
            return true;
        }
        match self.open {
            Open::Minor => false,
            _ if wanted.minor != version.minor => true,
            Open::Patch => {
                compare_prerelease(&version.prerelease, &wanted.prerelease) != Ordering::Equal
            }
            _ => wanted.patch != version.patch,
        }
    }

    fn is_less(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing | Open::Everything => order == Ordering::Greater,
            Open::Minor => version.major > wanted.major,
            Open::Patch => (version.major, version.minor) > (wanted.major, wanted.minor),
        }
    }

    fn is_greater_or_equal(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing => order != Ordering::Greater,
            Open::Minor => version.major <= wanted.major,
            Open::Patch | Open::Everything => {
                (version.major, version.minor) <= (wanted.major, wanted.minor)
            }
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let zero = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0);
        if zero && !matches!(self.open, Open::Minor | Open::Patch) {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.open == Open::Minor)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less || version.major != wanted.major {
            return false;
        }
        if wanted.major > 0 || self.open == Open::Minor {
            return true;
        }
        if wanted.minor > 0 || self.open == Open::Patch {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
