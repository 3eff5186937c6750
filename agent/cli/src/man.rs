//! Man pages of every command, from the same words as `--help`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::CommandError;

/// Arguments of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArguments {
    /// The folder, such as /usr/local/share/man/man1
    pub(crate) folder: PathBuf,
}

/// Writes a page for each command into the folder, which is made where it is not there.
pub(crate) fn write(command_line: &clap::Command, folder: &Path) -> Result<(), CommandError> {
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command_line.clone(), folder))
        .map_err(|error| {
            CommandError::Usage(format!(
                "{}: the pages cannot be written: {error}",
                folder.display()
            ))
        })
}
