//! Reads parts of a status that are made anew with every pass: what is malformed there counts as
//! not there, so that it can never keep an object from being reconciled and so repaired.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use windlass_object::Value;

/// The well-formed elements of a list; none when it is no list.
pub(crate) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let elements = match Value::deserialize(from)? {
        Value::Array(elements) => elements,
        _ => Vec::new(),
    };
    Ok(elements
        .into_iter()
        .filter_map(|element| serde_json::from_value(element).ok())
        .collect())
}

/// The value when it is well-formed.
pub(crate) fn optional<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}
