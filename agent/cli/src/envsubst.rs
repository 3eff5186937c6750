//! `envsubst`: post-build substitution of a text, with the environment's variables.

use std::io::{self, BufRead as _};

use clap::Args;
use windlass_kustomize::substitute::{Unset, evaluate};

use crate::error::CommandError;
use crate::screen::Screen;

/// Arguments of `envsubst`.
#[derive(Debug, Clone, Args)]
pub struct EnvsubstArguments {
    /// Fail where a variable without a default is not set
    #[arg(long)]
    strict: bool,
}

/// Takes text on standard input and prints it line by line, each with its variables in it, as Flux does.
pub(crate) fn run(
    screen: &mut Screen<'_>,
    arguments: &EnvsubstArguments,
) -> Result<(), CommandError> {
    let unset = if arguments.strict {
        Unset::Error
    } else {
        Unset::Empty
    };
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| {
            CommandError::Usage(format!("standard input cannot be read: {error}"))
        })?;
        let variable = |name: &str| std::env::var(name).ok();
        let done = evaluate(&line, unset, &variable).map_err(|error| {
            CommandError::Usage(format!("standard input, line {}: {error}", index + 1))
        })?;
        screen.print_yaml(&(done + "\n"))?;
    }
    Ok(())
}
