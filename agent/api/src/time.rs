//! Points in time as Kubernetes writes them: RFC 3339, UTC, whole seconds.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A `metav1.Time`. Fractions of a second are dropped, so a value read back from the API server
/// equals the value that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Timestamp);

impl Time {
    /// Takes any timestamp, gives its second.
    pub fn new(timestamp: Timestamp) -> Time {
        let whole = Timestamp::from_second(timestamp.as_second());
        // `as_second` of a valid timestamp is always in range; the other arm keeps this total.
        Time(whole.unwrap_or(timestamp))
    }

    /// The timestamp, always at a whole second.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Whole seconds from `earlier` to `self`; negative when `earlier` is later.
    pub fn seconds_since(self, earlier: Time) -> i64 {
        self.0.as_second().saturating_sub(earlier.0.as_second())
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Time {
        Time::new(timestamp)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        let timestamp: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Time::new(timestamp))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_and_without_a_fraction() {
        let time: Time = serde_json::from_value("2026-03-01T10:20:30.987+02:00".into()).unwrap();
        assert_eq!(serde_json::to_value(time).unwrap(), "2026-03-01T08:20:30Z");
    }

    #[test]
    fn seconds_between_two_times_have_a_sign() {
        let early = Time::new(Timestamp::from_second(10).unwrap());
        let late = Time::new(Timestamp::from_second(25).unwrap());
        assert_eq!(
            (late.seconds_since(early), early.seconds_since(late)),
            (15, -15)
        );
    }

    #[test]
    fn a_time_before_1970_keeps_a_whole_second() {
        let time = Time::new("1969-12-31T23:59:58.25Z".parse().unwrap());
        assert_eq!(
            time,
            serde_json::from_value(serde_json::to_value(time).unwrap()).unwrap()
        );
    }
}
