//! Job: the commands a person types, and every printed word.
//! Takes → gives: arguments, a kubeconfig or a clone → text and an exit code.
//! May touch: stdout, stderr, stdin to ask, the API server through `cluster`, the agent's socket; a clone; the person's own git, gpg, curl and cache.
//! Never: needs the agent to be reachable.

mod arguments;
mod backup;
mod build;
mod bundle;
mod check;
mod confirm;
mod debug;
mod delete;
mod describe;
mod diff;
mod elsewhere;
mod envsubst;
mod error;
mod events;
mod export;
mod facts;
mod get;
mod helm;
mod identity;
mod kind;
mod kustomize;
mod lease;
mod local_tree;
mod lock;
mod logs;
mod man;
mod moving;
mod observed;
mod pause;
mod reconcile;
mod release;
mod removal;
mod screen;
mod session;
mod stats;
mod status;
mod status_selector;
mod suspend;
mod table;
mod trace;
mod tree;
mod trigger;
mod trust;
mod uninstall;
mod version;
mod view;
mod wait;
mod words;

use std::ffi::OsString;
use std::future::{Future, ready};
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::arguments::DescribeWhat;
pub use crate::arguments::{
    CheckArguments, Command, CompletionArguments, DeleteArguments, DescribeArguments,
    EventsArguments, ExportArguments, GetArguments, Globals, LogsArguments, ReconcileArguments,
    ResumeArguments, SuspendArguments, TreeArguments, VersionArguments,
};
pub use crate::backup::{BackupArguments, RestoreArguments};
pub use crate::build::BuildArguments;
pub use crate::bundle::{BundleArguments, CreateArguments, PushArguments};
pub use crate::confirm::ConfirmArguments;
pub use crate::debug::DebugArguments;
pub use crate::diff::DiffArguments;
pub use crate::envsubst::EnvsubstArguments;
use crate::error::CommandError;
pub use crate::helm::HelmArguments;
pub use crate::identity::IdentityArguments;
pub use crate::kustomize::KustomizeArguments;
pub use crate::lock::LockArguments;
pub use crate::man::ManArguments;
pub use crate::moving::{MigrateArguments, MovingNode, PromoteArguments};
pub use crate::pause::PauseArguments;
use crate::screen::{Eyes, Screen};
use crate::session::{Paused, Session};
pub use crate::stats::StatsArguments;
pub use crate::trace::TraceArguments;
pub use crate::trigger::TriggerArguments;
pub use crate::trust::{NodeTrust, TrustArguments};
pub use crate::uninstall::UninstallArguments;
use crate::view::{Instead, Sight, View};
pub use windlass_trust::Mode;

/// Keeps a cluster equal to a signed Git repository.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the process's exit code says how the command ended"]
pub enum Outcome {
    /// It did what was asked.
    Done,
    /// It did not; why and what to do next was printed.
    Failed,
    /// It could not find out what it was asked, where [`Outcome::Failed`] is an answer.
    Unclear,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Failed => ExitCode::FAILURE,
            Outcome::Unclear => ExitCode::from(2),
        }
    }
}

/// Takes the process's arguments, the program's name first, and runs the command they name. It
/// calls itself what it was called as, so that scripts for `flux` read well.
pub fn run<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> ExitCode {
    let (mut results, mut progress) = (io::stdout(), io::stderr());
    let mut screen = Screen::new(&mut results, &mut progress, eyes()).with_answers(answers());
    match run_for(arguments, &mut screen) {
        Ok(outcome) => outcome.into(),
        Err(error) => error.exit(),
    }
}

/// Who reads this process's standard output.
fn eyes() -> Eyes {
    if io::stdout().is_terminal() {
        Eyes::Person
    } else {
        Eyes::Program
    }
}

/// Where a person's answers come from, if there is a person.
fn answers() -> Option<Box<dyn BufRead>> {
    let is_person = io::stdin().is_terminal() && io::stderr().is_terminal();
    is_person.then(|| -> Box<dyn BufRead> { Box::new(io::stdin().lock()) })
}

/// Like [`run`], with the two streams given by the caller.
///
/// # Errors
/// When the arguments name no command, or ask for help: what clap has to say.
pub fn run_on<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
    results: &mut dyn Write,
    progress: &mut dyn Write,
) -> Result<Outcome, clap::Error> {
    run_for(
        arguments,
        &mut Screen::new(results, progress, Eyes::Program),
    )
}

fn run_for<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
    screen: &mut Screen<'_>,
) -> Result<Outcome, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let name = program_name(arguments.first());
    let command_line = CommandLine::command().name(name).bin_name(name);
    let matches = command_line.clone().try_get_matches_from(arguments)?;
    let CommandLine { globals, command } = CommandLine::from_arg_matches(&matches)?;
    Ok(execute_for(&globals, &command, command_line, screen))
}

/// What the program was called as: `flux` or `windlass`.
#[must_use]
pub fn program_name(first: Option<&OsString>) -> &'static str {
    let stem = first.and_then(|first| Path::new(first).file_stem());
    if stem.is_some_and(|stem| stem == "flux") {
        "flux"
    } else {
        "windlass"
    }
}

/// Runs one command and says how it went; for a binary that has further commands of its own.
/// `command_line` is the whole command line, for completion scripts.
pub fn execute(globals: &Globals, command: &Command, command_line: clap::Command) -> ExitCode {
    let (mut results, mut progress) = (io::stdout(), io::stderr());
    let mut screen = Screen::new(&mut results, &mut progress, eyes()).with_answers(answers());
    execute_for(globals, command, command_line, &mut screen).into()
}

/// Like [`execute`], with the two streams given by the caller.
pub fn execute_on(
    globals: &Globals,
    command: &Command,
    command_line: clap::Command,
    results: &mut dyn Write,
    progress: &mut dyn Write,
) -> Outcome {
    let mut screen = Screen::new(results, progress, Eyes::Program);
    execute_for(globals, command, command_line, &mut screen)
}

fn execute_for(
    globals: &Globals,
    command: &Command,
    command_line: clap::Command,
    screen: &mut Screen<'_>,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(CommandError::Runtime)
        .and_then(|runtime| runtime.block_on(dispatch(globals, command, command_line, screen)));
    match done {
        Ok(()) => Outcome::Done,
        // The reader of a pipe went away: nobody is left to tell.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Outcome::Done
        }
        Err(error) => {
            // Where this cannot be printed, the exit code is all there is.
            let _ = screen.failure(&error.to_string());
            if let Some(next) = error.next() {
                let _ = screen.action(&next);
            }
            match error {
                CommandError::Unclear(_) => Outcome::Unclear,
                _ => Outcome::Failed,
            }
        }
    }
}

async fn dispatch(
    globals: &Globals,
    command: &Command,
    mut command_line: clap::Command,
    screen: &mut Screen<'_>,
) -> Result<(), CommandError> {
    match command {
        Command::Completion(arguments) => {
            let name = command_line.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(arguments.shell, &mut command_line, name, &mut script);
            return Ok(screen.print(&String::from_utf8_lossy(&script))?);
        }
        Command::Trigger(arguments) => {
            return trigger::run(screen, globals.flux_namespace(), arguments).await;
        }
        Command::Man(arguments) => return man::write(&command_line, &arguments.folder),
        Command::Kustomize(arguments) => return kustomize::run(screen, arguments),
        Command::Envsubst(arguments) => return envsubst::run(screen, arguments),
        Command::Lock(arguments) => return lock::run(screen, arguments),
        Command::Helm(arguments) => return helm::run(globals, screen, arguments).await,
        Command::Build(arguments) => return build::run(globals, screen, arguments).await,
        Command::Diff(arguments) => return diff::run(globals, screen, arguments).await,
        Command::Version(arguments) if arguments.client => {
            return version::run(None, screen, arguments).await;
        }
        Command::Trust(arguments) => return Ok(trust::run(globals, screen, arguments).await?),
        Command::Bundle(arguments) => return bundle::run(globals, screen, arguments).await,
        Command::Push(arguments) => return Ok(bundle::push(screen, arguments)?),
        Command::Backup(_) | Command::Restore(_) => {
            let text = "only a node's windlass has anything to keep".to_owned();
            return Err(CommandError::Usage(text));
        }
        Command::Check(CheckArguments {
            config: Some(path), ..
        }) => {
            let text = format!(
                "--config {}: only a node's windlass checks that",
                path.display()
            );
            return Err(CommandError::Usage(text));
        }
        _ => {}
    }
    on_cluster(globals, command, screen).await
}

/// Where the API server cannot answer and the command only looks, the agent of this node is asked instead.
async fn on_cluster(
    globals: &Globals,
    command: &Command,
    screen: &mut Screen<'_>,
) -> Result<(), CommandError> {
    let session = Session::new(globals);
    if command.looks() {
        let instead = session.as_ref();
        let instead = instead.map_or(Instead::NoKubeconfig, Instead::Unasked);
        if let Some(sight) = Sight::instead(globals, &instead).await {
            return look(&View::Node(&sight), command, screen).await;
        }
    }
    let session = session?;
    let unpausing = matches!(command, Command::Pause(_) | Command::Unpause);
    let paused = if unpausing {
        Ok(Paused::No)
    } else {
        session.paused().await
    };
    if paused.is_err()
        && command.looks()
        && let Some(sight) = Sight::instead(globals, &Instead::Silent(&session)).await
    {
        return look(&View::Node(&sight), command, screen).await;
    }
    let paused = paused?;
    paused.show(screen)?;
    with_cluster(&session, command, &paused, screen).await
}

/// A command at work, on the heap: side by side on one stack, those that [`look`] and [`with_cluster`] choose among take
/// more than a thread of a debug build has.
type Running<'r> = Pin<Box<dyn Future<Output = Result<(), CommandError>> + 'r>>;

/// The commands that only look.
fn look<'r>(view: &'r View<'_>, command: &'r Command, screen: &'r mut Screen<'_>) -> Running<'r> {
    if let Err(error) = view.introduce(screen) {
        return Box::pin(ready(Err(error)));
    }
    match command {
        Command::Get(arguments) => Box::pin(get::run(view, screen, arguments)),
        Command::Describe(DescribeArguments {
            what: DescribeWhat::Kustomization { name },
        }) => Box::pin(describe::run(view, screen, name)),
        Command::Tree(arguments) => Box::pin(tree::run(view, screen, &arguments.what)),
        Command::Events(arguments) => Box::pin(events::run(view, screen, arguments)),
        Command::Stats(arguments) => Box::pin(stats::run(view, screen, arguments)),
        Command::Status => Box::pin(status::run(view, screen)),
        // The others do more than look.
        _ => Box::pin(ready(Ok(()))),
    }
}

fn with_cluster<'r>(
    session: &'r Session,
    command: &'r Command,
    paused: &'r Paused,
    screen: &'r mut Screen<'_>,
) -> Running<'r> {
    match command {
        Command::Get(_)
        | Command::Describe(_)
        | Command::Tree(_)
        | Command::Events(_)
        | Command::Stats(_)
        | Command::Status => Box::pin(async move {
            let view = View::Cluster(session);
            look(&view, command, screen).await
        }),
        Command::Trace(arguments) => Box::pin(trace::run(session, screen, arguments)),
        Command::Reconcile(arguments) => {
            Box::pin(reconcile::run(session, screen, &arguments.what, paused))
        }
        Command::Confirm(arguments) => {
            Box::pin(confirm::run(session, screen, &arguments.what, paused))
        }
        Command::Suspend(arguments) => Box::pin(suspend::suspend(session, screen, arguments)),
        Command::Resume(arguments) => Box::pin(suspend::resume(session, screen, arguments)),
        Command::Pause(arguments) => Box::pin(pause::pause(session, screen, arguments)),
        Command::Unpause => Box::pin(pause::unpause(session, screen)),
        Command::Export(arguments) => Box::pin(export::run(session, screen, arguments)),
        Command::Delete(arguments) => Box::pin(delete::run(session, screen, arguments)),
        Command::Logs(arguments) => Box::pin(logs::run(session, screen, arguments)),
        Command::Promote(arguments) => Box::pin(moving::promote(session, screen, arguments)),
        Command::Migrate(arguments) => Box::pin(moving::migrate(session, screen, arguments)),
        Command::Identity(arguments) => Box::pin(identity::run(session, screen, arguments)),
        Command::Debug(arguments) => Box::pin(debug::run(session, screen, arguments)),
        Command::Check(arguments) => Box::pin(check::run(session, screen, arguments.pre)),
        Command::Uninstall(arguments) => Box::pin(uninstall::run(session, screen, arguments)),
        Command::Version(arguments) => Box::pin(version::run(Some(session), screen, arguments)),
        // Answered without a cluster, in `dispatch`.
        Command::Completion(_)
        | Command::Man(_)
        | Command::Trigger(_)
        | Command::Kustomize(_)
        | Command::Envsubst(_)
        | Command::Lock(_)
        | Command::Build(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Bundle(_)
        | Command::Push(_)
        | Command::Diff(_)
        | Command::Helm(_)
        | Command::Trust(_) => Box::pin(ready(Ok(()))),
    }
}
