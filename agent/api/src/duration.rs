//! Durations as Go writes and reads them (`time.ParseDuration`, `time.Duration.String`), because
//! every duration in Flux's API is one (`metav1.Duration`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Go keeps a duration in an `int64` of nanoseconds; a longer one is an error there and here.
const MAXIMUM_NANOSECONDS: u128 = i64::MAX as u128;

/// No useful duration is longer than this text (`2562047h47m16.854775807s` has 24 bytes).
const MAXIMUM_TEXT: usize = 128;

/// Digits of a fraction that can matter: an hour has 3.6e12 nanoseconds.
const FRACTION_DIGITS: usize = 18;

/// A duration that is zero or longer, printed and parsed as Go does (`1h0m0s`, `1.5s`, `100ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GoDuration(pub Duration);

/// Why a text is no duration.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DurationError {
    /// Not Go's syntax.
    #[error("{0:?} is not a duration; write it like 90s, 10m or 1h30m")]
    Syntax(String),
    /// Flux's fields hold lengths of time, a negative one makes no sense in any of them.
    #[error("duration {0:?} is negative; write it like 90s, 10m or 1h30m")]
    Negative(String),
    /// More than Go can hold (292 years).
    #[error("duration {0:?} is longer than 2562047h, the longest there is")]
    TooLong(String),
}

impl GoDuration {
    /// That many whole seconds.
    pub const fn from_secs(seconds: u64) -> GoDuration {
        GoDuration(Duration::from_secs(seconds))
    }
}

impl From<GoDuration> for Duration {
    fn from(duration: GoDuration) -> Duration {
        duration.0
    }
}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> GoDuration {
        GoDuration(duration)
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<GoDuration, DurationError> {
        let shown = || text.chars().take(MAXIMUM_TEXT).collect::<String>();
        let syntax = || DurationError::Syntax(shown());
        if text.len() > MAXIMUM_TEXT {
            return Err(syntax());
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let nanoseconds = match unsigned {
            "" => return Err(syntax()),
            "0" => 0,
            _ => sum_of_parts(unsigned).ok_or_else(syntax)?,
        };
        if negative && nanoseconds > 0 {
            return Err(DurationError::Negative(shown()));
        }
        if nanoseconds > MAXIMUM_NANOSECONDS {
            return Err(DurationError::TooLong(shown()));
        }
        let nanoseconds = u64::try_from(nanoseconds).map_err(|_| syntax())?;
        Ok(GoDuration(Duration::from_nanos(nanoseconds)))
    }
}

/// Adds up `1h30m`-like parts; `None` when the text is not made of such parts.
fn sum_of_parts(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (nanoseconds, after) = first_part(rest)?;
        sum = sum.saturating_add(nanoseconds);
        rest = after;
    }
    Some(sum)
}

/// Splits the first number with its unit off `text` and gives its nanoseconds.
fn first_part(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest
        .find(|character: char| character == '.' || character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let unit = nanoseconds_of(unit)?;
    let whole = parse_digits(whole).saturating_mul(unit);
    let fraction = fraction.get(..FRACTION_DIGITS).unwrap_or(fraction);
    let scale = u32::try_from(fraction.len())
        .ok()
        .and_then(|len| 10_u128.checked_pow(len))?;
    let fraction = parse_digits(fraction)
        .saturating_mul(unit)
        .checked_div(scale)?;
    Some((whole.saturating_add(fraction), rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The value of a run of digits (none is 0); more than fits saturates, which the caller's limit
/// then refuses.
fn parse_digits(digits: &str) -> u128 {
    if digits.is_empty() {
        0
    } else {
        digits.parse().unwrap_or(u128::MAX)
    }
}

fn nanoseconds_of(unit: &str) -> Option<u128> {
    match unit {
        "ns" => Some(1),
        // Go accepts the micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = u128::from(self.0.subsec_nanos());
        let seconds = self.0.as_secs();
        if seconds == 0 {
            return match nanoseconds {
                0 => formatter.write_str("0s"),
                1..1_000 => write!(formatter, "{nanoseconds}ns"),
                1_000..1_000_000 => write_decimal(formatter, nanoseconds, 1_000, "\u{b5}s"),
                _ => write_decimal(formatter, nanoseconds, 1_000_000, "ms"),
            };
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            write!(formatter, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(formatter, "{minutes}m")?;
        }
        let rest = u128::from(seconds % 60).saturating_mul(1_000_000_000);
        write_decimal(
            formatter,
            rest.saturating_add(nanoseconds),
            1_000_000_000,
            "s",
        )
    }
}

/// Writes `value / unit` with the shortest exact fraction.
fn write_decimal(
    formatter: &mut fmt::Formatter<'_>,
    value: u128,
    unit: u128,
    suffix: &str,
) -> fmt::Result {
    let (whole, fraction) = (value / unit, value % unit);
    write!(formatter, "{whole}")?;
    if fraction > 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        write!(formatter, ".{}", digits.trim_end_matches('0'))?;
    }
    formatter.write_str(suffix)
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<GoDuration, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests;
