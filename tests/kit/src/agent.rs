//! A running `windlass agent` with a configuration of its own, and the `windlass` commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::directory::Directory;
use crate::process::Process;
use crate::repo::Signer;

/// A clean stop finishes the writes it has begun and gives the Lease back.
const STOP_WAIT: Duration = Duration::from_secs(30);

/// An agent's folder, configuration and, while it runs, its processes.
///
/// The configuration starts with state, cache and socket in the folder; [`Agent::set`] adds and
/// changes keys before a start or a restart.
#[derive(Debug)]
pub struct Agent {
    process: Option<Process>,
    settings: BTreeMap<String, BTreeMap<String, String>>,
    environment: Vec<(String, String)>,
    directory: Directory,
}

impl Agent {
    /// Prepares an agent that uses `kubeconfig` and follows branch `main` of `url`, trusting `signers`. Objects in the
    /// cluster may use the other repositories of that server, if the same signers sign them: [`Agent::list_sources`].
    /// It is not started yet.
    #[must_use]
    pub fn prepare(kubeconfig: &Path, url: &str, signers: &[&Signer]) -> Self {
        let directory = Directory::new("agent");
        let lines: String = signers
            .iter()
            .map(|signer| signer.allowed_signers())
            .collect();
        std::fs::write(directory.join("allowed_signers"), lines).expect("writable");
        let mut agent = Self {
            process: None,
            settings: BTreeMap::new(),
            environment: Vec::new(),
            directory,
        };
        let path = |name: &str| agent.directory.join(name).display().to_string();
        let files = [
            ("root", "allowed_signers", path("allowed_signers")),
            ("trust", "sources", path("sources")),
            ("state", "dir", path("state")),
            ("net", "socket", path("net.sock")),
            ("control", "socket", path("control.sock")),
            ("manifests", "dir", path("manifests")),
            ("net", "cache_dir", path("net-cache")),
        ];
        for (section, key, value) in files {
            agent.set(section, key, &value);
        }
        if let Some((below, _)) = url.rsplit_once('/').filter(|_| url.contains("://")) {
            let list = format!("{below}/* signed\n");
            std::fs::write(agent.directory.join("sources"), list).expect("writable");
        }
        agent.set("root", "url", url);
        agent.set("cluster", "kubeconfig", &kubeconfig.display().to_string());
        agent.set("node", "name", "node-a");
        agent
    }

    /// Sets a text key of the configuration; counts from the next start.
    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        self.set_raw(section, key, &serde_json::Value::from(value).to_string());
    }

    /// Sets a key to a value written in TOML, such as `true`.
    pub fn set_raw(&mut self, section: &str, key: &str, toml: &str) {
        let keys = self.settings.entry(section.to_owned()).or_default();
        keys.insert(key.to_owned(), toml.to_owned());
    }

    /// Takes a key out of the configuration; counts from the next start.
    pub fn unset(&mut self, section: &str, key: &str) {
        if let Some(keys) = self.settings.get_mut(section) {
            keys.remove(key);
        }
    }

    /// Lists the sources that objects in the cluster may use, in the lines of trust.d/sources.
    pub fn list_sources(&self, lines: &str) {
        // In one step: a running agent never reads half of it.
        let new = self.directory.join("sources.new");
        std::fs::write(&new, lines).expect("the kit's folder is writable");
        let file = self.directory.join("sources");
        std::fs::rename(&new, file).expect("the kit's folder is writable");
    }

    /// Rewrites the file of allowed signers, as it is.
    pub fn write_signers(&self, text: &str) {
        std::fs::write(self.directory.join("allowed_signers"), text)
            .expect("the kit's folder is writable");
    }

    /// Adds a variable to the environment of the next start.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The agent's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration file, as the last start wrote it.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("config.toml")
    }

    /// The state directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Writes the configuration file without starting anything.
    pub fn write_config(&self) {
        let mut text = String::new();
        for (section, keys) in &self.settings {
            let _ = writeln!(text, "[{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        std::fs::write(self.config(), text).expect("the kit's folder is writable");
    }

    /// Writes the configuration and starts `windlass agent`.
    ///
    /// # Panics
    /// When it is running already.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "the agent is running already");
        self.write_config();
        self.run();
    }

    /// Starts it again after it ended by itself, with the configuration as it is on the disk.
    ///
    /// # Panics
    /// When it has not ended.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.ended().is_some(), "the agent is running");
        self.process = None;
        self.run();
    }

    #[track_caller]
    fn run(&mut self) {
        let config = self.config();
        let home = self.directory.path().display().to_string();
        let mut environment = vec![("HOME", home.as_str())];
        environment.extend(
            self.environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let arguments = ["agent", "--config", config.to_str().expect("plain names")];
        let log = self.directory.join("agent.log");
        self.process = Some(Process::start(
            "windlass",
            &binary(),
            arguments,
            &environment,
            &log,
        ));
    }

    /// Asks it to end (SIGTERM) and gives its status.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.take().stop(STOP_WAIT)
    }

    /// Kills it and everything it started (SIGKILL).
    #[track_caller]
    pub fn kill(&mut self) {
        self.take().kill();
    }

    /// Kills only the network process (SIGKILL); gives false when none runs.
    pub fn kill_net(&self) -> bool {
        let mut killed = false;
        for (pid, command) in self.processes() {
            if command.split('\0').nth(1) == Some("net") {
                let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("pids are small"));
                killed |= nix::sys::signal::kill(pid, Signal::SIGKILL).is_ok();
            }
        }
        killed
    }

    /// Sends a signal to all its processes, such as SIGSTOP and SIGCONT.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Its status when it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(Process::ended)
    }

    /// Everything all starts have logged.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(self.directory.join("agent.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The memory of all its processes (proportional set size), in bytes.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.rollup("Pss:")
    }

    /// What all its processes allocated, in bytes. Unlike [`Agent::memory`] it does not change when another agent, which shares
    /// the pages of the program, starts or ends.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.rollup("Anonymous:")
    }

    /// A line of proc(5)'s `smaps_rollup`, summed over all processes.
    #[track_caller]
    fn rollup(&self, name: &str) -> u64 {
        let processes = self.processes();
        assert!(!processes.is_empty(), "the agent does not run");
        let sizes = processes.iter().filter_map(|(pid, _)| {
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        sizes.sum::<u64>() * 1024
    }

    /// The processor time all its processes have used, user and system.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let ticks = self.processes().into_iter().filter_map(|(pid, _)| {
            let fields = stat_fields(pid)?;
            // utime, stime and those of children that ended and were waited for, as windlass-net is: fields 14 to 17 of
            // proc(5), in ticks of 1/100 s on every Linux.
            let times = fields
                .get(11..15)?
                .iter()
                .map(|ticks| ticks.parse::<u64>().ok());
            times.sum::<Option<u64>>()
        });
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Pid and command line (parts end with NUL) of each of its processes, the agent's own first.
    #[must_use]
    pub fn processes(&self) -> Vec<(u32, String)> {
        let Some(leader) = self.process.as_ref().map(Process::pid) else {
            return Vec::new();
        };
        let entries = std::fs::read_dir("/proc").expect("/proc is there");
        let pids =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        // Field 5 of proc(5) is the process group.
        let group = leader.to_string();
        let ours = pids.filter(|pid| stat_fields(*pid).is_some_and(|fields| fields[2] == group));
        let mut found: Vec<(u32, String)> = ours
            .filter_map(|pid| {
                Some((
                    pid,
                    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?,
                ))
            })
            .collect();
        found.sort_by_key(|(pid, _)| (*pid != leader, *pid));
        found
    }

    #[track_caller]
    fn take(&mut self) -> Process {
        self.process.take().expect("the agent has been started")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(process) = &mut self.process
        {
            process.ended();
            crate::wait::show(&process.tail());
        }
    }
}

/// The program under test: `WINDLASS_BIN`, else the one cargo built beside the running test.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("WINDLASS_BIN") {
        return PathBuf::from(path);
    }
    // target/debug/deps/test or target/debug/examples/demo
    let own = std::env::current_exe().expect("a program knows its file");
    let built = own
        .ancestors()
        .nth(2)
        .expect("two folders up")
        .join("windlass");
    assert!(
        built.exists(),
        "{} is not there: cargo build -p windlass",
        built.display()
    );
    built
}

/// Runs a `windlass` command with a kubeconfig, to its end.
#[must_use]
pub fn windlass(kubeconfig: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("KUBECONFIG", kubeconfig).args(arguments);
    command.output().expect("windlass can be started")
}

/// The fields of /proc/PID/stat after the program's name, which may hold anything: `state` is first.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
