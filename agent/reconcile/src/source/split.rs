//! Whether all nodes are shown one history (P9). A server that shows two of them, each well signed, is noticed by what the nodes
//! tell each other; a person hears, and nothing else changes.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use tokio::time::Instant;
use windlass_state::{Reader, StoreError};
use windlass_trust::{ObjectReader, Oid, ReadError, descends};

use super::RefusedHead;
use super::basis::Rule;
use super::fetch::{FetchError, Snapshot};
use super::keep::Keep;
use super::spec::SourceSpec;
use super::status::chain;
use crate::witness::peers::{PeerHead, Peers};

/// Most nodes that a message names.
const NAMED: usize = 5;

const CURE: &str = "somebody forced the branch, or the server shows the nodes different histories; compare both commits with \
                    your clone, then push one signed merge of them, or go back with `windlass trust override`; drift goes on being \
                    corrected";

/// What the fetch came to that ended just now.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// When it began, if the server showed all that it has.
    pub(super) complete_since: Option<Instant>,
    /// What it offers and this node does not take.
    pub(super) refused: Option<RefusedHead>,
}

/// How the head of another node was found to stand to this node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    node: String,
    ours: Oid,
    theirs: Oid,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// One goes on from the other, or was left on purpose.
    Line,
    /// Neither does.
    Beside,
    /// The server does not show theirs to this node.
    Unseen,
    /// It cannot be said yet.
    Unknown,
}

/// Compares the revision in use with what the other nodes accepted. Blocks.
pub(super) fn look(
    keep: &Keep,
    peers: &Peers,
    (spec, snapshot): (&SourceSpec, &Snapshot),
    shown: &Shown,
) {
    if spec.trust.rule != Rule::Signed {
        keep.note_compared(&spec.name, Vec::new());
        return;
    }
    match compare(keep, peers, snapshot, shown) {
        Ok(compared) => keep.note_compared(&spec.name, compared),
        Err(error) => {
            tracing::warn!(source = %spec.name, error = %chain(&error), "what the other nodes accepted could not be compared");
        }
    }
}

fn compare(
    keep: &Keep,
    peers: &Peers,
    snapshot: &Snapshot,
    shown: &Shown,
) -> Result<Vec<Compared>, CompareError> {
    let ours = snapshot.source.commit();
    let all = peers.on(&snapshot.line);
    let others: Vec<&PeerHead> = all.iter().filter(|peer| peer.head != ours).collect();
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let ratchet = keep.ratchet(&snapshot.line)?;
    let (introduction, left) = ratchet
        .map(|ratchet| (ratchet.introduction, ratchet.left))
        .unzip();
    let case = Case {
        passed: OnceCell::new(),
        peers: &all,
        keep,
        reader: keep.store.reader()?,
        snapshot,
        introduction,
        left: left.unwrap_or_default(),
        shown,
    };
    let before = keep.compared(&snapshot.line.source);
    let compared = others.into_iter().map(|peer| {
        let same = |known: &&Compared| (known.ours, known.theirs) == (ours, peer.head);
        let known = before
            .iter()
            .filter(|known| known.node == peer.node)
            .find(same);
        let how = case.how(peer, known.map_or(How::Unknown, |known| known.how))?;
        Ok(Compared {
            ours,
            theirs: peer.head,
            node: peer.node.clone(),
            how,
        })
    });
    compared.collect()
}

struct Case<'a> {
    /// What was accepted before, and left; read when it is asked for.
    passed: OnceCell<BTreeSet<Oid>>,
    peers: &'a [PeerHead],
    keep: &'a Keep,
    reader: Reader,
    snapshot: &'a Snapshot,
    introduction: Option<Oid>,
    /// What overrides left on the way here.
    left: Vec<Oid>,
    shown: &'a Shown,
}

impl Case<'_> {
    fn passed(&self) -> Result<&BTreeSet<Oid>, StoreError> {
        if let Some(passed) = self.passed.get() {
            return Ok(passed);
        }
        let mut passed = self.keep.store.passed(&self.snapshot.line)?;
        passed.extend(&self.left);
        Ok(self.passed.get_or_init(|| passed))
    }

    /// Whether a node left the head of another by an override. What that one says of itself does not count.
    fn was_left(&self, peer: &PeerHead) -> bool {
        let others = self.peers.iter().filter(|other| other.node != peer.node);
        let same = others.filter(|other| other.introduction == peer.introduction);
        same.flat_map(|other| &other.left)
            .any(|left| *left == peer.head)
    }

    fn how(&self, peer: &PeerHead, before: How) -> Result<How, CompareError> {
        if before == How::Line || self.was_left(peer) {
            return Ok(How::Line);
        }
        if before == How::Beside {
            return Ok(before);
        }
        let (ours, theirs) = (self.snapshot.source.commit(), peer.head);
        let begins = self.introduction.as_ref();
        let is_here = self.reader.contains(&theirs)?;
        let goes_on = |from: &Oid, to: &Oid| descends(&self.reader, (to, from), begins);
        if is_here && (goes_on(&theirs, &ours) || goes_on(&ours, &theirs)) {
            return Ok(How::Line);
        }
        if self.passed()?.contains(&theirs) {
            return Ok(How::Line);
        }
        let refused = self.shown.refused.as_ref();
        if let Some(refused) = refused.filter(|refused| refused.head == theirs) {
            // Why this node does not take it otherwise, its status says.
            return Ok(match refused.lies_back {
                true => How::Beside,
                false => How::Unknown,
            });
        }
        let is_comparable = peer.introduction.is_some() && peer.introduction == self.introduction;
        if is_here {
            return Ok(match is_comparable {
                true => How::Beside,
                false => How::Unknown,
            });
        }
        // Nodes that begin elsewhere hold other parts of history.
        let is_shown_all = self
            .shown
            .complete_since
            .is_some_and(|began| peer.since < began);
        Ok(if is_shown_all && is_comparable && !peer.unshown {
            How::Unseen
        } else {
            before
        })
    }
}

/// What keeps heads from being compared.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What a person hears of it; nothing where all is well.
pub(super) fn said(compared: &[Compared]) -> Option<String> {
    let said = compared.iter().filter_map(Compared::said).take(NAMED);
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("{}; {CURE}", said.join("; ")))
}

impl Compared {
    fn said(&self) -> Option<String> {
        let Compared {
            node,
            ours,
            theirs,
            how,
        } = self;
        let what = match how {
            How::Line | How::Unknown => return None,
            How::Beside => format!("which neither goes on from {ours} here nor leads to it"),
            How::Unseen => {
                format!("which the server does not show to this node; {ours} is in use here")
            }
        };
        Some(format!("node {node} accepted commit {theirs}, {what}"))
    }
}
