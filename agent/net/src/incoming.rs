//! Requests of others, taken on a socket that the agent hands over: the agent opens the port and answers, and this
//! process, which could open none, reads what comes in.

mod connection;
pub(crate) mod hand_over;
mod head;
mod routes;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::LocalSet;
use windlass_wire::{
    FromNet, Reply, Routes, Taken, ToNet, WireError, limits::TAKEN_BYTES, read_to_net,
    write_from_net,
};

use self::routes::Table;
use crate::limits::{BODY_ROOM, STRANGERS};

/// With nobody connected this long the agent has the socket back; it hands it over again when somebody connects.
const IDLE: Duration = Duration::from_secs(5);

/// What is said of the socket when it cannot be accepted on, before it is tried again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServedError {
    #[error("the agent cannot be understood: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What all connections of one socket share. One thread has them all.
struct Served {
    agent: UnixStream,
    table: RefCell<Table>,
    waiting: RefCell<HashMap<u64, oneshot::Sender<Reply>>>,
    next: Cell<u64>,
    /// KiB of bodies that may be there at once.
    room: Semaphore,
    /// Connections that did not name a known path yet, oldest first: each is closed when its sender goes.
    strangers: RefCell<BTreeMap<u64, oneshot::Sender<()>>>,
    ended: Notify,
}

/// Takes requests until nobody is connected or the agent leaves. Blocks.
pub(crate) fn answer(stream: &UnixStream, routes: Routes) -> Result<(), ServedError> {
    write_from_net(&mut &*stream, &FromNet::Ready)?;
    let listener = hand_over::receive(stream)?;
    // Between two requests the agent may say nothing for hours.
    stream.set_read_timeout(None)?;
    let (sender, frames) = mpsc::unbounded_channel();
    let agent = stream.try_clone()?;
    let reader = thread::Builder::new()
        .name("agent".to_owned())
        .spawn(move || listen(&agent, &sender))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let served = Served {
        agent: stream.try_clone()?,
        table: RefCell::new(Table::new(routes)),
        waiting: RefCell::default(),
        next: Cell::new(0),
        room: Semaphore::new(BODY_ROOM / 1024),
        strangers: RefCell::default(),
        ended: Notify::new(),
    };
    let outcome = LocalSet::new().block_on(&runtime, serve(listener, Rc::new(served), frames));
    // Wakes the reader, too.
    let _ = stream.shutdown(Shutdown::Both);
    let _ = reader.join();
    outcome
}

/// Hands on what the agent says, until it says nothing more.
fn listen(agent: &UnixStream, sender: &UnboundedSender<ToNet>) {
    let mut reader = BufReader::new(agent);
    while let Ok(frame) = read_to_net(&mut reader) {
        if sender.send(frame).is_err() {
            return;
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    served: Rc<Served>,
    mut frames: UnboundedReceiver<ToNet>,
) -> Result<(), ServedError> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let is_idle = Rc::strong_count(&served) == 1;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let leave = served.receive_stranger();
                    tokio::task::spawn_local(connection::run(Rc::clone(&served), socket, leave));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            frame = frames.recv() => match frame {
                Some(ToNet::Routes(routes)) => served.table.borrow_mut().replace(routes),
                Some(ToNet::Reply(reply)) => {
                    let waiting = served.waiting.borrow_mut().remove(&reply.id);
                    // Who asked may have left.
                    let _ = waiting.map(|waiting| waiting.send(reply));
                }
                None => return Ok(()),
            },
            () = served.ended.notified() => {}
            () = tokio::time::sleep(IDLE), if is_idle => return Ok(()),
        }
    }
}

impl Served {
    /// Makes room for one more; of too many the one that has been there longest has to leave.
    fn receive_stranger(&self) -> (u64, oneshot::Receiver<()>) {
        let id = self.number();
        let (stay, leave) = oneshot::channel();
        let mut strangers = self.strangers.borrow_mut();
        if strangers.len() >= STRANGERS {
            strangers.pop_first();
        }
        strangers.insert(id, stay);
        (id, leave)
    }

    fn number(&self) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    /// Hands a request to the agent; what is received is its reply. A small write to a process on this node, which
    /// reads all the time: it is not waited for in another way.
    fn hand_on(&self, mut taken: Taken) -> Result<oneshot::Receiver<Reply>, WireError> {
        taken.id = self.number();
        let (sender, reply) = oneshot::channel();
        self.waiting.borrow_mut().insert(taken.id, sender);
        write_from_net(&mut &self.agent, &FromNet::Taken(taken))?;
        Ok(reply)
    }
}

/// Reads a head, for `crate::fuzz`.
#[cfg(feature = "fuzz")]
pub(crate) fn parse_head(read: &[u8]) {
    if head::is_whole(read, 0) {
        let _ = head::parse(read);
    }
}

const _: () = assert!(BODY_ROOM >= TAKEN_BYTES);
