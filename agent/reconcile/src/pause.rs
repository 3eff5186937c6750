//! `windlass pause`: no node writes to the cluster until a time or until it is taken back.
//!
//! It is a ConfigMap, so that every node sees it and it survives all of them.

use jiff::Timestamp;
use serde_json::Value;

/// A pause that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// `None`: until it is taken back.
    pub(crate) until: Option<Timestamp>,
    pub(crate) reason: String,
}

impl Pause {
    /// Reads the ConfigMap. A time that cannot be read counts as none: the safe side is to write nothing.
    pub(crate) fn parse(config_map: &Value) -> Self {
        let field = |name: &str| config_map.get("data")?.get(name)?.as_str();
        Pause {
            until: field("until").and_then(|text| text.parse().ok()),
            reason: field("reason").unwrap_or_default().to_owned(),
        }
    }

    /// Whether it holds at this time.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pause_ends_by_itself_and_one_without_a_readable_end_does_not() {
        let pause = |until: &str| Pause::parse(&json!({"data": {"until": until}}));
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        assert!(pause("2026-01-01T13:00:00Z").holds(now));
        assert!(!pause("2026-01-01T11:00:00Z").holds(now));
        assert!(pause("").holds(now));
        assert!(pause("tomorrow").holds(now));
    }
}
