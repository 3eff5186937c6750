//! The binary: arguments, wiring, exit code.
//!
//! `windlass agent` and `windlass net` are the two processes that systemd runs; everything else is a command
//! for a person and belongs to the `cli` room.

mod agent;
mod backup;
mod bundle;
mod moving;
mod net;
mod trust;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use windlass_cli::{Globals, program_name};

/// What nodes get is linked with musl (`packaging/build.sh`), whose own allocator has one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps a cluster equal to a signed Git repository.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the repository and keep the cluster like it (systemd runs this)
    Agent(agent::Arguments),
    /// Fetch for the agent: the process with the network and no credential (systemd runs this)
    Net(net::Arguments),
    #[command(flatten)]
    Person(windlass_cli::Command),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let name = program_name(arguments.first());
    let command_line = CommandLine::command().name(name).bin_name(name);
    let parsed = command_line
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let CommandLine { globals, command } = parsed.unwrap_or_else(|error| error.exit());
    match command {
        Command::Agent(arguments) => agent::main(&arguments),
        Command::Net(arguments) => net::main(&arguments),
        Command::Person(windlass_cli::Command::Check(check)) if check.config.is_some() => {
            let config = check.config.as_deref().unwrap_or(agent::CONFIG.as_ref());
            agent::check(config, check.fetch_by.as_deref())
        }
        Command::Person(windlass_cli::Command::Trust(arguments)) => {
            match trust::on_node(*arguments) {
                Ok(arguments) => {
                    let command = windlass_cli::Command::Trust(Box::new(arguments));
                    windlass_cli::execute(&globals, &command, command_line)
                }
                Err(error) => agent::refused_config(&error),
            }
        }
        Command::Person(windlass_cli::Command::Backup(arguments)) => backup::backup(&arguments),
        Command::Person(windlass_cli::Command::Restore(arguments)) => backup::restore(&arguments),
        Command::Person(windlass_cli::Command::Bundle(arguments)) => {
            bundle::main(&globals, arguments, command_line)
        }
        Command::Person(
            command @ (windlass_cli::Command::Promote(_) | windlass_cli::Command::Migrate(_)),
        ) => moving::main(globals, command, command_line),
        Command::Person(command) => windlass_cli::execute(&globals, &command, command_line),
    }
}
