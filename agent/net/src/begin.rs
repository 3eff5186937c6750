//! A first fetch that leaves out the past: one commit without what is behind it, on which all later fetches build, as a
//! shallow clone does (gitprotocol-v2(5), `deepen`; gitprotocol-pack(5), "shallow-line").

use std::io;

use gix_hash::ObjectId;
use windlass_wire::{FetchRequest, History};

use crate::cache::Cache;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::reach::{self, ReachError};
use crate::reference::Resolved;
use crate::session::Session;
use crate::unpack::unpack;

/// The commit at which a first fetch begins, where not all of the past is wanted.
pub(crate) fn first_commit(
    cache: &Cache,
    session: &Session<'_>,
    resolved: &Resolved,
    request: &FetchRequest,
) -> Result<Option<ObjectId>, ReachError> {
    if !session.speaks_version_two() || !cache.tips()?.is_empty() {
        return Ok(None);
    }
    Ok(match &request.history {
        History::All => None,
        History::Since(oid) => ObjectId::from_hex(oid.as_bytes()).ok(),
        History::Head => Some(resolved.target),
    })
}

/// Fetches one commit, and everything it holds, without what is behind it.
pub(crate) fn begin_at(
    cache: &mut Cache,
    session: &mut Session<'_>,
    base: ObjectId,
    limits: &Limits,
) -> Result<(), ReachError> {
    let mut answer = session.single(base)?;
    let mut receiving = cache.receive()?;
    unpack(&mut answer.pack, &mut receiving, limits)?;
    // The next command on this connection begins behind the end of this answer.
    io::copy(&mut answer.pack, &mut io::sink())
        .map_err(|error| Failure::from_io(error, "reading the server's answer"))?;
    for oid in &answer.shallow {
        receiving.add_shallow(oid)?;
    }
    receiving.commit()?;
    let (head, _) = reach::peel(&*cache, base)?;
    let mut receiving = cache.receive()?;
    receiving.add_tip(&head)?;
    receiving.commit()?;
    Ok(())
}
