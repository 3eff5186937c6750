//! The charts that a chart in a folder needs.

use windlass_helm::{Chart, Dependency, File, archive_files, is_within, load_files};
use windlass_kustomize::{EntryKind as TreeKind, Tree};

use super::{BuildError, Cause, folder_files, inside};

/// Where the charts are that a chart needs of other places.
pub trait Elsewhere {
    /// Gives the version and the package of the chart of a repository (`https://…` or `oci://…`) that a range picks. What it is,
    /// the other side has made sure of.
    ///
    /// # Errors
    /// It cannot be had; the message says why, and what to do.
    fn chart(&self, repository: &str, name: &str, range: &str)
    -> Result<(String, Vec<u8>), String>;
}

/// No other place is asked.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Elsewhere for Nowhere {
    fn chart(&self, repository: &str, _: &str, _: &str) -> Result<(String, Vec<u8>), String> {
        Err(format!(
            "it is from {repository}, which is not asked here; run `helm dependency build`, which puts it into charts/"
        ))
    }
}

/// Adds what Chart.lock, or else Chart.yaml, names and `charts/` does not hold: from the same tree, or from elsewhere.
pub(super) fn add(
    (tree, elsewhere): (&dyn Tree, &dyn Elsewhere),
    chart_path: &str,
    chart: &Chart,
    files: &mut Vec<File>,
) -> Result<(), BuildError> {
    let locked = chart
        .lock
        .as_ref()
        .and_then(|lock| lock.get("dependencies"));
    let locked: Option<Vec<Dependency>> =
        locked.and_then(|list| serde_json::from_value(list.clone()).ok());
    let wanted = locked.as_ref().unwrap_or(&chart.metadata.dependencies);
    if wanted.len() == chart.dependencies.len() {
        return Ok(());
    }
    let has = |dependency: &&Dependency| {
        let there = chart
            .dependencies
            .iter()
            .any(|one| one.name() == dependency.name);
        !there
    };
    for dependency in wanted.iter().filter(has) {
        let repository = dependency.repository.as_str();
        let added = match repository.is_empty() || repository.starts_with(LOCAL) {
            true => local_dependency(tree, chart_path, dependency),
            false => package(elsewhere, dependency).map(|file| vec![file]),
        };
        let added = added.map_err(|message| {
            Cause::Dependency.error(format!(
                "failed to add dependency '{}': {message}",
                dependency.name
            ))
        })?;
        // The same chart may be needed twice, under two aliases.
        let is_new = |file: &File| !files.iter().any(|one| one.name == file.name);
        let added: Vec<File> = added.into_iter().filter(is_new).collect();
        files.extend(added);
    }
    Ok(())
}

/// How the place of a chart in the same source begins.
const LOCAL: &str = "file://";

/// The package of a chart of elsewhere, where `helm dependency build` puts it.
fn package(elsewhere: &dyn Elsewhere, dependency: &Dependency) -> Result<File, String> {
    let Dependency {
        name,
        version,
        repository,
        ..
    } = dependency;
    let is_known = ["https://", "http://", "oci://"]
        .iter()
        .any(|scheme| repository.starts_with(scheme));
    if !is_known {
        return Err(format!(
            "its repository {repository:?} is none that can be asked: name it by https://, http:// or oci://"
        ));
    }
    let (found, bytes) = elsewhere.chart(repository, name, version)?;
    let files = archive_files(&bytes).map_err(|error| error.to_string())?;
    let chart = load_files(files).map_err(|error| error.to_string())?;
    if chart.name() != name {
        let other = chart.name();
        return Err(format!("the package of {name} {found} holds chart {other}"));
    }
    Ok(File {
        name: format!("charts/{name}-{found}.tgz"),
        data: bytes.into(),
    })
}

fn local_dependency(
    tree: &dyn Tree,
    chart_path: &str,
    dependency: &Dependency,
) -> Result<Vec<File>, String> {
    let repository = dependency.repository.as_str();
    let Some(reference) = repository.strip_prefix(LOCAL) else {
        return Err("it has no repository, and is not in charts/; put it there".to_owned());
    };
    let path = inside(chart_path, reference)
        .ok_or_else(|| format!("'{repository}' leads out of the source"))?;
    let folder = match tree.kind(&path).map_err(|error| error.to_string())? {
        Some(TreeKind::Directory) => {
            folder_files(tree, &path).map_err(|error| error.to_string())?
        }
        Some(TreeKind::File) => {
            let bytes = tree.read(&path).map_err(|error| error.to_string())?;
            archive_files(&bytes).map_err(|error| error.to_string())?
        }
        None => {
            return Err(format!(
                "no chart found at '{path}' (reference '{repository}')"
            ));
        }
    };
    let chart = load_files(folder.clone()).map_err(|error| format!("'{path}': {error}"))?;
    if !is_within(&dependency.version, &chart.metadata.version)? {
        let (found, asked) = (&chart.metadata.version, &dependency.version);
        return Err(format!(
            "version {found} at '{path}' is not within '{asked}'"
        ));
    }
    let below = folder.into_iter().map(|file| File {
        name: format!("charts/{}/{}", chart.name(), file.name),
        data: file.data,
    });
    Ok(below.collect())
}
