//! What a kustomization names: the references to other places, and the directories that are built with it.

use crate::accumulate::read_kustomization;
use crate::error::{BuildError, Place};
use crate::kustomization::{Kustomization, OpenApi};
use crate::load::{is_remote, kustomization_file, local};
use crate::remote::is_http;
use crate::tree::{EntryKind, Tree};

/// A reference to another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteReference {
    /// As it is written.
    pub text: String,
    /// Where.
    pub place: Place,
    /// What may be there.
    pub role: RemoteRole,
}

/// What a reference may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteRole {
    /// A file only.
    File,
    /// A directory of a repository only.
    Directory,
    /// A file or, where there is none, a directory of a repository.
    Either,
}

/// What one kustomization names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// What is in other places.
    pub remote: Vec<RemoteReference>,
    /// Directories of the same tree.
    pub directories: Vec<String>,
}

/// Reads what the kustomization of a directory names; nothing where the directory has none.
///
/// # Errors
/// The kustomization cannot be read; the error names file and field.
pub fn references(tree: &dyn Tree, directory: &str) -> Result<References, BuildError> {
    let at_directory = |cause| Place::file(directory).error(cause);
    let Some(file) = kustomization_file(tree, directory).map_err(at_directory)? else {
        return Ok(References::default());
    };
    let kustomization = read_kustomization(tree, &file, directory)?;
    let mut found = References::default();
    found.add_resources(tree, &kustomization);
    found.add_files(&kustomization);
    Ok(found)
}

// === impl References ===

impl References {
    fn add_resources(&mut self, tree: &dyn Tree, kustomization: &Kustomization) {
        let lists = [
            ("resources", &kustomization.resources, RemoteRole::Either),
            (
                "components",
                &kustomization.components,
                RemoteRole::Directory,
            ),
            ("generators", &kustomization.generators, RemoteRole::Either),
            (
                "transformers",
                &kustomization.transformers,
                RemoteRole::Either,
            ),
            ("validators", &kustomization.validators, RemoteRole::Either),
        ];
        for (field, entries, role) in lists {
            for (index, entry) in entries.iter().enumerate() {
                let place = kustomization.place_of(field, index);
                if entry.contains('\n') {
                    // An object, and no path.
                    continue;
                }
                if let Ok(path) = local(tree, &kustomization.directory, entry) {
                    match tree.kind(&path) {
                        Ok(Some(EntryKind::Directory)) if !is_remote(entry) => {
                            self.directories.push(path);
                            continue;
                        }
                        Ok(Some(EntryKind::File)) => continue,
                        _ => {}
                    }
                }
                if is_remote(entry) {
                    let role = match is_http(entry) {
                        true => role,
                        false => RemoteRole::Directory,
                    };
                    self.add(entry, place, role);
                }
            }
        }
    }

    /// Fields that name files take URLs, and no repositories.
    fn add_files(&mut self, kustomization: &Kustomization) {
        let patches = kustomization
            .patches
            .iter()
            .chain(&kustomization.patches_json);
        for patch in patches {
            self.add_file(kustomization, "patches", &patch.path);
        }
        for entry in &kustomization.patches_strategic_merge {
            self.add_file(kustomization, "patchesStrategicMerge", entry);
        }
        for replacement in &kustomization.replacements {
            self.add_file(kustomization, "replacements", &replacement.path);
        }
        for (field, paths) in [
            ("crds", &kustomization.crds),
            ("configurations", &kustomization.configurations),
        ] {
            for path in paths {
                self.add_file(kustomization, field, path);
            }
        }
        if let OpenApi::Path(path) = &kustomization.openapi {
            self.add_file(kustomization, "openapi", path);
        }
        for (field, generators) in [
            ("configMapGenerator", &kustomization.config_map_generator),
            ("secretGenerator", &kustomization.secret_generator),
        ] {
            for generator in generators {
                for source in &generator.files {
                    let path = source
                        .split_once('=')
                        .map_or(source.as_str(), |(_, path)| path);
                    self.add_file(kustomization, field, path);
                }
                for path in generator.envs.iter().chain([&generator.env]) {
                    self.add_file(kustomization, field, path);
                }
            }
        }
    }

    fn add_file(&mut self, kustomization: &Kustomization, field: &str, path: &str) {
        if is_http(path) && !path.contains('\n') {
            self.add(path, kustomization.place(field), RemoteRole::File);
        }
    }

    fn add(&mut self, text: &str, place: Place, role: RemoteRole) {
        let text = text.to_owned();
        self.remote.push(RemoteReference { text, place, role });
    }
}
