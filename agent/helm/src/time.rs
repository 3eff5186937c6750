//! Go's time: instants in a zone, durations, layouts.

mod duration;
mod layout;

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::format::quote::quote;

pub(crate) use crate::time::duration::{duration_text, parse_duration, round, truncate};
pub(crate) use crate::time::layout::{format, parse};

/// An instant in a zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Time(Zoned);

/// Seconds from the year 1 to 1970: Go's zero time.
const YEAR_ONE: i64 = -62_135_596_800;

// === impl Time ===

impl Time {
    /// An instant in UTC, which is also what "Local" means here: the room has no environment.
    pub(crate) fn new(timestamp: Timestamp) -> Self {
        Self(timestamp.to_zoned(TimeZone::UTC))
    }

    /// Go's zero time.
    pub(crate) fn zero() -> Self {
        Self::new(Timestamp::from_second(YEAR_ONE).unwrap_or_default())
    }

    pub(crate) fn from_seconds(seconds: i64) -> Option<Self> {
        Timestamp::from_second(seconds).ok().map(Self::new)
    }

    pub(crate) fn seconds(&self) -> i64 {
        // as_second rounds towards zero, Go's Unix() down.
        let timestamp = self.0.timestamp();
        let seconds = timestamp.as_second();
        if timestamp.subsec_nanosecond() < 0 {
            seconds - 1
        } else {
            seconds
        }
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    pub(crate) fn zoned(&self) -> &Zoned {
        &self.0
    }

    pub(crate) fn from_zoned(zoned: Zoned) -> Self {
        Self(zoned)
    }

    /// The instant in another zone; UTC where the name is unknown.
    pub(crate) fn in_zone(&self, name: &str) -> Self {
        let zone = match name {
            "" | "UTC" | "Local" => TimeZone::UTC,
            name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
        };
        Self(self.0.with_time_zone(zone))
    }

    /// Moved by nanoseconds; unchanged where that leaves the years that can be written.
    pub(crate) fn plus(&self, nanoseconds: i64) -> Self {
        let moved = self
            .0
            .checked_add(jiff::SignedDuration::from_nanos(nanoseconds));
        moved.map_or_else(|_| self.clone(), Self)
    }

    /// Moved by years, months and days, what is left of a month's end carried over as Go does; unchanged
    /// where that leaves the years that can be written.
    pub(crate) fn plus_date(&self, years: i64, months: i64, days: i64) -> Self {
        self.checked_plus_date(years, months, days)
            .unwrap_or_else(|| self.clone())
    }

    fn checked_plus_date(&self, years: i64, months: i64, days: i64) -> Option<Self> {
        let date = self.0.date();
        let count = i64::from(date.year()).checked_add(years)?.checked_mul(12)?;
        let count = count.checked_add(i64::from(date.month()) - 1)?;
        let count = count.checked_add(months)?;
        let year = i16::try_from(count.div_euclid(12)).ok()?;
        let month = i8::try_from(count.rem_euclid(12) + 1).ok()?;
        let first = jiff::civil::Date::new(year, month, 1).ok()?;
        let days = days.checked_add(i64::from(date.day()) - 1)?;
        let moved = first
            .checked_add(jiff::Span::new().try_days(days).ok()?)
            .ok()?;
        let zoned = moved.to_datetime(self.0.time());
        let zoned = self.0.time_zone().to_zoned(zoned).ok()?;
        Some(Self(zoned))
    }

    /// Nanoseconds since another instant, at most what a Go duration holds.
    pub(crate) fn since(&self, other: &Self) -> i64 {
        let nanoseconds = self.timestamp().as_nanosecond() - other.timestamp().as_nanosecond();
        i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
    }

    /// As encoding/json writes it, quotes included.
    pub(crate) fn json(&self) -> String {
        quote(
            format(self, "2006-01-02T15:04:05.999999999Z07:00").as_bytes(),
            false,
        )
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format(self, "2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// The English name of a month from 1.
pub(crate) fn month_name(month: i64) -> Option<&'static str> {
    layout::MONTHS
        .get(usize::try_from(month).ok()?.checked_sub(1)?)
        .copied()
}

/// The English name of a weekday, Sunday being 0.
pub(crate) fn weekday_name(weekday: i64) -> Option<&'static str> {
    layout::WEEKDAYS
        .get(usize::try_from(weekday).ok()?)
        .copied()
}
