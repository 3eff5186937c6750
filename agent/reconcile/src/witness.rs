//! What each node writes into the cluster of where its ratchets stand, and reads there when it lost its own.

pub(crate) mod peers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_api::names;
use windlass_cluster::{Cluster, RequestError, Witnesses};
use windlass_state::{Line, RatchetError, StoreError, Tip};
use windlass_trust::{Introduction, Memory, Oid, Origin, Ratchet};

use crate::context::Context;
use crate::event::Event;
use crate::source::keep::Keep;
use crate::source::keep::word::OwnWord;

/// Several sources that move at once are told at once.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon it is tried again to read or write what is said.
const AGAIN: Duration = Duration::from_secs(15);
/// Bytes that are said at most: annotations of an object may have 256 KiB (`TotalAnnotationSizeLimitB`).
const LIMIT: usize = 200 * 1024;

/// A note of no lines.
const NOTHING: &str = "[]";

/// Where a line stood, by what a node said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Witnessed {
    pub(crate) line: Line,
    pub(crate) memory: Memory,
    /// Where the line begins for that node.
    pub(crate) introduction: Option<String>,
}

/// One line, as it stands in the annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    #[serde(flatten)]
    line: Line,
    head: String,
    counter: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The reference that led to the head, and what it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Where the history of the line begins for the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    introduction: Option<String>,
    /// What overrides left on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
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
    if said != before {
        witnesses.tell(node, &said).await?;
    }
    Ok(())
}

/// The note, made of the one before and of what stands now: what this node forgot, it may still have to be told.
fn note(before: &str, stands: Vec<(Line, Ratchet, Option<Tip>)>) -> String {
    let by_line = |said: Said| (said.line.clone(), said);
    let mut lines: BTreeMap<Line, Said> = read(before).into_iter().map(by_line).collect();
    let (mut present, mut past) = (Vec::new(), Vec::new());
    for (line, ratchet, tip) in stands {
        // A line that is followed now comes before those that are only remembered.
        let list = if tip.is_some() {
            &mut present
        } else {
            &mut past
        };
        lines.remove(&line);
        list.push(Said {
            line,
            head: ratchet.head.to_string(),
            counter: ratchet.counter,
            version: ratchet.version,
            reference: tip.as_ref().map(|tip| tip.reference.clone()),
            target: tip.map(|tip| tip.target.to_string()),
            introduction: Some(ratchet.introduction.to_string()),
            left: ratchet.left.iter().map(Oid::to_string).collect(),
        });
    }
    let mut text = "[".to_owned();
    for said in present.into_iter().chain(past).chain(lines.into_values()) {
        let Ok(one) = serde_json::to_string(&said) else {
            continue;
        };
        if text.len() + one.len() + 2 > LIMIT {
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&one);
    }
    text + "]"
}

/// One that cannot be read says nothing.
fn read(text: &str) -> Vec<Said> {
    let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let said = values.into_iter().map(serde_json::from_value);
    said.filter_map(Result::ok).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: &str) -> Line {
        Line {
            source: source.to_owned(),
            url: "https://git.example.com/house.git".to_owned(),
            selector: "branch main".to_owned(),
        }
    }

    fn stands(source: &str, byte: u8, followed: bool) -> (Line, Ratchet, Option<Tip>) {
        let head = Oid::from_bytes([byte; 20]);
        let ratchet = Ratchet {
            head,
            introduction: Oid::from_bytes([1; 20]),
            counter: byte.into(),
            version: None,
            spent: Vec::new(),
            left: Vec::new(),
        };
        let tip = Tip {
            target: head,
            reference: "refs/heads/main".to_owned(),
        };
        (line(source), ratchet, followed.then_some(tip))
    }

    #[test]
    fn what_is_said_is_read_again_and_what_is_forgotten_stays_said() {
        let first = note(
            "",
            vec![stands("a/root", 2, true), stands("a/old", 3, false)],
        );
        // The node lost all, and knows the root again.
        let second = note(&first, vec![stands("a/root", 4, true)]);
        let read = witnessed("n", &second);
        let heads: Vec<_> = read
            .iter()
            .map(|one| (one.line.source.as_str(), one.memory.counter))
            .collect();
        assert_eq!(heads, [("a/root", 4), ("a/old", 3)]);
        let root = &read[0].memory;
        let head = Oid::from_bytes([4; 20]);
        assert_eq!(root.origin, Origin::Witness("node n".to_owned()));
        assert_eq!(root.found, Some(("refs/heads/main".to_owned(), head)));
        assert_eq!(note(&second, vec![stands("a/root", 4, true)]), second);
        let begins = Oid::from_bytes([1; 20]).to_string();
        assert_eq!(introduction(&second, &line("a/root")), Some(begins));
        assert_eq!(introduction(&second, &line("a/other")), None);
    }

    #[test]
    fn what_cannot_be_read_says_nothing_and_the_rest_counts() {
        assert!(witnessed("n", "no list").is_empty());
        let good = note("", vec![stands("a/root", 2, true)]);
        let mixed = good.replacen('[', r#"[7,{"source":"x"},"#, 1);
        assert_eq!(witnessed("n", &mixed), witnessed("n", &good));
    }

    #[test]
    fn the_note_is_bounded_and_keeps_what_is_followed() {
        let mut all: Vec<_> = (0..2000)
            .map(|number| stands(&format!("a/past-{number:04}"), 2, false))
            .collect();
        all.push(stands("a/root", 3, true));
        let text = note("", all);
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert_eq!(witnessed("n", &text)[0].line, line("a/root"));
    }
}
