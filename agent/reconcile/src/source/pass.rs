//! What a pass of a source begins with, and what it comes to.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use windlass_cluster::Leadership;
use windlass_object::Object;
use windlass_state::Tip;
use windlass_trust::Oid;

use super::basis::Basis;
use super::fetch::Snapshot;
use super::include::Included;
use super::lost::Remembered;
use super::spec::{SourceSpec, Unusable};
use super::status::Problem;
use crate::event::Event;
use crate::named::Named;
use crate::seen::SeenGitRepository;
use crate::trust::NodeTrust;

/// What one pass of a source works with.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) name: Named,
    /// Fixed by the node's config for the root; otherwise read from the object.
    pub(crate) fixed: Option<SourceSpec>,
    /// The object, once the cluster has shown it.
    pub(crate) seen: Option<SeenGitRepository>,
    pub(crate) snapshot: Option<Snapshot>,
    /// What was wrong before.
    pub(crate) problem: Option<Problem>,
    pub(crate) refused: Option<RefusedHead>,
    /// Whether what is kept on disk was looked at already.
    pub(crate) loaded: bool,
    /// Why the source is there.
    pub(crate) basis: Basis,
    pub(crate) trust: Arc<NodeTrust>,
    /// Which state of the node's trust this is.
    pub(crate) epoch: u64,
    /// What is wrong with the trust files, which the root says.
    pub(crate) trust_problem: Option<String>,
    /// The other sources whose files are put inside, or why they are not there.
    pub(crate) included: Result<Vec<Included>, Unusable>,
    /// What the cluster remembers of where it stood.
    pub(crate) remembered: Remembered,
    /// Only the leader writes.
    pub(crate) leadership: Option<Leadership>,
    /// Whether this node leads, whether or not it may write.
    pub(crate) leads: bool,
    /// To the controller, for what it has to know before the pass ends.
    pub(crate) events: UnboundedSender<Event>,
}

/// A head that was judged and refused; it is not fetched again while the reference points to it.
#[derive(Clone, Debug)]
pub(crate) struct RefusedHead {
    /// The commit.
    pub(crate) head: Oid,
    pub(crate) tip: Tip,
    pub(crate) problem: Problem,
    /// It does not go on from what was accepted last: only an override leads there.
    pub(crate) lies_back: bool,
    /// Where its way parted from that of what was accepted last.
    pub(crate) forks_at: Option<Oid>,
}

/// What the controller has to know after a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) problem: Option<Problem>,
    pub(crate) refused: Option<RefusedHead>,
    pub(crate) object: Option<Object>,
    /// The pass only loaded what is kept; the network was not asked.
    pub(crate) only_loaded: bool,
    /// What is kept on disk has been looked at, by this pass or an earlier one.
    pub(crate) loaded: bool,
    /// The generation of the object that the pass worked for.
    pub(crate) generation: Option<i64>,
    pub(crate) interval: std::time::Duration,
}
