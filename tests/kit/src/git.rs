//! A Git server over http or https: the real `git http-backend` behind a small server that counts, and
//! that fails in the ways a test asks for.

mod connection;

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustls::ServerConfig;

use crate::certificates::Authority;
use crate::directory::Directory;
use crate::ports::Port;
use crate::wait;

/// How long a port that somebody else was given meanwhile is waited for.
const PORT_PATIENCE: Duration = Duration::from_secs(10);

/// How a server is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// https with a certificate from an authority of the server's own.
    pub tls: bool,
    /// User and password that every request must carry.
    pub credentials: Option<(String, String)>,
}

/// What goes wrong with every request that arrives from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The answer is this status with a short text.
    Status(u16),
    /// No answer comes until the fault is changed; then the connection is closed.
    Hang,
    /// The answer comes at so many bytes a second.
    Drip(u64),
    /// The connection is closed in the middle of the answer.
    Cut,
    /// The request is answered with itself at this other path prefix (302), such as `/elsewhere`.
    Redirect(&'static str),
}

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query, such as `/repo.git/info/refs`.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// The field `git-protocol`, such as `version=2`.
    pub protocol: String,
    /// Who asks, by basic authentication; empty when nobody says.
    pub user: String,
    /// The request's body as sent (often gzip or pkt-lines).
    pub body: Vec<u8>,
    /// The answer's status; 0 when there was none.
    pub status: u16,
    /// The size of the answer's body.
    pub answer_bytes: usize,
}

/// A server of every bare repository in its folder; ends when dropped.
#[derive(Debug)]
pub struct GitServer {
    shared: Arc<Shared>,
    authority: Option<String>,
    running: Mutex<bool>,
    port: Port,
    directory: Directory,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    tls: Option<Arc<ServerConfig>>,
    credentials: Option<(String, String)>,
    fault: Mutex<Fault>,
    cut_off: Mutex<Vec<String>>,
    requests: Mutex<Vec<GitRequest>>,
    connections: Mutex<Vec<TcpStream>>,
    hanging: AtomicUsize,
    stopping: AtomicBool,
}

impl GitServer {
    /// Starts a server on a port of its own.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        let directory = Directory::new("git");
        let authority = options.tls.then(Authority::new);
        let shared = Arc::new(Shared {
            root: directory.path().to_owned(),
            tls: authority.as_ref().map(Authority::tls_config),
            credentials: options.credentials.clone(),
            fault: Mutex::default(),
            cut_off: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::default(),
            hanging: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let authority = authority.map(|authority| authority.certificate());
        let port = Port::claim();
        let server = Self {
            shared,
            authority,
            running: Mutex::new(false),
            port,
            directory,
        };
        server.restart();
        server
    }

    /// Makes an empty bare repository `name` (a path such as `fleet.git`) whose branch is `main`, and
    /// gives its folder.
    #[must_use]
    pub fn create(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        let mut git = git_command(self.directory.path());
        git.args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&path);
        run(&mut git);
        for setting in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            let mut git = git_command(self.directory.path());
            run(git.arg("-C").arg(&path).args(["config", setting, "true"]));
        }
        path
    }

    /// The URL of repository `name`.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://127.0.0.1:{}/{name}", self.port.number())
    }

    /// The certificate to trust, PEM; `None` over plain http.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The folder of the bare repositories.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Lets every request from now on fail so; [`Fault::None`] ends it.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.shared.fault) = fault;
    }

    /// From now on whoever asks as one of these users gets no answer, as behind an uplink that is cut.
    pub fn cut_off(&self, users: &[&str]) {
        let users = users.iter().map(|user| (*user).to_owned());
        *lock(&self.shared.cut_off) = users.collect();
    }

    /// The requests answered so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<GitRequest> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests have arrived and hang ([`Fault::Hang`]).
    #[must_use]
    pub fn hanging_requests(&self) -> usize {
        self.shared.hanging.load(Ordering::SeqCst)
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// Closes every connection and the port: clients are refused from now on.
    pub fn stop(&self) {
        let mut running = lock(&self.running);
        if std::mem::take(&mut *running) {
            self.shared.stopping.store(true, Ordering::SeqCst);
            for connection in lock(&self.shared.connections).drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
            // The accepting thread sees this connection, then the flag, and drops the listener.
            let address = (Ipv4Addr::LOCALHOST, self.port.number());
            while TcpStream::connect(address).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Listens again on the same port.
    pub fn restart(&self) {
        let mut running = lock(&self.running);
        if *running {
            return;
        }
        let address = (Ipv4Addr::LOCALHOST, self.port.number());
        // A connection out of this machine may have been given the port while nobody listened.
        let what = "the port that this server claimed to be free";
        let bind = || TcpListener::bind(address).map_err(|error| error.to_string());
        let listener = wait::until(what, PORT_PATIENCE, bind);
        self.shared.stopping.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || connection::serve(&shared, stream));
            }
        });
        *running = true;
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The git program, away from the configuration and environment of whoever runs the test; its home (and
/// `gitconfig`, if it is there) is `home`.
#[must_use]
pub fn git_command(home: &Path) -> Command {
    let mut git = Command::new("git");
    git.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", home.join("gitconfig"))
        .env("GIT_TERMINAL_PROMPT", "0");
    git
}

/// Runs a command to its end and gives its standard output.
///
/// # Panics
/// With its standard error when it fails.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
