//! Copies between nodes: this end asks another node, or reads what another node asks. Inside TLS go one question and the
//! answers of a fetch, as the two agents write them.

mod tls;

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use windlass_wire::{
    AdmitRequest, Answer, CopyRequest, FailureClass, WireError, read_answer, read_question,
    write_answer, write_question,
};

use crate::failure::{Deadline, Failure};
use crate::incoming::hand_over::receive_descriptor;
use crate::limits::Limits;
use crate::reach::ReachError;

/// A node on the same network answers at once; one that is switched off is not waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long whoever connects may take until its question is there: a stranger holds a place no longer.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// How long all of an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// A name has to be there; nothing depends on it.
const NAME: &str = "node.windlass";

/// A connection that ends at a time, however slowly the other side goes on.
struct Timed {
    inner: TcpStream,
    deadline: Deadline,
}

impl Timed {
    fn new(inner: TcpStream, within: Duration) -> io::Result<Self> {
        inner.set_nonblocking(false)?;
        inner.set_nodelay(true)?;
        let deadline = Deadline::after(within);
        Ok(Self { inner, deadline })
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        self.deadline
            .remaining()
            .map(Some)
            .map_err(Failure::into_io)
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.set_read_timeout(self.left()?)?;
        self.inner.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.inner.set_write_timeout(self.left()?)?;
        self.inner.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Counts what a node sends.
struct Counted<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| Failure::refused("it sends without an end").into_io())?;
        Ok(read)
    }
}

/// Asks another node and tells the agent what it answers.
pub(crate) fn copy(
    request: &CopyRequest,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<(), ReachError> {
    let shown = &request.address;
    let failed = |what: &str| Failure::new(FailureClass::Unreachable, format!("{shown}: {what}"));
    let broke = |error: &dyn std::fmt::Display| failed(&error.to_string());
    let address: SocketAddr = request.address.parse().map_err(|error| broke(&error))?;
    let config = tls::client(request.identity.expose(), &request.peer)?;
    let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN);
    let within = Duration::from_secs(request.timeout_seconds);
    let stream = stream.and_then(|stream| Timed::new(stream, within));
    let name = ServerName::try_from(NAME).map_err(|error| broke(&error))?;
    let connection = ClientConnection::new(config, name).map_err(|error| broke(&error))?;
    let mut tls = StreamOwned::new(connection, stream.map_err(|error| broke(&error))?);
    write_question(&mut tls, &request.question).map_err(|error| broke(&error))?;
    let mut answers = BufReader::with_capacity(
        64 * 1024,
        Counted {
            inner: tls,
            left: limits.wire_bytes,
        },
    );
    loop {
        let answer = read_answer(&mut answers).map_err(|error| broke(&error))?;
        match &answer {
            Answer::Failed { class, message } => {
                return Err(Failure::new(*class, format!("{shown}: {message}")).into());
            }
            Answer::Asked { .. } | Answer::Head { .. } | Answer::Object { .. } => {}
            Answer::Done { .. } | Answer::Unchanged { .. } => {}
            _ => return Err(failed("it does not answer as a node does").into()),
        }
        write_answer(&mut &mut *out, &answer).map_err(|error| match error {
            WireError::Io(_) | WireError::Closed => ReachError::Gone,
            other => broke(&other).into(),
        })?;
        if answer.is_final() {
            return Ok(());
        }
    }
}

/// Why a connection of another node came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmitError {
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Reads what another node asks on a connection that the agent accepted, and sends it what the agent answers. Whoever does not
/// prove a key that the agent named gets nothing.
pub(crate) fn admit(agent: &UnixStream, request: &AdmitRequest) -> Result<(), AdmitError> {
    write_answer(&mut &*agent, &Answer::Ready)?;
    let stream = TcpStream::from(receive_descriptor(agent)?);
    let config = tls::server(request.identity.expose(), &request.peers)?;
    let stream = Timed::new(stream, ASK_WITHIN)?;
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    let question = read_question(&mut tls)?;
    tls.sock.deadline = Deadline::after(ANSWER_WITHIN);
    write_question(&mut &*agent, &question)?;
    let mut answers = BufReader::with_capacity(64 * 1024, agent);
    let mut out = BufWriter::with_capacity(64 * 1024, tls);
    loop {
        let answer = read_answer(&mut answers)?;
        write_answer(&mut out, &answer)?;
        if answer.is_final() {
            break;
        }
    }
    let mut tls = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    tls.conn.send_close_notify();
    Ok(tls.flush()?)
}
