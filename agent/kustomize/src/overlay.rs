//! What a Flux Kustomization's spec adds to the kustomization at its path.

mod spec;

use std::collections::BTreeMap;

use crate::error::{BuildError, Cause, Place};
use crate::kustomization::{BuildMetadata, Image, Kustomization, Patch, PatchOptions};
use crate::load::resolve_directory;
use crate::selector::Selector;
use crate::tree::Tree;

/// The parts of a Flux Kustomization's `spec` that change the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// `spec.targetNamespace`: takes the place of the kustomization's `namespace`.
    pub target_namespace: Option<String>,
    /// `spec.namePrefix`: unless empty, takes the place of the kustomization's.
    pub name_prefix: String,
    /// `spec.nameSuffix`: unless empty, takes the place of the kustomization's.
    pub name_suffix: String,
    /// `spec.patches`: appended.
    pub patches: Vec<OverlayPatch>,
    /// `spec.images`: merged into entries of the same name, otherwise appended.
    pub images: Vec<ImageOverride>,
    /// `spec.components`: appended; relative paths.
    pub components: Vec<String>,
    /// `spec.ignoreMissingComponents`: components that are not there are left out.
    pub ignore_missing_components: bool,
    /// `spec.buildMetadata`: unless empty, takes the place of the kustomization's.
    pub build_metadata: BuildMetadata,
    /// `spec.commonMetadata.labels`: set on every object after the build.
    pub common_labels: BTreeMap<String, String>,
    /// `spec.commonMetadata.annotations`: set on every object after the build.
    pub common_annotations: BTreeMap<String, String>,
}

/// An entry of `spec.patches`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverlayPatch {
    /// A strategic merge patch or a JSON patch, as YAML or JSON text.
    pub patch: String,
    /// The objects it is for; a strategic merge patch may name its object itself.
    pub target: Option<Selector>,
}

/// An entry of `spec.images`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOverride {
    /// The image to change, without tag.
    pub name: String,
    /// Its new name, unless empty.
    pub new_name: String,
    /// Its new tag, unless empty.
    pub new_tag: String,
    /// Its new digest, unless empty.
    pub digest: String,
}

// === impl Overlay ===

impl Overlay {
    /// Adds the spec to the kustomization at its path, as Flux writes it into the file
    /// (fluxcd/pkg kustomize, `GenerateManifest`).
    ///
    /// # Errors
    /// A component's path is not relative or leads out of the root.
    pub(crate) fn add_to(
        &self,
        tree: &dyn Tree,
        kustomization: &mut Kustomization,
    ) -> Result<(), BuildError> {
        if let Some(namespace) = &self.target_namespace {
            kustomization.namespace.clone_from(namespace);
            kustomization.note_spec("namespace", "spec.targetNamespace", 0);
        }
        if !self.name_prefix.is_empty() {
            kustomization.name_prefix.clone_from(&self.name_prefix);
            kustomization.note_spec("namePrefix", "spec.namePrefix", 0);
        }
        if !self.name_suffix.is_empty() {
            kustomization.name_suffix.clone_from(&self.name_suffix);
            kustomization.note_spec("nameSuffix", "spec.nameSuffix", 0);
        }
        kustomization.note_spec("patches", "spec.patches", kustomization.patches.len());
        kustomization
            .patches
            .extend(self.patches.iter().map(|patch| Patch {
                path: String::new(),
                patch: patch.patch.clone(),
                target: patch.target.clone(),
                options: PatchOptions::default(),
            }));
        self.add_components(tree, kustomization)?;
        self.set_build_metadata(kustomization);
        self.add_images(kustomization)
    }

    /// Flux asks for origins where a file names no resources, because kustomize would refuse some of
    /// these files as empty; that is seen in the objects of components and generators.
    fn set_build_metadata(&self, kustomization: &mut Kustomization) {
        let is_generated = kustomization.file.is_empty();
        if !is_generated && kustomization.resources.len() == kustomization.bases {
            kustomization.build_metadata = BuildMetadata {
                origins: true,
                ..BuildMetadata::default()
            };
        }
        if self.build_metadata != BuildMetadata::default() {
            kustomization.build_metadata = self.build_metadata;
        }
    }

    fn add_components(
        &self,
        tree: &dyn Tree,
        kustomization: &mut Kustomization,
    ) -> Result<(), BuildError> {
        let own = kustomization.components.len();
        kustomization.note_spec("components", "spec.components", own);
        for (index, component) in self.components.iter().enumerate() {
            let place = Place::field(&format!("spec.components[{index}]"));
            let path = resolve_directory(tree, &kustomization.directory, component)
                .map_err(|cause| place.error(cause))?;
            let is_there = tree
                .kind(&path)
                .map_err(|error| place.error(error))?
                .is_some();
            if is_there || !self.ignore_missing_components {
                kustomization.components.push(component.clone());
            }
        }
        Ok(())
    }

    fn add_images(&self, kustomization: &mut Kustomization) -> Result<(), BuildError> {
        kustomization.note_spec("images", "spec.images", kustomization.images.len());
        for (index, image) in self.images.iter().enumerate() {
            if image.name.is_empty() {
                let place = Place::field(&format!("spec.images[{index}].name"));
                return Err(place.error(Cause::invalid("the name is missing")));
            }
            add_image(&mut kustomization.images, image);
        }
        Ok(())
    }
}

/// Tag and digest go together: setting one drops the other.
fn add_image(images: &mut Vec<Image>, image: &ImageOverride) {
    let Some(known) = images.iter_mut().find(|known| known.name == image.name) else {
        images.push(Image {
            name: image.name.clone(),
            new_name: image.new_name.clone(),
            new_tag: image.new_tag.clone(),
            digest: image.digest.clone(),
            tag_suffix: String::new(),
        });
        return;
    };
    if !image.new_name.is_empty() {
        known.new_name.clone_from(&image.new_name);
    }
    if !image.new_tag.is_empty() || !image.digest.is_empty() {
        known.new_tag.clone_from(&image.new_tag);
        known.digest.clone_from(&image.digest);
    }
}
