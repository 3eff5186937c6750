//! Reads optional strings the way Go's `omitempty` means them: an empty string is not set.

use serde::{Deserialize, Deserializer};

/// Gives `None` for a missing, null or empty string, so that for example an empty
/// `serviceAccountName` can never be taken for a name.
pub(crate) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()))
}
