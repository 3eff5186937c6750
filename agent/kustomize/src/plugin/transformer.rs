//! The built-in transformers, configured by objects. Where the same transformer stands behind a field
//! of the kustomization, that field's code does the work.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value_add::ValueAdd;
use super::{Specs, built_in, settings, unknown};
use crate::error::{Cause, Step};
use crate::field_spec::FieldSpec;
use crate::hash;
use crate::kustomization::{Image, Patch, Replica};
use crate::patch::Prepared;
use crate::replacement::{self, Replacement, WrittenReplacement};
use crate::resource::Resource;
use crate::resource_map::ResourceMap;
use crate::selector::Selector;
use crate::transform::{self, NamespaceOptions, Subjects};
use crate::tree::Tree;

/// A transformer made ready.
#[derive(Debug)]
pub(crate) enum Transformer {
    Namespace(String, Vec<FieldSpec>, NamespaceOptions),
    Prefix(String, Vec<FieldSpec>),
    Suffix(String, Vec<FieldSpec>),
    /// Labels or annotations.
    Entries(BTreeMap<String, String>, Vec<FieldSpec>),
    Patches(Vec<Prepared>),
    Image(Image, Vec<FieldSpec>),
    Replica(Replica, Vec<FieldSpec>),
    Replacements(Vec<Replacement>),
    Hash,
    ValueAdd(ValueAdd),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct NamespaceSettings {
    field_specs: Specs,
    unset_only: bool,
    set_role_binding_subjects: Subjects,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct AffixSettings {
    prefix: String,
    suffix: String,
    field_specs: Option<Specs>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct EntrySettings {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    field_specs: Specs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct ImageSettings {
    image_tag: Image,
    field_specs: Specs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct ReplicaSettings {
    replica: Replica,
    field_specs: Specs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct JsonSettings {
    target: Option<Selector>,
    path: String,
    json_op: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StrategicSettings {
    paths: Vec<String>,
    patches: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReplacementSettings {
    replacements: Vec<WrittenReplacement>,
}

// === impl Transformer ===

impl Transformer {
    /// Reads a configuration; paths in it are relative to the kustomization that names it.
    ///
    /// # Errors
    /// The object configures no built-in transformer, or what it says cannot be used.
    pub(crate) fn read(tree: &dyn Tree, directory: &str, object: &Resource) -> Step<Self> {
        Ok(match built_in(object)? {
            "NamespaceTransformer" => namespace(object, settings(object)?),
            kind @ ("PrefixTransformer" | "SuffixTransformer") => affix(kind, settings(object)?)?,
            kind @ ("LabelTransformer" | "AnnotationsTransformer") => {
                entries(kind, settings(object)?)
            }
            "PatchTransformer" => {
                let patch: Patch = settings(object)?;
                Self::Patches(vec![Prepared::from_patch(tree, directory, &patch)?])
            }
            "PatchJson6902Transformer" => {
                let patch = json_patch(settings(object)?);
                Self::Patches(vec![Prepared::from_json(tree, directory, &patch)?])
            }
            "PatchStrategicMergeTransformer" => {
                Self::Patches(strategic(tree, directory, &settings(object)?)?)
            }
            "ImageTagTransformer" => {
                let settings: ImageSettings = settings(object)?;
                Self::Image(settings.image_tag, settings.field_specs.into_specs())
            }
            "ReplicaCountTransformer" => {
                let settings: ReplicaSettings = settings(object)?;
                Self::Replica(settings.replica, settings.field_specs.into_specs())
            }
            "ReplacementTransformer" => {
                let settings: ReplacementSettings = settings(object)?;
                Self::Replacements(replacements(tree, directory, &settings)?)
            }
            "HashTransformer" => Self::Hash,
            "ValueAddTransformer" => {
                Self::ValueAdd(ValueAdd::read(tree, directory, settings(object)?)?)
            }
            _ => return Err(unknown(object, "transformer")),
        })
    }

    /// Changes the resources.
    ///
    /// # Errors
    /// A change does not fit.
    pub(crate) fn run(&self, resources: &mut ResourceMap) -> Step<()> {
        match self {
            Self::Namespace(namespace, _, _) if namespace.is_empty() => Ok(()),
            Self::Namespace(namespace, specs, options) => {
                transform::set_namespace(resources.list_mut(), namespace, specs, *options)
            }
            Self::Prefix(prefix, specs) => {
                transform::add_prefix(resources.list_mut(), prefix, specs)
            }
            Self::Suffix(suffix, specs) => {
                transform::add_suffix(resources.list_mut(), suffix, specs)
            }
            Self::Entries(entries, specs) => {
                transform::set_entries(resources.list_mut(), entries, specs)
            }
            Self::Patches(patches) => patches.iter().try_for_each(|patch| patch.apply(resources)),
            Self::Image(image, specs) => transform::set_image(resources.list_mut(), image, specs),
            Self::Replica(replica, specs) => transform::set_replicas(resources, replica, specs),
            Self::Replacements(replacements) => {
                replacement::apply(resources.list_mut(), replacements)
            }
            Self::Hash => hash::add_suffixes(resources.list_mut()),
            Self::ValueAdd(value_add) => value_add.run(resources.list_mut()),
        }
    }
}

fn namespace(object: &Resource, settings: NamespaceSettings) -> Transformer {
    let options = NamespaceOptions {
        unset_only: settings.unset_only,
        subjects: settings.set_role_binding_subjects,
    };
    let namespace = object.namespace().to_owned();
    Transformer::Namespace(namespace, settings.field_specs.into_specs(), options)
}

fn affix(kind: &str, settings: AffixSettings) -> Step<Transformer> {
    let specs = settings
        .field_specs
        .ok_or_else(|| Cause::invalid("fieldSpecs are missing"))?
        .into_specs();
    Ok(if kind == "PrefixTransformer" {
        Transformer::Prefix(settings.prefix, specs)
    } else {
        Transformer::Suffix(settings.suffix, specs)
    })
}

fn entries(kind: &str, settings: EntrySettings) -> Transformer {
    let entries = if kind == "LabelTransformer" {
        settings.labels
    } else {
        settings.annotations
    };
    Transformer::Entries(entries, settings.field_specs.into_specs())
}

fn json_patch(settings: JsonSettings) -> Patch {
    Patch {
        path: settings.path,
        patch: settings.json_op,
        target: settings.target,
        ..Patch::default()
    }
}

fn strategic(
    tree: &dyn Tree,
    directory: &str,
    settings: &StrategicSettings,
) -> Step<Vec<Prepared>> {
    let inline = (!settings.patches.is_empty()).then_some(&settings.patches);
    let prepared: Vec<Prepared> = settings
        .paths
        .iter()
        .chain(inline)
        .map(|entry| Prepared::from_strategic_merge(tree, directory, entry))
        .collect::<Step<_>>()?;
    if prepared.is_empty() {
        return Err(Cause::invalid("one of paths and patches is needed"));
    }
    Ok(prepared)
}

fn replacements(
    tree: &dyn Tree,
    directory: &str,
    settings: &ReplacementSettings,
) -> Step<Vec<Replacement>> {
    let mut all = Vec::new();
    for written in &settings.replacements {
        all.extend(replacement::prepare(tree, directory, written)?);
    }
    Ok(all)
}
