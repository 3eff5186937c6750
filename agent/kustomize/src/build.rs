//! The build: a path of a tree, with a Flux Kustomization's spec on top, to objects.

use windlass_object::Object;

use crate::accumulate::{Accumulated, Accumulator, Budget, Crew, Workers, read_kustomization};
use crate::error::{BuildError, Cause, Place, Step};
use crate::hash;
use crate::kustomization::{BuildMetadata, Kustomization, SortOptions};
use crate::load::kustomization_file;
use crate::name_reference;
use crate::overlay::Overlay;
use crate::provenance::Elsewhere;
use crate::resource::Resource;
use crate::sort::sort;
use crate::tree::{EntryKind, Tree, TreeError, join};
use crate::types::Types;
use crate::variable;

/// How deep directories may nest when a kustomization is generated from them.
const DIRECTORY_DEPTH_LIMIT: usize = 64;

/// The annotation of objects that are for tools only and are left out of the output.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Where `buildMetadata` writes the origin.
const ORIGIN: &str = "config.kubernetes.io/origin";

/// Where `buildMetadata` writes the transformers.
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The label that `buildMetadata: [managedByLabel]` writes, and the version it names.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");

/// Annotations that kustomize uses during a build and removes after it.
const BUILD_ANNOTATIONS: [&str; 21] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
    "internal.config.kubernetes.io/helm-generated",
    ORIGIN,
    TRANSFORMATIONS,
];

/// One object of a build, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The object.
    pub object: Object,
    /// The file, relative to the root of the tree.
    pub origin: String,
    /// The line in it, from 1.
    pub line: usize,
    /// Whether its kind has no namespaces.
    pub cluster_scoped: bool,
}

/// Builds a path of a tree as Flux's kustomize-controller does.
///
/// The kustomization at the path is used; where there is none, one is made from the YAML files below
/// it, in which a directory with a kustomization of its own counts as one resource. An empty result
/// means that the path is there and holds no objects; a path that is not there is an error.
///
/// # Errors
/// The path is not there, or anything below it cannot be built; the error names file and field.
pub fn build(tree: &dyn Tree, path: &str, overlay: &Overlay) -> Result<Vec<Built>, BuildError> {
    let spec = Place::field("spec.path");
    let directory = directory_at(tree, path).map_err(|cause| spec.error(cause))?;
    let kustomization = entry(tree, &directory, overlay)?;
    // Flux loads the built-in types before it builds, so that a document adds to them.
    let mut resources = run(tree, None, &kustomization, Types::with_built_in())?;
    let objects = resources
        .drain(..)
        .map(|resource| finish(resource, &kustomization, overlay));
    objects.collect()
}

/// The kustomization that a build starts from: the directory's own or one made for it, with the
/// spec on top.
pub(crate) fn entry(
    tree: &dyn Tree,
    directory: &str,
    overlay: &Overlay,
) -> Result<Kustomization, BuildError> {
    let spec = Place::field("spec.path");
    let file = kustomization_file(tree, directory).map_err(|cause| spec.error(cause))?;
    let mut kustomization = match file {
        Some(file) => read_kustomization(tree, &file, directory)?,
        None => generated(tree, directory)?,
    };
    kustomization
        .retain_files(|path| join(directory, path).is_none_or(|path| !tree.leaves_out(&path)));
    overlay.add_to(tree, &mut kustomization)?;
    Ok(kustomization)
}

/// The order of objects where a kustomization has no `sortOptions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultOrder {
    /// As they were named.
    Kept,
    /// By kind, as the command sorts when nothing is said.
    Legacy,
}

/// Builds a directory as the command `kustomize build` does: it must have a kustomization that says
/// something. Bases are gathered side by side where there is a crew; the result is the same without.
///
/// # Errors
/// The directory is not there or cannot be built; the error names file and field.
pub fn build_directory(
    tree: &(dyn Tree + Sync),
    path: &str,
    order: DefaultOrder,
    crew: Option<&Crew>,
) -> Result<Vec<Built>, BuildError> {
    let place = Place::file(path);
    let directory = directory_at(tree, path).map_err(|cause| place.error(cause))?;
    let file = kustomization_file(tree, &directory).map_err(|cause| place.error(cause))?;
    let Some(file) = file else {
        return Err(place.error(Cause::NoKustomization { directory }));
    };
    let mut kustomization = read_kustomization(tree, &file, &directory)?;
    if kustomization.is_empty {
        return Err(Place::file(&file).error(Cause::EmptyKustomization));
    }
    if order == DefaultOrder::Legacy && kustomization.sort_options.is_none() {
        kustomization.sort_options = Some(SortOptions::legacy());
    }
    let workers = crew.map(|crew| Workers { tree, crew });
    let mut resources = run(tree, workers, &kustomization, Types::default())?;
    let overlay = Overlay::default();
    let objects = resources
        .drain(..)
        .map(|resource| finish(resource, &kustomization, &overlay));
    objects.collect()
}

pub(crate) fn directory_at(tree: &dyn Tree, path: &str) -> Step<String> {
    let directory = join("", path).ok_or_else(|| Cause::PathOutsideRoot {
        path: path.to_owned(),
    })?;
    match tree.kind(&directory)? {
        Some(EntryKind::Directory) => Ok(tree.real(&directory)?),
        _ => Err(Cause::PathNotFound {
            path: path.to_owned(),
        }),
    }
}

/// Runs a kustomization and what is done once at the end: hashes, references, order.
fn run(
    tree: &dyn Tree,
    workers: Option<Workers<'_>>,
    kustomization: &Kustomization,
    types: Types,
) -> Result<Vec<Resource>, BuildError> {
    let at_file = |cause: Cause| Place::file(&kustomization.file).error(cause);
    let budget = Budget::default();
    let accumulator = Accumulator {
        tree,
        workers,
        records: kustomization.build_metadata != BuildMetadata::default(),
        root: kustomization.directory.clone(),
        elsewhere: Elsewhere::default(),
        budget: &budget,
        types,
    };
    let chain = [kustomization.directory.clone()];
    let mut gathered = accumulator.gather(kustomization, &chain, Accumulated::empty())?;
    hash::add_suffixes(gathered.resources.list_mut()).map_err(at_file)?;
    let resources = gathered.resources.list_mut();
    name_reference::follow(resources, &gathered.config.name_reference).map_err(at_file)?;
    variable::resolve(
        resources,
        &gathered.variables,
        &gathered.config.var_reference,
    )
    .map_err(|cause| match cause {
        Cause::Field { .. } => at_file(cause),
        cause => kustomization.place("vars").error(cause),
    })?;
    gathered.resources.list_mut().retain(|resource| {
        resource
            .annotations()
            .get(LOCAL_CONFIG)
            .is_none_or(|value| value == "false")
    });
    // A patch or replacement may have given two resources one name.
    gathered.resources.check_unique().map_err(at_file)?;
    let mut resources = gathered.resources.into_list();
    sort(&mut resources, kustomization.sort_options.as_ref())
        .map_err(|cause| kustomization.place("sortOptions").error(cause))?;
    Ok(resources)
}

fn finish(
    mut resource: Resource,
    kustomization: &Kustomization,
    overlay: &Overlay,
) -> Result<Built, BuildError> {
    let metadata = &kustomization.build_metadata;
    let mut annotations = resource.annotations();
    annotations.retain(|key, _| !BUILD_ANNOTATIONS.contains(&key.as_str()));
    let provenance = std::mem::take(&mut resource.provenance);
    if let (true, Some(origin)) = (metadata.origins, provenance.origin) {
        annotations.insert(ORIGIN.to_owned(), origin);
    }
    if metadata.transformations && !provenance.transformations.is_empty() {
        annotations.insert(TRANSFORMATIONS.to_owned(), provenance.transformations);
    }
    annotations.extend(overlay.common_annotations.clone());
    resource.set_metadata_map("annotations", annotations);
    let cluster_scoped = resource.identity().cluster_scoped;
    let line = resource.origin.line;
    let file = resource.origin.file.to_string();
    if resource
        .metadata("name")
        .is_none_or(|name| name.as_str() == Some(""))
    {
        return Err(Place::line(&file, line).error(Cause::NotAnObject {
            message: "metadata.name is missing".to_owned(),
        }));
    }
    let mut object = Object::from_value(resource.value).map_err(|error| {
        Place::line(&file, line).error(Cause::NotAnObject {
            message: error.to_string(),
        })
    })?;
    if metadata.managed_by {
        object.set_label(MANAGED_BY.0, MANAGED_BY.1);
    }
    for (key, value) in &overlay.common_labels {
        object.set_label(key, value);
    }
    Ok(Built {
        object,
        origin: file,
        line,
        cluster_scoped,
    })
}

/// The kustomization that stands for a directory without one.
fn generated(tree: &dyn Tree, directory: &str) -> Result<Kustomization, BuildError> {
    let mut paths = Vec::new();
    scan(tree, directory, DIRECTORY_DEPTH_LIMIT, &mut paths)?;
    let below = |path: String| match path.strip_prefix(directory) {
        Some(rest) => rest.trim_start_matches('/').to_owned(),
        None => path,
    };
    let mut kustomization = Kustomization::default();
    kustomization.directory = directory.to_owned();
    kustomization.resources = paths.into_iter().map(below).collect();
    Ok(kustomization)
}

fn scan(
    tree: &dyn Tree,
    directory: &str,
    depth: usize,
    paths: &mut Vec<String>,
) -> Result<(), BuildError> {
    let place = Place::file(directory);
    if depth == 0 {
        return Err(place.error(Cause::TooDeep {
            limit: DIRECTORY_DEPTH_LIMIT,
        }));
    }
    for entry in tree.list(directory).map_err(|error| place.error(error))? {
        let Some(path) = join(directory, &entry.name) else {
            let error = TreeError::new(directory, format!("{:?} is no name", entry.name));
            return Err(place.error(error));
        };
        match entry.kind {
            EntryKind::Directory => {
                let own = kustomization_file(tree, &path);
                if own
                    .map_err(|cause| Place::file(&path).error(cause))?
                    .is_some()
                {
                    paths.push(path);
                } else {
                    scan(tree, &path, depth - 1, paths)?;
                }
            }
            EntryKind::File if path.ends_with(".yaml") || path.ends_with(".yml") => {
                paths.push(path);
            }
            EntryKind::File => {}
        }
    }
    Ok(())
}
