//! Quantities, which the API server writes in a form of its own: `1000m` is `1` (apimachinery, `api/resource`).

use serde_json::Value;

/// Digits that are followed: quantities have at most eighteen.
const MAX_DIGITS: usize = 30;

/// Suffixes, the power that they stand for, and of which base.
const SUFFIXES: [(&str, u32, i32); 14] = [
    ("Ki", 1024, 1),
    ("Mi", 1024, 2),
    ("Gi", 1024, 3),
    ("Ti", 1024, 4),
    ("Pi", 1024, 5),
    ("Ei", 1024, 6),
    ("n", 10, -9),
    ("u", 10, -6),
    ("m", 10, -3),
    ("k", 10, 3),
    ("M", 10, 6),
    ("G", 10, 9),
    ("T", 10, 12),
    ("P", 10, 15),
];

/// Whether both are quantities, and the same one.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (value_of(one), value_of(other)) {
        (Some(one), Some(other)) => {
            (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs())
        }
        _ => false,
    }
}

fn value_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse(text),
        _ => None,
    }
}

fn parse(text: &str) -> Option<f64> {
    let suffix = SUFFIXES.iter().find(|(suffix, ..)| text.ends_with(suffix));
    let (digits, factor) = match suffix {
        Some((suffix, base, power)) => (text.strip_suffix(suffix)?, f64::from(*base).powi(*power)),
        None => (text, 1.0),
    };
    let plain = |digit: char| digit.is_ascii_digit() || matches!(digit, '.' | '-' | '+');
    let is_number = !digits.is_empty() && digits.len() <= MAX_DIGITS && digits.chars().all(plain);
    Some(digits.parse::<f64>().ok().filter(|_| is_number)? * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_quantity_in_two_forms_is_the_same() {
        for (one, other) in [
            (json!("1000m"), json!("1")),
            (json!(1), json!("1")),
            (json!("1024Mi"), json!("1Gi")),
            (json!("0.5"), json!("500m")),
            (json!("1k"), json!("1000")),
        ] {
            assert!(is_same(&one, &other), "{one} {other}");
        }
        for (one, other) in [
            (json!("1001m"), json!("1")),
            (json!("1G"), json!("1Gi")),
            (json!("m"), json!("m ")),
            (json!("1.2.3"), json!("1.2.3")),
            (json!(true), json!("1")),
        ] {
            assert!(!is_same(&one, &other), "{one} {other}");
        }
    }
}
