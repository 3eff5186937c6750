//! A line whose ratchet was lost: made again from what the cluster remembers, or left to a person.

use std::sync::Arc;

use windlass_api::reasons;
use windlass_state::{Kept, Line, Tip};
use windlass_trust::{
    Doubt, Healed, Introduction, Memory, ObjectReader, Oid, Origin, Ratchet, heal,
};

use super::basis::Rule;
use super::fetch::FetchError;
use super::judge::selector;
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::Problem;
use crate::witness::Witnessed;

/// What the cluster remembers of a source: revisions in the status of our objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// Whether the cluster has shown everything that may remember it.
    pub(crate) complete: bool,
    pub(crate) memories: Vec<Memory>,
    /// What the nodes said of it and of others.
    pub(crate) witnessed: Arc<Vec<Witnessed>>,
}

/// What became of a lost line.
pub(super) enum Mended {
    /// It stands there.
    At(Ratchet),
    /// There never was anything: it begins.
    New,
    /// A person has to say where it stood.
    Waits(Problem),
}

impl Remembered {
    /// Whether this head is what the cluster runs.
    pub(super) fn holds(&self, head: &Oid) -> bool {
        self.memories.iter().any(|memory| memory.head == *head)
    }

    /// All that is remembered of a line. What led to a kept head, and what was found now, are known by their reference too.
    fn of(&self, line: &Line, begins: Introduction, known: &[(Oid, Option<&Tip>)]) -> Vec<Memory> {
        let witnessed = self.witnessed.iter().filter(|said| {
            // A node that begins elsewhere was left behind by a reset, and says nothing about this history.
            let elsewhere = match (begins, &said.introduction) {
                (Introduction::Commit(commit), Some(theirs)) => commit.to_string() != *theirs,
                _ => false,
            };
            said.line == *line && !elsewhere
        });
        let mut memories = self.memories.clone();
        memories.extend(witnessed.map(|said| said.memory.clone()));
        for memory in memories.iter_mut().filter(|memory| memory.found.is_none()) {
            let mut tips = known.iter().filter(|(head, _)| *head == memory.head);
            let tip = tips.find_map(|(_, tip)| *tip);
            memory.found = tip.map(|tip| (tip.reference.clone(), tip.target));
        }
        memories
    }
}

/// Makes the ratchet of a lost line again, if somebody's memory is enough.
pub(super) fn mend(
    keep: &Keep,
    spec: &SourceSpec,
    reader: &dyn ObjectReader,
    found: (Oid, Option<&Tip>),
) -> Result<Mended, FetchError> {
    let line = spec.line();
    let kept = keep.store.kept(&line)?;
    // Whoever can write on the node may decide; nothing else counts then.
    let said = keep.said_by_person(&line.source);
    let memories = match said {
        Some(head) => vec![memory(head)],
        None if spec.remembered.complete => {
            let kept = kept.as_ref().map(|kept| (kept.head, kept.tip.as_ref()));
            let known: Vec<_> = kept.into_iter().chain([found]).collect();
            spec.remembered
                .of(&line, spec.trust.policy.introduction, &known)
        }
        None => {
            let message = "the API server has to say first what was applied from it".to_owned();
            return Ok(Mended::Waits(waits(spec, None, &message)));
        }
    };
    if memories.is_empty() && kept.is_none() && spec.is_other {
        return Ok(Mended::New);
    }
    match spec.trust.rule {
        // The id in a verified commit, or the node's list, says all there is to say.
        Rule::Pinned(_) | Rule::Unverified => return Ok(Mended::New),
        Rule::FirstSeen | Rule::Signed => {}
    }
    let selector = selector(&spec.reference);
    Ok(
        match heal(reader, &spec.trust.policy, &selector, &memories) {
            Healed::Ratchet {
                ratchet,
                from,
                refused,
            } => {
                for (origin, refusal) in refused {
                    let origin = shown(&origin);
                    tracing::warn!(source = %spec.name, %refusal, "what {origin} remembers was passed over");
                }
                let (head, from) = (ratchet.head, shown(&from));
                let message = format!(
                    "the ratchet was lost and stands at {head} again, by what {from} remembers"
                );
                keep.remark(&line, reasons::RATCHET_HEALED, message);
                Mended::At(ratchet)
            }
            Healed::Waits(doubts) => {
                let doubts: Vec<String> = doubts.iter().map(doubt).collect();
                Mended::Waits(waits(spec, kept.as_ref(), &doubts.join("; ")))
            }
        },
    )
}

fn memory(head: Oid) -> Memory {
    Memory {
        origin: Origin::Witness("a person on this node".to_owned()),
        head,
        version: None,
        counter: 0,
        found: None,
    }
}

fn waits(spec: &SourceSpec, kept: Option<&Kept>, why: &str) -> Problem {
    let commit = kept.map_or_else(|| "COMMIT".to_owned(), |kept| kept.head.to_string());
    let message = format!(
        "the ratchet of this node is lost, and {why}; nothing new is accepted and what is in use stays until a person says \
         where it stood: run `sudo windlass trust accept {} {commit}` on the node",
        spec.name
    );
    Problem::refused(reasons::RATCHET_LOST, message)
}

fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Witness(name) | Origin::Inventory(name) => name.clone(),
    }
}

fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::NoMemory => "nothing in the cluster remembers where it stood".to_owned(),
        Doubt::Refused { origin, refusal } => {
            format!("what {} remembers is refused: {refusal}", shown(origin))
        }
        Doubt::Unreadable { origin, error } => {
            let error = super::status::chain(error);
            let cure = match origin {
                Origin::Witness(_) => {
                    " (if that node is gone for good, delete its Lease windlass-witness-NODE)"
                }
                Origin::Inventory(_) => "",
            };
            let who = shown(origin);
            format!("what {who} remembers cannot be looked at: {error}{cure}")
        }
        Doubt::SplitView { one, other } => {
            let (one, other) = (shown(one), shown(other));
            format!(
                "{one} and {other} remember two histories of which neither goes on from the other"
            )
        }
    }
}
