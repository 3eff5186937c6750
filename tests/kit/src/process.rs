//! A program that a test started: its log, its end.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::reaper;

/// How much of a log is shown with a failure.
const TAIL_LINES: usize = 40;

/// How long a stopped program may take to stand still.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running program, leader of a process group that ends with this value or with the test process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program`; both its outputs are appended to the file `log`.
    ///
    /// The environment is empty but for PATH and what `environment` names.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Self {
        let output = File::options().create(true).append(true).open(log);
        let output = output.unwrap_or_else(|error| panic!("log {}: {error}", log.display()));
        let errors = output.try_clone().expect("a file handle can be duplicated");
        let mut command: Command = reaper::mortal(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = reaper::spawn(command).unwrap_or_else(|error| {
            panic!("{name} ({}) does not start: {error}", program.display())
        });
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        }
    }

    /// The pid of the program itself, which is also the id of its process group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its status if it has ended by itself or was stopped.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .expect("our own child can be waited for");
            if self.ended.is_some() {
                self.end_group();
            }
        }
        self.ended
    }

    /// Sends a signal to the program and everything it started. Nothing happens when it has ended.
    /// After SIGSTOP the program stands still when this returns.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            let _ = killpg(group(&self.child), signal);
            if signal == Signal::SIGSTOP {
                crate::wait::until_true("every thread to stop", STOP_LIMIT, || self.stands_still());
            }
        }
    }

    /// The kernel stops a thread when it next looks at it, which on a busy machine is not at once.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let mut threads = threads.into_iter().flatten().flatten();
        threads.all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state follows the name, which is in parentheses and may hold anything.
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    }

    /// Sends a signal to the program alone, not to what it started.
    pub fn signal_leader(&self, signal: Signal) {
        if self.ended.is_none() {
            let _ = nix::sys::signal::kill(group(&self.child), signal);
        }
    }

    /// Kills the whole group at once, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        if self.ended.is_none() {
            self.ended = Some(self.child.wait().expect("our own child can be waited for"));
            self.end_group();
        }
    }

    /// Asks the program to end (SIGTERM to itself only) and gives its status.
    ///
    /// # Panics
    /// When it has not ended after `limit`; it is killed then.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.signal_leader(Signal::SIGTERM);
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            if start.elapsed() > limit {
                self.kill();
                panic!(
                    "{} did not end within {limit:?} of SIGTERM\n{}",
                    self.name,
                    self.tail()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of its log, with its name and status: what a failing test shows.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let state = match self.ended {
            None => "running".to_owned(),
            Some(status) => match status.signal() {
                Some(signal) => format!("ended by signal {signal}"),
                None => format!("ended with {}", status.code().unwrap_or_default()),
            },
        };
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        format!(
            "--- {} ({state}), {}:\n{tail}",
            self.name,
            self.log.display()
        )
    }

    /// What the leader left behind in its group goes with it; then the id may be used by others.
    fn end_group(&self) {
        let _ = killpg(group(&self.child), Signal::SIGKILL);
        reaper::forget_group(self.child.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("pids are below 2^22"))
}
