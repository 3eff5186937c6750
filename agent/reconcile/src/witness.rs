//! What each node writes into the cluster of where its ratchets stand, and reads there when it lost its own.

mod note;
pub(crate) mod peers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_api::names;
use windlass_cluster::{Cluster, RequestError, Witnesses};
use windlass_state::{Line, RatchetError, StoreError};
use windlass_trust::{Introduction, Memory, Oid, Origin};

use self::note::{NOTHING, Said, note, read};
use crate::context::Context;
use crate::event::Event;
use crate::source::keep::Keep;
use crate::source::keep::word::OwnWord;

/// Several sources that move at once are told at once.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon it is tried again to read or write what is said.
const AGAIN: Duration = Duration::from_secs(15);

/// Where a line stood, by what a node said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Witnessed {
    pub(crate) line: Line,
    pub(crate) memory: Memory,
    /// Where the line begins for that node.
    pub(crate) introduction: Option<String>,
}

/// Reads what this node said last, and what all say if it lost its ratchets; then says where they stand whenever one moves.
///
/// `own` is what else the node says of itself; it is told when it changes. `word` ends when its own word was read.
pub(crate) async fn follow(
    context: Arc<Context>,
    (node, root): (String, RootLine),
    (mut own, word): (watch::Receiver<BTreeMap<String, String>>, CancellationToken),
    sender: UnboundedSender<Event>,
) {
    let witnesses = witnesses(context.cluster.clone());
    let keep = &context.keep;
    let is_behind = is_behind(&witnesses, keep, (&node, &root)).await;
    if sender.send(Event::OwnWordRead { is_behind }).is_err() {
        return;
    }
    word.cancel();
    if keep.was_lost() {
        let witnessed = all(&witnesses).await;
        if sender.send(Event::Witnessed(witnessed)).is_err() {
            return;
        }
    }
    let (mut moves, mut may_tell) = (keep.moves(), context.may_tell.subscribe());
    let mut failed = false;
    loop {
        tokio::time::sleep(SETTLE).await;
        moves.mark_unchanged();
        let said = own.borrow_and_update().clone();
        if may_tell.wait_for(|may| *may).await.is_err() {
            return;
        }
        match tell(&witnesses, keep, &node, said).await {
            Ok(()) => {
                failed = false;
                tokio::select! {
                    Ok(()) = moves.changed() => {}
                    Ok(()) = own.changed() => {}
                    else => return,
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(%error, "the other nodes could not be told what this one accepted; trying again");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// The notes of the nodes of a cluster.
pub(crate) fn witnesses(cluster: Cluster) -> Witnesses {
    Witnesses {
        cluster,
        namespace: names::FLUX_SYSTEM.to_owned(),
        prefix: names::WITNESS.to_owned(),
        label: names::WITNESS_LABEL.to_owned(),
        annotation: names::ACCEPTED.to_owned(),
    }
}

/// Where a line begins, by the note of a node; `None` when it does not say.
pub(crate) fn introduction(text: &str, line: &Line) -> Option<String> {
    let said = read(text).into_iter().find(|said| said.line == *line);
    said?.introduction
}

/// What keeps a node from saying where its ratchets stand.
#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ratchet(#[from] RatchetError),
}

/// Whether what the node keeps is older than what it told when it ran last. It goes on trying until that is known, and until nothing
/// older is in force.
async fn is_behind(witnesses: &Witnesses, keep: &Keep, (node, root): (&str, &RootLine)) -> bool {
    let mut failed = false;
    loop {
        let known = match witnesses.of(node).await {
            Ok(said) => {
                let text = said.and_then(|mut said| said.remove(names::ACCEPTED));
                let own = own_word(text.as_deref().unwrap_or_default(), root);
                let known = keep.distrust_if_behind(&own, &root.line);
                known.map_err(TellError::Ratchet)
            }
            Err(error) => Err(error.into()),
        };
        match known {
            Ok(is_behind) => return is_behind,
            Err(error) if !std::mem::replace(&mut failed, true) => {
                tracing::warn!(%error, "what this node told when it ran last is not compared yet, so nothing is applied; trying again");
            }
            Err(_) => {}
        }
        tokio::time::sleep(SETTLE).await;
    }
}

/// The line that the node's config names, and where it begins there.
#[derive(Clone, Debug)]
pub(crate) struct RootLine {
    pub(crate) line: Line,
    pub(crate) begins: Introduction,
}

/// What a node told of its lines; of the root's only where history still begins there.
fn own_word(text: &str, root: &RootLine) -> Vec<OwnWord> {
    let word = |said: Said| {
        let introduction = said.introduction.unwrap_or_default();
        let begins_there = match root.begins {
            Introduction::Commit(commit) => introduction == commit.to_string(),
            Introduction::FirstSigned => true,
        };
        (said.line != root.line || begins_there).then_some(OwnWord {
            line: said.line,
            counter: said.counter,
            introduction,
        })
    };
    read(text).into_iter().filter_map(word).collect()
}

async fn all(witnesses: &Witnesses) -> Vec<Witnessed> {
    loop {
        match witnesses.all().await {
            Ok(notes) => {
                let read = notes.iter().flat_map(|(node, text)| witnessed(node, text));
                return read.collect();
            }
            Err(error) => {
                tracing::warn!(%error, "what the nodes remember could not be read; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Nothing is written where it says so already.
async fn tell(
    witnesses: &Witnesses,
    keep: &Keep,
    node: &str,
    mut said: BTreeMap<String, String>,
) -> Result<(), TellError> {
    let stands = keep.stands()?;
    if stands.is_empty() && said.is_empty() {
        return Ok(());
    }
    let mut before = witnesses.of(node).await?.unwrap_or_default();
    before.retain(|name, _| name.starts_with(names::OWN_PREFIX));
    let accepted = before.get(names::ACCEPTED).map_or("", String::as_str);
    let text = note(accepted, stands);
    if text != NOTHING {
        said.insert(names::ACCEPTED.to_owned(), text);
    }
    let unshown = keep.unshown()?;
    let unshown: Vec<&str> = unshown.iter().map(|line| line.source.as_str()).collect();
    if !unshown.is_empty() {
        said.insert(names::UNSHOWN.to_owned(), unshown.join(","));
    }
    if said != before {
        witnesses.tell(node, &said).await?;
    }
    Ok(())
}

fn witnessed(node: &str, text: &str) -> Vec<Witnessed> {
    let memory = |said: Said| {
        let target: Option<Oid> = said.target.and_then(|target| target.parse().ok());
        Some(Witnessed {
            line: said.line,
            introduction: said.introduction,
            memory: Memory {
                origin: Origin::Witness(format!("node {node}")),
                head: said.head.parse().ok()?,
                version: said.version,
                counter: said.counter,
                found: said.reference.zip(target),
            },
        })
    };
    read(text).into_iter().filter_map(memory).collect()
}
