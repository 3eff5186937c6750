//! `promote` and `migrate`: from Flux to windlass and back, with nothing made anew (decision 283).

mod check;
mod flux;
mod mode;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};
use windlass_api::node::NodeStatus;
use windlass_control::{Answer, Observed, Question};

use self::flux::Flux;
use crate::error::CommandError;
use crate::identity::{self, Rights};
use crate::lease;
use crate::observed;
use crate::removal::Removal;
use crate::screen::Screen;
use crate::session::{Session, now};

/// How often it is looked whether something has come about.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long an agent may take to start again and lead: systemd waits 5 s, an old term ends within 30.
const LEADS_WITHIN: Duration = Duration::from_secs(120);

/// Arguments of `promote`.
#[derive(Debug, Clone, Args)]
pub struct PromoteArguments {
    /// Ask nothing
    #[arg(short, long)]
    silent: bool,
    /// What the node may do from then on
    #[arg(long, value_enum, default_value = "full")]
    rights: Rights,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// What its configuration says of the node.
    #[arg(skip)]
    node: Option<MovingNode>,
}

/// Arguments of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArguments {
    /// Say what would become of everything that Flux keeps: same, differs or refused, and what to add; nothing is written
    #[arg(long, required_unless_present = "back", conflicts_with = "back")]
    check: bool,
    /// Return to Flux; on a node, that node goes on as an observer
    #[arg(long)]
    back: bool,
    /// With --check: the clone
    #[arg(long, default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// With --check: who may sign, in OpenSSH's allowed_signers format [default: what `trust init` wrote]
    #[arg(long, value_name = "FILE")]
    signers: Vec<PathBuf>,
    /// With --check: the GitRepository that it is a clone of
    #[arg(
        long,
        default_value = "flux-system/flux-system",
        value_name = "NAMESPACE/NAME"
    )]
    source: String,
    /// Ask nothing
    #[arg(short, long)]
    silent: bool,
    /// The node's configuration
    #[arg(long, default_value = "/etc/windlass/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// What its configuration says of the node.
    #[arg(skip)]
    node: Option<MovingNode>,
}

/// What a node's configuration says that matters to moving.
#[derive(Debug, Clone)]
pub struct MovingNode {
    /// The node's name.
    pub name: String,
    /// The files of the configuration, in the order in which they count.
    pub files: Vec<PathBuf>,
    /// Whether it only observes.
    pub observes: bool,
    /// Where its agent answers.
    pub socket: PathBuf,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
}

// === impl PromoteArguments ===

impl PromoteArguments {
    /// With what the node's configuration says.
    #[must_use]
    pub fn on(self, node: MovingNode) -> Self {
        PromoteArguments {
            node: Some(node),
            ..self
        }
    }
}

// === impl MigrateArguments ===

impl MigrateArguments {
    /// With what the node's configuration says.
    #[must_use]
    pub fn on(self, node: MovingNode) -> Self {
        MigrateArguments {
            node: Some(node),
            ..self
        }
    }
}

/// Runs `promote`: Flux's controllers stop, then the node gets its rights and leads.
pub(crate) async fn promote(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &PromoteArguments,
) -> Result<(), CommandError> {
    let node = arguments.node.as_ref().ok_or_else(|| {
        let text = format!("{}: there is no such node here", arguments.config.display());
        CommandError::Usage(text)
    })?;
    if !node.observes {
        let text = format!(
            "{} does not observe: it leads when it is its turn",
            node.name
        );
        return Err(CommandError::Usage(text));
    }
    let found = found(node).await?;
    screen.action(&observed::summary(&found))?;
    screen.print(&observed::render(&found))?;
    agree(
        screen,
        arguments.silent,
        "Stop Flux's controllers and let windlass lead?",
    )?;
    let flux = Flux::of(session);
    flux.stop(screen).await?;
    if identity::is_own(&node.kubeconfig) {
        identity::give(session, screen, &node.name, arguments.rights).await?;
        mode::remember(&node.files, arguments.rights)?;
    }
    let file = mode::set(&node.files, mode::ACTIVE)?;
    screen.action(&format!("{}: mode = \"active\"", file.display()))?;
    restart(node, screen).await?;
    leads(node, screen).await?;
    Ok(screen.success(&format!(
        "{} leads; look with windlass status, and go back with windlass migrate --back",
        node.name
    ))?)
}

/// Runs `migrate`.
pub(crate) async fn migrate(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &MigrateArguments,
) -> Result<(), CommandError> {
    if arguments.check {
        let clone = check::Files {
            path: &arguments.path,
            signers: &arguments.signers,
            of: &format!("GitRepository/{}", arguments.source),
        };
        return check::run(session, screen, &clone).await;
    }
    back(session, screen, arguments).await
}

/// Returns to Flux: the node stops writing, then Flux's controllers begin.
async fn back(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &MigrateArguments,
) -> Result<(), CommandError> {
    agree(
        screen,
        arguments.silent,
        "Start Flux's controllers and let windlass only look?",
    )?;
    if let Some(node) = arguments.node.as_ref().filter(|node| !node.observes) {
        let file = mode::set(&node.files, mode::OBSERVE)?;
        screen.action(&format!("{}: mode = \"observe\"", file.display()))?;
        restart(node, screen).await?;
    }
    nobody_leads(session, screen).await?;
    let flux = Flux::of(session);
    flux.release().await?;
    Removal::now(session).doors(screen).await?;
    flux.start(screen).await?;
    if let Some(node) = &arguments.node
        && identity::is_own(&node.kubeconfig)
    {
        identity::give(session, screen, &node.name, Rights::Observe).await?;
        mode::remember(&node.files, Rights::Observe)?;
    }
    Ok(screen.success("Flux leads; everything that windlass applied is where it was")?)
}

/// What the node found by observing: it has to have looked at something.
async fn found(node: &MovingNode) -> Result<Observed, CommandError> {
    let asked = windlass_control::ask(&node.socket, Question::Observed).await;
    let why = match asked {
        Ok(Answer::Observed(found)) if !found.owners.is_empty() => return Ok(*found),
        Ok(Answer::Observed(_)) => "it has looked at nothing yet".to_owned(),
        Ok(Answer::Refused(why)) => why,
        Ok(_) => "it gives another answer than the one that was asked for".to_owned(),
        Err(error) => error.to_string(),
    };
    let text = format!("the agent at {}: {why}", node.socket.display());
    Err(CommandError::Usage(text))
}

fn agree(screen: &mut Screen<'_>, silent: bool, question: &str) -> Result<(), CommandError> {
    if silent {
        return Ok(());
    }
    match screen.confirm(question)? {
        Some(true) => Ok(()),
        Some(false) => Err(CommandError::Usage("nothing was done".to_owned())),
        None => Err(CommandError::Usage(
            "nobody can be asked here; say --silent to go on without".to_owned(),
        )),
    }
}

/// Has the agent end, and whoever keeps it running start it again.
async fn restart(node: &MovingNode, screen: &mut Screen<'_>) -> Result<(), CommandError> {
    match windlass_control::ask(&node.socket, Question::Restart).await {
        Ok(Answer::Restarts) => Ok(screen.action("the agent starts again")?),
        Ok(Answer::Refused(why)) => Err(CommandError::Usage(why)),
        // It does not run, or is one of before: it reads its configuration when it starts.
        _ => Ok(screen.warning("no agent answers here: sudo systemctl restart windlass")?),
    }
}

/// Waits until the agent leads.
async fn leads(node: &MovingNode, screen: &mut Screen<'_>) -> Result<(), CommandError> {
    screen.waiting("waiting until it leads")?;
    let deadline = Instant::now() + LEADS_WITHIN;
    let mut role = "it does not answer".to_owned();
    while Instant::now() < deadline {
        if let Ok(Answer::Standing(standing)) =
            windlass_control::ask(&node.socket, Question::Standing).await
        {
            let said = NodeStatus::from_annotations(&standing.says).role;
            role = said.unwrap_or(role);
        }
        if role == "leader" {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
    let text = format!(
        "{} does not lead yet: {role}; see journalctl -u windlass",
        node.name
    );
    Err(CommandError::Usage(text))
}

/// Waits until no node of windlass leads: whoever does is not told by this command.
async fn nobody_leads(session: &Session, screen: &mut Screen<'_>) -> Result<(), CommandError> {
    screen.waiting("waiting until no node leads")?;
    let deadline = Instant::now() + LEADS_WITHIN;
    loop {
        let lead = lease::lead(session).await?;
        let Some(lead) = lead.filter(|lead| lead.is_held(now().timestamp())) else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            let text = format!(
                "{0} leads; on {0} and every other node, first: sudo windlass migrate --back, or sudo systemctl stop windlass",
                lead.node
            );
            return Err(CommandError::Usage(text));
        }
        sleep(LOOK_AGAIN).await;
    }
}
