//! The pause: a ConfigMap that stops every node's writes until it ends. Not Flux's.

use serde_json::json;
use thiserror::Error;
use windlass_object::{Object, Value};

use crate::names::{FLUX_SYSTEM, PAUSE};
use crate::time::Time;

/// Longest reason and name that are kept; both are shown in one line by every command.
const MAXIMUM_TEXT: usize = 256;

/// Why nothing is written for now, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// When it ends by itself; without it only `unpause` ends it.
    pub until: Option<Time>,
    /// Why; may be empty.
    pub reason: String,
    /// Who asked for it; may be empty.
    pub by: String,
}

/// Why the ConfigMap cannot be understood. A reader must then take the cluster as paused: somebody
/// wanted writes to stop.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "ConfigMap {FLUX_SYSTEM}/{PAUSE}: until {0:?} is no time (write it like \
     2026-01-31T18:00:00Z, or delete the ConfigMap to go on)"
)]
pub struct PauseError(String);

impl Pause {
    /// Reads the ConfigMap.
    ///
    /// # Errors
    /// When `until` is no time; nothing may be written then.
    pub fn from_object(config_map: &Object) -> Result<Pause, PauseError> {
        let text = |key: &str| {
            let value = config_map
                .pointer(&format!("/data/{key}"))
                .and_then(Value::as_str);
            value
                .unwrap_or_default()
                .trim()
                .chars()
                .take(MAXIMUM_TEXT)
                .collect::<String>()
        };
        let until = match text("until") {
            until if until.is_empty() => None,
            until => match until.parse::<jiff::Timestamp>() {
                Ok(timestamp) => Some(Time::new(timestamp)),
                Err(_) => return Err(PauseError(until)),
            },
        };
        Ok(Pause {
            until,
            reason: text("reason"),
            by: text("by"),
        })
    }

    /// The ConfigMap that says so.
    pub fn to_object(&self) -> Object {
        let mut data = serde_json::Map::new();
        if let Some(until) = self.until {
            data.insert("until".to_owned(), until.to_string().into());
        }
        for (key, text) in [("reason", &self.reason), ("by", &self.by)] {
            if !text.is_empty() {
                data.insert(key.to_owned(), text.clone().into());
            }
        }
        Object::from_value(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": PAUSE, "namespace": FLUX_SYSTEM },
            "data": data,
        }))
        .expect("it has apiVersion and kind")
    }

    /// Whether it still holds at `now`.
    pub fn holds_at(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    #[test]
    fn a_pause_reads_back_and_ends_at_its_time() {
        let pause = Pause {
            until: Some(at(100)),
            reason: "database move".to_owned(),
            by: "kim".to_owned(),
        };
        assert_eq!(Pause::from_object(&pause.to_object()), Ok(pause.clone()));
        assert!(pause.holds_at(at(99)) && !pause.holds_at(at(100)));

        let endless = Pause {
            until: None,
            reason: String::new(),
            by: String::new(),
        };
        assert_eq!(
            Pause::from_object(&endless.to_object()),
            Ok(endless.clone())
        );
        assert!(endless.holds_at(at(i64::from(i32::MAX))));
    }

    #[test]
    fn a_pause_without_data_is_still_a_pause_and_a_bad_time_is_an_error() {
        let mut object = Pause {
            until: None,
            reason: String::new(),
            by: String::new(),
        }
        .to_object();
        object
            .as_value_mut()
            .as_object_mut()
            .unwrap()
            .remove("data");
        assert!(Pause::from_object(&object).unwrap().holds_at(at(0)));
        object.as_value_mut()["data"] = json!({ "until": "tomorrow" });
        let error = Pause::from_object(&object).unwrap_err().to_string();
        assert!(error.contains("until \"tomorrow\" is no time"), "{error}");
    }
}
