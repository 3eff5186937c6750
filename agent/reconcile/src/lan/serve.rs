//! What other nodes are answered: the agent accepts their connections, windlass-net reads them, and what is kept of a line goes
//! out as it would come in.

use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use windlass_state::{Kept, Outgoing, StoreError, Tip};
use windlass_trust::{LoadError, ObjectReader, Oid, ReadError, load};
use windlass_wire::{
    AdmitRequest, Answer, FailureClass, PeerQuestion, WireError, read_answer, read_question,
    write_admit, write_answer,
};

use super::line_digest;
use crate::context::Context;
use crate::net::{NetError, send_descriptor};
use crate::source::status::chain;

/// Nodes answered at once; more wait. Each takes a place of windlass-net, which has sixteen, and a stranger gives it back in
/// seconds.
const AT_ONCE: usize = 4;

/// How soon a port that cannot be had, or a connection that cannot be accepted, is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long windlass-net may take with each step.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a node got no whole answer.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("windlass-net says something else than that it waits for a connection; restart it")]
    Unexpected,
}

/// Answers for good.
pub(super) async fn serve(context: Arc<Context>, address: SocketAddr) {
    let mut said = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(%address, %error, "the other nodes cannot ask this one; trying again");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    tracing::info!(%address, "the other nodes of the cluster may ask this one");
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = listener.accept().await;
        match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                let context = Arc::clone(&context);
                tokio::task::spawn_blocking(move || {
                    let _place = place;
                    if let Err(error) = one(&context, stream) {
                        tracing::debug!(error = chain(&error), "a node got no whole answer");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Answers one connection. Blocks.
fn one(context: &Context, connection: std::net::TcpStream) -> Result<(), ServeError> {
    let contacts = context.peers.contacts();
    let peers = contacts
        .borrow()
        .iter()
        .map(|node| node.key.clone())
        .collect();
    let identity = context.lan.secret();
    let mut stream = context.net.open()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write_admit(&mut stream, &AdmitRequest { identity, peers })?;
    // Unbuffered: nothing is to be read ahead.
    if read_answer(&mut &stream)? != Answer::Ready {
        return Err(ServeError::Unexpected);
    }
    send_descriptor(&stream, connection.as_fd())?;
    drop(connection);
    let question = match read_question(&mut &stream) {
        // A stranger, who got nothing.
        Err(WireError::Closed) => return Ok(()),
        question => question?,
    };
    let mut out = BufWriter::with_capacity(64 * 1024, &stream);
    answer(context, &question, &mut out)?;
    Ok(out.flush()?)
}

fn answer(
    context: &Context,
    question: &PeerQuestion,
    out: &mut impl Write,
) -> Result<(), ServeError> {
    let keep = &context.keep;
    let lines = keep.store.kept_lines()?.into_iter();
    let mut found = lines.filter(|(line, _)| line_digest(line) == question.line);
    let Some((
        line,
        Kept {
            head,
            tip: Some(tip),
            ..
        },
    )) = found.next()
    else {
        let class = FailureClass::NotFound;
        let message = "that node keeps nothing of it".to_owned();
        return Ok(write_answer(out, &Answer::Failed { class, message })?);
    };
    let asked = Answer::Asked {
        seconds_ago: keep.answered_ago(&line).map(|ago| ago.as_secs()),
        shown: !keep.unshown()?.contains(&line),
    };
    write_answer(out, &asked)?;
    if is_known(question, &tip) {
        let oid = tip.target.to_string();
        return Ok(write_answer(out, &Answer::Unchanged { oid })?);
    }
    write_answer(
        out,
        &Answer::Head {
            oid: head.to_string(),
            reference_name: tip.reference.clone(),
            target: tip.target.to_string(),
        },
    )?;
    let reader = keep.store.reader()?;
    let since = question.have.iter().filter_map(|oid| oid.parse().ok());
    let since = since.take(1).collect::<Vec<Oid>>().pop();
    let since = match since {
        Some(since) if reader.contains(&since)? => Some(since),
        _ => None,
    };
    let outgoing = Outgoing::of(&reader, tip.target, since)?;
    let objects = outgoing.objects.len() as u64;
    for oid in outgoing.objects {
        let object = load(&reader, &oid)?;
        let (kind, oid) = (object.kind.code(), *oid.as_bytes());
        let bytes = object.bytes;
        write_answer(out, &Answer::Object { kind, oid, bytes })?;
    }
    let wire_bytes = 0;
    Ok(write_answer(
        out,
        &Answer::Done {
            objects,
            wire_bytes,
        },
    )?)
}

fn is_known(question: &PeerQuestion, tip: &Tip) -> bool {
    let known = question.known.as_ref();
    known.is_some_and(|known| {
        known.reference_name == tip.reference && known.target == tip.target.to_string()
    })
}
