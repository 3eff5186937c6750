//! Floats as Go's strconv writes them.

/// Without an exponent, whatever the size (`'f'`): what a MAC is made of.
pub(crate) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// As SOPS writes it where everything is text (`'G'`): never like an integer.
pub(crate) fn precise(value: f64) -> String {
    let written = exponent_outside(value, -4, 6).to_uppercase();
    if written.contains(['.', 'E']) {
        written
    } else {
        format!("{value:.1}")
    }
}

/// As encoding/json: with an exponent from 1e21 on and below 1e-6, which has no leading zero there.
pub(crate) fn json(value: f64) -> String {
    exponent_outside(value, -6, 21).replace("e-0", "e-")
}

fn exponent_outside(value: f64, lowest: i32, highest: i32) -> String {
    if !value.is_finite() || value == 0.0 {
        return plain(value);
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (lowest..highest).contains(&exponent) {
        return plain(value);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (value, plainly, precisely, as_json) in [
            (1.5, "1.5", "1.5", "1.5"),
            (1.0, "1", "1.0", "1"),
            (-0.0, "-0", "-0.0", "-0"),
            (123_456.0, "123456", "123456.0", "123456"),
            (1_234_567.0, "1234567", "1.234567E+06", "1234567"),
            (1e21, "1000000000000000000000", "1E+21", "1e+21"),
            (0.0001, "0.0001", "0.0001", "0.0001"),
            (0.00001, "0.00001", "1E-05", "0.00001"),
            (1e-7, "0.0000001", "1E-07", "1e-7"),
            (2.5e-10, "0.00000000025", "2.5E-10", "2.5e-10"),
        ] {
            assert_eq!(plain(value), plainly);
            assert_eq!(precise(value), precisely);
            assert_eq!(json(value), as_json);
        }
        assert_eq!(plain(f64::NEG_INFINITY), "-Inf");
    }
}
