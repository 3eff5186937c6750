//! What the store remembers of the objects that keep something, as JSON. What cannot be read is as good as nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;
use windlass_state::{Store, StoreError};

pub(crate) fn recall<T: DeserializeOwned>(
    store: &Store,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let kept = store.recall(key)?;
    Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()))
}

pub(crate) fn remember<T: Serialize>(
    store: &Store,
    key: &str,
    value: &T,
) -> Result<(), StoreError> {
    // A struct of plain fields always becomes JSON.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    store.remember(key, &bytes)
}
