//! Reads an object's metadata from JSON, which anybody may have written.

use serde_json::Value;
use windlass_api::names;

/// Looks a label or annotation up; `map` is `labels` or `annotations`.
pub(crate) fn entry<'a>(metadata: &'a Value, map: &str, key: &str) -> Option<&'a str> {
    metadata.get(map)?.get(key)?.as_str()
}

/// Says whether a label or annotation has this value, case ignored, as Flux compares its switches
/// (fluxcd/pkg ssa/utils, `AnyInMetadata`).
pub(crate) fn switched(metadata: &Value, key: &str, value: &str) -> bool {
    ["labels", "annotations"]
        .iter()
        .filter_map(|map| entry(metadata, map, key))
        .any(|found| found.eq_ignore_ascii_case(value))
}

/// Says whether an object asks to be left alone entirely.
pub(crate) fn left_alone(metadata: &Value) -> bool {
    switched(metadata, names::RECONCILE, names::DISABLED)
        || switched(metadata, names::SSA, names::SSA_IGNORE)
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Copy)]
pub(crate) struct ManagerEntry<'a>(pub(crate) &'a Value);

impl<'a> ManagerEntry<'a> {
    /// Gives all entries; none when the field is missing or not a list.
    pub(crate) fn all(metadata: &'a Value) -> impl Iterator<Item = ManagerEntry<'a>> {
        metadata
            .get("managedFields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(ManagerEntry)
    }

    pub(crate) fn manager(self) -> &'a str {
        self.text("manager")
    }

    pub(crate) fn operation(self) -> &'a str {
        self.text("operation")
    }

    /// Says whether the entry is about the object itself and not about `status` or `scale`.
    pub(crate) fn is_main(self) -> bool {
        self.text("subresource").is_empty()
    }

    /// Says whether the entry is about `status` only.
    pub(crate) fn is_status(self) -> bool {
        self.text("subresource") == "status"
    }

    /// When the manager wrote last, as written (RFC 3339 in UTC, so text order is time order).
    pub(crate) fn time(self) -> &'a str {
        self.text("time")
    }

    pub(crate) fn fields(self) -> Option<&'a Value> {
        self.0.get("fieldsV1")
    }

    fn text(self, field: &str) -> &'a str {
        self.0
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}
