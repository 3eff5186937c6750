//! OCIRepositories: which artifact of a registry is in use, and its layer, kept by content.

mod choose;
pub(crate) mod pass;
mod status;

use serde::{Deserialize, Serialize};
use windlass_api::oci_repository::{OciLayerOperation, OciLayerSelector, OciRepositorySpec};
use windlass_state::{BlobDigest, Store, StoreError};

use crate::archive::{ArchiveSnapshot, Basis, Taken};
use crate::kept;
use crate::named::Named;

/// The artifact in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OciSnapshot {
    pub(crate) archive: ArchiveSnapshot,
    /// What it is the artifact of.
    selection: Selection,
    /// The tag that named it, if one did.
    tag: Option<String>,
    /// Its manifest.
    manifest: BlobDigest,
    /// By which keys its signature was good, if it was asked for.
    #[serde(default)]
    verified: Option<String>,
    /// The OCIRepository that it was fetched for.
    uid: String,
}

/// What of a spec decides which bytes are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Selection {
    url: String,
    /// What is followed, in one word.
    followed: String,
    layer: Option<OciLayerSelector>,
    ignore: Option<String>,
}

/// How the blobs of OCIRepositories and what is known of them are called.
pub(crate) const PREFIX: &str = "oci/";

fn user(name: &Named) -> String {
    format!("{PREFIX}{name}")
}

/// The artifact that is kept for an OCIRepository, whatever has become of that object since.
pub(crate) fn kept_for(store: &Store, name: &Named) -> Result<Option<ArchiveSnapshot>, StoreError> {
    let kept: Option<OciSnapshot> = kept::recall(store, &user(name))?;
    Ok(kept.map(|kept| kept.archive))
}

/// The artifact that is kept for an object, if its bytes still are what they were.
fn recall(store: &Store, name: &Named, uid: &str) -> Result<Option<OciSnapshot>, StoreError> {
    let kept: Option<OciSnapshot> = kept::recall(store, &user(name))?;
    let Some(kept) = kept.filter(|kept| kept.uid == uid) else {
        return Ok(None);
    };
    let there = store.blob_reader(&kept.archive.blob)?.is_some();
    Ok(there.then_some(kept))
}

/// What an OCIRepository follows, in one word: what `windlass.lock` calls it.
pub(crate) fn followed(spec: &OciRepositorySpec) -> &str {
    let reference = spec.reference.as_ref();
    let given = reference.map(|reference| {
        let order = [&reference.digest, &reference.semver, &reference.tag];
        order.into_iter().flatten().find(|text| !text.is_empty())
    });
    given.flatten().map_or(DEFAULT_TAG, String::as_str)
}

/// The tag that is followed where none is named.
const DEFAULT_TAG: &str = "latest";

/// Whether whatever is there is taken because the node says so, and for no better reason.
fn takes_anything(basis: &Basis, spec: &OciRepositorySpec) -> bool {
    basis.free && basis.pin.is_none() && !names_digest(spec)
}

fn names_digest(spec: &OciRepositorySpec) -> bool {
    let digest = spec
        .reference
        .as_ref()
        .and_then(|reference| reference.digest.as_ref());
    digest.is_some_and(|digest| !digest.is_empty())
}

// === impl Selection ===

impl Selection {
    fn of(spec: &OciRepositorySpec) -> Self {
        let filter = spec.reference.as_ref();
        let filter = filter.and_then(|reference| reference.semver_filter.as_deref());
        Selection {
            url: spec.url.clone(),
            followed: [followed(spec), filter.unwrap_or_default()].join("\n"),
            layer: spec.layer_selector.clone(),
            ignore: spec.ignore.clone(),
        }
    }

    fn media_type(&self) -> Option<&str> {
        let media_type = self.layer.as_ref()?.media_type.as_deref();
        media_type.filter(|text| !text.is_empty())
    }

    fn taken(&self) -> Taken {
        let operation = self.layer.as_ref().and_then(|layer| layer.operation);
        match operation {
            Some(OciLayerOperation::Copy) => Taken::Whole,
            Some(OciLayerOperation::Extract) | None => Taken::Extracted {
                ignore: self.ignore.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(reference: &serde_json::Value) -> OciRepositorySpec {
        let spec = json!({"url": "oci://h/x", "interval": "1m", "ref": reference});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_digest_comes_before_a_range_and_that_before_a_tag() {
        let check = |reference, expected| assert_eq!(followed(&spec(&reference)), expected);
        check(json!({}), "latest");
        check(json!({"tag": "", "semver": ""}), "latest");
        check(json!({"tag": "main"}), "main");
        check(json!({"tag": "main", "semver": "1.x"}), "1.x");
        check(
            json!({"tag": "main", "semver": "1.x", "digest": "sha256:0"}),
            "sha256:0",
        );
    }

    #[test]
    fn a_digest_is_a_reason_of_its_own_and_a_pin_is_too() {
        let free = Basis {
            pin: None,
            free: true,
            made: false,
            only_pinned: false,
        };
        assert!(takes_anything(&free, &spec(&json!({"tag": "main"}))));
        assert!(!takes_anything(
            &free,
            &spec(&json!({"digest": "sha256:0"}))
        ));
        let pinned = Basis {
            pin: Some(BlobDigest::of(b"x")),
            ..free
        };
        assert!(!takes_anything(&pinned, &spec(&json!({"tag": "main"}))));
    }
}
