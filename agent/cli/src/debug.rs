//! `debug`: what a HelmRelease or a Kustomization is given, its status or its history, as Flux's command prints them.

use clap::{ArgGroup, Args, Subcommand};
use windlass_object::yaml::to_string;
use windlass_object::{Map, Object, Value};

use crate::build::variables;
use crate::error::CommandError;
use crate::kind::Kind;
use crate::release::{Found, compose};
use crate::screen::Screen;
use crate::session::Session;

/// Arguments of `debug`.
#[derive(Debug, Clone, Args)]
pub struct DebugArguments {
    #[command(subcommand)]
    pub(crate) what: DebugWhat,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DebugWhat {
    /// A release of a chart; --show-values prints what its Secrets hold
    #[command(visible_alias = "hr")]
    Helmrelease(DebugRelease),
    /// What a Kustomization is given; --show-vars prints what its Secrets hold
    #[command(visible_alias = "ks")]
    Kustomization(DebugKustomization),
}

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("part").required(true))]
pub(crate) struct DebugRelease {
    /// Its name
    name: String,
    /// The values that its ConfigMaps, its Secrets and itself come to
    #[arg(long, group = "part")]
    show_values: bool,
    /// Its status
    #[arg(long, group = "part")]
    show_status: bool,
    /// What was released
    #[arg(long, group = "part")]
    show_history: bool,
}

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("part").required(true))]
pub(crate) struct DebugKustomization {
    /// Its name
    name: String,
    /// The variables that its ConfigMaps, its Secrets and itself come to
    #[arg(long, group = "part")]
    show_vars: bool,
    /// Its status
    #[arg(long, group = "part")]
    show_status: bool,
    /// What was reconciled
    #[arg(long, group = "part")]
    show_history: bool,
}

/// Prints one of them.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &DebugArguments,
) -> Result<(), CommandError> {
    let text = match &arguments.what {
        DebugWhat::Helmrelease(wanted) => {
            let object = session.get(Kind::HelmRelease, &wanted.name).await?;
            if wanted.show_values {
                values(session, screen, &object).await?
            } else {
                part(&object, "helm/helmreleases", wanted.show_status)
            }
        }
        DebugWhat::Kustomization(wanted) => {
            let object = session.get(Kind::Kustomization, &wanted.name).await?;
            if wanted.show_vars {
                assignments(session, &object).await?
            } else {
                part(&object, "kustomize/kustomizations", wanted.show_status)
            }
        }
    };
    Ok(screen.print_yaml(&text)?)
}

async fn values(
    session: &Session,
    screen: &mut Screen<'_>,
    release: &Object,
) -> Result<String, CommandError> {
    let found = Found::read(release, &session.namespace)?;
    let values = compose(Some(session), screen, &found.owner()).await?;
    Ok(to_string(&Value::Object(values)))
}

/// The variables, as a shell's `.env` file has them; each on one line, as they are substituted.
async fn assignments(session: &Session, kustomization: &Object) -> Result<String, CommandError> {
    if kustomization.pointer("/spec/postBuild").is_none() {
        let message = "no post build substitutions found; spec.postBuild is not set";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let variables = variables(Some(session), kustomization).await?;
    let lines = variables.iter();
    let lines = lines.map(|(name, value)| format!("{name}={}\n", value.replace('\n', "")));
    Ok(lines.collect())
}

/// The status, or of it the history, below the address of Flux's page about it.
fn part(object: &Object, page: &str, whole: bool) -> String {
    let mut status = object.pointer("/status").cloned().unwrap_or_default();
    if let Some(history) = status
        .get_mut("history")
        .filter(|_| object.kind() == "HelmRelease")
    {
        complete(history);
    }
    let kind = object.kind().to_ascii_lowercase();
    let page = format!("https://fluxcd.io/flux/components/{page}/");
    let (heading, shown) = if whole {
        let heading = format!("# Status documentation: {page}#{kind}-status\n");
        (heading, or(status, || Value::Object(Map::new())))
    } else {
        let history = status.get("history").cloned().unwrap_or_default();
        let heading = format!("# History documentation: {page}#history\n");
        (heading, or(history, || Value::Array(Vec::new())))
    };
    heading + &to_string(&shown)
}

fn or(value: Value, nothing: impl FnOnce() -> Value) -> Value {
    match value {
        Value::Null => nothing(),
        value => value,
    }
}

/// Flux prints a time that is not set as null.
fn complete(history: &mut Value) {
    let snapshots = history.as_array_mut().into_iter().flatten();
    for snapshot in snapshots.filter_map(Value::as_object_mut) {
        snapshot.entry("deleted").or_insert(Value::Null);
    }
}
