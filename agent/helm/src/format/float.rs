//! Floats as text, as Go's `strconv.FormatFloat` writes them.

/// Writes a float by Go's format letter (`e`, `E`, `f`, `g`, `G`); without a precision, with the fewest
/// digits that read back the same.
pub(crate) fn format_float(value: f64, format: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match format {
        'e' | 'E' => scientific(value, format, precision),
        'g' | 'G' => general(value, format, precision),
        _ => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
    }
}

/// Mantissa digits and Go's exponent of two digits at least.
fn scientific(value: f64, letter: char, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

fn general(value: f64, letter: char, precision: Option<usize>) -> String {
    let letter = if letter == 'G' { 'E' } else { 'e' };
    let rounded = match precision {
        Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let digits = mantissa
        .trim_start_matches('-')
        .replace('.', "")
        .trim_end_matches('0')
        .len()
        .max(1);
    let count = i64::try_from(digits).unwrap_or(i64::MAX);
    let limit = match precision {
        // Go decides as if six digits were asked for.
        None => 6,
        Some(precision) => {
            let precision = i64::try_from(precision.max(1)).unwrap_or(i64::MAX);
            if precision > count && count > exponent {
                count
            } else {
                precision
            }
        }
    };
    if exponent < -4 || exponent >= limit {
        return scientific(value, letter, Some(digits - 1));
    }
    let decimals = usize::try_from(count - 1 - exponent).unwrap_or(0);
    format!("{value:.decimals$}")
}

/// A float as encoding/json writes it.
pub(crate) fn json_float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = scientific(value, 'e', None);
        // e-09 becomes e-9.
        return match text.split_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        };
    }
    format!("{value}")
}
