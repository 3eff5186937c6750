//! Charts that are not on this machine: fetched with the person's own curl, and rendered from memory.

use std::path::Path;

use windlass_helm::{Chart, Dependency, is_within, load_archive, missing_dependencies};

use super::chart;
use super::flags::TemplateFlags;
use crate::elsewhere::Cache;
use crate::elsewhere::charts::Wanted;
use crate::error::CommandError;

/// What Helm takes where no version is named: with `--devel` also what comes before a release.
const ANY: &str = ">=0.0.0";
const ANY_DEVEL: &str = ">0.0.0-0";

/// Where Helm looks for a chart that a chart needs beside it.
const LOCAL: &str = "file://";

/// Whether a chart is to be fetched: with `--repo`, unless the name is a path that is there, and by a URL.
pub(super) fn is_remote(name: &str, flags: &TemplateFlags) -> bool {
    let is_path = name.starts_with('.') || name.starts_with('/') || Path::new(name).exists();
    !is_path && (flags.repo.is_some() || name.contains("://"))
}

/// Fetches the chart that a command names.
pub(super) fn chart(name: &str, flags: &TemplateFlags) -> Result<Chart, CommandError> {
    let failed = |why: String| CommandError::Build(format!("{name}: {why}"));
    let cache = Cache::of_this_person();
    let range = match (flags.chart_version.as_deref(), flags.devel) {
        (Some(version), _) if !version.is_empty() => version,
        (_, true) => ANY_DEVEL,
        _ => ANY,
    };
    let bytes = match (&flags.repo, name.starts_with("oci://")) {
        (Some(repository), false) if !name.contains("://") => {
            package(&cache, repository, (name, range), flags)
        }
        (_, true) => {
            let (registry, chart) = name
                .trim_end_matches('/')
                .rsplit_once('/')
                .unwrap_or((name, ""));
            package(&cache, registry, (chart, range), flags)
        }
        _ => {
            let fetched = cache.fetch_file(name);
            fetched
                .map(|(_, bytes)| bytes)
                .map_err(|error| error.to_string())
        }
    };
    let bytes = bytes.map_err(failed)?;
    load_archive(&bytes).map_err(|error| failed(error.to_string()))
}

fn package(
    cache: &Cache,
    repository: &str,
    (name, range): (&str, &str),
    flags: &TemplateFlags,
) -> Result<Vec<u8>, String> {
    let wanted = Wanted {
        repository,
        insecure: flags.plain_http,
        name,
        range,
    };
    wanted.fetch(cache).map(|(_, bytes)| bytes)
}

/// Adds what Chart.yaml names and `charts/` does not hold. As in Helm everything that is from elsewhere is looked for anew then,
/// whatever Chart.lock says; here nothing of it is written.
pub(super) fn dependencies(
    path: &str,
    chart: &mut Chart,
    flags: &TemplateFlags,
) -> Result<(), CommandError> {
    if missing_dependencies(chart).is_empty() {
        return Ok(());
    }
    let cache = Cache::of_this_person();
    for dependency in &chart.metadata.dependencies {
        let named = |why: String| {
            CommandError::Build(format!("{path}: it needs chart {}: {why}", dependency.name))
        };
        if dependency.repository.is_empty() {
            continue;
        }
        let found = dependency_chart(Path::new(path), &cache, dependency, flags).map_err(named)?;
        chart.dependencies.retain(|one| one.name() != found.name());
        chart.dependencies.push(found);
    }
    chart
        .dependencies
        .sort_by(|one, other| one.name().cmp(other.name()));
    Ok(())
}

fn dependency_chart(
    path: &Path,
    cache: &Cache,
    dependency: &Dependency,
    flags: &TemplateFlags,
) -> Result<Chart, String> {
    let (repository, range) = (dependency.repository.as_str(), dependency.version.as_str());
    if let Some(place) = repository.strip_prefix(LOCAL) {
        let place = path.join(place);
        let found = chart::load(&place.display().to_string()).map_err(|error| error.to_string())?;
        let version = &found.metadata.version;
        return match is_within(range, version)? {
            true => Ok(found),
            false => Err(format!(
                "{} has version {version}, not {range}",
                place.display()
            )),
        };
    }
    if !repository.contains("://") {
        return Err(format!(
            "{repository:?} is a repository that helm knows by name; write its URL, or run `helm dependency build`"
        ));
    }
    let bytes = package(cache, repository, (&dependency.name, range), flags)?;
    load_archive(&bytes).map_err(|error| error.to_string())
}
