//! `windlass backup` and `windlass restore` on a node.

use std::error::Error;
use std::process::ExitCode;

use windlass_cli::{BackupArguments, RestoreArguments};
use windlass_host::config;
use windlass_reconcile::{Backup, BackupError};

use crate::agent::refused_config;

pub(crate) fn backup(arguments: &BackupArguments) -> ExitCode {
    let settings = match config::load(&arguments.config) {
        Ok(settings) => settings,
        Err(error) => return refused_config(&error),
    };
    let made = Backup::of(&settings).and_then(|backup| {
        backup.write(&arguments.file)?;
        Ok(backup)
    });
    told(made, |backup| {
        format!(
            "{} holds the configuration of {} ({} files) and where {} lines of history stand; no keys, no tokens",
            arguments.file.display(),
            backup.node,
            backup.files().count(),
            backup.ratchets()
        )
    })
}

pub(crate) fn restore(arguments: &RestoreArguments) -> ExitCode {
    let restored = Backup::read(&arguments.file).and_then(|backup| {
        backup.put_back(arguments.over_newer)?;
        Ok(backup)
    });
    told(restored, |backup| {
        let files = backup.files().map(|path| format!("\n  {}", path.display()));
        format!(
            "{} is as it was told, and goes on from where it was:{}\n► the credential of the cluster, keys and passwords are not \
             in a backup: sudo ./install.sh gives the node new ones",
            backup.node,
            files.collect::<String>()
        )
    })
}

#[expect(clippy::print_stderr, reason = "a command for a person")]
fn told(done: Result<Backup, BackupError>, said: impl FnOnce(&Backup) -> String) -> ExitCode {
    match done {
        Ok(backup) => {
            eprintln!("✔ {}", said(&backup));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                let said = inner.to_string();
                // Most say their cause themselves.
                if !text.ends_with(&said) {
                    text = format!("{text}: {said}");
                }
                cause = inner.source();
            }
            eprintln!("✗ {text}");
            ExitCode::FAILURE
        }
    }
}
