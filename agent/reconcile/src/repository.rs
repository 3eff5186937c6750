//! Repositories of charts over HTTP: their indexes, kept by content, and how they are reached.

pub(crate) mod access;
pub(crate) mod pass;
mod status;

use serde::{Deserialize, Serialize};
use windlass_state::{Store, StoreError};

use crate::kept;
use crate::named::Named;

/// The index in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexSnapshot {
    /// The repository that it is the index of.
    pub(crate) url: String,
    /// Its bytes, as `sha256:<hex>`.
    pub(crate) digest: String,
    pub(crate) size: u64,
    /// The server's tag for it.
    etag: Option<String>,
}

pub(crate) const PREFIX: &str = "index/";

fn user(name: &Named) -> String {
    format!("{PREFIX}{name}")
}

/// The index of this URL that is kept, if its bytes still are what they were.
fn recall(store: &Store, name: &Named, url: &str) -> Result<Option<IndexSnapshot>, StoreError> {
    let kept: Option<IndexSnapshot> = kept::recall(store, &user(name))?;
    let Some(kept) = kept.filter(|kept| kept.url == url) else {
        return Ok(None);
    };
    let Ok(digest) = kept.digest.parse() else {
        return Ok(None);
    };
    Ok(store.blob_reader(&digest)?.map(|_| kept))
}
