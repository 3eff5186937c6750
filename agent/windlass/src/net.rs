//! `windlass net`: the process that has the network and no credential of the cluster.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nix::unistd::getppid;
use windlass_host::{log, systemd};
use windlass_net::{Allowed, Confinement, Settings};

/// With nobody asking for this long, the process ends; the socket or the agent starts it again.
const IDLE: Duration = Duration::from_secs(20);

/// How soon the end of the parent is noticed.
const LOOK_FOR_PARENT: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The socket to listen on, when systemd passes none
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The throw-away cache
    #[arg(long, default_value = "/var/cache/windlass-net", value_name = "DIR")]
    cache: PathBuf,
    /// A repository on this node that may be fetched from; everything else on the node is out of reach
    #[arg(long, value_name = "DIR")]
    read: Vec<PathBuf>,
    /// End when the process that started this one ends
    #[arg(long, hide = true)]
    with_parent: bool,
}

pub(crate) fn main(arguments: &Arguments) -> ExitCode {
    if let Err(error) = log::init() {
        tracing::error!(%error);
        return ExitCode::FAILURE;
    }
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let listener = match (systemd::listener()?, &arguments.socket) {
        (Some(listener), _) => listener,
        (None, Some(path)) => listen(path)?,
        (None, None) => return Err("no socket: give --socket PATH, or start it by systemd".into()),
    };
    // Before the first thread: the walls are around this one and all that it starts.
    confine(arguments)?;
    if arguments.with_parent {
        std::thread::spawn(end_with_parent);
    }
    let settings = Settings {
        cache_dir: arguments.cache.clone(),
        idle_exit: Some(IDLE),
    };
    windlass_net::serve(listener, settings)?;
    Ok(())
}

/// Puts the process's own walls up. A missing one is said at every start, and is no reason not to fetch: under
/// systemd the unit's walls stand too.
fn confine(arguments: &Arguments) -> Result<(), windlass_net::ConfineError> {
    /// Where other certificate authorities are, for whoever reads them (openssl(1), `verify`).
    const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    let certificates = CERTIFICATES.iter().filter_map(std::env::var_os);
    let allowed = Allowed {
        cache_dir: arguments.cache.clone(),
        read: arguments
            .read
            .iter()
            .cloned()
            .chain(certificates.map(PathBuf::from))
            .collect(),
    };
    let confinement: Confinement = windlass_net::confine(&allowed)?;
    if confinement.is_complete() {
        tracing::debug!("{confinement}");
    } else {
        tracing::warn!(
            "{confinement}; a flaw in windlass-net could reach more of this node than it should"
        );
    }
    Ok(())
}

/// Ends the process soon after its parent has ended: it is then somebody else's child.
///
/// Not by PR_SET_PDEATHSIG, which goes by the thread that started the process.
fn end_with_parent() {
    let parent = getppid();
    while getppid() == parent {
        std::thread::sleep(LOOK_FOR_PARENT);
    }
    std::process::exit(0);
}

/// Listens on a path that only this user can reach. What an earlier process left there is replaced.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
