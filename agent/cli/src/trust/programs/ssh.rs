//! The person's own ssh, to tell nodes who may sign.
#![expect(
    clippy::disallowed_types,
    reason = "ssh knows the person's keys, agent and hosts; windlass holds none of them"
)]

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ended;
use crate::trust::arguments::FarArguments;
use crate::trust::error::TrustError;
use crate::trust::words::quoted;

/// A person may have to type a passphrase first.
const LONGEST: Duration = Duration::from_secs(120);

/// A history may have to go over a slow line.
const LONGEST_FED: Duration = Duration::from_secs(1800);

/// Most bytes that a node may say.
const MOST: u64 = 1024 * 1024;

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
        let child = self.command(words).stdin(Stdio::piped()).spawn();
        self.heard(child.and_then(|mut child| {
            let (stdin, input) = (child.stdin.take(), input.to_owned());
            thread::spawn(move || {
                // One that does not read it says why at its end.
                stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
            });
            attended(child, LONGEST)
        }))
    }

    /// As [`Ssh::windlass`], with what another program prints to read, which may be much.
    pub(crate) fn windlass_fed(&self, words: &[&str], from: Stdio) -> Result<String, TrustError> {
        let child = self.command(words).stdin(from).spawn();
        self.heard(child.and_then(|child| attended(child, LONGEST_FED)))
    }

    fn heard(&self, output: io::Result<Output>) -> Result<String, TrustError> {
        ended(&format!("ssh {}", self.name), output)
    }

    fn command(&self, words: &[&str]) -> Command {
        let config = self.far.config.display().to_string();
        let words = [&[&*self.far.program], words, &["--config", &config]].concat();
        let words: Vec<String> = words.into_iter().map(quoted).collect();
        let line = format!("sh -c {} sh {}", quoted(AS_ROOT), words.join(" "));
        let mut ssh = self.far.ssh.split_whitespace();
        let mut command = Command::new(ssh.next().unwrap_or("ssh"));
        // A node gets nothing of the person's: neither their agent nor their screen.
        command
            .args(ssh)
            .args(["-T", "-a", "-x", "-o", "ConnectTimeout=10"]);
        command.args(["--", self.name, &line]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Waits for a program, and cuts it short where it takes too long or says too much.
fn attended(mut child: Child, longest: Duration) -> io::Result<Output> {
    let (stdout, stderr) = (gathered(child.stdout.take()), gathered(child.stderr.take()));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            let seconds = longest.as_secs();
            return Err(io::Error::other(format!("no answer within {seconds} s")));
        }
        thread::sleep(Duration::from_millis(20));
    };
    let read = |gathering: JoinHandle<Vec<u8>>| gathering.join().unwrap_or_default();
    Ok(Output {
        status,
        stdout: read(stdout),
        stderr: read(stderr),
    })
}

fn gathered(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until it broke off is what there is.
        let _ = from.map(|from| from.take(MOST).read_to_end(&mut bytes));
        bytes
    })
}
