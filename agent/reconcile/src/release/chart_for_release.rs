//! The chart of a release, out of what is kept of its source.

use windlass_helm::{Chart, with_metadata};
use windlass_state::Store;

use super::pass::ReleaseChart;
use crate::archive::ArchiveSnapshot;
use crate::chart;
use crate::source::status::chain;

/// How many hex digits of an artifact's digest stand behind the version of its chart; Flux's number.
const SHORT_DIGEST: usize = 12;

/// A chart, and what it is called.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) chart: Chart,
    pub(super) version: String,
    /// The digest of the artifact of a registry that it came in; empty for others.
    pub(super) oci_digest: String,
}

/// Loads it. The error is a sentence for the condition.
pub(super) fn load(store: &Store, source: &ReleaseChart) -> Result<Loaded, String> {
    match source {
        ReleaseChart::Packaged(snapshot) => {
            let chart = chart::load(store, snapshot).map_err(|error| chain(&error))?;
            Ok(Loaded {
                chart,
                version: snapshot.version.clone(),
                oci_digest: String::new(),
            })
        }
        ReleaseChart::Archived(archive) => {
            let mut chart = archive.chart(store).map_err(|error| chain(&error))?;
            let (version, oci_digest) = of_artifact(&chart.metadata.version, archive)?;
            // Templates see it, too.
            version.clone_into(&mut chart.metadata.version);
            Ok(Loaded {
                chart,
                version,
                oci_digest,
            })
        }
    }
}

/// The version of a chart that came in an artifact: other bytes under the same version are another one, as in Flux.
fn of_artifact(version: &str, archive: &ArchiveSnapshot) -> Result<(String, String), String> {
    let revision = archive.revision.as_str();
    let digest = revision
        .rsplit_once('@')
        .map_or(revision, |(_, digest)| digest);
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    let short = hex.get(..SHORT_DIGEST).unwrap_or(hex);
    Ok((with_metadata(version, short)?, digest.to_owned()))
}
