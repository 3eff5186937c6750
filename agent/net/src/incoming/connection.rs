//! One connection: a head, a body, a reply, and its end.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use windlass_wire::limits::{TAKEN_BYTES, TAKEN_HEAD_BYTES};
use windlass_wire::{Reply, Taken};

use super::Served;
use super::head::{self, BAD, HEAD_TOO_LARGE, Head, Length, TOO_LARGE};

/// How long a head may take, and all of a request (notification-controller, `limits.go`).
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const WITHIN: Duration = Duration::from_secs(30);
/// How long the agent may take to answer, and whoever asked to take its reply.
const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// How long it is read on after a reply, so that the other side reads that before it learns that nothing else is.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes read at once while a head comes: slow connections are to cost little.
const HEAD_STEP: usize = 1024;
/// Bytes of the line of a chunk with its length, or of a line behind the last one.
const CHUNK_LINE: usize = 1024;

/// What a browser is told of every reply: it is what its type says, nobody keeps it, and no other page shows it in a frame.
const GUARDS: &str =
    "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nX-Frame-Options: DENY\r\n";

/// Request Timeout.
const TOO_SLOW: u16 = 408;
/// Bad Gateway: the agent did not answer.
const NO_ANSWER: u16 = 502;

/// Serves one connection; `leave` ends it as long as it did not name a path that is known.
pub(super) async fn run(
    served: Rc<Served>,
    mut socket: TcpStream,
    (id, mut leave): (u64, oneshot::Receiver<()>),
) {
    let until = Instant::now() + WITHIN;
    let stranger = async {
        match timeout(HEAD_WITHIN, read_head(&served, &mut socket)).await {
            Ok(Some(Ok(known))) => Some(known),
            Ok(Some(Err(status))) => refuse(&mut socket, status).await,
            Ok(None) => None,
            Err(_) => refuse(&mut socket, TOO_SLOW).await,
        }
    };
    let known = tokio::select! {
        known = stranger => known,
        _ = &mut leave => None,
    };
    served.strangers.borrow_mut().remove(&id);
    if let Some((head, rest)) = known
        && let Some(reply) = exchange(&served, &mut socket, until, head, rest).await
    {
        end(&mut socket, &reply).await;
    }
    drop(socket);
    served.ended.notify_one();
}

type Known = (Head, Vec<u8>);

/// A head whose path is known, with what came behind it; or the status that it is refused with. `None`: they left.
async fn read_head(served: &Served, socket: &mut TcpStream) -> Option<Result<Known, u16>> {
    let mut read = Vec::new();
    loop {
        let before = read.len();
        read.reserve(HEAD_STEP);
        if (&mut *socket)
            .take(HEAD_STEP as u64)
            .read_buf(&mut read)
            .await
            .ok()?
            == 0
        {
            return None;
        }
        if head::is_whole(&read, before) {
            break;
        }
        if read.len() > TAKEN_HEAD_BYTES {
            return Some(Err(HEAD_TOO_LARGE));
        }
    }
    let head = match head::parse(&read) {
        Ok(head) => head,
        Err(status) => return Some(Err(status)),
    };
    if let Err(status) = served.table.borrow_mut().admit(&head.path) {
        return Some(Err(status));
    }
    let rest = read.split_off(head.bytes);
    Some(Ok((head, rest)))
}

/// Reads the body, hands all on, and waits for the agent. `None`: they left.
async fn exchange(
    served: &Served,
    socket: &mut TcpStream,
    until: Instant,
    head: Head,
    rest: Vec<u8>,
) -> Option<Reply> {
    let most = match head.length {
        Length::Bytes(bytes) => bytes,
        Length::Chunked => TAKEN_BYTES,
    };
    let kib = u32::try_from(most.div_ceil(1024)).ok()?;
    // Held until the agent has answered: as long as that the body may be in its memory, too.
    let Ok(room) = timeout_at(until, served.room.acquire_many(kib)).await else {
        return Some(bare(TOO_SLOW));
    };
    let _room = room.ok()?;
    let body = match timeout_at(until, read_body(socket, &head, rest)).await {
        Ok(read) => match read? {
            Ok(body) => body,
            Err(status) => return Some(bare(status)),
        },
        Err(_) => return Some(bare(TOO_SLOW)),
    };
    let taken = Taken {
        id: 0,
        method: head.method,
        path: head.path,
        headers: head.headers,
        body,
    };
    let reply = served.hand_on(taken).ok();
    let reply = match reply {
        Some(reply) => timeout(REPLY_WITHIN, reply).await.ok()?.ok(),
        None => None,
    };
    Some(reply.unwrap_or_else(|| bare(NO_ANSWER)))
}

async fn read_body(
    socket: &mut TcpStream,
    head: &Head,
    rest: Vec<u8>,
) -> Option<Result<Vec<u8>, u16>> {
    if head.is_expecting {
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        socket.write_all(go_on).await.ok()?;
    }
    let mut body = Body { socket, rest };
    match head.length {
        Length::Bytes(bytes) => body.exactly(bytes).await.map(Ok),
        Length::Chunked => body.chunks().await,
    }
}

/// What comes behind a head.
struct Body<'a> {
    socket: &'a mut TcpStream,
    rest: Vec<u8>,
}

impl Body<'_> {
    async fn exactly(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut body = std::mem::take(&mut self.rest);
        if body.len() > bytes {
            self.rest = body.split_off(bytes);
        }
        let missing = bytes - body.len();
        body.reserve_exact(missing);
        let read = (&mut *self.socket)
            .take(missing as u64)
            .read_to_end(&mut body)
            .await;
        (read.ok()? == missing).then_some(body)
    }

    /// RFC 9112, 7.1.
    async fn chunks(&mut self) -> Option<Result<Vec<u8>, u16>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let Ok(httparse::Status::Complete((_, bytes))) = httparse::parse_chunk_size(&line)
            else {
                return Some(Err(BAD));
            };
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            if bytes > TAKEN_BYTES - body.len() {
                return Some(Err(TOO_LARGE));
            }
            if bytes == 0 {
                // Trailers: nobody reads them.
                let mut left = TAKEN_HEAD_BYTES;
                loop {
                    let trailer = self.line().await?.len();
                    match left.checked_sub(trailer) {
                        _ if trailer <= 2 => return Some(Ok(body)),
                        Some(rest) => left = rest,
                        None => return Some(Err(BAD)),
                    }
                }
            }
            body.append(&mut self.exactly(bytes).await?);
            if self.line().await?.trim_ascii() != b"" {
                return Some(Err(BAD));
            }
        }
    }

    /// A line with its end; a longer one than is allowed counts as the end of all.
    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                return Some(std::mem::replace(&mut self.rest, rest));
            }
            if self.rest.len() > CHUNK_LINE {
                return None;
            }
            self.rest.reserve(HEAD_STEP);
            let step = HEAD_STEP as u64;
            let read = (&mut *self.socket)
                .take(step)
                .read_buf(&mut self.rest)
                .await;
            if read.ok()? == 0 {
                return None;
            }
        }
    }
}

fn bare(status: u16) -> Reply {
    Reply {
        id: 0,
        status,
        content_type: String::new(),
        body: Vec::new(),
    }
}

/// Refuses, within the time that strangers have.
async fn refuse(socket: &mut TcpStream, status: u16) -> Option<Known> {
    end(socket, &bare(status)).await;
    None
}

/// Replies, and ends the connection so that the reply arrives.
async fn end(socket: &mut TcpStream, reply: &Reply) {
    let (status, length) = (reply.status, reply.body.len());
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    if !reply.content_type.is_empty() {
        head.push_str(&format!("Content-Type: {}\r\n", reply.content_type));
    }
    head.push_str(&format!(
        "Content-Length: {length}\r\nConnection: close\r\n{GUARDS}\r\n"
    ));
    let written = timeout(REPLY_WITHIN, async {
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(&reply.body).await?;
        socket.shutdown().await
    });
    if !matches!(written.await, Ok(Ok(()))) {
        return;
    }
    let drained = timeout(LINGER, async {
        let mut nowhere = vec![0; HEAD_STEP];
        while matches!(socket.read(&mut nowhere).await, Ok(read) if read > 0) {}
    });
    // In time or not: it is over.
    let _ = drained.await;
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
