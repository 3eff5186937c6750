//! The files that may be encrypted before a build: what secretGenerators and patches read.

use std::collections::BTreeSet;

use crate::accumulate::read_kustomization;
use crate::build::{directory_at, entry};
use crate::error::{BuildError, Place};
use crate::kustomization::Kustomization;
use crate::load::kustomization_file;
use crate::overlay::Overlay;
use crate::tree::{EntryKind, Tree, join};

/// A file that a build reads into a Secret or as a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Where it is in the tree.
    pub path: String,
    /// What becomes of it.
    pub role: FileRole,
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The value of a Secret's key, as `files` names it; a path where it names no key.
    Value {
        /// The key, or the path.
        key: String,
    },
    /// Lines that are keys of a Secret.
    Environment,
    /// A patch.
    Patch,
}

/// Finds the files that Flux decrypts before it builds a path: those that secretGenerators name
/// under `files` and `envs`, and those of `patches`, in every kustomization below.
///
/// # Errors
/// A kustomization cannot be read; the error names file and field.
pub fn secret_files(
    tree: &dyn Tree,
    path: &str,
    overlay: &Overlay,
) -> Result<Vec<SecretFile>, BuildError> {
    let place = Place::field("spec.path");
    let directory = directory_at(tree, path).map_err(|cause| place.error(cause))?;
    let mut finder = Finder {
        tree,
        visited: BTreeSet::from([directory.clone()]),
        found: Vec::new(),
    };
    let kustomization = entry(tree, &directory, overlay)?;
    finder.visit(&kustomization)?;
    Ok(finder.found)
}

struct Finder<'a> {
    tree: &'a dyn Tree,
    visited: BTreeSet<String>,
    found: Vec<SecretFile>,
}

// === impl Finder ===

impl Finder<'_> {
    fn visit(&mut self, kustomization: &Kustomization) -> Result<(), BuildError> {
        for generator in &kustomization.secret_generator {
            for source in &generator.files {
                let (key, path) = source.split_once('=').unwrap_or((source, source));
                let key = key.to_owned();
                self.add(kustomization, path, FileRole::Value { key });
            }
            for path in &generator.envs {
                self.add(kustomization, path, FileRole::Environment);
            }
        }
        for patch in kustomization
            .patches
            .iter()
            .filter(|patch| !patch.path.is_empty())
        {
            self.add(kustomization, &patch.path, FileRole::Patch);
        }
        for path in kustomization
            .resources
            .iter()
            .chain(&kustomization.components)
        {
            self.enter(kustomization, path)?;
        }
        Ok(())
    }

    /// What is not there, or stands elsewhere, is for the build to complain of.
    fn add(&mut self, kustomization: &Kustomization, path: &str, role: FileRole) {
        if let Some(path) = join(&kustomization.directory, path)
            && matches!(self.tree.kind(&path), Ok(Some(EntryKind::File)))
        {
            self.found.push(SecretFile { path, role });
        }
    }

    fn enter(&mut self, kustomization: &Kustomization, path: &str) -> Result<(), BuildError> {
        let Some(directory) = join(&kustomization.directory, path) else {
            return Ok(());
        };
        let is_directory = matches!(self.tree.kind(&directory), Ok(Some(EntryKind::Directory)));
        if !is_directory || !self.visited.insert(directory.clone()) {
            return Ok(());
        }
        let place = Place::file(&directory);
        let file = kustomization_file(self.tree, &directory).map_err(|cause| place.error(cause))?;
        match file {
            Some(file) => self.visit(&read_kustomization(self.tree, &file, &directory)?),
            None => Ok(()),
        }
    }
}
