//! Charts: what the HelmCharts of the cluster lead to, packaged, kept by content and hashed again at each load.

mod available;
pub(crate) mod elsewhere;
pub(crate) mod pass;
pub(crate) mod pins;
mod pull;
mod registry;
mod status;

use serde::{Deserialize, Serialize};
use windlass_helm::{File, LoadError, archive_files};
use windlass_state::{BlobDigest, Store, StoreError};

use crate::kept;
use crate::named::Named;

/// A chart that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChartSnapshot {
    /// The name in Chart.yaml.
    pub(crate) name: String,
    /// The version in the packaged Chart.yaml, which is the revision of the artifact.
    pub(crate) version: String,
    /// The package, as `sha256:<hex>`.
    pub(crate) digest: String,
    /// Bytes of the package.
    pub(crate) size: u64,
    /// The revision of the source that it was packaged from.
    pub(crate) source_revision: String,
    /// The files whose values took the place of its own.
    pub(crate) values_files: Vec<String>,
    /// Whether it had to be packaged; otherwise it is as it was found.
    packaged: bool,
    /// By which keys its signature was good, if it was asked for.
    #[serde(default)]
    verified: Option<String>,
    /// The generation of the HelmChart that it was packaged for, and that object's uid.
    generation: i64,
    uid: String,
}

/// A chart that was packaged cannot be loaded again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChartLoadError {
    #[error(
        "{name}: chart {digest} is not kept any more; it is packaged again with the next pass of the HelmChart"
    )]
    Gone { name: String, digest: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("chart {name}: {source}")]
    Chart {
        name: String,
        #[source]
        source: LoadError,
    },
}

/// The files of the chart. Its bytes are those that were packaged: they are hashed again.
pub(crate) fn files(store: &Store, snapshot: &ChartSnapshot) -> Result<Vec<File>, ChartLoadError> {
    let gone = || ChartLoadError::Gone {
        name: snapshot.name.clone(),
        digest: snapshot.digest.clone(),
    };
    let digest: BlobDigest = snapshot.digest.parse().map_err(|_| gone())?;
    let bytes = store.blob(&digest)?.ok_or_else(gone)?;
    archive_files(&bytes).map_err(|source| ChartLoadError::Chart {
        name: snapshot.name.clone(),
        source,
    })
}

pub(crate) const PREFIX: &str = "chart/";

/// Under which name the package of a HelmChart and what is known of it are kept.
fn user(chart: &Named) -> String {
    format!("{PREFIX}{chart}")
}

/// What this node packaged last for a HelmChart, whatever has become of that object since.
pub(crate) fn kept_for(store: &Store, chart: &Named) -> Result<Option<ChartSnapshot>, StoreError> {
    kept::recall(store, &user(chart))
}

/// What this node packaged last for a HelmChart, if that is still there and was for the same object.
fn recall(store: &Store, chart: &Named, uid: &str) -> Result<Option<ChartSnapshot>, StoreError> {
    let snapshot = kept_for(store, chart)?;
    let Some(snapshot) = snapshot.filter(|snapshot| snapshot.uid == uid) else {
        return Ok(None);
    };
    let Ok(digest) = snapshot.digest.parse() else {
        return Ok(None);
    };
    Ok(store.blob(&digest)?.map(|_| snapshot))
}

#[cfg(test)]
mod tests {
    use windlass_helm::load_files;

    use super::*;

    fn packaged(store: &Store, name: &Named) -> ChartSnapshot {
        let files = vec![File {
            name: "Chart.yaml".to_owned(),
            data: b"apiVersion: v2\nname: web\nversion: 1.2.3\n"[..].into(),
        }];
        let bytes = windlass_release::chart::package("web", files).unwrap();
        let digest = store.keep_blob(&user(name), &bytes).unwrap();
        let snapshot = ChartSnapshot {
            name: "web".to_owned(),
            version: "1.2.3".to_owned(),
            digest: digest.to_string(),
            size: bytes.len() as u64,
            source_revision: "main@sha1:abc".to_owned(),
            values_files: Vec::new(),
            packaged: true,
            verified: None,
            generation: 1,
            uid: "one".to_owned(),
        };
        kept::remember(store, &user(name), &snapshot).unwrap();
        snapshot
    }

    #[test]
    fn what_was_packaged_is_found_again_by_the_same_object_only_and_hashed() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let name = Named::new("apps", "web");
        let snapshot = packaged(&store, &name);
        assert_eq!(
            recall(&store, &name, "one").unwrap(),
            Some(snapshot.clone())
        );
        assert_eq!(recall(&store, &name, "another").unwrap(), None);
        let loaded = load_files(files(&store, &snapshot).unwrap()).unwrap();
        assert_eq!(loaded.name(), "web");
        let hex = snapshot.digest.strip_prefix("sha256:").unwrap();
        std::fs::write(place.path().join("blobs").join(hex), b"other bytes").unwrap();
        let error = files(&store, &snapshot).unwrap_err();
        assert!(matches!(error, ChartLoadError::Gone { .. }), "{error}");
        assert_eq!(recall(&store, &name, "one").unwrap(), None);
    }

    #[test]
    fn the_package_of_a_chart_that_is_gone_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(place.path()).unwrap();
        let (one, other) = (Named::new("apps", "web"), Named::new("apps", "other"));
        let snapshot = packaged(&store, &one);
        packaged(&store, &other);
        store
            .leave_blobs_but(PREFIX, &["apps/other".to_owned()])
            .unwrap();
        assert_eq!(recall(&store, &one, "one").unwrap(), None);
        assert!(recall(&store, &other, "one").unwrap().is_some());
        assert!(
            files(&store, &snapshot).is_ok(),
            "the other one has the same bytes"
        );
        store.leave_blobs_but(PREFIX, &[]).unwrap();
        assert!(files(&store, &snapshot).is_err());
    }
}
