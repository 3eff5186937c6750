//! `build`: what a Kustomization, as Flux's command prints it, or a HelmRelease would apply.

pub(crate) mod mask;
mod variables;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use windlass_api::names;
use windlass_kustomize::substitute::{self, Options, Strategy, Unset};
use windlass_kustomize::{Built, Overlay};
use windlass_object::yaml::{Limits, parse_documents, to_string};
use windlass_object::{Object, Value};

pub(crate) use self::variables::variables;
use crate::arguments::Globals;
use crate::elsewhere::Elsewhere;
use crate::error::CommandError;
use crate::facts::{source, text};
use crate::kind::Kind;
use crate::local_tree::{LocalTree, as_seen_here, left_out, tree_path};
use crate::release::{self, build::BuildRelease};
use crate::screen::Screen;
use crate::session::Session;

/// The group of Kustomizations, in whatever version.
const GROUP: &str = "kustomize.toolkit.fluxcd.io/";

/// Arguments of `build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArguments {
    #[command(subcommand)]
    pub(crate) what: BuildWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BuildWhat {
    /// Print what a Kustomization would apply
    #[command(alias = "ks")]
    Kustomization(BuildKustomization),
    /// Print what a HelmRelease would apply
    #[command(alias = "hr")]
    Helmrelease(BuildRelease),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BuildKustomization {
    #[command(flatten)]
    common: Common,
    /// Ask no cluster; variables of ConfigMaps and Secrets are left out
    #[arg(long)]
    dry_run: bool,
}

/// What `build` and `diff` are told alike.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The Kustomization
    name: String,
    /// Directory with the local files
    #[arg(long)]
    path: PathBuf,
    /// A file with the Kustomization, in place of the cluster's
    #[arg(long, value_name = "FILE")]
    kustomization_file: Option<PathBuf>,
    /// A variable without a value is an error
    #[arg(long)]
    strict_substitute: bool,
    /// Files to leave out, as .gitignore has them, separated by commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    ignore_paths: Vec<String>,
    /// Also what the Kustomizations among the objects would apply
    #[arg(short, long, requires = "local_sources")]
    pub(crate) recursive: bool,
    /// Where the files of sources are, as Kind/namespace/name=path, separated by commas
    #[arg(long, value_name = "SOURCE=PATH", value_delimiter = ',', value_parser = local_source)]
    local_sources: Vec<(String, PathBuf)>,
    /// Accepted for scripts written for Flux; nothing is written while building here
    #[arg(long, hide = true)]
    in_memory_build: bool,
}

impl Common {
    /// Of a Kustomization whose files are in a folder.
    pub(crate) fn of(name: &str, path: &Path) -> Self {
        Common {
            name: name.to_owned(),
            path: path.to_owned(),
            kustomization_file: None,
            strict_substitute: false,
            ignore_paths: Vec::new(),
            recursive: false,
            local_sources: Vec::new(),
            in_memory_build: false,
        }
    }
}

fn local_source(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((source, path)) if source.split('/').count() == 3 && !path.is_empty() => {
            Ok((source.to_owned(), PathBuf::from(path)))
        }
        _ => Err("write it as Kind/namespace/name=path".to_owned()),
    }
}

/// Builds and prints.
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    arguments: &BuildArguments,
) -> Result<(), CommandError> {
    let wanted = match &arguments.what {
        BuildWhat::Kustomization(wanted) => wanted,
        BuildWhat::Helmrelease(wanted) => {
            return release::build::run(globals, screen, wanted).await;
        }
    };
    let path = directory(&wanted.common)?;
    let session = if wanted.dry_run {
        None
    } else {
        Some(Session::new(globals)?)
    };
    let live = match &session {
        Some(session) => Some(live(session, &wanted.common).await?),
        None => None,
    };
    let kustomization = chosen(globals, &wanted.common, live)?;
    let objects = all_objects(session.as_ref(), &wanted.common, path, kustomization).await?;
    print(screen, &objects)
}

/// Prints objects as Flux's command does.
pub(crate) fn print(screen: &mut Screen<'_>, objects: &[Object]) -> Result<(), CommandError> {
    let mut text = String::new();
    for object in objects {
        text.push_str(&to_string(object.as_value()));
        text.push_str("---\n");
    }
    Ok(screen.print_yaml(&text)?)
}

/// The local files.
pub(crate) fn directory(wanted: &Common) -> Result<String, CommandError> {
    tree_path(&wanted.path)
        .ok()
        .filter(|_| wanted.path.is_dir())
        .ok_or_else(|| usage(format!("invalid resource path {:?}", wanted.path)))
}

/// The Kustomization of the cluster, which is asked in any case but a dry run, as Flux does.
pub(crate) async fn live(session: &Session, wanted: &Common) -> Result<Object, CommandError> {
    session.get(Kind::Kustomization, &wanted.name).await
}

/// The Kustomization: of the file where one is named, else of the cluster.
pub(crate) fn chosen(
    globals: &Globals,
    wanted: &Common,
    live: Option<Object>,
) -> Result<Object, CommandError> {
    match (&wanted.kustomization_file, live) {
        (Some(file), _) => from_file(
            Kind::Kustomization,
            file,
            &wanted.name,
            globals.flux_namespace(),
        ),
        (None, Some(live)) => Ok(live),
        (None, None) => Err(usage(
            "dry-run mode requires a kustomization file".to_owned(),
        )),
    }
}

/// What a Kustomization would apply and, where asked, what those among it would, each once.
async fn all_objects(
    session: Option<&Session>,
    wanted: &Common,
    path: String,
    kustomization: Object,
) -> Result<Vec<Object>, CommandError> {
    let mut all = Vec::new();
    let mut seen = HashSet::from([kustomization.key()]);
    let mut waiting = vec![(path, kustomization)];
    while let Some((path, kustomization)) = waiting.pop() {
        let objects = objects(session, wanted, &path, &kustomization).await?;
        let mut nested = Vec::new();
        for object in objects.iter().filter(|_| wanted.recursive) {
            if is_kustomization(object) && seen.insert(object.key()) {
                let path = nested_directory(wanted, object)?;
                nested.push((path, in_cluster_or(session, object).await?));
            }
        }
        waiting.extend(nested.into_iter().rev());
        all.extend(objects);
    }
    Ok(all)
}

/// A nested Kustomization as the cluster has it, as Flux takes it; the local one where it has none.
async fn in_cluster_or(session: Option<&Session>, local: &Object) -> Result<Object, CommandError> {
    let Some(session) = session else {
        return Ok(local.clone());
    };
    let namespace = local.namespace().unwrap_or_default();
    match session
        .get_in(Kind::Kustomization, namespace, local.name())
        .await
    {
        Err(CommandError::NotFound { .. }) => Ok(local.clone()),
        found => found,
    }
}

/// Whether an object is a Kustomization of Flux.
pub(crate) fn is_kustomization(object: &Object) -> bool {
    object.api_version().starts_with(GROUP) && object.kind() == Kind::Kustomization.name()
}

/// The local files of a Kustomization among the objects.
pub(crate) fn nested_directory(
    wanted: &Common,
    kustomization: &Object,
) -> Result<String, CommandError> {
    let (kind, namespace, name) = source(kustomization);
    let key = format!("{kind}/{namespace}/{name}");
    let found = wanted.local_sources.iter().find(|(known, _)| *known == key);
    let Some((_, folder)) = found else {
        return Err(usage(format!(
            "cannot get local path for {key} of kustomization {}: name it with --local-sources",
            kustomization.name()
        )));
    };
    let below = text(kustomization, "/spec/path").trim_start_matches('/');
    let path = folder.join(below);
    tree_path(&path)
        .ok()
        .filter(|_| path.is_dir())
        .ok_or_else(|| usage(format!("invalid resource path {path:?}")))
}

/// What the Kustomization would apply, what is encrypted masked.
pub(crate) async fn objects(
    session: Option<&Session>,
    wanted: &Common,
    path: &str,
    kustomization: &Object,
) -> Result<Vec<Object>, CommandError> {
    let spec = kustomization.pointer("/spec").unwrap_or(&Value::Null);
    let overlay = Overlay::from_spec(spec).map_err(usage)?;
    let tree = LocalTree {
        restricts: false,
        left_out: left_out(path, &wanted.ignore_paths)
            .map_err(|problem| usage(format!("--ignore-paths {problem}")))?,
        elsewhere: Elsewhere::of(&Path::new("/").join(path)),
    };
    let mut built = windlass_kustomize::build(&tree, path, &overlay)
        .map_err(|error| failed("kustomize build failed", &error.to_string()))?;
    if spec.get("postBuild").is_some() {
        let variables = variables(session, kustomization).await?;
        substitute::substitute(&mut built, &variables, options(spec, wanted))
            .map_err(|error| failed("var substitution failed", &error.to_string()))?;
    }
    let finished = built
        .into_iter()
        .map(|built| finished(built, kustomization));
    finished.filter_map(Result::transpose).collect()
}

/// An object of a kind of Flux in a file.
pub(crate) fn from_file(
    kind: Kind,
    file: &Path,
    name: &str,
    namespace: &str,
) -> Result<Object, CommandError> {
    let shown = file.display();
    let text = fs::read(file).map_err(|error| usage(format!("{shown}: {error}")))?;
    let documents = parse_documents(&text, &Limits::DEFAULT)
        .map_err(|error| usage(format!("{shown}: {error}")))?;
    let is_wanted = |object: &Object| {
        let gvk = object.gvk();
        (gvk.group, gvk.kind.as_str()) == (kind.gvk().group, kind.name())
            && object.name() == name
            && object.namespace().is_none_or(|own| own == namespace)
    };
    documents
        .into_iter()
        .filter_map(|document| Object::from_value(document.value).ok())
        .find(is_wanted)
        .ok_or_else(|| {
            usage(format!(
                "failed find {} with name '{name}' and namespace '{namespace}' in file '{shown}'",
                kind.words()
            ))
        })
}

fn options(spec: &Value, wanted: &Common) -> Options {
    let always = spec.pointer("/postBuild/substituteStrategy") == Some(&Value::from("Always"));
    Options {
        strategy: if always {
            Strategy::Always
        } else {
            Strategy::WithVariables
        },
        unset: if wanted.strict_substitute {
            Unset::Error
        } else {
            Unset::Empty
        },
    }
}

/// An object as it is printed: with its owner, and without what is encrypted in it. Kustomizations of
/// kustomize itself are no objects of a cluster.
fn finished(built: Built, owner: &Object) -> Result<Option<Object>, CommandError> {
    let mut object = built.object;
    if object.api_version().starts_with("kustomize.config.k8s.io/")
        && object.kind() == "Kustomization"
    {
        return Ok(None);
    }
    object.set_label(names::OWNER_NAME, owner.name());
    object.set_label(
        names::OWNER_NAMESPACE,
        owner.namespace().unwrap_or_default(),
    );
    mask::mask(&mut object).map_err(CommandError::Build)?;
    Ok(Some(object))
}

fn usage(message: String) -> CommandError {
    CommandError::Usage(message)
}

fn failed(what: &str, message: &str) -> CommandError {
    CommandError::Build(format!("{what}: {}", as_seen_here(message)))
}
