//! The type a scalar has, as go-yaml v2 resolves it (YAML 1.1 without base 60 numbers).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

const LONG_TAG_PREFIX: &str = "tag:yaml.org,2002:";
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD);

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Type {
    Null,
    Bool(bool),
    Integer(i64),
    /// An integer over the largest `i64`.
    Unsigned(u64),
    Float(f64),
    /// Its text.
    Text,
}

/// A scalar that was read by its tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tagged {
    /// The text, or what the text means.
    As(Type),
    /// Text that stands in base64.
    Decoded(String),
}

/// The type of a plain scalar without a tag.
pub(super) fn plain_type(text: &str) -> Type {
    let Some(first) = text.bytes().next() else {
        return Type::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match special_float(text) {
            Some(value) => Type::Float(value),
            None => fraction(text),
        },
        b'+' | b'-' => match special_float(text) {
            Some(value) => Type::Float(value),
            None => number(text),
        },
        b'0'..=b'9' => number(text),
        _ => Type::Text,
    }
}

/// The value of a scalar with a tag, or why the text does not fit the tag.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Tagged, String> {
    let short = tag.strip_prefix(LONG_TAG_PREFIX);
    let found = plain_type(text);
    let fits = match short {
        Some("binary") => return binary(text).map(Tagged::Decoded),
        Some("null") => found == Type::Null,
        Some("bool") => matches!(found, Type::Bool(_)),
        Some("int") => matches!(found, Type::Integer(_) | Type::Unsigned(_)),
        Some("float") => match found {
            // Integers may be written under the tag, and the largest unsigned ones may not.
            Type::Integer(_) | Type::Float(_) => true,
            _ => false,
        },
        // A timestamp stays text, and so does everything under a tag nobody knows.
        _ => return Ok(Tagged::As(Type::Text)),
    };
    if fits {
        Ok(Tagged::As(found))
    } else {
        Err(format!("`{text}` is no !!{}", short.unwrap_or(tag)))
    }
}

/// Whether text would read back as something else, or as a time, when written without quotes.
pub(super) fn needs_quotes(text: &str) -> bool {
    plain_type(text) != Type::Text || is_timestamp(text) || is_base60(text)
}

fn word(text: &str) -> Type {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Type::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Type::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Type::Null,
        _ => Type::Text,
    }
}

fn special_float(text: &str) -> Option<f64> {
    let (sign, name) = match text.strip_prefix(['+', '-']) {
        Some(name) if text.starts_with('-') => (-1.0, name),
        Some(name) => (1.0, name),
        None => (1.0, text),
    };
    match name {
        ".inf" | ".Inf" | ".INF" => Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if name.len() == text.len() => Some(f64::NAN),
        _ => None,
    }
}

fn number(text: &str) -> Type {
    let without_underscores;
    let digits = if text.contains('_') {
        without_underscores = text.replace('_', "");
        without_underscores.as_str()
    } else {
        text
    };
    integer(digits).unwrap_or_else(|| float(digits))
}

/// An integer as Go's `strconv.ParseInt(text, 0, 64)` and `ParseUint` read it: decimal, `0x`,
/// `0o` or a leading zero, `0b`.
fn integer(text: &str) -> Option<Type> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, unsigned.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, unsigned.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Type::Integer);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Type::Integer(value)),
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Type::Unsigned(magnitude)),
    }
}

/// A float that starts with its point; Go takes underscores between its digits.
fn fraction(text: &str) -> Type {
    let between_digits = |(index, _): (usize, &str)| {
        let digit_at = |at: Option<usize>| {
            at.and_then(|at| text.as_bytes().get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit_at(index.checked_sub(1)) && digit_at(index.checked_add(1))
    };
    if !text.contains('_') {
        float(text)
    } else if text.match_indices('_').all(between_digits) {
        float(&text.replace('_', ""))
    } else {
        Type::Text
    }
}

/// A float in go-yaml's pattern; one that is too large for 64 bits stays text.
fn float(text: &str) -> Type {
    if !looks_like_float(text) {
        return Type::Text;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Type::Float(value),
        _ => Type::Text,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn looks_like_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && only_digits(fraction),
        Some((whole, fraction)) => only_digits(whole) && only_digits(fraction),
        None => !mantissa.is_empty() && only_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && only_digits(digits)
    });
    mantissa_fits && exponent_fits
}

fn only_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Base64 text; what is no UTF-8 becomes U+FFFD, as when Go writes the bytes into JSON.
fn binary(text: &str) -> Result<String, String> {
    let packed: String = text
        .chars()
        .filter(|char| !matches!(char, '\n' | '\r'))
        .collect();
    match BASE64.decode(packed) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("the !!binary value is no base64: {error}")),
    }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: other YAML 1.1 readers see a number, so Go
/// quotes it.
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let digits_or_underscores = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let sixtieths = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    whole.contains(':')
        && first.starts_with(|char: char| char.is_ascii_digit())
        && digits_or_underscores(first)
        && parts.all(sixtieths)
        && digits_or_underscores(fraction)
}

/// The four forms go-yaml v2 takes for a time, read as Go's `time.Parse` reads them.
fn is_timestamp(text: &str) -> bool {
    let Some((date, clock)) = split_date(text) else {
        return false;
    };
    match clock.chars().next() {
        None => date,
        Some('T' | 't') => {
            date && clock
                .get(1..)
                .and_then(after_clock)
                .is_some_and(is_time_zone)
        }
        Some(' ') => date && clock.get(1..).and_then(after_clock) == Some(""),
        Some(_) => false,
    }
}

/// Whether `YYYY-M-D` at the start is a day of the calendar, and the text behind it.
fn split_date(text: &str) -> Option<(bool, &str)> {
    let (year, rest) = text.split_once('-')?;
    if year.len() != 4 || !only_digits(year) {
        return None;
    }
    let (month, rest) = one_or_two_digits(rest)?;
    let (day, rest) = one_or_two_digits(rest.strip_prefix('-')?)?;
    let year: u32 = year.parse().ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    Some(((1..=days).contains(&day), rest))
}

/// The text behind `H:M:S[.fraction]`.
fn after_clock(text: &str) -> Option<&str> {
    let (hour, rest) = one_or_two_digits(text)?;
    let (minute, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    let (second, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = rest.strip_prefix(['.', ',']).unwrap_or_default();
    let after = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
    Some(if after.len() < fraction.len() {
        after
    } else {
        rest
    })
}

/// `Z` or `±HH:MM`; Go takes up to 24 hours and 60 minutes.
fn is_time_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else {
        return text == "Z";
    };
    let Some((hours, minutes)) = offset.split_once(':') else {
        return false;
    };
    let within = |part: &str, most: u32| {
        part.len() == 2 && only_digits(part) && part.parse::<u32>().is_ok_and(|n| n <= most)
    };
    within(hours, 24) && within(minutes, 60)
}

fn one_or_two_digits(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}
