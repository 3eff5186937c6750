//! The person's own git, to write a part of a clone as a bundle.
#![expect(
    clippy::disallowed_types,
    reason = "a laptop has Git, and packs are written by nothing else there"
)]

use std::process::{Child, Command, Stdio};

use super::{Output, ended, git};
use crate::trust::clone::LocalClone;
use crate::trust::error::TrustError;

/// Git while it writes.
#[derive(Debug)]
pub(crate) struct Writing(Child);

/// Lets git write what a reference reaches and `without` do not.
pub(crate) fn write(
    clone: &LocalClone,
    reference: &str,
    without: &[String],
    to: Stdio,
) -> Result<Writing, TrustError> {
    let mut command: Command = git();
    command.arg("-C").arg(clone.work_dir());
    command.args(["bundle", "create", "--quiet", "-", reference]);
    command.args(without.iter().map(|commit| format!("^{commit}")));
    let child = command.stdout(to).stderr(Stdio::piped()).spawn();
    child.map(Writing).map_err(|error| TrustError::Program {
        command: NAME.to_owned(),
        said: error.to_string(),
    })
}

const NAME: &str = "git bundle create";

impl Writing {
    /// What it writes, if it was told to write to whoever asks.
    pub(crate) fn output(&mut self) -> Stdio {
        self.0.stdout.take().map_or_else(Stdio::null, Stdio::from)
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Result<(), TrustError> {
        let ended_as: std::io::Result<Output> = self.0.wait_with_output();
        ended(NAME, ended_as).map(drop)
    }
}
