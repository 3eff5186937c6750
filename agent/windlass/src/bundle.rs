//! `windlass bundle` on a node: what the node keeps is written by the room that knows packs.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use windlass_cli::{BundleArguments, Command, CreateArguments, Globals};
use windlass_host::config::{self, Settings};
use windlass_net::BundleWriter;
use windlass_reconcile::Carried;

use crate::agent::refused_config;

/// Writes what this node keeps, or lets the command do the rest with what the node's configuration says.
pub(crate) fn main(
    globals: &Globals,
    arguments: BundleArguments,
    command_line: clap::Command,
) -> ExitCode {
    let config = arguments.node_config().to_owned();
    let arguments = match config.exists().then(|| config::load(&config)) {
        None => arguments,
        Some(Err(error)) => return refused_config(&error),
        Some(Ok(settings)) => match arguments.of_node() {
            Some(create) => return told(create, write(&settings, create)),
            None => arguments.on(settings.control.socket),
        },
    };
    windlass_cli::execute(globals, &Command::Bundle(arguments), command_line)
}

fn write(settings: &Settings, create: &CreateArguments) -> Result<Carried, Box<dyn Error>> {
    let carried = Carried::of(settings, create.source.as_deref(), create.since.as_deref())?;
    if carried.is_empty() {
        return Err("there is nothing since then".into());
    }
    if create.output.to_str() == Some("-") {
        write_to(&carried, io::stdout().lock())?;
        return Ok(carried);
    }
    let file = File::create(&create.output)
        .map_err(|error| format!("{}: {error}", create.output.display()))?;
    if let Err(error) = write_to(&carried, &file).and_then(|()| Ok(file.sync_all()?)) {
        // What there is of it is no bundle.
        let _ = std::fs::remove_file(&create.output);
        return Err(error);
    }
    Ok(carried)
}

fn write_to(carried: &Carried, to: impl Write) -> Result<(), Box<dyn Error>> {
    let references = [carried.reference.clone()];
    let count = u32::try_from(carried.len())?;
    let out = BufWriter::new(to);
    let mut writer = BundleWriter::begin(out, &carried.builds_on, &references, count)?;
    for object in carried.objects() {
        let (kind, bytes) = object?;
        writer.object(kind, &bytes)?;
    }
    writer.finish()?.flush()?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a command for a person")]
fn told(create: &CreateArguments, written: Result<Carried, Box<dyn Error>>) -> ExitCode {
    let output = create.output.display();
    match written {
        Ok(carried) => {
            let (name, count) = (&carried.reference.0, carried.len());
            eprintln!("✔ {output} holds {name}, {count} objects");
            if create.since.is_none() && !carried.builds_on.is_empty() {
                eprintln!(
                    "⚠️ what lies before the introduction is not kept on this node: windlass reads it so, and `git clone` \
                     does not"
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("✗ {error}");
            ExitCode::FAILURE
        }
    }
}
