//! The service manager: readiness, status, watchdog, sockets and directories it hands over.
//!
//! Every function does nothing useful and fails nothing when the process was not started by systemd:
//! the variables it reads are then absent (sd_notify(3), sd_listen_fds(3), systemd.exec(5)).

use std::env;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;

/// `systemctl status` shows one line; what is longer is of no use there.
const STATUS_LIMIT: usize = 200;

/// The service manager expects a ping at least once per period.
#[derive(Clone, Copy, Debug)]
#[must_use = "a watchdog that is never pinged kills the service"]
pub struct Watchdog {
    period: Duration,
}

/// Talking to the service manager failed.
#[derive(Debug, thiserror::Error)]
pub enum SystemdError {
    /// The notification socket did not take the message.
    #[error("cannot notify systemd: {0}; is NotifyAccess= set in the unit?")]
    Notify(#[source] io::Error),
    /// The socket that was handed over is not a listening Unix socket.
    #[error(
        "the socket from systemd is not usable: {0}; the .socket unit needs one ListenStream=/path"
    )]
    Listen(#[source] io::Error),
    /// More than one socket was handed over.
    #[error(
        "systemd handed over {0} sockets; the .socket unit must have exactly one ListenStream="
    )]
    TooManySockets(usize),
}

/// Says that the service is up: dependants start now.
///
/// # Errors
/// The notification socket is there and refuses the message.
pub fn ready() -> Result<(), SystemdError> {
    notify(&[NotifyState::Ready])
}

/// Says that the service reads its configuration again; [`ready`] says that it has.
///
/// # Errors
/// As [`ready`].
pub fn reloading() -> Result<(), SystemdError> {
    notify(&[NotifyState::Reloading])
}

/// Says that the service is on its way down: the watchdog is off from here on.
///
/// # Errors
/// As [`ready`].
pub fn stopping() -> Result<(), SystemdError> {
    notify(&[NotifyState::Stopping])
}

/// Sets the line that `systemctl status` shows; it is cut to one line of bounded length.
///
/// # Errors
/// As [`ready`].
pub fn status(text: &str) -> Result<(), SystemdError> {
    let line: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(STATUS_LIMIT)
        .collect();
    notify(&[NotifyState::Status(&line)])
}

/// Returns the watchdog, when the unit has one (`WatchdogSec=`) and it watches this process.
#[must_use]
pub fn watchdog() -> Option<Watchdog> {
    sd_notify::watchdog_enabled()
        .filter(|period| !period.is_zero())
        .map(|period| Watchdog { period })
}

/// Takes over the listening socket of a socket-activated unit; `None` when there is none.
///
/// # Errors
/// More than one socket, or one that is not a listening Unix stream socket.
pub fn listener() -> Result<Option<UnixListener>, SystemdError> {
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() > 1 {
        return Err(SystemdError::TooManySockets(sockets.len()));
    }
    sockets.take_unix_listener(0).map_err(SystemdError::Listen)
}

/// Returns the directory that holds the unit's credentials (`LoadCredential=NAME:…`), one file per name.
#[must_use]
pub fn credentials_directory() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Returns the directory made by `StateDirectory=`.
#[must_use]
pub fn state_directory() -> Option<PathBuf> {
    first_directory("STATE_DIRECTORY")
}

/// Returns the directory made by `CacheDirectory=`.
#[must_use]
pub fn cache_directory() -> Option<PathBuf> {
    first_directory("CACHE_DIRECTORY")
}

// === impl Watchdog ===

impl Watchdog {
    /// How often to ping: half the period, as sd_watchdog_enabled(3) advises.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.period / 2
    }

    /// Tells the service manager that the loop is alive.
    ///
    /// # Errors
    /// As [`ready`].
    pub fn ping(&self) -> Result<(), SystemdError> {
        notify(&[NotifyState::Watchdog])
    }
}

fn notify(states: &[NotifyState<'_>]) -> Result<(), SystemdError> {
    sd_notify::notify(states).map_err(SystemdError::Notify)
}

/// systemd.exec(5): several directories are separated by colons, in the order of the unit.
fn first_directory(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable)?;
    env::split_paths(&value)
        .next()
        .filter(|path| !path.as_os_str().is_empty())
}
