//! The person's own ssh, to tell nodes who may sign.
#![expect(
    clippy::disallowed_types,
    reason = "ssh knows the person's keys, agent and hosts; windlass holds none of them"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::ended;
use crate::trust::arguments::FarArguments;
use crate::trust::error::TrustError;
use crate::trust::words::quoted;

/// As root where the person logs in as somebody else, who has to be allowed to do that without a password.
const AS_ROOT: &str = r#"if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n "$@"; fi"#;

/// A node that is reached by ssh.
#[derive(Debug)]
pub(crate) struct Ssh<'a> {
    far: &'a FarArguments,
    name: &'a str,
}

impl<'a> Ssh<'a> {
    /// `name` is what ssh is given: a name of its configuration, a host, or `user@host`.
    pub(crate) fn new(far: &'a FarArguments, name: &'a str) -> Result<Self, TrustError> {
        if name.is_empty() || name.starts_with('-') {
            let what = format!("{name:?} is no node that ssh could reach");
            return Err(TrustError::Usage(what));
        }
        Ok(Self { far, name })
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// Runs a command of the node's windlass as root, with something to read, and gives what it printed.
    pub(crate) fn windlass(&self, words: &[&str], input: &str) -> Result<String, TrustError> {
        let config = self.far.config.display().to_string();
        let words = [&[&*self.far.program], words, &["--config", &config]].concat();
        let words: Vec<String> = words.into_iter().map(quoted).collect();
        let line = format!("sh -c {} sh {}", quoted(AS_ROOT), words.join(" "));
        let mut ssh = self.far.ssh.split_whitespace();
        let mut command = Command::new(ssh.next().unwrap_or("ssh"));
        command.args(ssh).args(["-T", "--", self.name, &line]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let output = command
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                if let Some(mut stdin) = child.stdin.take() {
                    // One that does not read it says why at its end.
                    drop(stdin.write_all(input.as_bytes()));
                }
                child.wait_with_output()
            });
        ended(&format!("ssh {}", self.name), output)
    }
}
