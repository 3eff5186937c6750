//! The charts that a chart in a folder needs.

use windlass_helm::{Chart, Dependency, File, archive_files, is_within, load_files};
use windlass_kustomize::{EntryKind as TreeKind, Tree};

use super::{BuildError, Cause, folder_files, inside};

/// Adds what Chart.lock, or else Chart.yaml, names and `charts/` does not hold, from the same tree.
pub(super) fn add(
    tree: &dyn Tree,
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
        let added = local_dependency(tree, chart_path, dependency);
        let added = added.map_err(|message| {
            Cause::Dependency.error(format!(
                "failed to add dependency '{}': {message}",
                dependency.name
            ))
        })?;
        files.extend(added);
    }
    Ok(())
}

fn local_dependency(
    tree: &dyn Tree,
    chart_path: &str,
    dependency: &Dependency,
) -> Result<Vec<File>, String> {
    let repository = dependency.repository.as_str();
    let Some(reference) = repository.strip_prefix("file://") else {
        let from = match repository {
            "" => "no repository".to_owned(),
            url => url.to_owned(),
        };
        return Err(format!(
            "it is from {from}, which is not asked while a chart is packaged; run `helm dependency build` and commit charts/"
        ));
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
