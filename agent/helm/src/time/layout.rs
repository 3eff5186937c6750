//! Go's layouts: times written and read by the example `Mon Jan 2 15:04:05 MST 2006`.

mod read;

use jiff::civil::Weekday;
use jiff::tz::Offset;

use crate::time::Time;

pub(crate) use crate::time::layout::read::parse;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A piece of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    LongMonth,
    Month,
    MonthNumber {
        padded: bool,
    },
    LongWeekday,
    Weekday,
    Day {
        pad: Pad,
    },
    YearDay {
        pad: Pad,
    },
    Hour,
    Hour12 {
        padded: bool,
    },
    Minute {
        padded: bool,
    },
    Second {
        padded: bool,
    },
    LongYear,
    Year,
    Noon {
        upper: bool,
    },
    ZoneName,
    Zone(ZoneStyle),
    Fraction {
        digits: usize,
        kept: bool,
        comma: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    Nothing,
    Blank,
    Zero,
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ZoneStyle {
    /// `Z` for UTC.
    pub(super) z: bool,
    pub(super) colon: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

/// The literal text before the first piece, that piece, and the rest.
pub(super) fn next_piece(layout: &str) -> (&str, Option<Piece>, &str) {
    for (at, _) in layout.char_indices() {
        let rest = layout.get(at..).unwrap_or_default();
        let before = layout.get(..at).unwrap_or_default();
        if let Some((piece, length)) = piece_at(before, rest) {
            // `_2006` is a literal `_` before the year.
            let literal = layout.get(..at).unwrap_or_default();
            return (literal, Some(piece), rest.get(length..).unwrap_or_default());
        }
    }
    (layout, None, "")
}

fn piece_at(before: &str, rest: &str) -> Option<(Piece, usize)> {
    let lower_follows = |length: usize| {
        let next = rest.as_bytes().get(length);
        next.is_some_and(u8::is_ascii_lowercase)
    };
    let fixed: &[(&str, Piece)] = &[
        ("January", Piece::LongMonth),
        ("Monday", Piece::LongWeekday),
        ("MST", Piece::ZoneName),
        ("002", Piece::YearDay { pad: Pad::Zero }),
        ("01", Piece::MonthNumber { padded: true }),
        ("02", Piece::Day { pad: Pad::Zero }),
        ("03", Piece::Hour12 { padded: true }),
        ("04", Piece::Minute { padded: true }),
        ("05", Piece::Second { padded: true }),
        ("06", Piece::Year),
        ("15", Piece::Hour),
        ("2006", Piece::LongYear),
        ("__2", Piece::YearDay { pad: Pad::Blank }),
        ("PM", Piece::Noon { upper: true }),
        ("pm", Piece::Noon { upper: false }),
    ];
    if let Some((text, piece)) = fixed.iter().find(|(text, _)| rest.starts_with(text)) {
        return Some((*piece, text.len()));
    }
    if rest.starts_with("Jan") && !lower_follows(3) {
        return Some((Piece::Month, 3));
    }
    if rest.starts_with("Mon") && !lower_follows(3) {
        return Some((Piece::Weekday, 3));
    }
    if rest.starts_with("_2") && !rest.starts_with("_2006") {
        return Some((Piece::Day { pad: Pad::Blank }, 2));
    }
    let digit = match rest.as_bytes().first()? {
        b'1' => Piece::MonthNumber { padded: false },
        b'2' => Piece::Day { pad: Pad::Nothing },
        b'3' => Piece::Hour12 { padded: false },
        b'4' => Piece::Minute { padded: false },
        b'5' => Piece::Second { padded: false },
        b'-' | b'Z' => return zone_at(rest),
        b'.' | b',' => return fraction_at(before, rest),
        _ => return None,
    };
    Some((digit, 1))
}

fn zone_at(rest: &str) -> Option<(Piece, usize)> {
    let (first, body) = rest.split_at_checked(1)?;
    let styles = [
        ("07:00:00", true, true, true),
        ("070000", false, true, true),
        ("07:00", true, true, false),
        ("0700", false, true, false),
        ("07", false, false, false),
    ];
    let found = styles.into_iter().find(|(text, ..)| body.starts_with(text));
    let (text, colon, minutes, seconds) = found?;
    let style = ZoneStyle {
        z: first == "Z",
        colon,
        minutes,
        seconds,
    };
    Some((Piece::Zone(style), text.len() + 1))
}

/// `.000` or `.999`, with a point or a comma, and no digit after it.
fn fraction_at(_before: &str, rest: &str) -> Option<(Piece, usize)> {
    let bytes = rest.as_bytes();
    let digit = *bytes.get(1)?;
    if !matches!(digit, b'0' | b'9') {
        return None;
    }
    let digits = bytes.iter().skip(1).take_while(|byte| **byte == digit);
    let digits = digits.count();
    if bytes.get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let piece = Piece::Fraction {
        digits,
        kept: digit == b'0',
        comma: bytes.first() == Some(&b','),
    };
    Some((piece, 1 + digits))
}

/// Writes a time by a layout.
pub(crate) fn format(time: &Time, layout: &str) -> String {
    let mut text = String::new();
    let mut rest = layout;
    while !rest.is_empty() {
        let (literal, piece, after) = next_piece(rest);
        text.push_str(literal);
        if let Some(piece) = piece {
            write(&mut text, time, piece);
        }
        rest = after;
    }
    text
}

fn write(text: &mut String, time: &Time, piece: Piece) {
    let zoned = time.zoned();
    let hour12 = match zoned.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let written = match piece {
        Piece::LongMonth => month(zoned.month()).to_owned(),
        Piece::Month => month(zoned.month()).chars().take(3).collect(),
        Piece::MonthNumber { padded } => number(zoned.month().into(), padded),
        Piece::LongWeekday => weekday(zoned.weekday()).to_owned(),
        Piece::Weekday => weekday(zoned.weekday()).chars().take(3).collect(),
        Piece::Day { pad: Pad::Blank } => format!("{:2}", zoned.day()),
        Piece::Day { pad } => number(zoned.day().into(), pad == Pad::Zero),
        Piece::YearDay { pad: Pad::Zero } => format!("{:03}", zoned.day_of_year()),
        Piece::YearDay { .. } => format!("{:3}", zoned.day_of_year()),
        Piece::Hour => number(zoned.hour().into(), true),
        Piece::Hour12 { padded } => number(hour12.into(), padded),
        Piece::Minute { padded } => number(zoned.minute().into(), padded),
        Piece::Second { padded } => number(zoned.second().into(), padded),
        Piece::LongYear => format!("{:04}", zoned.year()),
        Piece::Year => format!("{:02}", zoned.year().rem_euclid(100)),
        Piece::Noon { upper } => {
            let noon = if zoned.hour() >= 12 { "PM" } else { "AM" };
            if upper {
                noon.to_owned()
            } else {
                noon.to_lowercase()
            }
        }
        Piece::ZoneName => zone_name(time),
        Piece::Zone(style) => offset(zoned.offset(), style),
        Piece::Fraction {
            digits,
            kept,
            comma,
        } => fraction(zoned.subsec_nanosecond(), digits, kept, comma),
    };
    text.push_str(&written);
}

fn month(month: i8) -> &'static str {
    super::month_name(month.into()).unwrap_or_default()
}

fn weekday(weekday: Weekday) -> &'static str {
    super::weekday_name(weekday.to_sunday_zero_offset().into()).unwrap_or_default()
}

fn number(value: i64, padded: bool) -> String {
    if padded {
        format!("{value:02}")
    } else {
        value.to_string()
    }
}

fn zone_name(time: &Time) -> String {
    let zoned = time.zoned();
    let info = zoned.time_zone().to_offset_info(zoned.timestamp());
    let name = info.abbreviation();
    // Go writes a zone without a name as its offset.
    if name.starts_with(['+', '-']) {
        let style = ZoneStyle {
            z: false,
            colon: false,
            minutes: zoned.offset().seconds() % 3600 != 0,
            seconds: false,
        };
        return offset(zoned.offset(), style);
    }
    name.to_owned()
}

fn offset(offset: Offset, style: ZoneStyle) -> String {
    let seconds = offset.seconds();
    if style.z && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let colon = if style.colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}", seconds / 3600);
    if style.minutes {
        text.push_str(&format!("{colon}{:02}", seconds / 60 % 60));
    }
    if style.seconds {
        text.push_str(&format!("{colon}{:02}", seconds % 60));
    }
    text
}

fn fraction(nanoseconds: i32, digits: usize, kept: bool, comma: bool) -> String {
    let all = format!("{:09}", nanoseconds.unsigned_abs());
    let mut shown: String = all
        .chars()
        .chain(std::iter::repeat('0'))
        .take(digits)
        .collect();
    if !kept {
        shown.truncate(shown.trim_end_matches('0').len());
        if shown.is_empty() {
            return shown;
        }
    }
    format!("{}{shown}", if comma { ',' } else { '.' })
}
