//! One pass of a source whose content is kept as an archive, as OCIRepositories and Buckets have it: the first one takes what
//! the node keeps, the others ask the network.

use std::time::Duration;

use windlass_cluster::Leadership;
use windlass_object::Object;

use super::Basis;
use crate::artifact::{Outcome, Problem};
use crate::seen::Seen;
use crate::source::spec::Unusable;

/// How soon a source is asked again that could not be reached.
const FAILED_INTERVAL: Duration = Duration::from_secs(60);

/// What one pass works with.
#[derive(Debug)]
pub(crate) struct Pass<Spec, Status> {
    pub(crate) seen: Seen<Spec, Status>,
    /// Why it may be used, or why not.
    pub(crate) basis: Result<Basis, Unusable>,
    /// Whether what is kept was looked at; before, the network is not asked.
    pub(crate) loaded: bool,
    /// Only the leader writes.
    pub(crate) leadership: Option<Leadership>,
}

/// Why what is in use is not what is there.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) problem: Problem,
    /// Whether trying again soon may help.
    pub(crate) is_passing: bool,
}

impl<Spec, Status> Pass<Spec, Status> {
    /// What is to be said of it, after what was found when it was looked at.
    pub(crate) fn trouble(&self, found: Option<Trouble>) -> Option<Trouble> {
        match &self.seen.spec {
            Ok(_) => found,
            Err(message) => Some(Trouble {
                problem: Problem::malformed(message),
                is_passing: false,
            }),
        }
    }

    /// Whether anything is said: what is kept is in use at once, and the rest is known when the source was asked.
    pub(crate) fn speaks(&self, trouble: Option<&Trouble>) -> bool {
        self.loaded || trouble.is_some()
    }

    pub(crate) fn outcome<Kept>(
        &self,
        interval: fn(&Spec) -> Duration,
        (kept, trouble, object): (Option<Kept>, Option<Trouble>, Option<Object>),
    ) -> Outcome<Kept> {
        let interval = self.seen.spec.as_ref().map_or(FAILED_INTERVAL, interval);
        let again = match &trouble {
            Some(trouble) if trouble.is_passing => interval.min(FAILED_INTERVAL),
            _ => interval,
        };
        let problem = trouble.map(|trouble| trouble.problem);
        Outcome {
            kept,
            problem: problem.map(|problem| (problem.reason, problem.message)),
            object,
            again: self.loaded.then_some(again),
        }
    }
}
