//! `--status-selector ready=false`.

use std::str::FromStr;

use windlass_object::Object;

use crate::facts::conditions;

/// Picks objects by one condition; names are compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusSelector {
    condition: String,
    status: String,
    wanted: bool,
}

impl FromStr for StatusSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<StatusSelector, String> {
        let (condition, status, wanted) = match (text.split_once("!="), text.split_once('=')) {
            (Some((condition, status)), _) => (condition, status, false),
            (None, Some((condition, status))) => (condition, status, true),
            (None, None) => {
                return Err("write it as type=status or type!=status, such as ready=false".into());
            }
        };
        Ok(StatusSelector {
            condition: condition.to_owned(),
            status: status.to_owned(),
            wanted,
        })
    }
}

impl StatusSelector {
    /// Whether the object is picked. One without the condition only matches `!=`.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        let found = conditions(object)
            .into_iter()
            .rfind(|condition| condition.type_.eq_ignore_ascii_case(&self.condition));
        let equal = found.is_some_and(|found| found.status.eq_ignore_ascii_case(&self.status));
        equal == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_compares_one_condition_without_case() {
        let object = Object::from_value(json!({
            "apiVersion": "v1", "kind": "X", "metadata": {},
            "status": { "conditions": [{ "type": "Ready", "status": "False" }] },
        }))
        .unwrap();
        let check = |selector: &str, expected: bool| {
            let selector: StatusSelector = selector.parse().unwrap();
            assert_eq!(selector.matches(&object), expected, "{selector:?}");
        };
        check("ready=false", true);
        check("READY=False", true);
        check("ready!=true", true);
        check("ready=true", false);
        check("healthy=true", false);
        check("healthy!=true", true);
        assert!(
            "ready"
                .parse::<StatusSelector>()
                .unwrap_err()
                .contains("type!=status")
        );
    }
}
