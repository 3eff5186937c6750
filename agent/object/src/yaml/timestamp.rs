//! Times as go-yaml recognises them, read as Go's `time.Parse` reads its four forms.

use std::fmt::Write as _;

/// A time, with the zone it was written in.
struct Timestamp<'t> {
    date: [u32; 3],
    clock: [u32; 3],
    /// The digits behind the point.
    fraction: &'t str,
    zone: &'t str,
}

/// Whether a text is a time to go-yaml.
pub(super) fn is_timestamp(text: &str) -> bool {
    parse(text).is_some()
}

/// The text Go's JSON encoder writes for a time (RFC 3339); none when the text is no time.
pub(super) fn rfc3339(text: &str) -> Option<String> {
    let Timestamp {
        date: [year, month, day],
        clock: [hour, minute, second],
        fraction,
        zone,
    } = parse(text)?;
    let mut written = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let nanoseconds = fraction
        .get(..NANOSECOND_DIGITS)
        .unwrap_or(fraction)
        .trim_end_matches('0');
    if !nanoseconds.is_empty() {
        write!(written, ".{nanoseconds}").ok()?;
    }
    let utc = matches!(zone, "" | "+00:00" | "-00:00");
    written.push_str(if utc { "Z" } else { zone });
    Some(written)
}

/// Go keeps a time to the nanosecond.
const NANOSECOND_DIGITS: usize = 9;

fn parse(text: &str) -> Option<Timestamp<'_>> {
    let (date, rest) = split_date(text)?;
    let Some(separator) = rest.chars().next() else {
        return Some(Timestamp {
            date,
            clock: [0; 3],
            fraction: "",
            zone: "",
        });
    };
    let (clock, fraction, zone) = split_clock(rest.get(separator.len_utf8()..)?)?;
    let zone = match separator {
        'T' | 't' if zone == "Z" => "",
        'T' | 't' if is_offset(zone) => zone,
        ' ' if zone.is_empty() => "",
        _ => return None,
    };
    Some(Timestamp {
        date,
        clock,
        fraction,
        zone,
    })
}

/// `YYYY-M-D` at the start, a day of the calendar, and the text behind it.
fn split_date(text: &str) -> Option<([u32; 3], &str)> {
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
    (1..=days)
        .contains(&day)
        .then_some(([year, month, day], rest))
}

/// `H:M:S[.fraction]` at the start, the digits of the fraction, and the text behind them.
fn split_clock(text: &str) -> Option<([u32; 3], &str, &str)> {
    let (hour, rest) = one_or_two_digits(text)?;
    let (minute, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    let (second, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let clock = [hour, minute, second];
    let Some(behind_point) = rest.strip_prefix(['.', ',']) else {
        return Some((clock, "", rest));
    };
    let digits = behind_point.bytes().take_while(u8::is_ascii_digit).count();
    match behind_point.split_at_checked(digits)? {
        ("", _) => Some((clock, "", rest)),
        (fraction, zone) => Some((clock, fraction, zone)),
    }
}

/// `±HH:MM`; Go takes up to 24 hours and 60 minutes.
fn is_offset(text: &str) -> bool {
    let within = |part: &str, most: u32| {
        part.len() == 2 && only_digits(part) && part.parse::<u32>().is_ok_and(|n| n <= most)
    };
    let offset = text
        .strip_prefix(['+', '-'])
        .and_then(|offset| offset.split_once(':'));
    offset.is_some_and(|(hours, minutes)| within(hours, 24) && within(minutes, 60))
}

fn one_or_two_digits(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

fn only_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        let check = |text: &str, expected: &str| {
            assert_eq!(rfc3339(text).as_deref(), Some(expected), "{text}");
        };
        check("2001-1-2", "2001-01-02T00:00:00Z");
        check(
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14T21:59:43.1-05:00",
        );
        check("2001-12-14 1:2:3", "2001-12-14T01:02:03Z");
        check(
            "2001-12-14T21:59:43,1234567891Z",
            "2001-12-14T21:59:43.123456789Z",
        );
        check("2001-12-14T21:59:43+00:00", "2001-12-14T21:59:43Z");
        check("2000-02-29", "2000-02-29T00:00:00Z");
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        for text in [
            "",
            "2001",
            "2001-01",
            "2001-1-",
            "2001-13-01",
            "1900-02-29",
            "2001-01-32",
            "01-01-01",
            "2001-01-01x",
            "2001-01-01T",
            "2001-01-01T1:2",
            "2001-01-01T25:00:00Z",
            "2001-01-01T00:00:00",
            "2001-01-01 00:00:00Z",
            "2001-01-01 00:00:00.",
            "2001-001-01",
            "2001-01-01T00:00:00+1:00",
            "2001-01-01T00:00:00+25:00",
            "+2001-01-01",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
