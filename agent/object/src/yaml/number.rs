//! Numbers as Go writes them.

use serde_json::Number;

/// What Go's JSON encoder writes without an exponent, and so go-yaml reads as an integer again.
const PLAIN_FLOAT_LIMIT: f64 = 1e21;
/// What no unsigned integer of 64 bits reaches: 2^64.
const UNSIGNED_LIMIT: f64 = 18_446_744_073_709_551_616.0;
/// The exponents Go's `g` form of the shortest digits does without (strconv/ftoa.go).
const PLAIN_EXPONENTS: std::ops::Range<i32> = -4..6;

/// A float as it comes through Go's JSON into Kubernetes: an integral one is an integer. None for
/// what JSON cannot hold.
pub(super) fn from_float(value: f64) -> Option<Number> {
    match integer(value) {
        Some(whole) => Some(Number::from(whole)),
        None => Number::from_f64(value),
    }
}

/// An unsigned integer over the largest `i64`: Kubernetes keeps it as a float.
pub(super) fn from_unsigned(value: u64) -> Option<Number> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "Kubernetes loses it in the same way"
    )]
    Number::from_f64(value as f64)
}

/// A number as sigs.k8s.io/yaml writes it.
pub(super) fn text(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => match unsigned(value) {
            Some(whole) => whole,
            None => float_text(value),
        },
        _ => number.to_string(),
    }
}

/// A number as Flux writes it for a digest: it looks at the float, not at its JSON.
pub(super) fn exact_text(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    match integer(value) {
        Some(whole) => whole.to_string(),
        None if value.fract() == 0.0 && value > 0.0 && value < UNSIGNED_LIMIT => {
            format!("{value:.0}")
        }
        None => float_text(value),
    }
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`.
pub(super) fn float_text(value: f64) -> String {
    general(&format!("{value:e}"))
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 32)`, the form of a float that is a key.
pub(super) fn short_float_text(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sigs.k8s.io/yaml prints keys as float32"
    )]
    let value = value as f32;
    general(&format!("{value:e}"))
}

/// The value as an `i64` when it is one exactly.
fn integer(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared with the value again"
    )]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with the value before")]
    let exact = whole as f64 == value && whole != i64::MAX;
    exact.then_some(whole)
}

/// An integral float that go-yaml reads back, from its JSON form, as a 64-bit integer.
fn unsigned(value: f64) -> Option<String> {
    if value.fract() != 0.0 || value.abs() >= PLAIN_FLOAT_LIMIT {
        return None;
    }
    // A zero below zero is read back as 0.
    let text = if value == 0.0 {
        "0".to_owned()
    } else {
        value.to_string()
    };
    (text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()).then_some(text)
}

/// `d.ddde±x` in Go's `g` form of the shortest digits.
fn general(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    if !PLAIN_EXPONENTS.contains(&exponent) {
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{exponent_sign}{:02}", exponent.abs());
    }
    let digits: String = mantissa
        .chars()
        .filter(|character| *character != '.')
        .collect();
    match usize::try_from(exponent) {
        Err(_) => {
            let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
            format!("{sign}0.{zeros}{digits}")
        }
        Ok(exponent) if digits.len() <= exponent + 1 => {
            let zeros = "0".repeat(exponent + 1 - digits.len());
            format!("{sign}{digits}{zeros}")
        }
        Ok(exponent) => {
            let (whole, fraction) = digits.split_at(exponent + 1);
            format!("{sign}{whole}.{fraction}")
        }
    }
}
