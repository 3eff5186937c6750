//! `debug helmrelease`: the values, the status or the history of one HelmRelease, as Flux's command prints them.

use clap::{ArgGroup, Args, Subcommand};
use windlass_object::yaml::to_string;
use windlass_object::{Map, Value};

use crate::error::CommandError;
use crate::kind::Kind;
use crate::release::{Found, compose};
use crate::screen::Screen;
use crate::session::Session;

/// Where Flux's documentation says what stands in the status.
const STATUS: &str = "# Status documentation: https://fluxcd.io/flux/components/helm/helmreleases/#helmrelease-status\n";

/// Where it says what stands in the history.
const HISTORY: &str =
    "# History documentation: https://fluxcd.io/flux/components/helm/helmreleases/#history\n";

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

/// Prints one of them.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &DebugArguments,
) -> Result<(), CommandError> {
    let DebugWhat::Helmrelease(wanted) = &arguments.what;
    let object = session.get(Kind::HelmRelease, &wanted.name).await?;
    if wanted.show_values {
        let found = Found::read(&object, &session.namespace)?;
        let values = compose(Some(session), screen, &found.owner()).await?;
        return Ok(screen.print_yaml(&to_string(&Value::Object(values)))?);
    }
    let mut status = object.pointer("/status").cloned().unwrap_or_default();
    if let Some(history) = status.get_mut("history") {
        complete(history);
    }
    let (heading, part) = match wanted.show_status {
        true => (STATUS, or(status, || Value::Object(Map::new()))),
        false => {
            let history = status.get("history").cloned().unwrap_or_default();
            (HISTORY, or(history, || Value::Array(Vec::new())))
        }
    };
    Ok(screen.print_yaml(&format!("{heading}{}", to_string(&part)))?)
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
