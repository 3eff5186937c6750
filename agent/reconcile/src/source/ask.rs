//! One question to windlass-net, and the objects that come with its answer. Nothing of it is trusted yet.

use std::io::{BufReader, Read, Write};
use std::time::Duration;

use windlass_state::{Incoming, Kept, Store, Tip};
use windlass_trust::{ObjectKind, Oid};
use windlass_wire::{
    Answer, FetchRequest, History, Known, Reference, WireError, read_answer, write_request,
};

use super::fetch::FetchError;
use super::spec::{SourceSpec, selector};
use crate::net::Net;

/// How much longer than the fetch itself the agent waits for an answer of windlass-net.
pub(crate) const NET_PATIENCE: Duration = Duration::from_secs(30);

/// What came.
pub(crate) struct Came {
    pub(crate) head: Oid,
    pub(crate) tip: Tip,
    pub(crate) incoming: Incoming,
}

/// What to ask for: a reference of the source, beyond what is kept, unless it points where it is known to point.
pub(super) fn request(
    spec: &SourceSpec,
    reference: &Reference,
    (kept, known): (Option<&Kept>, Option<&Tip>),
    history: History,
) -> FetchRequest {
    FetchRequest {
        url: spec.url.clone(),
        reference: reference.clone(),
        have: kept.map(|kept| kept.head.to_string()).into_iter().collect(),
        credentials: spec.credentials.clone(),
        ca_bundle: spec.ca_bundle.clone(),
        timeout_seconds: spec.timeout.as_secs().max(1),
        known: known.map(|tip| Known {
            reference_name: tip.reference.clone(),
            target: tip.target.to_string(),
        }),
        history,
    }
}

/// Asks, and takes in what comes; nothing where the reference points where it is known to point.
pub(crate) fn ask(
    store: &Store,
    net: &Net,
    request: &FetchRequest,
) -> Result<Option<Came>, FetchError> {
    let mut stream = net.open()?;
    // windlass-net keeps the timeout itself; this is for the case that it hangs.
    let patience = Duration::from_secs(request.timeout_seconds) + NET_PATIENCE;
    stream
        .set_read_timeout(Some(patience))
        .map_err(WireError::Io)?;
    write_request(&mut stream, request)?;
    stream.flush().map_err(WireError::Io)?;
    came(
        store,
        &request.reference,
        &mut BufReader::with_capacity(64 * 1024, stream),
    )
}

/// Takes in an answer to a question for a reference; nothing where that points where it is known to point.
pub(super) fn came(
    store: &Store,
    reference: &Reference,
    answers: &mut impl Read,
) -> Result<Option<Came>, FetchError> {
    match read_answer(answers)? {
        Answer::Unchanged { .. } => Ok(None),
        Answer::Failed { class, message } => Err(FetchError::Failed { class, message }),
        Answer::Head {
            oid,
            reference_name,
            target,
        } => {
            if !reference.allows(&reference_name) {
                return Err(FetchError::NotAskedFor {
                    asked: selector(reference),
                    answer: reference_name,
                });
            }
            let tip = Tip {
                target: parse(&target)?,
                reference: reference_name,
            };
            let head = parse(&oid)?;
            let mut incoming = store.receive()?;
            receive(answers, &mut incoming).map_err(|error| error.behind(head))?;
            Ok(Some(Came {
                head,
                tip,
                incoming,
            }))
        }
        _ => Err(unexpected("an answer without a head")),
    }
}

fn receive(answers: &mut impl Read, incoming: &mut Incoming) -> Result<(), FetchError> {
    loop {
        match read_answer(answers)? {
            Answer::Object { kind, oid, bytes } => {
                let kind = ObjectKind::from_code(kind).ok_or(unexpected("an unknown kind"))?;
                incoming.put(Oid::from_bytes(oid), kind, &bytes)?;
            }
            Answer::Done { .. } => return Ok(()),
            Answer::Failed { class, message } => return Err(FetchError::Failed { class, message }),
            _ => return Err(unexpected("a second head")),
        }
    }
}

fn parse(oid: &str) -> Result<Oid, FetchError> {
    oid.parse()
        .map_err(|_| unexpected("a head that is no object id"))
}

pub(crate) fn unexpected(what: &'static str) -> FetchError {
    FetchError::Unexpected { what }
}
