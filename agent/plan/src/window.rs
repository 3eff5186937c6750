//! When new revisions may be applied: days of the week and hours of the day, in UTC.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Such as `Mon-Fri 22:00-06:00`. A window that ends before it begins ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens.
    days: [bool; 7],
    from: Time,
    to: Time,
}

/// As a week begins in ISO 8601.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

// === impl Window ===

impl Window {
    /// Reads `[DAYS] FROM-TO`; days are `Sat`, `Mon-Fri` or several of these with commas, all when left out.
    ///
    /// # Errors
    /// Which part cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split_whitespace().peekable();
        let days = match parts.peek() {
            Some(first) if !first.contains(':') => {
                let days = days(first);
                parts.next();
                days?
            }
            _ => [true; 7],
        };
        let hours = parts
            .next()
            .ok_or("it says no hours, such as 22:00-06:00")?;
        let (from, to) = hours
            .split_once('-')
            .ok_or_else(|| format!("{hours:?} is no span of hours, such as 22:00-06:00"))?;
        if let Some(more) = parts.next() {
            return Err(format!("{more:?} comes after the hours, which are in UTC"));
        }
        Ok(Window {
            days,
            from: hour(from)?,
            to: hour(to)?,
        })
    }

    /// When it opens next; `None` while it is open.
    pub fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let now = &now.to_zoned(TimeZone::UTC);
        // The one that opened yesterday may still be open; the next one is a week away at most.
        let mut openings = (-1..=7).filter_map(|day| self.on(now, day));
        let (from, _) = openings.find(|(_, to)| to > now)?;
        (from > *now).then(|| from.timestamp())
    }

    /// Begin and end of the window that opens so many days after today.
    fn on(&self, now: &Zoned, day: i64) -> Option<(Zoned, Zoned)> {
        let date = now.date().checked_add(Span::new().days(day)).ok()?;
        let index = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        if !self.days.get(index).copied().unwrap_or(false) {
            return None;
        }
        let last = if self.to > self.from {
            date
        } else {
            date.tomorrow().ok()?
        };
        let zone = now.time_zone();
        let from = date.to_datetime(self.from).to_zoned(zone.clone()).ok()?;
        let to = last.to_datetime(self.to).to_zoned(zone.clone()).ok()?;
        Some((from, to))
    }
}

fn hour(text: &str) -> Result<Time, String> {
    let wrong = || format!("{text:?} is no time of day, such as 06:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| match text.len() {
        2 => text.parse::<i8>().map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).map_err(|_| wrong())
}

fn days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for span in text.split(',') {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        let (first, last) = (index(first)?, index(last)?);
        // From Sat to Mon goes over the end of the week.
        let length = (last + 7 - first) % 7;
        for offset in 0..=length {
            if let Some(day) = days.get_mut((first + offset) % 7) {
                *day = true;
            }
        }
    }
    Ok(days)
}

fn index(name: &str) -> Result<usize, String> {
    let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("{name:?} is no day: Mon, Tue, Wed, Thu, Fri, Sat or Sun"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the window opens, seen from then; empty while it is open.
    fn opens(window: &str, now: &str) -> String {
        let opens = Window::parse(window).unwrap().opens(now.parse().unwrap());
        opens.map_or(String::new(), |at| at.strftime("%a %d %H:%M").to_string())
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_to_its_last_and_opens_on_its_days() {
        // 2026-11-26 is a Thursday.
        for (window, now, expected) in [
            ("02:00-05:00", "2026-11-26T01:59:00Z", "Thu 26 02:00"),
            ("02:00-05:00", "2026-11-26T02:00:00Z", ""),
            ("02:00-05:00", "2026-11-26T05:00:00Z", "Fri 27 02:00"),
            (
                "Sat,Sun 02:00-05:00",
                "2026-11-26T03:00:00Z",
                "Sat 28 02:00",
            ),
            ("Mon-Fri 22:00-06:00", "2026-11-26T23:00:00Z", ""),
            ("Mon-Fri 22:00-06:00", "2026-11-28T05:59:00Z", ""),
            (
                "Mon-Fri 22:00-06:00",
                "2026-11-28T06:00:00Z",
                "Mon 30 22:00",
            ),
            (
                "Sat-Mon 10:00-11:00",
                "2026-11-26T12:00:00Z",
                "Sat 28 10:00",
            ),
            ("Thu 00:00-00:00", "2026-11-26T23:59:00Z", ""),
            ("Wed 10:00-11:00", "2026-11-26T12:00:00Z", "Wed 02 10:00"),
            ("Thu 10:00-11:00", "2026-11-26T12:00:00Z", "Thu 03 10:00"),
        ] {
            assert_eq!(opens(window, now), expected, "{window} at {now}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, said) in [
            ("", "no hours"),
            ("Sat", "no hours"),
            ("Satday 02:00-05:00", "\"Satday\" is no day"),
            ("02:00", "no span"),
            ("2:00-5:00", "\"2:00\" is no time of day"),
            ("02:00-25:00", "\"25:00\" is no time of day"),
            (
                "02:00-05:00 Europe/Berlin",
                "\"Europe/Berlin\" comes after the hours, which are in UTC",
            ),
        ] {
            let error = Window::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
