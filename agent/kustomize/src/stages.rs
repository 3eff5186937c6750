//! What one kustomization does to what was gathered: its transformers, in kustomize's order.

use std::sync::Arc;

use crate::accumulate::Accumulated;
use crate::error::{BuildError, Cause};
use crate::kustomization::{Kustomization, Label};
use crate::patch::Prepared;
use crate::replacement;
use crate::resource_map::ResourceMap;
use crate::transform;
use crate::tree::Tree;

/// Changes what was gathered as one kustomization says.
///
/// # Errors
/// A change does not fit; the place names the field.
pub(crate) fn run(
    tree: &dyn Tree,
    kustomization: &Kustomization,
    into: &mut Accumulated,
) -> Result<(), BuildError> {
    let config = Arc::clone(&into.config);
    let resources = &mut into.resources;
    patch_before(tree, kustomization, resources)?;
    let at = |field: &'static str| move |cause: Cause| kustomization.place(field).error(cause);
    if !kustomization.namespace.is_empty() {
        let list = resources.list_mut();
        transform::set_namespace(list, &kustomization.namespace, &config.namespace)
            .map_err(at("namespace"))?;
    }
    if !kustomization.name_prefix.is_empty() {
        let list = resources.list_mut();
        transform::add_prefix(list, &kustomization.name_prefix, &config.name_prefix)
            .map_err(at("namePrefix"))?;
    }
    if !kustomization.name_suffix.is_empty() {
        let list = resources.list_mut();
        transform::add_suffix(list, &kustomization.name_suffix, &config.name_suffix)
            .map_err(at("nameSuffix"))?;
    }
    for label in &kustomization.labels {
        transform::set_labels(resources.list_mut(), label, &config).map_err(at("labels"))?;
    }
    if !kustomization.common_labels.is_empty() {
        let list = resources.list_mut();
        transform::set_labels(list, &common_labels(kustomization), &config)
            .map_err(at("commonLabels"))?;
    }
    if !kustomization.common_annotations.is_empty() {
        let list = resources.list_mut();
        transform::set_annotations(list, &kustomization.common_annotations, &config)
            .map_err(at("commonAnnotations"))?;
    }
    patch_after(tree, kustomization, resources)?;
    for (index, replica) in kustomization.replicas.iter().enumerate() {
        transform::set_replicas(resources, replica, &config.replicas)
            .map_err(|cause| kustomization.place_of("replicas", index).error(cause))?;
    }
    for (index, image) in kustomization.images.iter().enumerate() {
        transform::set_image(resources.list_mut(), image, &config.images)
            .map_err(|cause| kustomization.place_of("images", index).error(cause))?;
    }
    replace(tree, kustomization, resources)
}

/// Replacements come last; each entry is read only when it is its turn.
fn replace(
    tree: &dyn Tree,
    kustomization: &Kustomization,
    resources: &mut ResourceMap,
) -> Result<(), BuildError> {
    for (index, written) in kustomization.replacements.iter().enumerate() {
        replacement::prepare(tree, &kustomization.directory, written)
            .and_then(|replacements| replacement::apply(resources.list_mut(), &replacements))
            .map_err(|cause| kustomization.place_of("replacements", index).error(cause))?;
    }
    Ok(())
}

/// Patches that see names and namespaces before this kustomization changes them.
fn patch_before(
    tree: &dyn Tree,
    kustomization: &Kustomization,
    resources: &mut ResourceMap,
) -> Result<(), BuildError> {
    for (index, entry) in kustomization.patches_strategic_merge.iter().enumerate() {
        Prepared::from_strategic_merge(tree, &kustomization.directory, entry)
            .and_then(|patch| patch.apply(resources))
            .map_err(|cause| {
                kustomization
                    .place_of("patchesStrategicMerge", index)
                    .error(cause)
            })?;
    }
    for (index, patch) in kustomization.patches.iter().enumerate() {
        Prepared::from_patch(tree, &kustomization.directory, patch)
            .and_then(|patch| patch.apply(resources))
            .map_err(|cause| kustomization.place_of("patches", index).error(cause))?;
    }
    Ok(())
}

/// `patchesJson6902` come after names and labels.
fn patch_after(
    tree: &dyn Tree,
    kustomization: &Kustomization,
    resources: &mut ResourceMap,
) -> Result<(), BuildError> {
    for (index, patch) in kustomization.patches_json.iter().enumerate() {
        Prepared::from_json(tree, &kustomization.directory, patch)
            .and_then(|patch| patch.apply(resources))
            .map_err(|cause| {
                kustomization
                    .place_of("patchesJson6902", index)
                    .error(cause)
            })?;
    }
    Ok(())
}

/// `commonLabels` are an entry of `labels` that includes selectors.
fn common_labels(kustomization: &Kustomization) -> Label {
    Label {
        pairs: kustomization.common_labels.clone(),
        include_selectors: true,
        ..Label::default()
    }
}
