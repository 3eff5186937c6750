//! What `windlass promote` and `windlass migrate` need to know of a node's configuration.

use std::path::Path;
use std::process::ExitCode;

use windlass_cli::{Command, Globals, MovingNode};
use windlass_host::config::{self, ConfigError};

use crate::agent::refused_config;

/// The admin's kubeconfig beside the configuration, on a server.
const ADMIN: &str = "admin-kubeconfig";
/// The node's own, which its unit loads.
const OWN: &str = "kubeconfig";

/// Runs the command with what the node's configuration says, where this is a node, and by the admin's rights, where it has them.
pub(crate) fn main(globals: Globals, command: Command, command_line: clap::Command) -> ExitCode {
    let config = match &command {
        Command::Promote(arguments) => arguments.config.clone(),
        Command::Migrate(arguments) => arguments.config.clone(),
        _ => return windlass_cli::execute(&globals, &command, command_line),
    };
    if !config.exists() {
        return windlass_cli::execute(&globals, &command, command_line);
    }
    let node = match node(&config) {
        Ok(node) => node,
        Err(error) => return refused_config(&error),
    };
    let admin = config.with_file_name(ADMIN);
    let globals = match admin.exists() {
        true => globals.or_kubeconfig(&admin),
        false => globals,
    };
    let command = match command {
        Command::Promote(arguments) => Command::Promote(Box::new(arguments.on(node))),
        Command::Migrate(arguments) => Command::Migrate(Box::new(arguments.on(node))),
        other => other,
    };
    windlass_cli::execute(&globals, &command, command_line)
}

fn node(config: &Path) -> Result<MovingNode, ConfigError> {
    let settings = config::load(config)?;
    let own = config.with_file_name(OWN);
    Ok(MovingNode {
        observes: settings.node.observes(),
        name: settings.node.name,
        files: settings.files,
        socket: settings.control.socket,
        kubeconfig: settings.cluster.kubeconfig.unwrap_or(own),
    })
}
