//! A chart: its metadata, templates, values, files, and the charts it brings along.

mod archive;
mod directory;
mod ignore;
mod load;
mod metadata;

use std::sync::Arc;

use serde_json::{Map, Value};

pub(crate) use crate::chart::load::to_floats;
pub(crate) use crate::chart::metadata::or_default;

pub use crate::chart::directory::{Directory, Entry, EntryKind, directory_files, load_directory};
pub use crate::chart::load::{
    LoadError, archive_files, load_archive, load_files, merge_values, read_values,
};
pub use crate::chart::metadata::{Dependency, Maintainer, Metadata};

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the chart, separated by `/`.
    pub name: String,
    /// Its content.
    pub data: Arc<[u8]>,
}

/// A chart in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Chart.yaml, with the dependencies of requirements.yaml.
    pub metadata: Metadata,
    /// Chart.lock (or requirements.lock) as it is.
    pub lock: Option<Value>,
    /// values.yaml; every number is a float, as Helm reads it.
    pub values: Map<String, Value>,
    /// values.schema.json.
    pub schema: Option<Arc<[u8]>>,
    /// The files below `templates/`.
    pub templates: Vec<File>,
    /// All other files, `crds/` among them.
    pub files: Vec<File>,
    /// The charts below `charts/`.
    pub dependencies: Vec<Chart>,
}

/// A custom resource definition that a chart brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomResourceDefinition {
    /// Where it comes from: the path through the charts.
    pub source: String,
    /// The file.
    pub data: Arc<[u8]>,
}

// === impl Chart ===

impl Chart {
    /// The chart's name, which a parent's alias may have changed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether its templates are only for others to include.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.metadata.chart_type.eq_ignore_ascii_case("library")
    }

    /// The files in `crds/`, of this chart and then of those it brings along.
    #[must_use]
    pub fn custom_resource_definitions(&self) -> Vec<CustomResourceDefinition> {
        let mut found = Vec::new();
        self.collect_definitions(self.name(), &mut found);
        found
    }

    fn collect_definitions(&self, path: &str, found: &mut Vec<CustomResourceDefinition>) {
        let files = self.files.iter();
        let files = files.filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name));
        found.extend(files.map(|file| CustomResourceDefinition {
            source: format!("{path}/{}", file.name),
            data: Arc::clone(&file.data),
        }));
        for dependency in &self.dependencies {
            let path = format!("{path}/charts/{}", dependency.name());
            dependency.collect_definitions(&path, found);
        }
    }
}

fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}
