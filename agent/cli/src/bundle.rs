//! `bundle` and `push`: a history carried to a node on a stick or over ssh. What a node takes it verifies as what it fetches.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::{Args, Subcommand};
use serde_json::Value;
use windlass_api::names;
use windlass_control::{Answer, Question};
use windlass_trust::{ObjectReader, Oid};

use crate::arguments::Globals;
use crate::error::CommandError;
use crate::screen::Screen;
use crate::trust::clone::LocalClone;
use crate::trust::programs::bundle;
use crate::trust::programs::ssh::Ssh;
use crate::trust::{FarArguments, TrustError};

/// Arguments of `bundle`.
#[derive(Debug, Clone, Args)]
pub struct BundleArguments {
    #[command(subcommand)]
    pub(crate) what: BundleWhat,
    /// Where the agent of this node listens, by its configuration; only a node has one.
    #[arg(skip)]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BundleWhat {
    /// Write a Git bundle: of what this node keeps, or of a clone
    Create(CreateArguments),
    /// Let this node take a Git bundle (as root)
    Import(ImportArguments),
}

/// Arguments of `bundle create`.
#[derive(Debug, Clone, Args)]
pub struct CreateArguments {
    /// Where to write it; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Only what this commit does not reach, for a node that has it
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,
    /// All of the history, which is how it is without --since
    #[arg(long, conflicts_with = "since")]
    pub all: bool,
    /// The source, as NAMESPACE/NAME, of what this node keeps [default: the root]
    #[arg(long, conflicts_with = "repository")]
    pub source: Option<String>,
    /// A clone, in the place of what this node keeps [default: on a machine that is no node the one around here]
    #[arg(long, value_name = "PATH")]
    pub repository: Option<PathBuf>,
    /// The branch or tag of the clone [default: the branch that is checked out]
    #[arg(long, value_name = "REF", conflicts_with = "source")]
    pub reference: Option<String>,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArguments {
    /// The bundle; - is standard input
    pub(crate) file: PathBuf,
    /// The source that it is for, as NAMESPACE/NAME [default: the one whose history it is of]
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Arguments of `push`.
#[derive(Debug, Clone, Args)]
pub struct PushArguments {
    /// The node, as ssh knows it
    pub(crate) node: String,
    /// The branch or tag of the clone [default: the branch that the node's root follows]
    #[arg(value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// The source that it is for, as NAMESPACE/NAME [default: the one whose history it is of]
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub(crate) repository: PathBuf,
    #[command(flatten)]
    pub(crate) far: FarArguments,
}

// === impl BundleArguments ===

impl BundleArguments {
    /// The node's configuration, if that is asked for.
    #[must_use]
    pub fn node_config(&self) -> &Path {
        match &self.what {
            BundleWhat::Create(create) => &create.config,
            BundleWhat::Import(import) => &import.config,
        }
    }

    /// What is to be written of what this node keeps, if that is asked for.
    #[must_use]
    pub fn of_node(&self) -> Option<&CreateArguments> {
        match &self.what {
            BundleWhat::Create(create) => {
                let is_of_clone = create.repository.is_some() || create.reference.is_some();
                (!is_of_clone).then_some(create)
            }
            BundleWhat::Import(_) => None,
        }
    }

    /// With what the node's configuration says.
    #[must_use]
    pub fn on(self, socket: PathBuf) -> Self {
        Self {
            socket: Some(socket),
            ..self
        }
    }
}

/// Runs `bundle`, of a clone or with the agent of this node.
pub(crate) async fn run(
    globals: &Globals,
    screen: &mut Screen<'_>,
    arguments: &BundleArguments,
) -> Result<(), CommandError> {
    match &arguments.what {
        BundleWhat::Create(create) => Ok(of_clone(screen, create)?),
        BundleWhat::Import(import) => {
            let socket = globals.agent_socket.as_ref().or(arguments.socket.as_ref());
            let socket = socket.map_or(Path::new(names::CONTROL_SOCKET), PathBuf::as_path);
            bring(screen, socket, import).await
        }
    }
}

async fn bring(
    screen: &mut Screen<'_>,
    socket: &Path,
    import: &ImportArguments,
) -> Result<(), CommandError> {
    let mut bytes: Box<dyn Read> = match import.file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(&import.file).map_err(|source| TrustError::Read {
            path: import.file.clone(),
            source,
        })?),
    };
    let source = import.source.clone();
    let question = Question::Import { source };
    match windlass_control::deliver(socket, question, &mut bytes).await {
        Ok(Answer::Imported(said)) => Ok(screen.print(&format!("{said}\n"))?),
        Ok(Answer::Refused(why)) => Err(TrustError::Usage(format!("not taken: {why}")).into()),
        Ok(_) => Err(TrustError::Usage("the agent answered something else".to_owned()).into()),
        Err(error) => Err(TrustError::Wanted {
            what: format!("the agent of this node, {}: {error}", socket.display()),
            next: "run it on a node as root, where the agent runs: systemctl status windlass"
                .to_owned(),
        }
        .into()),
    }
}

fn of_clone(screen: &mut Screen<'_>, create: &CreateArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(create.repository.as_deref().unwrap_or(Path::new(".")))?;
    let reference = match &create.reference {
        Some(reference) => reference.clone(),
        None => clone.branch()?.ok_or_else(|| TrustError::Wanted {
            what: "no branch is checked out".to_owned(),
            next: "name one with --reference".to_owned(),
        })?,
    };
    let without: Vec<String> = create.since.iter().cloned().collect();
    if create.output.to_str() == Some("-") {
        return bundle::write(&clone, &reference, &without, Stdio::inherit())?.end();
    }
    let failed = |source| TrustError::Write {
        path: create.output.clone(),
        source,
    };
    let file = File::create(&create.output).map_err(failed)?;
    let written = bundle::write(&clone, &reference, &without, file.into());
    if let Err(error) = written.and_then(bundle::Writing::end) {
        // What there is of it is no bundle.
        let _ = std::fs::remove_file(&create.output);
        return Err(error);
    }
    let output = create.output.display();
    Ok(screen.success(&format!(
        "{output} holds {reference}; on a node: sudo windlass bundle import {output}"
    ))?)
}

/// Runs `push`: what the node has is asked for first, and the rest is a bundle for `bundle import` there.
pub(crate) fn push(screen: &mut Screen<'_>, arguments: &PushArguments) -> Result<(), TrustError> {
    let clone = LocalClone::open(&arguments.repository)?;
    let node = Ssh::new(&arguments.far, &arguments.node)?;
    let stands = Stands::read(&node.windlass(&["trust", "show", "-o", "json"], "")?)?;
    let reference = arguments.reference.as_ref().unwrap_or(&stands.branch);
    let wanted = clone.reference(reference)?;
    let wanted = wanted.ok_or_else(|| TrustError::UnknownRevision {
        name: reference.clone(),
        path: arguments.repository.clone(),
        is_shallow: clone.is_shallow(),
    })?;
    let name = node.name();
    if stands.heads.contains(&wanted) {
        return Ok(screen.success(&format!("{name} has {wanted} already"))?);
    }
    let mut without = Vec::new();
    for head in stands.heads {
        if clone.contains(&head).unwrap_or(false) {
            without.push(head.to_string());
        }
    }
    screen.action(&format!("giving {reference} ({wanted}) to {name}"))?;
    let mut words = vec!["bundle", "import", "-"];
    if let Some(source) = &arguments.source {
        words.extend(["--source", source]);
    }
    let mut writing = bundle::write(&clone, reference, &without, Stdio::piped())?;
    let said = node.windlass_fed(&words, writing.output());
    // What git complains of is why the node got no whole bundle.
    writing.end()?;
    Ok(screen.success(&format!("{name}: {}", said?.trim_end()))?)
}

/// How far a node got, by `trust show`.
struct Stands {
    branch: String,
    heads: Vec<Oid>,
}

impl Stands {
    fn read(text: &str) -> Result<Self, TrustError> {
        let said: Value = serde_json::from_str(text).map_err(|error| {
            TrustError::Usage(format!("the node does not say how far it got: {error}"))
        })?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let lines = said.get("lines").and_then(Value::as_array);
        let heads = lines.into_iter().flatten();
        let heads = heads.filter_map(|line| line.get("head")?.as_str()?.parse().ok());
        Ok(Self {
            branch: said.get("branch").and_then(text).unwrap_or_default(),
            heads: heads.collect(),
        })
    }
}
