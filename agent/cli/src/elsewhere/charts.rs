//! Charts of repositories and registries, asked for through the person's own curl.

use serde_json::Value;
use windlass_helm::highest;
use windlass_release::index;
use windlass_trust::ContentDigest;

use super::Cache;
use super::registry::{RegistryError, Repository};

/// As much as the agent takes of an index.
const INDEX_BYTES: u64 = 128 * 1024 * 1024;

/// As much as the agent takes of a packaged chart.
const CHART_BYTES: u64 = 10 * 1024 * 1024;

/// The media types of a packaged chart; Helm wrote the second one before version 3.
const CHART_LAYERS: [&str; 2] = [
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",
];

/// A chart that is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// `https://…`, `http://…` or `oci://…`
    pub(crate) repository: &'a str,
    /// Whether a registry is asked without TLS.
    pub(crate) insecure: bool,
    pub(crate) name: &'a str,
    /// Of versions; a version that is written out is one, too.
    pub(crate) range: &'a str,
}

/// The version that is taken, and the digest of its package.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) digest: ContentDigest,
}

impl Wanted<'_> {
    /// The highest version within the range. A package of a repository is fetched for its digest.
    pub(crate) fn find(&self, cache: &Cache) -> Result<Found, String> {
        match self.repository.starts_with("oci://") {
            true => self.in_registry().map(|(_, found)| found),
            false => self.in_repository(cache).map(|(found, _)| found),
        }
    }

    /// As [`Wanted::find`], with the package.
    pub(crate) fn fetch(&self, cache: &Cache) -> Result<(Found, Vec<u8>), String> {
        if !self.repository.starts_with("oci://") {
            return self.in_repository(cache);
        }
        let (repository, found) = self.in_registry()?;
        let bytes = repository.blob(&found.digest, CHART_BYTES);
        Ok((found, bytes.map_err(|error| error.to_string())?))
    }

    fn in_repository(&self, cache: &Cache) -> Result<(Found, Vec<u8>), String> {
        let base = self.repository.trim_end_matches('/');
        let url = format!("{base}/index.yaml");
        let fetched = cache.fetch_up_to(&url, INDEX_BYTES);
        let (_, bytes) = fetched.map_err(|error| error.to_string())?;
        let versions = index::versions(&mut bytes.as_slice(), self.name);
        let versions = versions.map_err(|error| error.to_string())?;
        let mut versions = versions.ok_or("its index has no chart of this name")?;
        let names = versions.iter().map(|one| one.version.as_str());
        let best = highest(self.range, names)?.ok_or("its index has no such version")?;
        let version = versions.swap_remove(best);
        let place = version.urls.first().ok_or("its index names no package")?;
        let url = match place.contains("://") {
            true => place.clone(),
            false => format!("{base}/{}", place.trim_start_matches('/')),
        };
        let fetched = cache.fetch_up_to(&url, CHART_BYTES);
        let (digest, bytes) = fetched.map_err(|error| error.to_string())?;
        let said = version.digest.as_deref().unwrap_or_default();
        let said = said.strip_prefix("sha256:").unwrap_or(said);
        if !said.is_empty() && said != digest.hex() {
            return Err(format!(
                "its index says sha256:{said}, and {url} is {digest}"
            ));
        }
        let version = version.version;
        Ok((Found { version, digest }, bytes))
    }

    fn in_registry(&self) -> Result<(Repository, Found), String> {
        let said = |error: RegistryError| error.to_string();
        let url = format!("{}/{}", self.repository.trim_end_matches('/'), self.name);
        let repository = repository(&url, self.insecure)?;
        let tags = repository.tags().map_err(said)?;
        let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
        let best = highest(self.range, versions.iter().map(String::as_str))?;
        let version = best.and_then(|best| versions.get(best));
        let version = version.ok_or("there is no such version")?.clone();
        let (_, manifest) = repository
            .manifest(&version.replace('+', "_"))
            .map_err(said)?;
        let digest = package_in(&manifest).ok_or("it is no Helm chart")?;
        Ok((repository, Found { version, digest }))
    }
}

/// The digest of the package that a manifest is of.
fn package_in(manifest: &Value) -> Option<ContentDigest> {
    let layers = manifest.get("layers").and_then(Value::as_array);
    let layers = layers.map(Vec::as_slice).unwrap_or_default();
    let of_type = |wanted: &&str| {
        let mut layers = layers.iter();
        layers.find(|layer| layer.get("mediaType").and_then(Value::as_str) == Some(wanted))
    };
    let layer = CHART_LAYERS.iter().find_map(of_type)?;
    layer.get("digest")?.as_str()?.parse().ok()
}

/// A repository of a registry.
pub(crate) fn repository(url: &str, insecure: bool) -> Result<Repository, String> {
    Repository::new(url, insecure).ok_or_else(|| format!("{url:?} is no oci:// URL with a path"))
}
