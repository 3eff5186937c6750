//! A chart out of a repository: which version, whether its bytes are those of before, and its values.

use windlass_api::helm_chart::HelmChartSpec;
use windlass_helm::{LoadError, archive_files, highest, with_metadata};
use windlass_release::chart::{BuildError, Built, Wanted, of_package};
use windlass_release::index::{ChartVersion, IndexError};
use windlass_state::{BlobDigest, Store, StoreError};

use super::pins::{Expected, Pins};
use crate::download::{DownloadError, Downloaded, download};
use crate::net::Net;
use crate::registry::RegistryError;
use crate::registry::verify::VerifyError;
use crate::repository::access::Access;
use crate::repository::{IndexSnapshot, pass};

/// Flux's bound for a packaged chart.
pub(super) const CHART_BYTES: u64 = 10 * 1024 * 1024;

/// Why a repository gives no chart.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    #[error("invalid chart reference: failed to get chart version for remote reference: {0}")]
    Reference(String),
    #[error("chart pull error: {0}")]
    Index(#[from] IndexError),
    #[error("chart pull error: failed to download chart for remote reference")]
    Download(#[from] DownloadError),
    #[error("chart pull error: failed to download chart for remote reference")]
    Registry(#[from] RegistryError),
    #[error(
        "chart pull error: the index says that {url} is sha256:{said}, and it is {found}; ask who keeps the repository"
    )]
    NotAsIndexed {
        url: String,
        said: String,
        found: BlobDigest,
    },
    #[error(
        "chart {chart} {version} was {first} when it was first used, and now is {found}; the first stays in use. A \
         version that is published again with other bytes is never taken: use another version"
    )]
    Changed {
        chart: String,
        version: String,
        first: BlobDigest,
        found: BlobDigest,
    },
    #[error(
        "windlass.lock pins chart {chart} {version} to {pinned}, and now it is {found}; if that is meant, look at what changed \
         and change the pin"
    )]
    NotAsPinned {
        chart: String,
        version: String,
        pinned: BlobDigest,
        found: BlobDigest,
    },
    #[error(
        "nothing pins chart {chart} {version}, and the node's config takes only what is pinned ([remote] unpinned_artifacts); \
         add a [[chart]] entry to windlass.lock"
    )]
    NotPinned { chart: String, version: String },
    #[error("chart pull error: {0}")]
    Chart(#[from] LoadError),
    #[error(transparent)]
    Verification(#[from] VerifyError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version of a chart that a range picks, with what the index says of it.
#[derive(Debug)]
pub(super) struct Picked {
    version: ChartVersion,
    /// The digest that is pinned or was used first, or else the one in the index.
    digest: Option<BlobDigest>,
    expected: Expected,
}

impl Picked {
    /// The version, as the index writes it.
    pub(super) fn written(&self) -> &str {
        &self.version.version
    }

    /// Whether the package that is in use is the one that is pinned now.
    pub(super) fn is_in_use(&self) -> bool {
        self.expected.is_in_use()
    }

    /// The version of the chart that is packaged from it.
    pub(super) fn version(&self, metadata: &str) -> Result<String, PullError> {
        match metadata {
            "" => Ok(self.version.version.clone()),
            metadata => {
                with_metadata(&self.version.version, metadata).map_err(PullError::Reference)
            }
        }
    }
}

/// Picks the version and holds it to the digest that it had when it was first used.
pub(super) fn pick(
    store: &Store,
    index: &IndexSnapshot,
    spec: &HelmChartSpec,
    pins: &Pins,
) -> Result<Picked, PullError> {
    let chart = spec.chart.as_str();
    let versions = pass::versions(store, index, chart)?
        .ok_or_else(|| PullError::Reference("no chart name found".to_owned()))?;
    let what = (chart, spec.effective_version());
    choose(store, versions, what, (&index.url, pins))
}

/// As [`pick`], out of the versions that a repository has.
pub(super) fn choose(
    store: &Store,
    mut versions: Vec<ChartVersion>,
    (chart, range): (&str, &str),
    (url, pins): (&str, &Pins),
) -> Result<Picked, PullError> {
    let none = || {
        PullError::Reference(format!(
            "no '{chart}' chart with version matching '{range}' found"
        ))
    };
    let names = versions.iter().map(|one| one.version.as_str());
    let position = highest(range, names).map_err(PullError::Reference)?;
    let position = position
        .filter(|at| *at < versions.len())
        .ok_or_else(none)?;
    let version = versions.swap_remove(position);
    let said = version.digest.as_deref().unwrap_or_default();
    let said: Option<BlobDigest> = format!("sha256:{}", plain(said)).parse().ok();
    let what = (chart, version.version.as_str());
    let expected = pins.expected(store, url, what)?;
    if let Some(said) = said {
        expected.check(what, said)?;
    }
    Ok(Picked {
        digest: expected.digest().or(said),
        version,
        expected,
    })
}

/// Some indexes name the algorithm.
fn plain(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// The chart, from what is kept or else from the network; its bytes are those that were picked.
pub(super) fn pull(
    world: (&Store, &Net),
    access: &Access,
    spec: &HelmChartSpec,
    picked: &Picked,
    metadata: &str,
) -> Result<Built, PullError> {
    unpack(package(world, access, &spec.chart, picked)?, spec, metadata)
}

/// As [`pull`]; the package itself.
pub(super) fn package(
    (store, net): (&Store, &Net),
    access: &Access,
    chart: &str,
    picked: &Picked,
) -> Result<Vec<u8>, PullError> {
    let kept = picked
        .digest
        .map(|digest| store.blob(&digest))
        .transpose()?
        .flatten();
    let bytes = match kept {
        Some(bytes) => bytes,
        None => fetch((store, net), access, chart, picked)?,
    };
    // What is in use from here on is what this version is, whoever brought the bytes.
    picked.expected.keep(store, BlobDigest::of(&bytes))?;
    Ok(bytes)
}

/// The chart that is in a package.
pub(super) fn unpack(
    bytes: Vec<u8>,
    spec: &HelmChartSpec,
    metadata: &str,
) -> Result<Built, PullError> {
    let files = archive_files(&bytes)?;
    let wanted = Wanted {
        path: &spec.chart,
        values_files: &spec.values_files,
        ignore_missing: spec.ignore_missing_values_files,
        metadata,
    };
    Ok(of_package(bytes, files, wanted)?)
}

fn fetch(
    (store, net): (&Store, &Net),
    access: &Access,
    chart: &str,
    picked: &Picked,
) -> Result<Vec<u8>, PullError> {
    let ChartVersion {
        version,
        digest: said,
        urls,
    } = &picked.version;
    let Some(url) = urls.first() else {
        return Err(PullError::Reference(format!(
            "chart '{chart}' has no downloadable URLs"
        )));
    };
    let request = access.file(url, CHART_BYTES);
    let Downloaded::New { blob, .. } = download(store, net, &request)? else {
        let what = "that a chart is as it was which was not named";
        return Err(DownloadError::Unexpected { what }.into());
    };
    let found = blob.digest();
    if let Some(said) = said.as_deref().map(plain).filter(|said| !said.is_empty())
        && said != found.hex()
    {
        let (url, said) = (
            windlass_wire::DisplayUrl(&request.url).to_string(),
            said.to_owned(),
        );
        return Err(PullError::NotAsIndexed { url, said, found });
    }
    picked.expected.check((chart, version), found)?;
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut blob.reread()?, &mut bytes);
    read.map_err(IndexError::Io)?;
    Ok(bytes)
}
