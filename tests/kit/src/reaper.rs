//! Ends what a test started, whatever ends the test: one watchdog per test process.
//!
//! The watchdog is a small shell in a process group of its own that reads what there is to clean from
//! a pipe. When the test process is gone (normal end, panic, Ctrl-C, SIGKILL) the pipe closes, and the
//! watchdog kills the named process groups and removes the named folders. Besides, every child is
//! started through `setpriv --pdeathsig KILL`, from a thread that lives as long as the process (the
//! signal comes when the *thread* that started the child ends: prctl(2)).

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};

const WATCHDOG: &str = r#"
trap '' INT TERM HUP QUIT
groups=' ' folders=' '
without() { case $1 in *" $2 "*) echo "${1%% "$2" *} ${1#* "$2" }";; *) echo "$1";; esac; }
while read -r word value; do
    case $word in
        group) groups="$groups$value " ;;
        no-group) groups=$(without "$groups" "$value")' ' ;;
        folder) folders="$folders$value " ;;
        no-folder) folders=$(without "$folders" "$value")' ' ;;
    esac
done
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
    [ "$folders" = ' ' ] || rm -rf -- $folders 2>/dev/null && break
    sleep 0.1
done
"#;

struct Watchdog {
    /// Never waited for: it ends after this process, and init takes it.
    _process: Child,
    orders: Mutex<ChildStdin>,
}

fn watchdog() -> &'static Watchdog {
    static WATCHDOG_PROCESS: OnceLock<Watchdog> = OnceLock::new();
    WATCHDOG_PROCESS.get_or_init(|| {
        let mut child = Command::new("sh")
            .args(["-c", WATCHDOG, "windlass-kit-watchdog"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        let orders = Mutex::new(child.stdin.take().expect("stdin is piped"));
        Watchdog {
            _process: child,
            orders,
        }
    })
}

fn order(word: &str, value: &str) {
    assert!(
        !value.contains(char::is_whitespace),
        "the watchdog's words have no spaces: {value:?}"
    );
    let mut orders = watchdog().orders.lock().expect("no writer panics");
    writeln!(orders, "{word} {value}").expect("the watchdog of this test process is alive");
}

/// Names a folder that is removed when this process ends.
pub(crate) fn watch_folder(path: &Path) {
    order(
        "folder",
        path.to_str().expect("kit folders have plain names"),
    );
}

/// Takes back `watch_folder`.
pub(crate) fn forget_folder(path: &Path) {
    order(
        "no-folder",
        path.to_str().expect("kit folders have plain names"),
    );
}

/// Takes a process group (named by its leader's pid) off the list of those to kill.
pub(crate) fn forget_group(leader: u32) {
    order("no-group", &leader.to_string());
}

/// Starts `command` as the leader of its own process group, dying with this process.
///
/// Takes a command made by [`mortal`]; gives the child. Errors are those of the start itself.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, incoming) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("kit-spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in incoming {
                    let _ = answer.send(command.process_group(0).spawn());
                }
            })
            .expect("a thread can be started");
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::channel();
    spawner
        .lock()
        .expect("no sender panics")
        .send((command, answer))
        .expect("the spawner thread lives as long as the process");
    let child = child.recv().expect("the spawner answers every order")?;
    order("group", &child.id().to_string());
    Ok(child)
}

/// A command for `program` that the kernel kills when this process dies.
pub(crate) fn mortal(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}
