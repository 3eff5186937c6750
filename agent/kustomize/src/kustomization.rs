//! The kustomization file: its fields, read strictly.

mod fields;
pub(crate) mod lines;
pub(crate) mod read;

use std::collections::BTreeMap;

pub(crate) use fields::{
    GeneratorArguments, GeneratorOptions, Image, Label, LegacySortOptions, Patch, PatchOptions,
    Replica, SortOptions, SortOrder,
};

pub(crate) use read::without_nulls;

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

/// A field of the spec that stands in the place of a field of the file, or behind its entries.
#[derive(Clone, Copy, Debug)]
struct FromSpec {
    field: &'static str,
    /// How many entries are the file's own.
    own: usize,
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
    /// Fields that the Flux Kustomization's spec has set or lengthened, by where its part begins.
    from_spec: BTreeMap<&'static str, FromSpec>,

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
    /// How many of the resources were written under the old name `bases`.
    pub(crate) bases: usize,
    pub(crate) components: Vec<String>,
    pub(crate) config_map_generator: Vec<GeneratorArguments>,
    pub(crate) secret_generator: Vec<GeneratorArguments>,
    pub(crate) generator_options: GeneratorOptions,
    /// Configurations of built-in plugins: an object each, or the path of a file or directory of them.
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) configurations: Vec<String>,
    pub(crate) crds: Vec<String>,
    pub(crate) build_metadata: BuildMetadata,
    pub(crate) openapi: OpenApi,
}

/// `openapi`: which types strategic merge patches know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum OpenApi {
    #[default]
    Unset,
    /// The version that is built in.
    BuiltIn,
    /// A document in the tree.
    Path(String),
}

/// What is written into the objects about the build itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildMetadata {
    /// `originAnnotations`: the file an object was written in, or what generated it.
    pub origins: bool,
    /// `transformerAnnotations`: the transformers that changed it.
    pub transformations: bool,
    /// `managedByLabel`: kustomize's version, as a label.
    pub managed_by: bool,
}

// === impl Kustomization ===

impl Kustomization {
    /// Keeps only some of the files and directories it names as resources, components and definitions.
    pub(crate) fn retain_files(&mut self, keep: impl Fn(&str) -> bool) {
        let lists = [&mut self.resources, &mut self.components, &mut self.crds];
        for list in lists {
            list.retain(|path| keep(path));
        }
    }

    /// Notes that a field's entries from the given number on are those of a field of the spec.
    pub(crate) fn note_spec(&mut self, field: &'static str, spec_field: &'static str, own: usize) {
        self.from_spec.insert(
            field,
            FromSpec {
                field: spec_field,
                own,
            },
        );
    }

    /// The place of a top-level field.
    pub(crate) fn place(&self, field: &str) -> Place {
        match self.from_spec.get(field) {
            Some(spec) if spec.own == 0 => Place::field(spec.field),
            _ => self.own_place(field),
        }
    }

    fn own_place(&self, field: &str) -> Place {
        Place {
            file: self.file.clone(),
            line: self.lines.get(field).copied(),
            column: None,
            field: field.to_owned(),
        }
    }

    /// The place of one entry of a top-level list.
    pub(crate) fn place_of(&self, field: &str, index: usize) -> Place {
        match self.from_spec.get(field) {
            Some(spec) if index >= spec.own => {
                Place::field(&format!("{}[{}]", spec.field, index - spec.own))
            }
            _ => Place {
                field: format!("{field}[{index}]"),
                ..self.own_place(field)
            },
        }
    }
}
