//! What one kustomization does to what was gathered: its transformers, in kustomize's order.

use std::sync::Arc;

use crate::accumulate::Accumulated;
use crate::config::Config;
use crate::error::{BuildError, Cause, Step};
use crate::kustomization::Kustomization;
use crate::patch::Prepared;
use crate::replacement;
use crate::resource_map::ResourceMap;
use crate::transform::{self, NamespaceOptions};
use crate::tree::Tree;

/// The transformers of one kustomization.
pub(crate) struct Stages<'a> {
    pub(crate) tree: &'a dyn Tree,
    pub(crate) kustomization: &'a Kustomization,
    /// Where `buildMetadata: [transformerAnnotations]` says a transformer is configured.
    pub(crate) configured_in: Option<String>,
}

// === impl Stages ===

impl Stages<'_> {
    /// Changes what was gathered.
    ///
    /// # Errors
    /// A change does not fit; the place names the field.
    pub(crate) fn run(&self, into: &mut Accumulated) -> Result<(), BuildError> {
        let config = Arc::clone(&into.config);
        let resources = &mut into.resources;
        self.patch_before(resources)?;
        self.name(resources, &config)?;
        self.label(resources, &config)?;
        self.patch_after(resources)?;
        self.scale(resources, &config)?;
        self.replace(resources)
    }

    /// Patches that see names and namespaces before this kustomization changes them.
    fn patch_before(&self, resources: &mut ResourceMap) -> Result<(), BuildError> {
        let entries = &self.kustomization.patches_strategic_merge;
        self.each("patchesStrategicMerge", entries, |entry| {
            Prepared::from_strategic_merge(self.tree, &self.kustomization.directory, entry)?
                .apply(resources)
        })?;
        if !entries.is_empty() {
            self.record(resources, "PatchStrategicMergeTransformer");
        }
        self.each("patches", &self.kustomization.patches, |patch| {
            Prepared::from_patch(self.tree, &self.kustomization.directory, patch)?
                .apply(resources)?;
            self.record(resources, "PatchTransformer");
            Ok(())
        })
    }

    fn name(&self, resources: &mut ResourceMap, config: &Config) -> Result<(), BuildError> {
        let Kustomization {
            namespace,
            name_prefix,
            name_suffix,
            ..
        } = self.kustomization;
        if !namespace.is_empty() {
            transform::set_namespace(
                resources.list_mut(),
                namespace,
                &config.namespace,
                NamespaceOptions::default(),
            )
            .map_err(|cause| self.at("namespace", cause))?;
            self.record(resources, "NamespaceTransformer");
        }
        if !name_prefix.is_empty() {
            transform::add_prefix(resources.list_mut(), name_prefix, &config.name_prefix)
                .map_err(|cause| self.at("namePrefix", cause))?;
            self.record(resources, "PrefixTransformer");
        }
        if !name_suffix.is_empty() {
            transform::add_suffix(resources.list_mut(), name_suffix, &config.name_suffix)
                .map_err(|cause| self.at("nameSuffix", cause))?;
            self.record(resources, "SuffixTransformer");
        }
        Ok(())
    }

    fn label(&self, resources: &mut ResourceMap, config: &Config) -> Result<(), BuildError> {
        let Kustomization {
            labels,
            common_labels,
            common_annotations,
            ..
        } = self.kustomization;
        self.each("labels", labels, |label| {
            transform::set_labels(resources.list_mut(), label, config)?;
            self.record(resources, "LabelTransformer");
            Ok(())
        })?;
        if !labels.is_empty() || !common_labels.is_empty() {
            transform::set_common_labels(resources.list_mut(), common_labels, config)
                .map_err(|cause| self.at("commonLabels", cause))?;
            self.record(resources, "LabelTransformer");
        }
        if !common_annotations.is_empty() {
            transform::set_annotations(resources.list_mut(), common_annotations, config)
                .map_err(|cause| self.at("commonAnnotations", cause))?;
            self.record(resources, "AnnotationsTransformer");
        }
        Ok(())
    }

    /// `patchesJson6902` come after names and labels.
    fn patch_after(&self, resources: &mut ResourceMap) -> Result<(), BuildError> {
        self.each(
            "patchesJson6902",
            &self.kustomization.patches_json,
            |patch| {
                Prepared::from_json(self.tree, &self.kustomization.directory, patch)?
                    .apply(resources)?;
                self.record(resources, "PatchJson6902Transformer");
                Ok(())
            },
        )
    }

    fn scale(&self, resources: &mut ResourceMap, config: &Config) -> Result<(), BuildError> {
        self.each("replicas", &self.kustomization.replicas, |replica| {
            transform::set_replicas(resources, replica, &config.replicas)?;
            self.record(resources, "ReplicaCountTransformer");
            Ok(())
        })?;
        self.each("images", &self.kustomization.images, |image| {
            transform::set_image(resources.list_mut(), image, &config.images)?;
            self.record(resources, "ImageTagTransformer");
            Ok(())
        })
    }

    /// Replacements come last; each entry is read only when it is its turn.
    fn replace(&self, resources: &mut ResourceMap) -> Result<(), BuildError> {
        let entries = &self.kustomization.replacements;
        self.each("replacements", entries, |written| {
            let replacements =
                replacement::prepare(self.tree, &self.kustomization.directory, written)?;
            replacement::apply(resources.list_mut(), &replacements)
        })?;
        if !entries.is_empty() {
            self.record(resources, "ReplacementTransformer");
        }
        Ok(())
    }

    /// Does something for each entry of a field; an error names the entry.
    fn each<T>(
        &self,
        field: &str,
        entries: &[T],
        mut apply: impl FnMut(&T) -> Step<()>,
    ) -> Result<(), BuildError> {
        entries.iter().enumerate().try_for_each(|(index, entry)| {
            apply(entry).map_err(|cause| self.kustomization.place_of(field, index).error(cause))
        })
    }

    fn at(&self, field: &str, cause: Cause) -> BuildError {
        self.kustomization.place(field).error(cause)
    }

    /// Notes on every resource that a transformer ran, as kustomize does, whether or not it changed
    /// the resource.
    fn record(&self, resources: &mut ResourceMap, transformer: &str) {
        let Some(place) = &self.configured_in else {
            return;
        };
        resources.record(&format!(
            "{place}configuredBy:\n  apiVersion: builtin\n  kind: {transformer}\n"
        ));
    }
}
