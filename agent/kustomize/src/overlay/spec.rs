//! An overlay out of a Flux Kustomization's `spec`, as the object holds it.

use std::collections::BTreeMap;

use serde::Deserialize;
use windlass_object::Value;

use super::{ImageOverride, Overlay, OverlayPatch};
use crate::kustomization::{BuildMetadata, without_nulls};
use crate::selector::Selector;

/// The fields that change a build; all others are for the controller.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WrittenSpec {
    target_namespace: Option<String>,
    name_prefix: String,
    name_suffix: String,
    patches: Vec<WrittenPatch>,
    images: Vec<WrittenImage>,
    components: Vec<String>,
    ignore_missing_components: bool,
    build_metadata: Vec<String>,
    common_metadata: WrittenMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenPatch {
    patch: String,
    target: Option<Selector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WrittenImage {
    name: String,
    new_name: String,
    new_tag: String,
    digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenMetadata {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

// === impl Overlay ===

impl Overlay {
    /// Reads the overlay out of `spec`.
    ///
    /// # Errors
    /// A field has the wrong type; the message names it.
    pub fn from_spec(spec: &Value) -> Result<Self, String> {
        let written: WrittenSpec = serde_json::from_value(without_nulls(spec.clone()))
            .map_err(|error| format!("spec: {error}"))?;
        let asks = |option: &str| written.build_metadata.iter().any(|asked| asked == option);
        Ok(Self {
            build_metadata: BuildMetadata {
                origins: asks("originAnnotations"),
                transformations: asks("transformerAnnotations"),
                managed_by: false,
            },
            target_namespace: written.target_namespace,
            name_prefix: written.name_prefix,
            name_suffix: written.name_suffix,
            patches: written.patches.into_iter().map(Into::into).collect(),
            images: written.images.into_iter().map(Into::into).collect(),
            components: written.components,
            ignore_missing_components: written.ignore_missing_components,
            common_labels: written.common_metadata.labels,
            common_annotations: written.common_metadata.annotations,
        })
    }
}

impl From<WrittenPatch> for OverlayPatch {
    fn from(written: WrittenPatch) -> Self {
        Self {
            patch: written.patch,
            target: written.target,
        }
    }
}

impl From<WrittenImage> for ImageOverride {
    fn from(written: WrittenImage) -> Self {
        Self {
            name: written.name,
            new_name: written.new_name,
            new_tag: written.new_tag,
            digest: written.digest,
        }
    }
}
