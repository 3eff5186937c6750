//! Archives of files that are no commits: artifacts of registries, objects of buckets. Each is kept by content, and hashed
//! and unpacked again whenever something is made of it.

pub(crate) mod pass;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_helm::{File, LoadError, archive_files};
use windlass_state::{BlobDigest, Store, StoreError};
use windlass_trust::{ArchiveError, VerifiedFiles};

use crate::view::artifact::ArtifactDigest;
use crate::view::{Choice, View, ViewFailure};

/// An archive that somebody vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveSnapshot {
    /// As in `status.artifact`.
    pub(crate) revision: String,
    /// The bytes as they are kept.
    pub(crate) blob: BlobDigest,
    /// What stands in `status.artifact` for it.
    pub(crate) artifact: ArtifactDigest,
    pub(crate) taken: Taken,
    /// What whoever made it says of it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Whether what is made from it is vouched for, too.
    pub(crate) vouched: bool,
}

/// What of an archive is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Taken {
    /// All of it, as it is.
    Whole,
    /// What the ignore rules in it, and these, leave.
    Extracted { ignore: Option<String> },
}

/// Why the bytes may be used, once they are those that somebody looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The digest that `windlass.lock` names.
    pub(crate) pin: Option<BlobDigest>,
    /// The node takes whatever is there.
    pub(crate) free: bool,
    /// A verified commit made the object as it is.
    pub(crate) made: bool,
    /// Nothing is used that neither the spec nor `windlass.lock` names by its digest.
    pub(crate) only_pinned: bool,
}

/// What something was when this node used it first, as far as that is known.
#[derive(Debug)]
pub(crate) struct First {
    key: String,
    digest: Option<BlobDigest>,
}

/// An archive that is kept cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "the archive {0} is not kept any more; it is fetched again with the next pass of its source"
    )]
    Gone(BlobDigest),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    View(#[from] ViewFailure),
    #[error("the archive holds no chart")]
    Chart(#[from] LoadError),
}

// === impl First ===

impl First {
    /// What is remembered under this key.
    pub(crate) fn of(store: &Store, key: String) -> Result<Self, StoreError> {
        let text = store
            .recall(&key)?
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let digest = text.and_then(|text| text.parse().ok());
        Ok(First { key, digest })
    }

    /// The digest that it was, if these bytes are others.
    pub(crate) fn contradicts(&self, found: BlobDigest) -> Option<BlobDigest> {
        self.digest.filter(|first| *first != found)
    }

    /// What is in use from here on is what it is.
    pub(crate) fn keep(&self, store: &Store, found: BlobDigest) -> Result<(), StoreError> {
        match self.digest {
            Some(_) => Ok(()),
            None => store.remember(&self.key, found.to_string().as_bytes()),
        }
    }
}

// === impl Taken ===

impl Taken {
    /// Opens an archive with these bytes.
    pub(crate) fn view(
        &self,
        bytes: &[u8],
        digest: &BlobDigest,
    ) -> Result<View<'static>, OpenError> {
        let files = VerifiedFiles::open(bytes, digest)?;
        Ok(match self {
            Taken::Whole => View::of_all_files(files),
            Taken::Extracted { ignore } => {
                let ignore = ignore.clone();
                let sparse = Vec::new();
                View::of_files(files, &Choice { ignore, sparse })?
            }
        })
    }

    /// What stands in `status.artifact` for these bytes.
    pub(crate) fn artifact(
        &self,
        bytes: &[u8],
        digest: &BlobDigest,
    ) -> Result<ArtifactDigest, OpenError> {
        let view = self.view(bytes, digest)?;
        Ok(match self {
            Taken::Whole => ArtifactDigest {
                digest: digest.to_string(),
                size: bytes.len() as u64,
            },
            Taken::Extracted { .. } => view.artifact()?,
        })
    }
}

impl ArchiveSnapshot {
    /// Opens it for a build.
    pub(crate) fn view(&self, store: &Store) -> Result<View<'static>, OpenError> {
        self.taken.view(&self.bytes(store)?, &self.blob)
    }

    /// The files of the chart that it holds.
    pub(crate) fn chart_files(&self, store: &Store) -> Result<Vec<File>, OpenError> {
        let bytes = self.bytes(store)?;
        let files = VerifiedFiles::open(&bytes, &self.blob)?;
        if self.taken == Taken::Whole {
            return Ok(archive_files(&bytes)?);
        }
        let ignore = self.taken.view(&bytes, &self.blob)?.ignore();
        let kept = files
            .all()
            .filter(|(path, _)| !ignore.excludes(path, false));
        let inner = kept.filter_map(|(path, data)| {
            let (_, name) = path.split_once('/')?;
            Some(File {
                name: name.to_owned(),
                data: data.clone(),
            })
        });
        Ok(inner.collect())
    }

    fn bytes(&self, store: &Store) -> Result<Vec<u8>, OpenError> {
        let bytes = store.blob(&self.blob)?;
        bytes.ok_or(OpenError::Gone(self.blob))
    }
}
