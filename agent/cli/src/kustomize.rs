//! `windlass kustomize build`: what `kustomize build` prints, from the files of this machine.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use windlass_kustomize::{Built, DefaultOrder, build_directory};
use windlass_object::yaml::to_string;

use crate::elsewhere::Elsewhere;
use crate::error::CommandError;
use crate::local_tree::{LocalTree, as_seen_here, tree_path};
use crate::screen::Screen;

/// The label of `--enable-managedby-label`.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");

/// The namespace of objects that name none, in the names of files.
const DEFAULT_NAMESPACE: &str = "default";

/// What stands between two objects.
const SEPARATOR: &str = "---\n";

/// How many objects are worth a thread.
const LEAST_SHARE: usize = 100;

/// As much as the first thread has: what nests deep enough for one must for the others.
const STACK: usize = 8 << 20;

/// Arguments of `kustomize`.
#[derive(Debug, Clone, Args)]
pub struct KustomizeArguments {
    #[command(subcommand)]
    pub(crate) what: KustomizeWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KustomizeWhat {
    /// Build a kustomization and print its objects
    Build(BuildFlags),
}

/// kustomize's own flags.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuildFlags {
    /// Directory with a kustomization
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// A file to write to, or a directory to write a file for each object to
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Whether kustomizations may name files outside of their own directories
    #[arg(
        long,
        value_enum,
        default_value = "LoadRestrictionsRootOnly",
        value_name = "WHICH"
    )]
    load_restrictor: LoadRestrictor,
    /// The order of the objects where sortOptions do not say
    #[arg(long, value_enum, default_value = "legacy", value_name = "ORDER")]
    reorder: Reorder,
    /// Label every object as kustomize does; better is buildMetadata in the kustomization
    #[arg(long, hide = true)]
    enable_managedby_label: bool,
    /// Not supported: windlass starts no program
    #[arg(long, hide = true)]
    enable_alpha_plugins: bool,
    /// Not supported: windlass starts no program
    #[arg(long, hide = true)]
    enable_exec: bool,
    /// Not supported: use a HelmRelease
    #[arg(long, hide = true)]
    enable_helm: bool,
    /// For charts, which nothing inflates without `--enable-helm`
    #[arg(long, hide = true)]
    helm_command: Option<String>,
    #[arg(long, hide = true)]
    helm_kube_version: Option<String>,
    #[arg(long, hide = true, action = ArgAction::Append)]
    helm_api_versions: Vec<String>,
    #[arg(long, hide = true)]
    helm_debug: bool,
    /// For functions, which are refused where a kustomization names one
    #[arg(long, hide = true)]
    as_current_user: bool,
    #[arg(long, hide = true)]
    network: bool,
    #[arg(long, hide = true)]
    network_name: Option<String>,
    #[arg(long, hide = true, action = ArgAction::Append)]
    mount: Vec<String>,
    #[arg(short, long, hide = true, action = ArgAction::Append)]
    env: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LoadRestrictor {
    #[value(name = "LoadRestrictionsRootOnly", alias = "rootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone", alias = "none")]
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reorder {
    Legacy,
    None,
}

/// Builds and prints, or writes to where `-o` says.
pub(crate) fn run(
    screen: &mut Screen<'_>,
    arguments: &KustomizeArguments,
) -> Result<(), CommandError> {
    let KustomizeWhat::Build(flags) = &arguments.what;
    refuse(flags)?;
    let shown = flags.directory.display();
    if shown.to_string().contains("://") {
        return Err(CommandError::Usage(format!(
            "{shown} is remote: clone it and build the directory"
        )));
    }
    let path = tree_path(&flags.directory)
        .map_err(|error| CommandError::Usage(format!("{shown}: {error}")))?;
    let order = match flags.reorder {
        Reorder::Legacy => DefaultOrder::Legacy,
        Reorder::None => DefaultOrder::Kept,
    };
    let tree = LocalTree {
        restricts: flags.load_restrictor == LoadRestrictor::RootOnly,
        left_out: None,
        elsewhere: Elsewhere::of(&Path::new("/").join(&path)),
    };
    let mut built = build_directory(&tree, &path, order, Some(&crew))
        .map_err(|error| CommandError::Build(as_seen_here(&error.to_string())))?;
    if flags.enable_managedby_label {
        for built in &mut built {
            built.object.set_label(MANAGED_BY.0, MANAGED_BY.1);
        }
    }
    match &flags.output {
        None => Ok(screen.print_yaml(&documents(built))?),
        Some(path) => write(path, built).map_err(|error| {
            CommandError::Usage(format!("cannot write to {}: {error}", path.display()))
        }),
    }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Works on as many threads as the machine runs at once.
fn crew(work: &(dyn Fn() + Sync)) {
    thread::scope(|scope| {
        for _ in 1..threads() {
            let thread = thread::Builder::new().stack_size(STACK);
            // One that cannot be had leaves its work to the others.
            let _ = thread.spawn_scoped(scope, work);
        }
        work();
    });
}

/// Flags that would need a program to be started.
fn refuse(flags: &BuildFlags) -> Result<(), CommandError> {
    let refused = if flags.enable_alpha_plugins {
        "--enable-alpha-plugins: windlass starts no program; built-in plugins need no flag"
    } else if flags.enable_exec {
        "--enable-exec: windlass starts no program; run it before the commit"
    } else if flags.enable_helm {
        "--enable-helm: windlass starts no program; use a HelmRelease"
    } else {
        return Ok(());
    };
    Err(CommandError::Usage(refused.to_owned()))
}

/// Objects as kustomize prints them, each thread writing its share.
fn documents(mut built: Vec<Built>) -> String {
    let share = built.len().div_ceil(threads()).max(LEAST_SHARE);
    let mut shares = Vec::new();
    while built.len() > share {
        shares.push(built.split_off(built.len() - share));
    }
    let texts = thread::scope(|scope| {
        let others: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(|| text_of(share)))
            .collect();
        let first = text_of(built);
        let others = others.into_iter().rev().map(|other| match other.join() {
            Ok(text) => text,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(first).chain(others).collect::<Vec<_>>()
    });
    texts.join(SEPARATOR)
}

fn text_of(built: Vec<Built>) -> String {
    let mut text = String::new();
    for built in built {
        if !text.is_empty() {
            text.push_str(SEPARATOR);
        }
        text.push_str(&to_string(&built.object.into_value()));
    }
    text
}

fn write(path: &Path, built: Vec<Built>) -> io::Result<()> {
    if !path.is_dir() {
        return fs::write(path, documents(built));
    }
    let namespace = |built: &Built| {
        let namespace = built.object.namespace().unwrap_or(DEFAULT_NAMESPACE);
        (!built.cluster_scoped).then(|| namespace.to_owned())
    };
    let mut namespaces: Vec<String> = built.iter().filter_map(namespace).collect();
    namespaces.sort();
    namespaces.dedup();
    for built in built {
        let prefix = match namespace(&built) {
            Some(namespace) if namespaces.len() > 1 => format!("{namespace}_"),
            _ => String::new(),
        };
        let file = format!("{prefix}{}", file_name(&built)).to_lowercase();
        fs::write(path.join(file), to_string(&built.object.into_value()))?;
    }
    Ok(())
}

/// The name that kustomize gives to the file of one object.
fn file_name(built: &Built) -> String {
    let gvk = built.object.gvk();
    let parts = [
        gvk.group,
        gvk.version,
        gvk.kind,
        built.object.name().to_owned(),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.yaml", parts.join("_"))
}
