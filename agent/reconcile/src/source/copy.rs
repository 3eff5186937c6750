//! Who is asked: the leader asks the server of a source, the others ask the leader, and whoever gets no answer asks all whom it
//! can. What another node has is verified as what the server has; nobody is believed for being a node.

use std::io::{BufReader, Write};
use std::time::Duration;

use windlass_state::Tip;
use windlass_trust::descends;
use windlass_wire::{
    Answer, CopyRequest, FailureClass, Known, PeerQuestion, WireError, read_answer, write_copy,
};

use super::ask::{Came, NET_PATIENCE, came, unexpected};
use super::fetch::{self, FetchError, Fetched, settle};
use super::judge::judge;
use super::spec::SourceSpec;
use super::status::{Problem, chain};
use crate::context::Context;
use crate::lan::line_digest;
use crate::witness::peers::Contact;

/// Longest time for a copy: a node on the same network is quicker.
const TIME: Duration = Duration::from_secs(60);

/// Nodes that are asked one after the other where the server does not answer.
const ASKED: usize = 4;

/// What asking came to.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) fetched: Fetched,
    /// Whether the server itself was asked.
    pub(super) asked: bool,
    /// What kept the server from answering, where a node did instead.
    pub(super) problem: Option<Problem>,
}

/// What one node answered.
struct Copied {
    fetched: Fetched,
    /// Whether it asked the server itself not long ago.
    is_fresh: bool,
}

/// Asks whoever is to be asked. Blocks.
pub(super) fn ask_around(
    context: &Context,
    spec: &SourceSpec,
    known: Option<&Tip>,
    leads: bool,
) -> Result<Around, FetchError> {
    let mut copied = None;
    // Where the ratchet is lost, what the server shows is asked for, as it is where nobody else is.
    if !leads && !context.keep.is_lost(&spec.line()) {
        for leader in contacts(context).into_iter().filter(|node| node.leads) {
            match copy(context, spec, known, &leader) {
                Ok(Copied {
                    fetched,
                    is_fresh: true,
                }) => {
                    return Ok(Around {
                        fetched,
                        asked: false,
                        problem: None,
                    });
                }
                Ok(Copied { fetched, .. }) => copied = accepted(fetched),
                Err(error) => failed(spec, &leader, &error),
            }
        }
    }
    let copied_tip = copied.as_ref().and_then(|copied| match copied {
        Fetched::Accepted(snapshot) => snapshot.tip.clone(),
        _ => None,
    });
    let known = copied_tip.as_ref().or(known);
    let asked = fetch::fetch(&context.keep, &context.net, spec, known);
    match asked {
        Err(error @ FetchError::Failed { .. }) => {
            let fetched = copied.or_else(|| from_others(context, spec, known));
            let problem = Some(Problem::fetch(&error));
            fetched.ok_or(error).map(|fetched| Around {
                fetched,
                asked: true,
                problem,
            })
        }
        asked => {
            let fetched = match (asked?, copied) {
                (Fetched::Unchanged, Some(copied)) => copied,
                (fetched, _) => fetched,
            };
            Ok(Around {
                fetched,
                asked: true,
                problem: None,
            })
        }
    }
}

/// A newer head of any node, where the server does not answer.
fn from_others(context: &Context, spec: &SourceSpec, known: Option<&Tip>) -> Option<Fetched> {
    let line = spec.line();
    if context.keep.is_lost(&line) {
        return None;
    }
    let ours = context.keep.store.kept(&line).ok()?.map(|kept| kept.head);
    let heads = context.peers.on(&line).into_iter();
    let others = heads.filter(|peer| Some(peer.head) != ours);
    let others: Vec<String> = others.map(|peer| peer.node).collect();
    let nodes = contacts(context).into_iter();
    let mut nodes = nodes.filter(|node| others.contains(&node.node)).take(ASKED);
    nodes.find_map(|node| match copy(context, spec, known, &node) {
        Ok(copied) => accepted(copied.fetched),
        Err(error) => {
            failed(spec, &node, &error);
            None
        }
    })
}

fn contacts(context: &Context) -> Vec<Contact> {
    match context.lan.word() {
        // This node takes no part.
        None => Vec::new(),
        Some(_) => context.peers.contacts().borrow().clone(),
    }
}

fn accepted(fetched: Fetched) -> Option<Fetched> {
    matches!(fetched, Fetched::Accepted(_)).then_some(fetched)
}

fn failed(spec: &SourceSpec, node: &Contact, error: &FetchError) {
    let (source, node, error) = (&spec.name, &node.node, chain(error));
    tracing::debug!(%source, node, error, "a node gave nothing that could be used; others are asked");
}

/// Asks one node.
fn copy(
    context: &Context,
    spec: &SourceSpec,
    known: Option<&Tip>,
    node: &Contact,
) -> Result<Copied, FetchError> {
    let (keep, line) = (&context.keep, spec.line());
    let kept = keep.store.kept(&line)?;
    let timeout = spec.timeout.clamp(Duration::from_secs(1), TIME);
    let request = CopyRequest {
        address: node.address.to_string(),
        identity: context.lan.secret(),
        peer: node.key.clone(),
        question: PeerQuestion {
            line: line_digest(&line),
            have: kept.iter().map(|kept| kept.head.to_string()).collect(),
            known: known.map(|tip| Known {
                reference_name: tip.reference.clone(),
                target: tip.target.to_string(),
            }),
        },
        timeout_seconds: timeout.as_secs(),
    };
    let mut stream = context.net.open()?;
    let patience = Some(timeout + NET_PATIENCE);
    stream.set_read_timeout(patience).map_err(WireError::Io)?;
    write_copy(&mut stream, &request)?;
    stream.flush().map_err(WireError::Io)?;
    let mut answers = BufReader::with_capacity(64 * 1024, stream);
    let (seconds_ago, shown) = match read_answer(&mut answers)? {
        Answer::Asked { seconds_ago, shown } => (seconds_ago, shown),
        Answer::Failed { class, message } => return Err(FetchError::Failed { class, message }),
        _ => return Err(unexpected("what no node answers")),
    };
    let is_recent = seconds_ago.is_some_and(|ago| Duration::from_secs(ago) <= spec.interval * 2);
    match came(&keep.store, &spec.reference, &mut answers)? {
        None => Ok(Copied {
            fetched: Fetched::Unchanged,
            is_fresh: is_recent,
        }),
        Some(came) => take(context, spec, came, (node, shown)).map(|copied| Copied {
            is_fresh: copied.is_fresh && is_recent,
            ..copied
        }),
    }
}

/// Judges what a node has. What is refused is no word of the server: the history of refusals does not tell of it.
fn take(
    context: &Context,
    spec: &SourceSpec,
    came: Came,
    (node, shown): (&Contact, bool),
) -> Result<Copied, FetchError> {
    let (keep, line) = (&context.keep, spec.line());
    let Came {
        head,
        tip,
        incoming,
    } = came;
    let before = keep.store.kept(&line)?.map(|kept| kept.head);
    let unchanged = |is_fresh| Copied {
        fetched: Fetched::Unchanged,
        is_fresh,
    };
    if before == Some(head) {
        return Ok(unchanged(true));
    }
    if let Some(ratchet) = keep.ratchet(&line)? {
        let ways = (&ratchet.head, &head);
        if descends(&incoming, ways, Some(&ratchet.introduction)) {
            // It lags behind: that is no reason to go back, and none to believe that there is nothing newer.
            return Ok(unchanged(false));
        }
    }
    match judge(&incoming, keep, spec, (head, Some(&tip)))? {
        Ok(accepted) => {
            let fetched = settle(keep, spec, incoming, accepted, tip)?;
            if let Fetched::Accepted(snapshot) = &fetched {
                if !shown {
                    keep.came_elsewhere(&line, snapshot.source.commit(), before)?;
                }
                tracing::info!(source = %spec.name, node = node.node, "copied from another node");
            }
            Ok(Copied {
                fetched,
                is_fresh: true,
            })
        }
        Err(rejection) => {
            let message = format!("it has {head}, which is not taken: {}", rejection.reason);
            tracing::warn!(source = %spec.name, node = node.node, "{message}");
            Err(FetchError::Failed {
                class: FailureClass::Refused,
                message,
            })
        }
    }
}
