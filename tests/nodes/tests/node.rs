//! A node: Debian with its own systemd in a container, on the network of the machine that runs the test.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windlass_kit::directory::Directory;
use windlass_kit::process::Process;
use windlass_kit::wait;

/// Measured: 1 s to the end of the boot, 4 s when two cores compile at the same time.
const BOOT_WAIT: Duration = Duration::from_secs(60);

/// Measured: some milliseconds.
const END_WAIT: Duration = Duration::from_secs(10);

/// How much of the journal is shown with a failure.
const JOURNAL_LINES: &str = "80";

/// Nothing outlives the first process of a pid namespace, which is `boot.sh`.
const NAMESPACES: [&str; 6] = [
    "--mount",
    "--propagation=private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

const SKIPPED: &str =
    "\nSKIPPED, NOT TESTED: a node with systemd needs root; run the tests as root\n\n";

/// What a command on the node said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

/// A node and, while it is booted, its processes; all of it goes with this value or with the test process.
#[derive(Debug)]
pub(crate) struct Node {
    machine: Option<Process>,
    name: String,
    image: PathBuf,
    /// The network namespace it is in; none: that of the machine.
    network: Option<String>,
    directory: Directory,
}

impl Node {
    /// Makes a node that has this checkout at `/opt/checkout` and the program at `/opt/windlass`, and boots it.
    /// `None`, with a message nobody overlooks, where the test does not run as root.
    pub(crate) fn boot(name: &str) -> Option<Self> {
        Self::boot_in(None, name)
    }

    /// As [`Node::boot`], in a network namespace.
    pub(crate) fn boot_in(network: Option<String>, name: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            // Not eprintln!, which the test harness hides from whoever reads that all is well.
            let _ = std::io::stderr().write_all(SKIPPED.as_bytes());
            return None;
        }
        let directory = Directory::new("node");
        for folder in ["upper", "work", "root"] {
            std::fs::create_dir(directory.join(folder)).expect("the kit's folder is writable");
        }
        // The root of the node's file system takes its mode from here.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.join("upper"), open).expect("it is our own folder");
        let mut node = Self {
            machine: None,
            name: name.to_owned(),
            image: image(),
            network,
            directory,
        };
        node.power_on();
        Some(node)
    }

    /// Boots it and waits until systemd has started everything.
    pub(crate) fn power_on(&mut self) {
        assert!(self.machine.is_none(), "the node is running already");
        let folder = self.directory.path().display().to_string();
        let mut arguments = NAMESPACES.to_vec();
        let script = ours("boot.sh").display().to_string();
        arguments.extend(["--", &script, &folder]);
        let image = self.image.display().to_string();
        let program = windlass_kit::agent::binary();
        let options = [
            format!("--machine={}", self.name),
            format!("--hostname={}", self.name),
            // A real node has them; a container does without unless told.
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"
                .to_owned(),
            format!("--bind-ro={}:/opt/checkout", checkout().display()),
            format!("--bind-ro={}:/opt/windlass", program.display()),
        ];
        let network = self
            .network
            .as_ref()
            .map(|name| format!("--network-namespace-path=/run/netns/{name}"));
        arguments.push(&image);
        arguments.extend(network.as_deref());
        arguments.extend(options.iter().map(String::as_str));
        let log = self.directory.join("console.log");
        self.machine = Some(Process::start(
            "the node",
            Path::new("unshare"),
            arguments,
            &[],
            &log,
        ));
        wait::until("the node to boot", BOOT_WAIT, || {
            let Some(_) = self.leader() else {
                return Err(self.machine().tail());
            };
            let state = self.run(&["systemctl", "is-system-running"]).output;
            match state.trim() {
                "running" => Ok(()),
                "degraded" => match self.failed_units().trim() {
                    // It tells the kernel's audit of the boot, which a container may not always.
                    "systemd-update-utmp.service" => Ok(()),
                    failed => panic!("{failed}"),
                },
                _ => Err(state),
            }
        });
    }

    /// The names of units that failed, one in a line.
    fn failed_units(&self) -> String {
        let listed = self.sh("systemctl list-units --failed --plain --no-legend");
        let names = listed
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        names.collect::<Vec<_>>().join("\n")
    }

    /// Pulls the plug: nothing on the node gets to say goodbye.
    pub(crate) fn power_off(&mut self) {
        let leader = self.machine.is_some().then(|| self.leader()).flatten();
        self.machine = None;
        // It ends a moment after the process it was started by; only then its mount is free for the next boot.
        let alive = |pid| status_field(pid, "State:").is_some_and(|state| !state.starts_with('Z'));
        let start = Instant::now();
        while leader.is_some_and(alive) && start.elapsed() < END_WAIT {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs a command on the node, to its end.
    pub(crate) fn run(&self, command: &[&str]) -> Answer {
        let leader = self.leader().expect("the node is booted").to_string();
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &leader, "--all", "--wdns=/", "--"]);
        enter.args(["sh", "-c", "exec 2>&1; exec \"$@\"", "sh"]);
        enter.args(command).stdin(Stdio::null()).env_clear();
        enter.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = enter.output().expect("nsenter can be started");
        Answer {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        }
    }

    /// Runs a script on the node and gives what it printed.
    ///
    /// # Panics
    /// With that, when the script fails.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let answer = self.run(&["sh", "-euc", script]);
        assert!(answer.code == Some(0), "on the node: {script}: {answer:?}");
        answer.output.trim_end().to_owned()
    }

    /// Runs `install.sh` on the node, with arguments in the shell's words.
    pub(crate) fn install(&self, arguments: &str) -> Answer {
        // As root of a careful administrator, whose files nobody else can read.
        let script = format!("umask 077; HOME=/root exec /opt/checkout/install.sh {arguments}");
        self.run(&["sh", "-c", &script])
    }

    /// A property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.sh(&format!("systemctl show {unit} --value --property={name}"))
    }

    /// Puts a file onto the node, for root's eyes only.
    pub(crate) fn put(&self, path: &str, content: &str) {
        let leader = self.leader().expect("the node is booted");
        let file = PathBuf::from(format!("/proc/{leader}/root{path}"));
        std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("writable");
        std::fs::write(&file, content).unwrap_or_else(|error| panic!("{path}: {error}"));
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&file, private).expect("it is our own file");
    }

    /// Puts a program onto the node that anybody may run.
    pub(crate) fn put_program(&self, path: &str, program: &Path) {
        let leader = self.leader().expect("the node is booted");
        let file = PathBuf::from(format!("/proc/{leader}/root{path}"));
        std::fs::copy(program, &file).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; cargo build --package windlass-net --examples",
                program.display()
            )
        });
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&file, open).expect("it is our own file");
    }

    /// The id by which this machine knows a process of the node.
    pub(crate) fn outer_pid(&self, inner: &str) -> i32 {
        let leader = self.leader().expect("the node is booted");
        let space = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = space(&leader.to_string());
        let entries = std::fs::read_dir("/proc").expect("/proc is there");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let found = names
            .filter(|name| space(name).is_some() && space(name) == ours)
            .find(|name| {
                let ids = name
                    .parse()
                    .ok()
                    .and_then(|pid| status_field(pid, "NSpid:"));
                ids.is_some_and(|ids| ids.split_whitespace().last() == Some(inner))
            });
        let found = found.and_then(|name| name.parse().ok());
        found.unwrap_or_else(|| panic!("no process {inner} on the node"))
    }

    fn machine(&self) -> &Process {
        self.machine.as_ref().expect("the node is powered on")
    }

    /// The node's first process, by the id this machine knows it by: the child of systemd-nspawn, which is the
    /// child of what was started.
    fn leader(&self) -> Option<u32> {
        let container = only_child(self.machine().pid())?;
        only_child(container).filter(|pid| {
            // proc(5): its id here, in the namespace of systemd-nspawn, and in its own.
            let ids = status_field(*pid, "NSpid:").unwrap_or_default();
            ids.split_whitespace().nth(2) == Some("1")
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() && self.machine.is_some() && self.leader().is_some() {
            let journal = [
                "journalctl",
                "--no-pager",
                "-o",
                "short-precise",
                "-n",
                JOURNAL_LINES,
            ];
            let mut report = self.run(&journal).output;
            let status = ["systemctl", "status", "--no-pager", "-n", "0", "windlass*"];
            let _ = write!(report, "---\n{}", self.run(&status).output);
            eprintln!("--- journal of {} ---\n{report}", self.name);
        }
        self.power_off();
        // Without arguments it sweeps up what the kernel keeps of an ended node.
        let _ = Command::new(ours("boot.sh")).status();
    }
}

fn checkout() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize()
        .expect("the workspace is where it was built")
}

/// A script of this crate.
fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The file system every node starts from; made now if it has not been made before.
fn image() -> PathBuf {
    let script = ours("image.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(
        output.status.success(),
        "{} failed, see above",
        script.display()
    );
    let folder = String::from_utf8(output.stdout).expect("paths here are text");
    PathBuf::from(folder.trim_end())
}

fn only_child(parent: u32) -> Option<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is there");
    let mut pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.find(|pid| status_field(*pid, "PPid:") == Some(parent.to_string()))
}

/// A line of /proc/PID/status; `None` when the process is gone.
fn status_field(pid: u32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}
