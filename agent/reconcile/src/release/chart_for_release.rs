//! The chart of a release, out of what is kept of its source.

use windlass_helm::{Chart, File, load_files, with_metadata};
use windlass_state::Store;

use super::pass::ReleaseChart;
use crate::archive::ArchiveSnapshot;
use crate::named::Named;
use crate::source::status::chain;
use crate::{chart, oci};

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

/// The files of a chart, and what it is called.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) files: Vec<File>,
    pub(crate) version: String,
    oci_digest: String,
}

/// Loads it. The error is a sentence for the condition.
pub(super) fn load(store: &Store, source: &ReleaseChart) -> Result<Loaded, String> {
    let Files {
        files,
        version,
        oci_digest,
    } = files(store, source)?;
    let mut chart = load_files(files).map_err(|error| error.to_string())?;
    // Templates see it, too.
    version.clone_into(&mut chart.metadata.version);
    Ok(Loaded {
        chart,
        version,
        oci_digest,
    })
}

fn files(store: &Store, source: &ReleaseChart) -> Result<Files, String> {
    match source {
        ReleaseChart::Packaged(snapshot) => Ok(Files {
            files: chart::files(store, snapshot).map_err(|error| chain(&error))?,
            version: snapshot.version.clone(),
            oci_digest: String::new(),
        }),
        ReleaseChart::Archived(archive) => {
            let files = archive.chart_files(store).map_err(|error| chain(&error))?;
            let chart = load_files(files.clone()).map_err(|error| error.to_string())?;
            let (version, oci_digest) = of_artifact(&chart.metadata.version, archive)?;
            Ok(Files {
                files,
                version,
                oci_digest,
            })
        }
    }
}

/// What is kept of a chart for an object that offers one. The error is a sentence.
pub(crate) fn kept(store: &Store, kind: &str, name: &Named) -> Result<Files, String> {
    let failed = |error: windlass_state::StoreError| chain(&error);
    let source = match kind {
        windlass_api::names::HELM_CHART => {
            let kept = chart::kept_for(store, name).map_err(failed)?;
            kept.map(ReleaseChart::Packaged)
        }
        windlass_api::names::OCI_REPOSITORY => {
            let kept = oci::kept_for(store, name).map_err(failed)?;
            kept.map(ReleaseChart::Archived)
        }
        _ => None,
    };
    let source = source.ok_or_else(|| {
        format!("{kind} {name} is not kept here; see `windlass get sources all -A`")
    })?;
    files(store, &source)
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
