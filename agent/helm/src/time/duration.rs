//! Durations as Go reads and writes them.

/// Nanoseconds of a unit.
fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Reads `1h15m30.918s` to nanoseconds; the error is Go's.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|next: char| next == '.' || next.is_ascii_digit())
            .unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let Some(unit) = unit(name) else {
            return Err(format!("time: unknown unit {name:?} in duration {text:?}"));
        };
        let value = if whole.is_empty() {
            0
        } else {
            whole.parse::<u64>().map_err(|_| invalid())?
        };
        let nanoseconds = value.checked_mul(unit).ok_or_else(invalid)?;
        let part = format!("0.{fraction}0").parse::<f64>().unwrap_or(0.0) * unit as f64;
        total = total
            .checked_add(nanoseconds)
            .and_then(|total| total.checked_add(part as u64))
            .ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        0i64.checked_sub_unsigned(total).ok_or_else(invalid)
    } else {
        i64::try_from(total).map_err(|_| invalid())
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Writes nanoseconds as Go's `Duration.String` does.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let body = match magnitude {
        0..1_000 => format!("{magnitude}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(magnitude, 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(magnitude, 1_000_000, 6)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = decimal(magnitude % 60_000_000_000, 1_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

fn decimal(value: u64, unit: u64, places: usize) -> String {
    let fraction = format!("{:0places$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        (value / unit).to_string()
    } else {
        format!("{}.{fraction}", value / unit)
    }
}

/// To the nearest multiple of a unit, halves away from zero; unchanged where the unit is not positive.
pub(crate) fn round(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanoseconds;
    }
    let rest = nanoseconds % unit;
    let down = nanoseconds - rest;
    if rest.unsigned_abs() * 2 < unit.unsigned_abs() {
        return down;
    }
    if nanoseconds < 0 {
        down.saturating_sub(unit)
    } else {
        down.saturating_add(unit)
    }
}

/// To a multiple of a unit, towards zero.
pub(crate) fn truncate(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanoseconds;
    }
    nanoseconds - nanoseconds % unit
}
