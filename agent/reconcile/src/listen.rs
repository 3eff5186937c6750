//! A port that this node listens on: the agent opens it, and windlass-net reads what comes in.
//!
//! As long as somebody is connected, windlass-net has the socket, too, and hands on whole requests for known paths;
//! otherwise nothing runs but a wait for the next connection.

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};
use windlass_wire::{
    FromNet, Reply, Routes, Taken, ToNet, WireError, read_from_net, write_serve, write_to_net,
};

use crate::net::{Net, NetError, send_descriptor};
use crate::source::status::chain;

/// How soon a port that cannot be had, or windlass-net that does not work, is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long windlass-net may take to begin, and to take a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that came in, and where its reply goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) taken: Taken,
    replies: UnboundedSender<Reply>,
}

impl Asked {
    /// Replies with a status, and with text.
    pub(crate) fn reply(self, status: u16, content_type: &str, body: Vec<u8>) {
        let reply = Reply {
            id: self.taken.id,
            status,
            content_type: content_type.to_owned(),
            body,
        };
        // Whoever asked may have left.
        let _ = self.replies.send(reply);
    }
}

/// Why requests are not taken for now.
#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("windlass-net cannot be understood")]
    Wire(#[from] WireError),
    #[error("windlass-net says something else than that it waits for a socket; restart it")]
    Unexpected,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Listens at an address for good, and hands on what comes in for the routes.
pub(crate) async fn follow(
    what: &'static str,
    address: SocketAddr,
    net: Arc<Net>,
    mut routes: watch::Receiver<Routes>,
    asked: UnboundedSender<Asked>,
) {
    let mut said = false;
    let (listener, waiting) = loop {
        match bind(address) {
            Ok(bound) => break bound,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::error!(%address, %error, "{what} cannot be listened for; trying again");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    tracing::info!(%address, "listening for {what}");
    let mut failed = false;
    loop {
        let (somebody, is_there) = oneshot::channel();
        // Both fail only when the agent is about to end.
        if waiting.send(somebody).is_err() || is_there.await.is_err() {
            return;
        }
        match session(&net, &listener, &mut routes, &asked).await {
            Ok(()) => failed = false,
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!("{what} are not taken for now: {}", chain(&error));
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Whom to tell that somebody connects.
type Waiting = std::sync::mpsc::Sender<oneshot::Sender<()>>;

/// Opens the port, and starts the thread that waits until somebody connects.
fn bind(address: SocketAddr) -> io::Result<(TcpListener, Waiting)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let watched = listener.try_clone()?;
    let (waiting, asked) = std::sync::mpsc::channel::<oneshot::Sender<()>>();
    std::thread::Builder::new()
        .name("port".to_owned())
        .spawn(move || {
            for somebody in asked {
                let mut polled = [PollFd::new(&watched, PollFlags::IN)];
                // What cannot be waited for is found out by whoever accepts.
                while poll(&mut polled, None) == Err(Errno::INTR) {}
                let _ = somebody.send(());
            }
        })?;
    Ok((listener, waiting))
}

/// Lets windlass-net have the socket until nobody is connected.
async fn session(
    net: &Arc<Net>,
    listener: &TcpListener,
    routes: &mut watch::Receiver<Routes>,
    asked: &UnboundedSender<Asked>,
) -> Result<(), ListenError> {
    let (net, listener) = (Arc::clone(net), listener.try_clone()?);
    let first = routes.borrow_and_update().clone();
    let handed = tokio::task::spawn_blocking(move || hand_over(&net, &listener, &first));
    let stream = handed.await.map_err(io::Error::other)??;
    let (sender, frames) = mpsc::unbounded_channel();
    let reader = stream.try_clone()?;
    // A thread of its own: as long as somebody is connected it only waits.
    let reading = std::thread::Builder::new()
        .name("listen".to_owned())
        .spawn(move || read(&reader, &sender))?;
    let outcome = pass_on(&stream, frames, routes, asked).await;
    // Wakes the reader, too.
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = tokio::task::spawn_blocking(|| reading.join()).await;
    outcome
}

/// Opens a connection to windlass-net and sends it the socket. Blocks.
fn hand_over(
    net: &Net,
    listener: &TcpListener,
    routes: &Routes,
) -> Result<UnixStream, ListenError> {
    let mut stream = net.open()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write_serve(&mut stream, routes)?;
    // Unbuffered: nothing is to be read ahead.
    if read_from_net(&mut &stream)? != FromNet::Ready {
        return Err(ListenError::Unexpected);
    }
    send_descriptor(&stream, listener.as_fd())?;
    stream.set_read_timeout(None)?;
    Ok(stream)
}

/// Hands on what windlass-net says, until it says nothing more.
fn read(stream: &UnixStream, sender: &UnboundedSender<Result<Taken, WireError>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let said = match read_from_net(&mut reader) {
            Ok(FromNet::Taken(taken)) => Ok(taken),
            // Said once, before the socket was sent.
            Ok(FromNet::Ready) => continue,
            Err(WireError::Closed) => return,
            Err(error) => Err(error),
        };
        let is_last = said.is_err();
        if sender.send(said).is_err() || is_last {
            return;
        }
    }
}

async fn pass_on(
    stream: &UnixStream,
    mut frames: UnboundedReceiver<Result<Taken, WireError>>,
    routes: &mut watch::Receiver<Routes>,
    asked: &UnboundedSender<Asked>,
) -> Result<(), ListenError> {
    let (replies, mut replied) = mpsc::unbounded_channel();
    loop {
        let said = tokio::select! {
            taken = frames.recv() => {
                let Some(taken) = taken else { return Ok(()) };
                let one = Asked { taken: taken?, replies: replies.clone() };
                if asked.send(one).is_err() {
                    return Ok(());
                }
                continue;
            }
            Some(reply) = replied.recv() => ToNet::Reply(reply),
            changed = routes.changed() => match changed {
                Ok(()) => ToNet::Routes(routes.borrow_and_update().clone()),
                Err(_) => return Ok(()),
            },
        };
        // To a process on this node that reads all the time.
        match write_to_net(&mut &*stream, &said) {
            // It left because nobody was connected any more.
            Err(WireError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}
