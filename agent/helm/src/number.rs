//! Numbers in text, as Go's strconv reads them.

/// Reads an integer as `strconv.ParseInt(text, base, 64)` does; base 0 takes Go's prefixes and `_`.
pub(crate) fn parse_integer(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = parse_unsigned(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a number without sign as `strconv.ParseUint(text, base, 64)` does.
pub(crate) fn parse_unsigned(text: &str, base: u32) -> Option<u64> {
    let (radix, digits) = if base == 0 {
        prefix(text)
    } else {
        (base, text)
    };
    if base == 0 && digits.contains('_') {
        if !underscores_are_right(text) {
            return None;
        }
        return from_digits(&digits.replace('_', ""), radix);
    }
    from_digits(digits, radix)
}

fn from_digits(digits: &str, radix: u32) -> Option<u64> {
    // from_str_radix takes a sign, Go does not.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

fn prefix(text: &str) -> (u32, &str) {
    let lower = text.get(..2).map(str::to_ascii_lowercase);
    let radix = match lower.as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ if text.len() > 1 && text.starts_with('0') => {
            return (8, text.get(1..).unwrap_or_default());
        }
        _ => return (10, text),
    };
    (radix, text.get(2..).unwrap_or_default())
}

/// Underscores stand between digits, or between a prefix and a digit.
fn underscores_are_right(text: &str) -> bool {
    let mut previous = '_';
    for (index, character) in text.char_indices() {
        let prefix = index == 1 && previous == '0' && character.is_ascii_alphabetic();
        if character == '_' && !(previous.is_ascii_hexdigit() || previous.is_ascii_alphabetic()) {
            return false;
        }
        previous = if prefix { 'x' } else { character };
    }
    previous != '_'
}

/// Reads a float as `strconv.ParseFloat(text, 64)` does: decimal with exponent, hexadecimal, `inf`, `nan`;
/// a number too large is none.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = body.to_ascii_lowercase();
    if let Some(hexadecimal) = lower.strip_prefix("0x") {
        let value = parse_hexadecimal(&hexadecimal.replace('_', ""))?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    match lower.as_str() {
        "inf" | "infinity" | "nan" => {}
        _ if !lower.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            return None;
        }
        _ => {}
    }
    let plain = if text.contains('_') {
        // Underscores are only allowed with a base prefix in ParseFloat.
        return None;
    } else {
        text
    };
    let value: f64 = plain.parse().ok()?;
    (value.is_finite() || lower.starts_with(['i', 'n'])).then_some(value)
}

fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let value = value * 2f64.powi(exponent.checked_sub(shift)?);
    value.is_finite().then_some(value)
}
