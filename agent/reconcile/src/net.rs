//! The agent's end of the socket to windlass-net.
//!
//! Under systemd the socket is there before the agent is. Elsewhere the agent starts the network process
//! from its own binary, and again when it has died: it is the same program with no credential.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// How long a started network process may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How windlass-net is reached.
#[derive(Debug)]
pub(crate) struct Net {
    socket: PathBuf,
    start: Option<StartCommand>,
    child: Mutex<Option<Child>>,
}

/// How windlass-net is started where systemd does not do it.
#[derive(Clone, Debug)]
pub struct StartCommand {
    /// The windlass binary itself.
    pub program: PathBuf,
    /// What makes it the network process.
    pub arguments: Vec<String>,
}

/// windlass-net cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("windlass-net does not answer on {socket}; look at its log (journalctl -u windlass-net)")]
pub(crate) struct NetError {
    socket: PathBuf,
    #[source]
    source: io::Error,
}

impl Net {
    pub(crate) fn new(socket: PathBuf, start: Option<StartCommand>) -> Self {
        Net {
            socket,
            start,
            child: Mutex::new(None),
        }
    }

    /// Opens a connection for one request. Blocks; starts the process where that is our job.
    pub(crate) fn open(&self) -> Result<UnixStream, NetError> {
        let failed = |source| NetError {
            socket: self.socket.clone(),
            source,
        };
        let first = UnixStream::connect(&self.socket);
        let (Err(_), Some(start)) = (&first, &self.start) else {
            return first.map_err(failed);
        };
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if !child.as_mut().is_some_and(is_alive) {
            *child = Some(spawn(start).map_err(failed)?);
        }
        let give_up = Instant::now() + START_TIMEOUT;
        loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => return Ok(stream),
                Err(error) if Instant::now() > give_up || !child.as_mut().is_some_and(is_alive) => {
                    return Err(failed(error));
                }
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            // It holds nothing but a cache; both calls fail only if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a descriptor (unix(7), `SCM_RIGHTS`).
pub(crate) fn send_descriptor(stream: &UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    let is_room = ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    debug_assert!(is_room, "the space is made for one");
    sendmsg(
        stream,
        &[IoSlice::new(&[0])],
        &mut ancillary,
        SendFlags::empty(),
    )?;
    Ok(())
}

fn is_alive(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn spawn(start: &StartCommand) -> io::Result<Child> {
    Command::new(&start.program)
        .args(&start.arguments)
        .stdin(Stdio::null())
        .spawn()
}
