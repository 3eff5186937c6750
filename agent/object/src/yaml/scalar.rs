//! The type a scalar has, as go-yaml resolves it (YAML 1.1 without base 60 numbers).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

use crate::yaml::Dialect;
use crate::yaml::timestamp::is_timestamp;

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
pub(super) fn plain_type(dialect: Dialect, text: &str) -> Type {
    let Some(first) = text.bytes().next() else {
        return Type::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            word(dialect, text)
        }
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
pub(super) fn tagged(dialect: Dialect, tag: &str, text: &str) -> Result<Tagged, String> {
    let short = tag.strip_prefix(LONG_TAG_PREFIX);
    let found = plain_type(dialect, text);
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
    plain_type(Dialect::Kubernetes, text) != Type::Text || is_timestamp(text) || is_base60(text)
}

fn word(dialect: Dialect, text: &str) -> Type {
    match text {
        "true" | "True" | "TRUE" => return Type::Bool(true),
        "false" | "False" | "FALSE" => return Type::Bool(false),
        "~" | "null" | "Null" | "NULL" => return Type::Null,
        _ if dialect == Dialect::Kustomize => return Type::Text,
        _ => {}
    }
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Type::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Type::Bool(false),
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
