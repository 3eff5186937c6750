//! JSON as encoding/json writes it, for what derives `Serialize`.

use std::fmt;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::{CharEscape, Formatter, Serializer as JsonSerializer};

use crate::format::float::json_float;

/// Go's zero time as it writes it.
const ZERO: &str = "0001-01-01T00:00:00Z";

/// An instant as a release keeps it, with the zone of whoever wrote it: the digest is over the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(String);

/// Writes numbers as Go does, and escapes what Go escapes for the sake of web pages.
struct Go;

// === impl Time ===

impl Time {
    /// The text: RFC 3339 with up to nine digits after the second.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.to_string())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// === impl Formatter ===

impl Formatter for Go {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(json_float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let special = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        for part in fragment.split_inclusive(special) {
            let mut plain = part.chars();
            match plain.next_back() {
                Some(last) if special.contains(&last) => {
                    writer.write_all(plain.as_str().as_bytes())?;
                    write!(writer, "\\u{:04x}", u32::from(last))?;
                }
                _ => writer.write_all(part.as_bytes())?,
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// The JSON of a value as encoding/json writes it.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut json = Vec::new();
    let written = value.serialize(&mut JsonSerializer::with_formatter(&mut json, Go));
    debug_assert!(written.is_ok(), "a Vec takes all bytes, and keys are text");
    json
}

/// Reads a time; none where there is none, where it is empty (Helm 3 wrote that), and where it is Go's zero.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let text = text.filter(|text| !text.is_empty() && text != ZERO);
    if let Some(text) = &text
        && text.parse::<Timestamp>().is_err()
    {
        let message = format!("{text:?} is no time as RFC 3339 writes it");
        return Err(serde::de::Error::custom(message));
    }
    Ok(text.map(Time))
}

/// Writes a time that is never left out.
pub(super) fn required<S: Serializer>(
    time: &Option<Time>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(time.as_ref().map_or(ZERO, Time::as_str))
}
