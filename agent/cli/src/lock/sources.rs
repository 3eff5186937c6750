//! The sources, releases and charts in the files of a repository: what they take of registries and of repositories of charts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use windlass_helm::{Dependency, highest, is_within};
use windlass_object::Object;
use windlass_object::yaml::{Dialect, Limits, parse_objects};
use windlass_trust::ContentDigest;

use super::artifacts::Artifacts;
use super::versions::{self, Tags};
use super::walk::{Ask, below};
use crate::elsewhere::Cache;
use crate::elsewhere::charts::Wanted;
use crate::facts::{flag, text};

/// Directories deeper than this are none that anybody wrote.
const DEPTH_LIMIT: usize = 64;

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

impl Need {
    /// The range of versions; all of them where none is named.
    fn range(&self) -> &str {
        match self.range.as_str() {
            "" => "*",
            range => range,
        }
    }
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
                let wanted = Wanted {
                    repository,
                    insecure: need.insecure,
                    name,
                    range: need.range(),
                };
                let found = wanted.find(&self.cache);
                let found = found
                    .map_err(|error| format!("chart {name} {range} of {repository}: {error}"))?;
                (found.version, found.digest)
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
                && is_within(need.range(), version) == Ok(true)
        });
        let of_this: Vec<_> = of_this.collect();
        let versions = of_this.iter().map(|((_, _, version), _)| version.as_str());
        let best = highest(need.range(), versions).ok().flatten()?;
        let ((_, _, version), digest) = of_this.get(best)?;
        Some((version.clone(), **digest))
    }

    fn artifact(&mut self, object: &Object) -> Result<(), String> {
        let url = text(object, "/spec/url").to_owned();
        let said = |field: &str| text(object, &format!("/spec/ref/{field}")).to_owned();
        let (range, tag) = (said("semver"), said("tag"));
        if !said("digest").is_empty() {
            return Ok(());
        }
        let name = object.name();
        if url.contains("${") {
            self.found.warnings.push(format!(
                "OCIRepository {name}: passed over, it has variables; pin it by hand"
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
                let filter = said("semverFilter");
                let tags = match range.as_str() {
                    "" => Tags::Named(&followed),
                    range => Tags::Within {
                        range,
                        filter: &filter,
                    },
                };
                let asked = versions::artifact((&url, insecure), &tags);
                asked.map_err(|error| format!("OCIRepository {name}: {url} {followed}: {error}"))?
            }
        };
        let other = self.found.pins.oci.insert(key, digest);
        match other.filter(|other| *other != digest) {
            None => Ok(()),
            Some(_) => Err(format!(
                "OCIRepository {name}: another one has the URL {url} and the range {followed} too, with another \
                 semverFilter, and one pin cannot be for both; name a tag or a digest in one of them"
            )),
        }
    }
}
