//! Walks from kustomization to kustomization and gathers their resources.
//!
//! The order is kustomize's: resources and bases, configuration, generators, components, then the
//! transformers over everything gathered so far. A component works on what its parent has gathered.

mod bases;
mod budget;

use std::collections::HashMap;
use std::sync::Arc;

pub use crate::accumulate::bases::Crew;
pub(crate) use crate::accumulate::bases::Workers;
pub(crate) use crate::accumulate::budget::Budget;

use crate::config::Config;
use crate::crd;
use crate::error::{BuildError, Cause, Place};
use crate::generator::{Generated, generate};
use crate::kustomization::{Kind, Kustomization};
use crate::load::{
    KUSTOMIZATION_FILES, check_restriction, is_remote, kustomization_file, read_bounded, read_file,
    resolve, resolve_directory, resolve_resource, resources,
};
use crate::provenance::{Elsewhere, configured_in};
use crate::remote::is_http;
use crate::resource::{Origin, Resource};
use crate::resource_map::ResourceMap;
use crate::stages::Stages;
use crate::tree::{EntryKind, Tree, is_within};
use crate::types::Types;
use crate::variable::{self, Variable};

/// How deep kustomizations may refer to each other.
const DEPTH_LIMIT: usize = 32;

/// What is gathered: resources, and the configuration of all kustomizations they came through.
#[derive(Debug)]
pub(crate) struct Accumulated {
    pub(crate) resources: ResourceMap,
    pub(crate) config: Arc<Config>,
    pub(crate) variables: Vec<Variable>,
}

/// Gathers what the kustomizations of one tree say.
pub(crate) struct Accumulator<'a> {
    pub(crate) tree: &'a dyn Tree,
    /// Who else may gather bases; nobody where this is one of them.
    pub(crate) workers: Option<Workers<'a>>,
    /// Whether origins and transformers are recorded: `buildMetadata` of the outermost kustomization
    /// holds for all.
    pub(crate) records: bool,
    /// The directory of the outermost kustomization: origins are written relative to it.
    pub(crate) root: String,
    /// The other places that were entered, for the origins of what is in them.
    pub(crate) elsewhere: Elsewhere,
    pub(crate) budget: &'a Budget,
    pub(crate) types: Types,
}

// === impl Accumulated ===

impl Accumulated {
    pub(crate) fn empty() -> Self {
        Self {
            resources: ResourceMap::default(),
            config: Config::defaults(),
            variables: Vec::new(),
        }
    }
}

// === impl Accumulator ===

impl Accumulator<'_> {
    /// Gathers a kustomization into what there is (nothing, unless it is a component). `chain` holds
    /// the directories on the way to it, its own last.
    ///
    /// # Errors
    /// Anything in it cannot be read or built.
    pub(crate) fn gather(
        &self,
        kustomization: &Kustomization,
        chain: &[String],
        mut into: Accumulated,
    ) -> Result<Accumulated, BuildError> {
        self.types.take(self.tree, kustomization)?;
        let mut ready = self
            .side_by_side(kustomization, chain)
            .map(HashMap::<usize, Accumulated>::from_iter)
            .unwrap_or_default();
        for (index, path) in kustomization.resources.iter().enumerate() {
            let place = kustomization.place_of("resources", index);
            match ready.remove(&index) {
                Some(base) => add_base(base, &place, &mut into)?,
                None => self.add_resource(kustomization, path, &place, chain, &mut into)?,
            }
        }
        self.add_configurations(kustomization, &mut into)?;
        self.add_definitions(kustomization, &mut into)?;
        self.add_generated(kustomization, &mut into)?;
        self.run_generators(kustomization, chain, &mut into)?;
        for (index, path) in kustomization.components.iter().enumerate() {
            let place = kustomization.place_of("components", index);
            let component = self.open(kustomization, path, &place, chain, Kind::Component)?;
            let chain = extended(chain, &component.directory);
            into = self.gather(&component, &chain, into)?;
            into.resources
                .check_unique()
                .map_err(|cause| place.error(cause))?;
        }
        into.resources.merge_keys = self.types.merge_keys();
        let configured_in = self
            .records
            .then(|| configured_in(&self.origin_of(kustomization)));
        let stages = Stages {
            tree: self.tree,
            kustomization,
            configured_in,
        };
        stages.run(&mut into)?;
        self.run_transformers(kustomization, chain, &mut into)?;
        self.run_validators(kustomization, chain, &mut into)?;
        add_variables(kustomization, &mut into)?;
        Ok(into)
    }

    /// A file of resources, or a directory with a kustomization.
    pub(crate) fn add_resource(
        &self,
        parent: &Kustomization,
        path: &str,
        place: &Place,
        chain: &[String],
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        let file = resolve_resource(self.tree, &parent.directory, path)
            .map_err(|cause| place.error(cause))?;
        let kind = self.tree.kind(&file).map_err(|error| place.error(error))?;
        match kind {
            None => Err(place.error(Cause::NotFound { path: file })),
            Some(EntryKind::File) => {
                if is_http(path) {
                    self.elsewhere.note(&file, path);
                } else {
                    check_restriction(self.tree, &parent.directory, &file)
                        .map_err(|cause| place.error(cause))?;
                }
                let text = read_bounded(self.tree, &file).map_err(|cause| place.error(cause))?;
                let mut added = resources(&file, &text)?;
                if self.records {
                    self.record_origins(&file, &mut added);
                }
                self.budget
                    .take_resources(added.len())
                    .and_then(|()| into.resources.append_all(added))
                    .map_err(|cause| place.error(cause))
            }
            Some(EntryKind::Directory) => {
                let base = self.gather_base(parent, path, place, chain)?;
                add_base(base, place, into)
            }
        }
    }

    /// What the kustomization of a directory gathers.
    fn gather_base(
        &self,
        parent: &Kustomization,
        path: &str,
        place: &Place,
        chain: &[String],
    ) -> Result<Accumulated, BuildError> {
        let base = self.open(parent, path, place, chain, Kind::Kustomization)?;
        let chain = extended(chain, &base.directory);
        self.gather(&base, &chain, Accumulated::empty())
    }

    pub(crate) fn record_origins(&self, file: &str, added: &mut [Resource]) {
        let origin = self.elsewhere.origin(&self.root, file);
        for resource in added {
            resource.provenance.origin = Some(origin.clone());
        }
    }

    /// Reads the kustomization of a directory that another one names.
    fn open(
        &self,
        parent: &Kustomization,
        path: &str,
        place: &Place,
        chain: &[String],
        kind: Kind,
    ) -> Result<Kustomization, BuildError> {
        let error = |cause: Cause| place.error(cause);
        let named = resolve_directory(self.tree, &parent.directory, path).map_err(error)?;
        let directory = self.tree.real(&named).map_err(|cause| place.error(cause))?;
        // What a link in another place leads to stays there, too.
        if let Some(root) = self.tree.remote_root(&named)
            && !is_within(&directory, &root)
        {
            return Err(error(Cause::PathOutsideRoot {
                path: path.to_owned(),
            }));
        }
        if is_remote(path) {
            let root = self.tree.remote_root(&directory);
            self.elsewhere
                .note(&root.unwrap_or_else(|| directory.clone()), path);
        }
        if self
            .tree
            .kind(&directory)
            .map_err(|cause| place.error(cause))?
            != Some(EntryKind::Directory)
        {
            return Err(error(Cause::NotFound { path: directory }));
        }
        // As in kustomize: a directory above one that is being built would build it again.
        if chain.iter().any(|visited| is_within(visited, &directory)) {
            return Err(error(Cause::Cycle {
                path: directory,
                chain: chain.to_vec(),
            }));
        }
        self.budget.take_kustomization().map_err(error)?;
        if chain.len() >= DEPTH_LIMIT {
            return Err(error(Cause::TooDeep { limit: DEPTH_LIMIT }));
        }
        let Some(file) = kustomization_file(self.tree, &directory).map_err(error)? else {
            return Err(error(Cause::NoKustomization { directory }));
        };
        let kustomization = read_kustomization(self.tree, &file, &directory)?;
        if kustomization.is_empty {
            return Err(Place::file(&file).error(Cause::EmptyKustomization));
        }
        match (kustomization.kind, kind) {
            (Kind::Kustomization, Kind::Component) => {
                let message = format!("{directory:?} is no Component; name it under resources");
                Err(error(Cause::invalid(message)))
            }
            (Kind::Component, Kind::Kustomization) => {
                let message = format!("{directory:?} is a Component; name it under components");
                Err(error(Cause::invalid(message)))
            }
            _ => Ok(kustomization),
        }
    }

    fn add_configurations(
        &self,
        kustomization: &Kustomization,
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        for (index, path) in kustomization.configurations.iter().enumerate() {
            let place = kustomization.place_of("configurations", index);
            let text = read_file(self.tree, &kustomization.directory, path)
                .map_err(|cause| place.error(cause))?;
            let file = resolve(self.tree, &kustomization.directory, path)
                .map_err(|cause| place.error(cause))?;
            let in_file = |message: String| Place::file(&file).error(Cause::invalid(message));
            for config in Config::read(&file, &text)? {
                Config::merge(&mut into.config, &Arc::new(config)).map_err(in_file)?;
            }
        }
        Ok(())
    }

    fn add_definitions(
        &self,
        kustomization: &Kustomization,
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        for (index, path) in kustomization.crds.iter().enumerate() {
            resolve(self.tree, &kustomization.directory, path)
                .and_then(|file| {
                    let text = read_file(self.tree, &kustomization.directory, path)?;
                    crd::config(&file, &text)
                })
                .and_then(|config| Config::merge(&mut into.config, &config).map_err(Cause::invalid))
                .map_err(|cause| kustomization.place_of("crds", index).error(cause))?;
        }
        Ok(())
    }

    fn add_generated(
        &self,
        kustomization: &Kustomization,
        into: &mut Accumulated,
    ) -> Result<(), BuildError> {
        let config_maps = (
            "configMapGenerator",
            Generated::ConfigMap,
            &kustomization.config_map_generator,
        );
        let secrets = (
            "secretGenerator",
            Generated::Secret,
            &kustomization.secret_generator,
        );
        for (field, generated, generators) in [config_maps, secrets] {
            for (index, arguments) in generators.iter().enumerate() {
                let place = kustomization.place_of(field, index);
                let origin = Origin {
                    file: Arc::from(kustomization.file.as_str()),
                    line: place.line.unwrap_or(1),
                };
                let options = &kustomization.generator_options;
                let mut resource = generate(
                    self.tree,
                    &kustomization.directory,
                    generated,
                    arguments,
                    options,
                    origin,
                )
                .map_err(|cause| place.error(cause))?;
                if self.records {
                    resource.provenance.origin =
                        Some(self.generated_origin(kustomization, generated));
                }
                self.budget
                    .take_resources(1)
                    .and_then(|()| into.resources.absorb(resource))
                    .map_err(|cause| place.error(cause))?;
            }
        }
        Ok(())
    }

    /// The origin of a kustomization; Flux writes one that is generated into a file.
    pub(crate) fn origin_of(&self, kustomization: &Kustomization) -> String {
        match kustomization.file.as_str() {
            "" => format!("path: {}\n", KUSTOMIZATION_FILES[0]),
            file => self.elsewhere.origin(&self.root, file),
        }
    }

    /// As kustomize writes it: the file that configures the generator, and its built-in kind.
    fn generated_origin(&self, kustomization: &Kustomization, generated: Generated) -> String {
        let kind = match generated {
            Generated::ConfigMap => "ConfigMapGenerator",
            Generated::Secret => "SecretGenerator",
        };
        let place = configured_in(&self.origin_of(kustomization));
        format!("{place}configuredBy:\n  apiVersion: builtin\n  kind: {kind}\n")
    }
}

/// Reads a kustomization file.
///
/// # Errors
/// It cannot be read, or is no kustomization.
pub(crate) fn read_kustomization(
    tree: &dyn Tree,
    file: &str,
    directory: &str,
) -> Result<Kustomization, BuildError> {
    let text = read_bounded(tree, file).map_err(|cause| Place::file(file).error(cause))?;
    Kustomization::read(file, directory, &text)
}

/// Adds what a base has gathered.
fn add_base(base: Accumulated, place: &Place, into: &mut Accumulated) -> Result<(), BuildError> {
    Config::merge(&mut into.config, &base.config)
        .map_err(|message| place.error(Cause::invalid(message)))?;
    variable::merge(&mut into.variables, base.variables).map_err(|cause| place.error(cause))?;
    into.resources
        .append_all(base.resources.into_list())
        .map_err(|cause| place.error(cause))
}

fn add_variables(kustomization: &Kustomization, into: &mut Accumulated) -> Result<(), BuildError> {
    for (index, variable) in kustomization.variables.iter().enumerate() {
        variable::mark(&mut into.resources, variable)
            .map_err(|cause| kustomization.place_of("vars", index).error(cause))?;
    }
    variable::merge(&mut into.variables, kustomization.variables.clone())
        .map_err(|cause| kustomization.place("vars").error(cause))
}

fn extended(chain: &[String], directory: &str) -> Vec<String> {
    let mut chain = chain.to_vec();
    chain.push(directory.to_owned());
    chain
}
