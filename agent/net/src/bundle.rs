//! What a bundle holds, told to the agent: its header, and every object of its pack (gitformat-bundle(5)).

mod header;
mod write;

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix_hash::ObjectId;
use gix_object::Kind;
use windlass_wire::{Answer, BundleRequest, FailureClass, WireError, read_answer, write_answer};

use self::header::Header;
pub use self::write::BundleWriter;
use crate::cache::{Cache, kind_code, kind_of_code};
use crate::failure::{Deadline, Failure};
use crate::fetch::Context;
use crate::incoming::hand_over::receive_descriptor;
use crate::reach::ReachError;
use crate::unpack::{Bases, unpack_onto};

/// One at a time: its objects lie below this name in the cache until they were told.
const PLACE: &str = "bundle";

/// How long nothing may come of a bundle that a person sends.
const STALL: Duration = Duration::from_secs(60);

/// Answers one request on the connection it came by.
pub(crate) fn answer(
    stream: &UnixStream,
    request: &BundleRequest,
    context: &Context,
) -> Result<(), ReachError> {
    let deadline = Deadline::after(Duration::from_secs(request.timeout_seconds));
    let _guard = context.busy.wait_for(PLACE, deadline)?;
    let mut agent = Agent {
        stream,
        out: io::BufWriter::with_capacity(64 * 1024, stream),
    };
    agent.tell(&Answer::Ready)?;
    agent.flush()?;
    let handed = receive_descriptor(stream)
        .map_err(|error| Failure::invalid_request(format!("no bundle came: {error}")))?;
    let coming = Coming::new(
        UnixStream::from(handed),
        deadline,
        context.limits.wire_bytes,
    );
    let mut bundle = BufReader::with_capacity(64 * 1024, coming.map_err(unreadable)?);
    let place = Place(context.cache_dir.join(PLACE));
    take(&mut bundle, &mut agent, context, &place.0).map_err(of_bundle)?;
    agent.flush()
}

fn take(
    bundle: &mut impl io::BufRead,
    agent: &mut Agent<'_>,
    context: &Context,
    place: &Path,
) -> Result<(), ReachError> {
    let Header {
        prerequisites,
        references,
    } = header::read(bundle)?;
    for oid in prerequisites {
        agent.tell(&Answer::Prerequisite { oid: bytes(&oid)? })?;
    }
    for (name, oid) in references {
        let oid = bytes(&oid)?;
        agent.tell(&Answer::Reference { name, oid })?;
    }
    let mut cache = Cache::open(place, &context.limits)?.discard()?;
    let mut receiving = cache.receive()?;
    unpack_onto(agent, bundle, &mut receiving, &context.limits)?;
    receiving.commit()?;
    let mut objects = 0;
    cache.each(&mut |oid, kind, content| {
        objects += 1;
        agent.tell(&Answer::Object {
            kind: kind_code(kind),
            oid: bytes(&oid)?,
            bytes: content,
        })
    })?;
    agent.tell(&Answer::Done {
        objects,
        wire_bytes: 0,
    })
}

fn bytes(oid: &ObjectId) -> Result<[u8; 20], Failure> {
    <[u8; 20]>::try_from(oid.as_slice())
        .map_err(|_| Failure::protocol(format!("{oid} is not a SHA-1 object id")))
}

fn unreadable(error: io::Error) -> Failure {
    Failure::invalid_request(format!("the bundle cannot be read: {error}"))
}

/// Failures of packs are told of servers; this one came otherwise, and nobody fetches it again.
fn of_bundle(error: ReachError) -> ReachError {
    match error {
        ReachError::Failure(Failure { class, message }) => {
            let what = message.replace("the server's pack", "its pack");
            let what = what.replace("; it is fetched again", "; copy it again");
            let class = match class {
                FailureClass::Unreachable => FailureClass::Protocol,
                class => class,
            };
            Failure::new(class, format!("the bundle cannot be used: {what}")).into()
        }
        error => error,
    }
}

/// The objects of a bundle, which go when they were told.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is begun anew by the next bundle.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The agent, which is told what is in a bundle and asked for what that builds on.
struct Agent<'a> {
    stream: &'a UnixStream,
    out: io::BufWriter<&'a UnixStream>,
}

impl Agent<'_> {
    fn tell(&mut self, answer: &Answer) -> Result<(), ReachError> {
        write_answer(&mut self.out, answer).map_err(|error| match error {
            WireError::Io(_) | WireError::Closed => ReachError::Gone,
            other => Failure::refused(format!("an answer cannot be sent: {other}")).into(),
        })
    }

    fn flush(&mut self) -> Result<(), ReachError> {
        self.out.flush().map_err(|_| ReachError::Gone)
    }
}

impl Bases for Agent<'_> {
    fn base(&mut self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Failure> {
        let gone = |_| Failure::protocol("the agent closed the connection");
        let question = Answer::Base { oid: bytes(oid)? };
        self.tell(&question).map_err(gone)?;
        self.flush().map_err(gone)?;
        // Nothing else is said meanwhile, so nothing is read ahead that would be lost.
        match read_answer(&mut { self.stream }) {
            Ok(Answer::Object { kind, bytes, .. }) => {
                Ok(kind_of_code(kind.into()).map(|kind| (kind, bytes)))
            }
            Ok(Answer::Failed { class, message }) => Err(Failure::new(class, message)),
            Ok(_) => Err(Failure::protocol("the agent answered something else")),
            Err(error) => Err(Failure::protocol(format!("the agent: {error}"))),
        }
    }
}

/// A bundle while it comes: bounded in time and bytes, and its end comes too early whenever it is met.
struct Coming {
    from: UnixStream,
    deadline: Deadline,
    left: u64,
}

impl Coming {
    fn new(from: UnixStream, deadline: Deadline, limit: u64) -> io::Result<Self> {
        from.set_read_timeout(Some(STALL))?;
        Ok(Self {
            from,
            deadline,
            left: limit,
        })
    }
}

impl Read for Coming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.deadline.remaining().map_err(Failure::into_io)?;
        let read = self.from.read(into)?;
        if read == 0 {
            let what = "it ends too early; it was cut on its way: copy it again";
            return Err(Failure::protocol(what).into_io());
        }
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            Failure::refused("it is larger than 1 GiB; make it with a shorter history").into_io()
        })?;
        Ok(read)
    }
}

/// Reads a header, for `crate::fuzz`.
#[cfg(feature = "fuzz")]
pub(crate) fn parse_header(mut bytes: &[u8]) {
    let _ = header::read(&mut bytes);
}
