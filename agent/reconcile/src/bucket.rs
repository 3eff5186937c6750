//! Buckets: which objects are in use, as an archive that is kept by content.

mod access;
mod contents;
mod fetch;
pub(crate) mod pass;
mod status;

use serde::{Deserialize, Serialize};
use windlass_api::bucket::BucketSpec;
use windlass_state::{BlobDigest, Store, StoreError};

use crate::archive::ArchiveSnapshot;
use crate::kept;
use crate::named::Named;

/// What is in use of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketSnapshot {
    pub(crate) archive: ArchiveSnapshot,
    /// What it is the content of.
    selection: Selection,
    /// How many objects that is.
    files: usize,
    /// What was there last and is not taken: it is not fetched again to be refused again.
    refused: Option<Refused>,
    /// The Bucket that it was fetched for.
    uid: String,
}

/// Content that is not taken, or is looked at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    revision: String,
    found: BlobDigest,
}

/// What of a spec decides which bytes are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Selection {
    address: String,
    prefix: String,
    ignore: Option<String>,
}

/// How the archives of Buckets and what is known of them are called.
pub(crate) const PREFIX: &str = "bucket/";

/// Where a bucket is, in one line: what the list on the node and `windlass.lock` call it.
pub(crate) fn address(spec: &BucketSpec) -> String {
    let scheme = if spec.insecure { "http" } else { "https" };
    format!("{scheme}://{}/{}", spec.endpoint, spec.bucket_name)
}

fn user(name: &Named) -> String {
    format!("{PREFIX}{name}")
}

/// What is kept for an object, if its bytes still are what they were.
fn recall(store: &Store, name: &Named, uid: &str) -> Result<Option<BucketSnapshot>, StoreError> {
    let kept: Option<BucketSnapshot> = kept::recall(store, &user(name))?;
    let Some(kept) = kept.filter(|kept| kept.uid == uid) else {
        return Ok(None);
    };
    let there = store.blob_reader(&kept.archive.blob)?.is_some();
    Ok(there.then_some(kept))
}

impl Selection {
    fn of(spec: &BucketSpec) -> Self {
        Selection {
            address: address(spec),
            prefix: spec.prefix.clone().unwrap_or_default(),
            ignore: spec.ignore.clone(),
        }
    }
}
