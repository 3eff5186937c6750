//! Times read by a layout.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::time::Time;
use crate::time::layout::{MONTHS, Pad, Piece, WEEKDAYS, ZoneStyle, next_piece};

/// What was read so far; Go's defaults for the rest.
struct Read {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
}

/// Reads a time by a layout, in UTC where it names no offset; the error is Go's.
pub(crate) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let fail = |part: &str, left: &str| {
        format!("parsing time {text:?} as {layout:?}: cannot parse {left:?} as {part:?}")
    };
    let mut read = Read {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        afternoon: None,
        offset: None,
    };
    let (mut rest_of_layout, mut rest) = (layout, text);
    loop {
        let (literal, piece, after) = next_piece(rest_of_layout);
        rest = skip_literal(literal, rest).ok_or_else(|| fail(literal, rest))?;
        let Some(piece) = piece else {
            if !rest.is_empty() {
                return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
            }
            break;
        };
        let length = rest_of_layout.len() - literal.len() - after.len();
        let name = rest_of_layout
            .get(literal.len()..literal.len() + length)
            .unwrap_or_default();
        rest = read
            .piece(piece, after, rest)
            .ok_or_else(|| fail(name, rest))?;
        rest_of_layout = after;
    }
    read.time()
        .ok_or_else(|| format!("parsing time {text:?}: out of range"))
}

/// Skips a literal; a run of blanks in it stands for any number of blanks.
fn skip_literal<'a>(literal: &str, text: &'a str) -> Option<&'a str> {
    let (mut literal, mut text) = (literal, text);
    while let Some(first) = literal.chars().next() {
        if first == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            literal = literal.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(first)?;
        literal = literal.get(first.len_utf8()..)?;
    }
    Some(text)
}

// === impl Read ===

impl Read {
    fn piece<'a>(&mut self, piece: Piece, after: &str, text: &'a str) -> Option<&'a str> {
        match piece {
            Piece::LongYear => take(text, 4, &mut self.year),
            Piece::Year => {
                let mut year: i16 = 0;
                let rest = take(text, 2, &mut year)?;
                self.year = if year >= 69 { 1900 + year } else { 2000 + year };
                Some(rest)
            }
            Piece::LongMonth => name(text, &MONTHS, usize::MAX, &mut self.month, 1),
            Piece::Month => name(text, &MONTHS, 3, &mut self.month, 1),
            Piece::LongWeekday => name(text, &WEEKDAYS, usize::MAX, &mut 0, 0),
            Piece::Weekday => name(text, &WEEKDAYS, 3, &mut 0, 0),
            Piece::MonthNumber { padded } => number(text, padded, &mut self.month),
            Piece::Day { pad } => {
                let text = if pad == Pad::Blank {
                    text.strip_prefix(' ').unwrap_or(text)
                } else {
                    text
                };
                number(text, pad == Pad::Zero, &mut self.day)
            }
            Piece::YearDay { .. } => {
                let mut day: i16 = 0;
                let rest = take(text.trim_start_matches(' '), 3, &mut day)?;
                self.year_day = Some(day);
                Some(rest)
            }
            Piece::Hour => number(text, true, &mut self.hour),
            Piece::Hour12 { padded } => number(text, padded, &mut self.hour),
            Piece::Minute { padded } => number(text, padded, &mut self.minute),
            Piece::Second { padded } => {
                let rest = number(text, padded, &mut self.second)?;
                self.optional_fraction(after, rest)
            }
            Piece::Noon { upper } => {
                let (noon, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(match (noon, upper) {
                    ("PM", true) | ("pm", false) => true,
                    ("AM", true) | ("am", false) => false,
                    _ => return None,
                });
                Some(rest)
            }
            Piece::ZoneName => {
                let end = text.find(|next: char| !next.is_ascii_uppercase());
                let end = end.unwrap_or(text.len());
                let rest = text.get(end..)?;
                (3..=5).contains(&end).then_some(rest)
            }
            Piece::Zone(style) => self.zone(style, text),
            Piece::Fraction { digits, kept, .. } => self.fraction(digits, kept, text),
        }
    }

    /// A fraction after the seconds is read even where the layout has none.
    fn optional_fraction<'a>(&mut self, layout: &str, text: &'a str) -> Option<&'a str> {
        let asked = matches!(
            next_piece(layout),
            (literal, Some(Piece::Fraction { .. }), _) if literal.is_empty()
        );
        let has_fraction = text.starts_with(['.', ','])
            && text
                .get(1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if asked || !has_fraction {
            return Some(text);
        }
        self.fraction(0, false, text)
    }

    fn fraction<'a>(&mut self, digits: usize, kept: bool, text: &'a str) -> Option<&'a str> {
        let Some(body) = text.strip_prefix(['.', ',']) else {
            return (!kept).then_some(text);
        };
        let end = body.find(|next: char| !next.is_ascii_digit());
        let (shown, rest) = body.split_at(end.unwrap_or(body.len()));
        if kept && shown.len() != digits || shown.is_empty() {
            return None;
        }
        let padded: String = shown
            .chars()
            .chain(std::iter::repeat('0'))
            .take(9)
            .collect();
        self.nanosecond = padded.parse().ok()?;
        Some(rest)
    }

    fn zone<'a>(&mut self, style: ZoneStyle, text: &'a str) -> Option<&'a str> {
        if style.z
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.offset = Some(0);
            return Some(rest);
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let mut rest = text.get(1..)?;
        let mut parts = [0i32; 3];
        let wanted = [true, style.minutes, style.seconds];
        for (index, (part, wanted)) in parts.iter_mut().zip(wanted).enumerate() {
            if !wanted {
                continue;
            }
            if index > 0 && style.colon {
                rest = rest.strip_prefix(':')?;
            }
            rest = take(rest, 2, part)?;
        }
        let [hours, minutes, seconds] = parts;
        self.offset = Some(sign * (hours * 3600 + minutes * 60 + seconds));
        Some(rest)
    }

    fn time(mut self) -> Option<Time> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let mut local = DateTime::new(
            self.year,
            self.month,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.nanosecond,
        )
        .ok()?;
        if let Some(day) = self.year_day {
            local = local.with().day_of_year(day).build().ok()?;
        }
        let zone = match self.offset {
            None | Some(0) => TimeZone::UTC,
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
        };
        zone.to_zoned(local).ok().map(Time::from_zoned)
    }
}

/// Reads exactly so many digits.
fn take<'a, T: std::str::FromStr>(text: &'a str, digits: usize, value: &mut T) -> Option<&'a str> {
    let (number, rest) = text.split_at_checked(digits)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *value = number.parse().ok()?;
    Some(rest)
}

/// Reads two digits, or one where one will do.
fn number<'a>(text: &'a str, padded: bool, value: &mut i8) -> Option<&'a str> {
    take(text, 2, value).or_else(|| if padded { None } else { take(text, 1, value) })
}

/// Reads a name, or so many letters of it, in any case.
fn name<'a>(
    text: &'a str,
    names: &[&str],
    letters: usize,
    value: &mut i8,
    first: i8,
) -> Option<&'a str> {
    for (index, name) in names.iter().enumerate() {
        let name = name.get(..letters.min(name.len()))?;
        let Some((start, rest)) = text.split_at_checked(name.len()) else {
            continue;
        };
        if start.eq_ignore_ascii_case(name) {
            *value = i8::try_from(index).ok()? + first;
            return Some(rest);
        }
    }
    None
}
