//! The kustomization file: its fields, read strictly.

mod fields;
mod read;

use std::collections::BTreeMap;

pub(crate) use fields::{
    GeneratorArguments, GeneratorOptions, Image, Label, LegacySortOptions, Patch, PatchOptions,
    Replica, SortOptions, SortOrder,
};

use crate::error::Place;
use crate::replacement::WrittenReplacement;
use crate::variable::Variable;

/// What a kustomization file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Kustomization,
    Component,
}

/// A kustomization, old fields already read as the new ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    /// The file; empty for one that is generated.
    pub(crate) file: String,
    /// The directory its paths are relative to.
    pub(crate) directory: String,
    pub(crate) kind: Kind,
    /// Whether any field but `apiVersion` and `kind` is set.
    pub(crate) is_empty: bool,
    /// The line of each top-level field.
    lines: BTreeMap<String, usize>,

    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: BTreeMap<String, String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) patches_strategic_merge: Vec<String>,
    pub(crate) patches_json: Vec<Patch>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) images: Vec<Image>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) replacements: Vec<WrittenReplacement>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) config_map_generator: Vec<GeneratorArguments>,
    pub(crate) secret_generator: Vec<GeneratorArguments>,
    pub(crate) generator_options: GeneratorOptions,
    pub(crate) configurations: Vec<String>,
    pub(crate) crds: Vec<String>,
    pub(crate) build_metadata: BuildMetadata,
}

/// What is written into the objects about the build itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BuildMetadata {
    pub(crate) origins: bool,
    pub(crate) transformations: bool,
    pub(crate) managed_by: bool,
}

// === impl Kustomization ===

impl Kustomization {
    /// The place of a top-level field.
    pub(crate) fn place(&self, field: &str) -> Place {
        Place {
            file: self.file.clone(),
            line: self.lines.get(field).copied(),
            field: field.to_owned(),
        }
    }

    /// The place of one entry of a top-level list.
    pub(crate) fn place_of(&self, field: &str, index: usize) -> Place {
        Place {
            field: format!("{field}[{index}]"),
            ..self.place(field)
        }
    }
}
