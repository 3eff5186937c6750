//! A chart out of the files of a source: its values and version as asked for, and the charts that it needs.

mod dependencies;
mod package;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use windlass_helm::{
    Chart, Directory, Entry, EntryKind, File, LoadError, archive_files, directory_files,
    load_files, read_values, with_metadata,
};
use windlass_kustomize::{Entry as TreeEntry, EntryKind as TreeKind, Tree, TreeError};

pub use self::dependencies::{Elsewhere, Nowhere};
pub use self::package::package;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// Where the chart is in the tree.
    pub path: &'w str,
    /// Files of the tree whose values take the place of the chart's own, later ones over earlier ones.
    pub values_files: &'w [String],
    /// Whether one that is not there is passed over.
    pub ignore_missing: bool,
    /// What is put behind the version, if anything.
    pub metadata: &'w str,
}

/// A chart before it is packaged.
#[derive(Debug)]
pub struct Built {
    /// The name in Chart.yaml.
    pub name: String,
    /// The version in Chart.yaml, with what was put behind it.
    pub version: String,
    /// What it is made of.
    pub content: Content,
    /// The files of values that were there.
    pub values_files: Vec<String>,
}

/// What the package is made of.
#[derive(Debug)]
pub enum Content {
    /// The archive in the tree, as it is.
    Archive(Vec<u8>),
    /// These files.
    Files(Vec<File>),
}

/// Why there is no chart, in Flux's words (source-controller, `internal/helm/chart/errors.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing that is a chart is at the path.
    Reference,
    /// The version cannot carry what has to stand behind it.
    Metadata,
    /// A file of values is missing or cannot be read.
    Values,
    /// A chart that it needs cannot be added.
    Dependency,
    /// What came of it is no chart.
    Package,
}

/// There is no chart.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", cause.words())]
pub struct BuildError {
    /// Why.
    pub cause: Cause,
    message: String,
}

impl Cause {
    fn words(self) -> &'static str {
        match self {
            Cause::Reference => "invalid chart reference",
            Cause::Metadata => "chart metadata patch error",
            Cause::Values => "values files merge error",
            Cause::Dependency => "dependency build error",
            Cause::Package => "chart package error",
        }
    }

    fn error(self, message: impl Into<String>) -> BuildError {
        let message = message.into();
        BuildError {
            cause: self,
            message,
        }
    }
}

/// A chart that was found, and is not made what was asked for yet.
pub struct Found<'t, 'w> {
    tree: &'t dyn Tree,
    wanted: Wanted<'w>,
    chart: Chart,
    files: Vec<File>,
    archive: Archive,
    version: String,
}

/// How a chart was found.
#[derive(Debug)]
enum Archive {
    /// As a folder of the tree, beside which the charts may be that it needs.
    Folder(String),
    /// As a package.
    Packaged(Vec<u8>),
}

/// Finds the chart at a path of the tree, and what it is to be called.
///
/// # Errors
/// There is no chart at the path, or its version cannot carry what is put behind it.
pub fn find<'t, 'w>(tree: &'t dyn Tree, wanted: Wanted<'w>) -> Result<Found<'t, 'w>, BuildError> {
    let path = inside("", wanted.path).ok_or_else(|| {
        Cause::Reference.error(format!("{:?} leads out of the source", wanted.path))
    })?;
    let reference = |message: String| Cause::Reference.error(message);
    let kind = tree
        .kind(&path)
        .map_err(|error| reference(error.to_string()))?;
    let Some(kind) = kind else {
        return Err(reference(format!(
            "nothing is at {:?}; check spec.chart and the ignore rules of the source",
            wanted.path
        )));
    };
    match kind {
        TreeKind::Directory => {
            let files = folder_files(tree, &path).map_err(Cause::Reference.of(&path))?;
            Found::new(tree, files, Archive::Folder(path), wanted)
        }
        TreeKind::File => {
            let bytes = tree
                .read(&path)
                .map_err(|error| reference(error.to_string()))?;
            let files = archive_files(&bytes).map_err(Cause::Reference.of(&path))?;
            Found::new(tree, files, Archive::Packaged(bytes), wanted)
        }
    }
}

/// Takes the chart of a package, whose files these are; files of values are among them.
///
/// # Errors
/// The files are no chart, or what is asked for cannot be done to it.
pub fn of_package(
    bytes: Vec<u8>,
    files: Vec<File>,
    wanted: Wanted<'_>,
) -> Result<Built, BuildError> {
    let tree = Inside(&files);
    Found::new(&tree, files.clone(), Archive::Packaged(bytes), wanted)?.build(&Nowhere)
}

// === impl Found ===

impl std::fmt::Debug for Found<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Found")
            .field("name", &self.name())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<'t, 'w> Found<'t, 'w> {
    fn new(
        tree: &'t dyn Tree,
        files: Vec<File>,
        archive: Archive,
        wanted: Wanted<'w>,
    ) -> Result<Self, BuildError> {
        let chart = load_files(files.clone()).map_err(Cause::Reference.of(wanted.path))?;
        let version = match wanted.metadata {
            "" => chart.metadata.version.clone(),
            metadata => with_metadata(&chart.metadata.version, metadata)
                .map_err(|message| Cause::Metadata.error(message))?,
        };
        Ok(Found {
            tree,
            wanted,
            chart,
            files,
            archive,
            version,
        })
    }

    /// The name in Chart.yaml.
    #[must_use]
    pub fn name(&self) -> &str {
        self.chart.name()
    }

    /// The version in Chart.yaml, with what is put behind it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Makes the chart what was asked for: its values, its version, and the charts that it needs.
    ///
    /// # Errors
    /// Something of that cannot be done.
    pub fn build(self, elsewhere: &dyn Elsewhere) -> Result<Built, BuildError> {
        let (tree, wanted, version) = (self.tree, self.wanted, self.version);
        let (chart, mut files) = (self.chart, self.files);
        let name = chart.name().to_owned();
        let untouched = wanted.metadata.is_empty() && wanted.values_files.is_empty();
        let folder = match self.archive {
            Archive::Packaged(bytes) if untouched => {
                let (content, values_files) = (Content::Archive(bytes), Vec::new());
                return Ok(Built {
                    name,
                    version,
                    content,
                    values_files,
                });
            }
            Archive::Packaged(_) => None,
            Archive::Folder(path) => Some(path),
        };
        let values_files = replace_values(tree, &mut files, wanted)?;
        if version != chart.metadata.version {
            replace_version(&mut files, &chart, &version);
        }
        if let Some(path) = folder {
            dependencies::add((tree, elsewhere), &path, &chart, &mut files)?;
        }
        // What was put in has to make a chart, too.
        load_files(files.clone()).map_err(Cause::Package.of(wanted.path))?;
        Ok(Built {
            name,
            version,
            content: Content::Files(files),
            values_files,
        })
    }
}

impl Cause {
    /// Names the path a chart could not be loaded from.
    fn of(self, path: &str) -> impl FnOnce(LoadError) -> BuildError {
        move |error| self.error(format!("{path:?}: {error}"))
    }
}

/// Puts the values of the files in place of values.yaml, and says which files these were.
fn replace_values(
    tree: &dyn Tree,
    files: &mut Vec<File>,
    wanted: Wanted<'_>,
) -> Result<Vec<String>, BuildError> {
    let mut merged = Map::new();
    let mut found = Vec::new();
    for name in wanted.values_files {
        let path = inside("", name)
            .ok_or_else(|| Cause::Values.error(format!("{name:?} leads out of the source")))?;
        match tree.kind(&path) {
            Ok(Some(TreeKind::File)) => {}
            Ok(None) if wanted.ignore_missing => continue,
            _ => {
                return Err(Cause::Values.error(format!(
                    "no values file found at path '{path}' (reference '{name}')"
                )));
            }
        }
        let text = tree
            .read(&path)
            .map_err(|error| Cause::Values.error(error.to_string()))?;
        let values =
            read_values(&text).map_err(|error| Cause::Values.error(format!("{name}: {error}")))?;
        merge(&mut merged, values);
        found.push(name.clone());
    }
    if wanted.values_files.is_empty() {
        return Ok(found);
    }
    set(files, "values.yaml", &Value::Object(merged));
    Ok(found)
}

fn replace_version(files: &mut Vec<File>, chart: &Chart, version: &str) {
    let mut metadata = chart.metadata.clone();
    version.clone_into(&mut metadata.version);
    // A struct of plain fields always becomes JSON, which is YAML.
    let metadata = serde_json::to_value(metadata).unwrap_or_default();
    set(files, "Chart.yaml", &metadata);
}

fn set(files: &mut Vec<File>, name: &str, value: &Value) {
    files.retain(|file| file.name != name);
    let mut data = format!("{value:#}").into_bytes();
    data.push(b'\n');
    files.push(File {
        name: name.to_owned(),
        data: data.into(),
    });
}

fn merge(into: &mut Map<String, Value>, later: Map<String, Value>) {
    for (key, value) in later {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(later)) => merge(inner, later),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The files of a package, for the files of values that are among them.
struct Inside<'f>(&'f [File]);

impl Tree for Inside<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let file = self.0.iter().find(|file| file.name == path);
        file.map(|file| file.data.to_vec())
            .ok_or_else(|| TreeError::new(path, "the chart has no such file"))
    }

    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>, TreeError> {
        Err(TreeError::new(directory, "a package has no directories"))
    }

    fn kind(&self, path: &str) -> Result<Option<TreeKind>, TreeError> {
        let there = self.0.iter().any(|file| file.name == path);
        Ok(there.then_some(TreeKind::File))
    }
}

fn folder_files(tree: &dyn Tree, path: &str) -> Result<Vec<File>, LoadError> {
    directory_files(&Folder { tree, path })
}

/// A folder of the tree as the helm room reads it.
struct Folder<'t> {
    tree: &'t dyn Tree,
    path: &'t str,
}

impl Directory for Folder<'_> {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, String> {
        let listed = self.tree.list(&join(self.path, folder));
        let entries = listed.map_err(|error| error.to_string())?.into_iter();
        let entries = entries.map(|entry| Entry {
            name: entry.name,
            kind: match entry.kind {
                TreeKind::File => EntryKind::File,
                TreeKind::Directory => EntryKind::Folder,
            },
        });
        Ok(entries.collect())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let read = self.tree.read(&join(self.path, path));
        read.map_err(|error| error.to_string())
    }
}

fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// A path below a folder of the tree, or beside it; `None` where it would lead out of the tree.
fn inside(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
