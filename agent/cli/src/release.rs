//! What a HelmRelease would apply, worked out as the nodes do it (room `release`).

pub(crate) mod build;
mod chart;
pub(crate) mod diff;
pub(crate) mod live;
mod records;
mod values;

use std::path::PathBuf;

use clap::Args;
use windlass_api::helm_release::{CrdsPolicy, HelmReleaseSpec};
use windlass_api::parse;
use windlass_helm::{Operation, Record, Release};
use windlass_object::Object;
use windlass_release::Owner;

use self::chart::Located;
pub(crate) use self::values::compose;
use crate::arguments::Globals;
use crate::error::CommandError;
use crate::helm::Offline;
use crate::kind::Kind;
use crate::screen::Screen;
use crate::session::Session;

/// What `build` and `diff` are told alike.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The HelmRelease
    name: String,
    /// The files of the chart's source, or the chart itself: a directory or a .tgz file [default: the chart that the agent of this node keeps]
    #[arg(long)]
    path: Option<PathBuf>,
    /// A file with the HelmRelease, in place of the cluster's
    #[arg(long, value_name = "FILE")]
    helmrelease_file: Option<PathBuf>,
}

/// A HelmRelease.
#[derive(Debug)]
pub(crate) struct Found {
    namespace: String,
    name: String,
    pub(crate) spec: HelmReleaseSpec,
}

/// What a HelmRelease comes to.
#[derive(Debug)]
struct Outcome {
    /// What is done with the definitions.
    policy: CrdsPolicy,
    definitions: Vec<Object>,
    objects: Vec<Object>,
    hooks: Vec<Object>,
    /// The revision that this one would take the place of.
    before: Option<Record>,
}

// === impl Found ===

impl Found {
    /// Reads a HelmRelease of a file or of the cluster.
    pub(crate) fn read(object: &Object, namespace: &str) -> Result<Self, CommandError> {
        let mut object = object.clone();
        if object.namespace().is_none() {
            object.set_namespace(Some(namespace));
        }
        let typed = parse::helm_release(&object);
        let typed = typed.map_err(|error| CommandError::Build(error.to_string()))?;
        Ok(Found {
            namespace: object.namespace().unwrap_or_default().to_owned(),
            name: object.name().to_owned(),
            spec: typed.spec,
        })
    }

    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner {
            namespace: &self.namespace,
            name: &self.name,
            spec: &self.spec,
        }
    }
}

/// The HelmRelease: of the file where one is named, else of the cluster.
async fn found(
    globals: &Globals,
    session: Option<&Session>,
    wanted: &Common,
) -> Result<Found, CommandError> {
    let namespace = globals.flux_namespace();
    let object = match (&wanted.helmrelease_file, session) {
        (Some(file), _) => {
            crate::build::from_file(Kind::HelmRelease, file, &wanted.name, namespace)?
        }
        (None, Some(session)) => session.get(Kind::HelmRelease, &wanted.name).await?,
        (None, None) => {
            let text =
                "--dry-run asks no cluster: name the HelmRelease's file with --helmrelease-file";
            return Err(CommandError::Usage(text.to_owned()));
        }
    };
    Found::read(&object, namespace)
}

/// Works out what a HelmRelease would apply.
async fn work_out(
    globals: &Globals,
    screen: &mut Screen<'_>,
    session: Option<&Session>,
    (wanted, found): (&Common, &Found),
) -> Result<Outcome, CommandError> {
    let owner = found.owner();
    let path = wanted.path.as_deref();
    let mut located = chart::locate(globals, session, found, path).await?;
    let mut values = values::compose(session, screen, &found.owner()).await?;
    let history = match session {
        Some(session) => records::load(session, &owner).await?,
        None => records::History::default(),
    };
    let before = history.before();
    let kept = windlass_release::preserving(owner.spec, &located.chart, &values, before);
    if let Some(kept) = kept {
        (located.chart, values) = (kept.chart, kept.values);
    }
    let release = release(&owner, history.next_version(), before);
    let operation = release.operation;
    let Located { chart, version } = located;
    let rendered = live::rendered(session, Offline::default(), chart, values, release).await?;
    let failed = CommandError::Build;
    let prepared = windlass_release::finish(&owner, rendered, &version).map_err(failed)?;
    let defined = windlass_release::definitions(&owner, &prepared.definitions).map_err(failed)?;
    let (definitions, others) = (defined.all, defined.others);
    for (source, other) in others {
        let key = other.key();
        screen.warning(&format!(
            "{source}: {key} is no CustomResourceDefinition and is left out"
        ))?;
    }
    let mut objects = windlass_release::of_manifest(&owner, &prepared.manifest).map_err(failed)?;
    let mut hooks = Vec::new();
    for hook in &prepared.hooks {
        hooks.extend(windlass_release::parse(&hook.manifest).map_err(failed)?);
    }
    for hook in hooks.iter_mut().filter(|hook| hook.namespace().is_none()) {
        hook.set_namespace(Some(owner.release_namespace()));
    }
    live::fit_scope(session, &mut objects, &definitions).await;
    live::fit_scope(session, &mut hooks, &definitions).await;
    Ok(Outcome {
        policy: windlass_release::policy(owner.spec, operation),
        definitions,
        objects,
        hooks,
        before: history.into_before(),
    })
}

/// What templates are told of the release.
fn release(owner: &Owner<'_>, revision: i64, before: Option<&Record>) -> Release {
    let spec = owner.spec;
    let (install, upgrade) = (spec.install.as_ref(), spec.upgrade.as_ref());
    let operation = match before {
        Some(_) => Operation::Upgrade,
        None => Operation::Install,
    };
    Release {
        name: owner.release_name(),
        namespace: owner.release_namespace().to_owned(),
        revision,
        operation,
        skips_schema: match operation {
            Operation::Install => install.is_some_and(|it| it.disable_schema_validation),
            Operation::Upgrade => upgrade.is_some_and(|it| it.disable_schema_validation),
        },
    }
}
