//! The sources, releases and charts in the files of a repository: what they take of registries and of repositories of charts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use windlass_helm::{Dependency, highest, is_within};
use windlass_object::yaml::{Dialect, Limits, parse_objects};
use windlass_object::{Object, Value};
use windlass_release::index;
use windlass_trust::ContentDigest;

use super::artifacts::Artifacts;
use super::registry::{RegistryError, Repository};
use super::walk::{Ask, below};
use crate::elsewhere::Cache;
use crate::facts::{flag, text};

/// Directories deeper than this are none that anybody wrote.
const DEPTH_LIMIT: usize = 64;

/// As much as the agent takes of an index.
const INDEX_BYTES: u64 = 128 * 1024 * 1024;

/// The media types of a packaged chart; Helm wrote the second one before version 3.
const CHART_LAYERS: [&str; 2] = [
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) pins: Artifacts,
    /// What is needed and not pinned.
    pub(super) unpinned: Vec<String>,
    /// What could not be looked at.
    pub(super) warnings: Vec<String>,
}

/// A version of a chart that something takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    repository: String,
    insecure: bool,
    name: String,
    range: String,
}

/// The files of a repository, as far as they are about sources.
#[derive(Debug, Default)]
struct Files {
    /// HelmRepositories by their name: URL, and whether without TLS.
    repositories: BTreeMap<String, (String, bool)>,
    artifacts: Vec<Object>,
    /// Charts by the name of their HelmRepository.
    charts: Vec<(String, String, String)>,
    needs: Vec<Need>,
    warnings: Vec<String>,
}

/// Looks through a repository, and asks for what is not pinned.
pub(super) fn look(root: &Path, old: &Artifacts, ask: Ask) -> Result<Found, String> {
    let mut directories = Vec::new();
    below(root, DEPTH_LIMIT, &mut directories);
    directories.sort();
    let mut files = Files::default();
    for directory in &directories {
        files.read(directory);
    }
    let mut looking = Looking {
        old,
        ask,
        cache: Cache::of_this_person(),
        found: Found::default(),
    };
    for need in files.needs() {
        looking.chart(&need)?;
    }
    for artifact in &files.artifacts {
        looking.artifact(artifact)?;
    }
    looking.found.warnings.append(&mut files.warnings);
    Ok(looking.found)
}

// === impl Files ===

impl Files {
    fn read(&mut self, directory: &Path) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let extension = path.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("yaml" | "yml")) {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            if path.file_name().is_some_and(|name| name == "Chart.yaml") {
                self.take_chart(directory, &bytes);
            }
            // Not every file of YAML holds objects: templates of charts do not.
            let objects = parse_objects(Dialect::Lenient, &bytes, &Limits::DEFAULT);
            for object in objects.unwrap_or_default() {
                self.take(object);
            }
        }
    }

    fn take(&mut self, object: Object) {
        let gvk = object.gvk();
        match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("source.toolkit.fluxcd.io", "HelmRepository") => {
                let url = text(&object, "/spec/url").to_owned();
                let insecure = flag(&object, "/spec/insecure");
                let name = object.name().to_owned();
                self.repositories.insert(name, (url, insecure));
            }
            ("source.toolkit.fluxcd.io", "OCIRepository") => self.artifacts.push(object),
            ("source.toolkit.fluxcd.io", "Bucket") => self.warnings.push(format!(
                "Bucket {}: what is in it is not asked for; pin the digest that its condition shows",
                object.name()
            )),
            ("source.toolkit.fluxcd.io", "HelmChart") => self.take_reference(&object, "/spec"),
            ("helm.toolkit.fluxcd.io", "HelmRelease") => {
                self.take_reference(&object, "/spec/chart/spec");
            }
            _ => {}
        }
    }

    fn take_reference(&mut self, object: &Object, place: &str) {
        let said = |field: &str| text(object, &format!("{place}/{field}")).to_owned();
        if said("sourceRef/kind") == "HelmRepository" {
            let named = (said("sourceRef/name"), said("chart"), said("version"));
            self.charts.push(named);
        }
    }

    /// What a chart needs of elsewhere, by its Chart.lock or else by itself.
    fn take_chart(&mut self, directory: &Path, chart: &[u8]) {
        let lock = fs::read(directory.join("Chart.lock")).ok();
        let written = lock.as_deref().unwrap_or(chart);
        let Ok(fields) = windlass_helm::read_values(written) else {
            return;
        };
        let listed = fields.get("dependencies").cloned().unwrap_or_default();
        let listed: Vec<Dependency> = serde_json::from_value(listed).unwrap_or_default();
        let held = directory.join("charts");
        for dependency in listed {
            let is_remote = dependency.repository.contains("://")
                && !dependency.repository.starts_with("file://");
            let is_held = held.join(&dependency.name).is_dir()
                || held
                    .join(format!("{}-{}.tgz", dependency.name, dependency.version))
                    .is_file();
            if is_remote && !is_held {
                self.needs.push(Need {
                    insecure: false,
                    repository: dependency.repository,
                    name: dependency.name,
                    range: dependency.version,
                });
            }
        }
    }

    /// Every version of a chart that is needed, once.
    fn needs(&mut self) -> Vec<Need> {
        let mut needs = std::mem::take(&mut self.needs);
        for need in &mut needs {
            let mut known = self.repositories.values();
            need.insecure = known.any(|(url, insecure)| *url == need.repository && *insecure);
        }
        for (repository, name, range) in std::mem::take(&mut self.charts) {
            let Some((url, insecure)) = self.repositories.get(&repository) else {
                self.warnings.push(format!(
                    "chart {name}: HelmRepository {repository} is not in this repository"
                ));
                continue;
            };
            needs.push(Need {
                repository: url.clone(),
                insecure: *insecure,
                name,
                range,
            });
        }
        needs.sort();
        needs.dedup();
        needs
    }
}

/// A look under way.
struct Looking<'o> {
    old: &'o Artifacts,
    ask: Ask,
    cache: Cache,
    found: Found,
}

// === impl Looking ===

impl Looking<'_> {
    fn chart(&mut self, need: &Need) -> Result<(), String> {
        let Need {
            repository,
            name,
            range,
            ..
        } = need;
        if repository.contains("${") || name.contains("${") || range.contains("${") {
            let place = format!("chart {name} {range} of {repository}");
            self.found
                .warnings
                .push(format!("{place}: passed over, it has variables"));
            return Ok(());
        }
        let pinned = self.pinned(need).filter(|_| self.ask != Ask::ForAll);
        let (version, digest) = match (pinned, self.ask) {
            (Some(pinned), _) => pinned,
            (None, Ask::Never) => {
                let unpinned = format!("chart {name} {range} of {repository}");
                self.found.unpinned.push(unpinned);
                return Ok(());
            }
            (None, _) => {
                let asked = match repository.starts_with("oci://") {
                    true => registry_chart(need),
                    false => self.repository_chart(need),
                };
                asked.map_err(|error| format!("chart {name} {range} of {repository}: {error}"))?
            }
        };
        let key = (repository.clone(), name.clone(), version);
        self.found.pins.charts.insert(key, digest);
        Ok(())
    }

    /// The highest version within the range that is pinned.
    fn pinned(&self, need: &Need) -> Option<(String, ContentDigest)> {
        let pins = self.old.charts.iter();
        let of_this = pins.filter(|((repository, name, version), _)| {
            (repository, name) == (&need.repository, &need.name)
                && is_within(range(need), version) == Ok(true)
        });
        let of_this: Vec<_> = of_this.collect();
        let versions = of_this.iter().map(|((_, _, version), _)| version.as_str());
        let best = highest(range(need), versions).ok().flatten()?;
        let ((_, _, version), digest) = of_this.get(best)?;
        Some((version.clone(), **digest))
    }

    fn repository_chart(&self, need: &Need) -> Result<(String, ContentDigest), String> {
        let base = need.repository.trim_end_matches('/');
        let url = format!("{base}/index.yaml");
        let fetched = self.cache.fetch_up_to(&url, INDEX_BYTES);
        let (_, bytes) = fetched.map_err(|error| error.to_string())?;
        let versions = index::versions(&mut bytes.as_slice(), &need.name);
        let versions = versions.map_err(|error| error.to_string())?;
        let mut versions = versions.ok_or("its index has no chart of this name")?;
        let names = versions.iter().map(|one| one.version.as_str());
        let best = highest(range(need), names)?.ok_or("its index has no such version")?;
        let version = versions.swap_remove(best);
        let place = version.urls.first().ok_or("its index names no package")?;
        let url = match place.contains("://") {
            true => place.clone(),
            false => format!("{base}/{}", place.trim_start_matches('/')),
        };
        let (digest, _) = self
            .cache
            .fetch_file(&url)
            .map_err(|error| error.to_string())?;
        let said = version.digest.as_deref().unwrap_or_default();
        let said = said.strip_prefix("sha256:").unwrap_or(said);
        match said.is_empty() || said == digest.hex() {
            true => Ok((version.version, digest)),
            false => Err(format!(
                "its index says sha256:{said}, and {url} is {digest}"
            )),
        }
    }

    fn artifact(&mut self, object: &Object) -> Result<(), String> {
        let url = text(object, "/spec/url").to_owned();
        let said = |field: &str| text(object, &format!("/spec/ref/{field}")).to_owned();
        let (range, tag) = (said("semver"), said("tag"));
        if !said("digest").is_empty() {
            return Ok(());
        }
        let name = object.name();
        if !said("semverFilter").is_empty() || url.contains("${") {
            self.found.warnings.push(format!(
                "OCIRepository {name}: passed over, it has a semverFilter or variables; pin it by hand"
            ));
            return Ok(());
        }
        let followed = match (range.as_str(), tag.as_str()) {
            ("", "") => "latest".to_owned(),
            ("", tag) => tag.to_owned(),
            (range, _) => range.to_owned(),
        };
        let key = (url.clone(), followed.clone());
        let pinned = self.old.oci.get(&key).copied();
        let digest = match (pinned.filter(|_| self.ask != Ask::ForAll), self.ask) {
            (Some(pinned), _) => pinned,
            (None, Ask::Never) => {
                self.found
                    .unpinned
                    .push(format!("OCIRepository {name}: {url} {followed}"));
                return Ok(());
            }
            (None, _) => {
                let insecure = flag(object, "/spec/insecure");
                let asked = registry_artifact((&url, insecure), &followed, !range.is_empty());
                asked.map_err(|error| format!("OCIRepository {name}: {url} {followed}: {error}"))?
            }
        };
        self.found.pins.oci.insert(key, digest);
        Ok(())
    }
}

fn range(need: &Need) -> &str {
    match need.range.as_str() {
        "" => "*",
        range => range,
    }
}

fn repository(url: &str, insecure: bool) -> Result<Repository, String> {
    Repository::new(url, insecure).ok_or_else(|| format!("{url:?} is no oci:// URL with a path"))
}

fn registry_chart(need: &Need) -> Result<(String, ContentDigest), String> {
    let said = |error: RegistryError| error.to_string();
    let url = format!("{}/{}", need.repository.trim_end_matches('/'), need.name);
    let repository = repository(&url, need.insecure)?;
    let tags = repository.tags().map_err(said)?;
    let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
    let best = highest(range(need), versions.iter().map(String::as_str))?;
    let version = best.and_then(|best| versions.get(best));
    let version = version.ok_or("there is no such version")?;
    let (_, manifest) = repository
        .manifest(&version.replace('+', "_"))
        .map_err(said)?;
    let layers = manifest.get("layers").and_then(Value::as_array);
    let layers = layers.map(Vec::as_slice).unwrap_or_default();
    let of_type = |wanted: &&str| {
        let mut layers = layers.iter();
        layers.find(|layer| layer.get("mediaType").and_then(Value::as_str) == Some(wanted))
    };
    let layer = CHART_LAYERS.iter().find_map(of_type);
    let digest = layer.and_then(|layer| layer.get("digest")?.as_str()?.parse().ok());
    Ok((version.clone(), digest.ok_or("it is no Helm chart")?))
}

fn registry_artifact(
    (url, insecure): (&str, bool),
    followed: &str,
    is_range: bool,
) -> Result<ContentDigest, String> {
    let said = |error: RegistryError| error.to_string();
    let repository = repository(url, insecure)?;
    if !is_range {
        return repository
            .manifest(followed)
            .map(|(digest, _)| digest)
            .map_err(said);
    }
    let tags = repository.tags().map_err(said)?;
    let best = highest(followed, tags.iter().map(String::as_str))?;
    let tag = best
        .and_then(|best| tags.get(best))
        .ok_or("no tag is within the range")?;
    repository
        .manifest(tag)
        .map(|(digest, _)| digest)
        .map_err(said)
}
