//! A chart out of a registry: which version, and whether its bytes are those of before.

use windlass_api::helm_chart::HelmChartSpec;
use windlass_helm::highest;
use windlass_release::chart::Built;
use windlass_state::{BlobDigest, Store};
use windlass_wire::parse_tag;

use super::pins::Expected;
use super::pull::{CHART_BYTES, PullError, unpack};
use crate::net::Net;
use crate::registry::access::Access;
use crate::registry::verify::Verification;
use crate::registry::{Layer, Manifest, Repository, whole};

/// The media types of a packaged chart; Helm wrote the second one before version 3.
const CHART_LAYERS: [&str; 2] = [
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",
];

/// The repository of a chart below the address of a HelmRepository.
pub(super) fn repository<'a>(
    (store, net): (&'a Store, &'a Net),
    access: &'a Access,
    (registry, chart): (&str, &str),
) -> Repository<'a> {
    let url = format!(
        "{}/{}",
        registry.trim_end_matches('/'),
        chart.trim_matches('/')
    );
    Repository {
        store,
        net,
        access,
        url,
    }
}

/// The version that a range picks. A version that is written out needs no list of tags.
pub(super) fn choose(repository: &Repository<'_>, range: &str) -> Result<String, PullError> {
    if parse_tag(range).is_some() {
        return Ok(range.to_owned());
    }
    let tags = repository.tags()?;
    let mut versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
    let names = versions.iter().map(String::as_str);
    let position = highest(range, names).map_err(PullError::Reference)?;
    match position.filter(|at| *at < versions.len()) {
        Some(at) => Ok(versions.swap_remove(at)),
        None => Err(PullError::Reference(format!(
            "could not locate a version matching provided version string {range}"
        ))),
    }
}

/// The chart, from what is kept or else from the registry; its bytes are those that this version had at its first use.
pub(super) fn pull(
    repository: &Repository<'_>,
    spec: &HelmChartSpec,
    (version, metadata): (&str, &str),
    expected: &Expected,
    verification: Option<&Verification>,
) -> Result<Built, PullError> {
    let what = (spec.chart.as_str(), version);
    let bytes = package(repository, what, expected, verification)?;
    let digest = BlobDigest::of(&bytes);
    let built = unpack(bytes, spec, metadata)?;
    // What is in use from here on is what this version is.
    expected.keep(repository.store, digest)?;
    Ok(built)
}

/// As [`pull`]; the package itself.
pub(super) fn package(
    repository: &Repository<'_>,
    (chart, version): (&str, &str),
    expected: &Expected,
    verification: Option<&Verification>,
) -> Result<Vec<u8>, PullError> {
    let store = repository.store;
    // A tag has no `+`; every client of registries writes `_` for it.
    let tag = version.replace('+', "_");
    let manifest = repository.manifest(&tag, None)?;
    if let (Some(verification), Some(manifest)) = (verification, &manifest) {
        verification.check(repository, manifest.digest)?;
    }
    let layer = manifest.as_ref().and_then(chart_layer);
    let layer = layer.ok_or_else(|| {
        let url = &repository.url;
        PullError::Reference(format!(
            "{url}:{tag} is no Helm chart: it has no layer of type {}",
            CHART_LAYERS[0]
        ))
    })?;
    expected.check((chart, version), layer.digest)?;
    match store.blob(&layer.digest)? {
        Some(bytes) => Ok(bytes),
        None => Ok(whole(&repository.layer(layer, CHART_BYTES)?)?),
    }
}

fn chart_layer(manifest: &Manifest) -> Option<&Layer> {
    CHART_LAYERS
        .iter()
        .find_map(|media_type| manifest.layer(media_type))
}
