//! What a pass tells the loop.

use std::sync::Arc;
use std::time::Duration;

use windlass_object::Object;

use super::pass::Waiting;
use super::settled::Settled;
use crate::work::webhook::Asked;

/// What the controller has to know after a pass.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The object after the last write, so that nobody waits for the watch to tell.
    pub(crate) object: Option<Object>,
    pub(crate) next: Next,
    /// Whether the pass waits for a dependency.
    pub(crate) blocked: bool,
    /// Whether the pass was held because it would delete much.
    pub(crate) held: bool,
    /// Whether the pass failed for lack of a kind.
    pub(crate) awaits_kind: bool,
    /// How a webhook is asked that gave no answer, which stopped the pass.
    pub(crate) awaits_webhook: Option<Asked>,
    pub(crate) ready: bool,
    pub(crate) waiting_since: Option<Waiting>,
    /// What a pass that came to its end leaves behind.
    pub(crate) settled: Option<Arc<Settled>>,
    /// It was a regular pass and came to its end: the next one is an interval away.
    pub(crate) regular: bool,
}

/// When the next pass is due if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    In(Duration),
    Now,
    /// Only a change of the object brings one.
    Never,
}

// === impl Outcome ===

impl Outcome {
    pub(super) fn quiet(next: Next) -> Self {
        Outcome {
            object: None,
            next,
            blocked: false,
            held: false,
            awaits_kind: false,
            awaits_webhook: None,
            ready: false,
            waiting_since: None,
            settled: None,
            regular: false,
        }
    }
}
