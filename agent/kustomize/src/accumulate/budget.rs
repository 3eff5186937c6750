//! What one build may read and hold, on however many threads it runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Cause, Step};

/// How many resources a build may gather: far over any cluster's, and small enough for memory.
const RESOURCE_LIMIT: usize = 100_000;

/// How many kustomizations a build may read, each as often as it is named: two bases that name two
/// bases each, and so on, would double at every level.
const KUSTOMIZATION_LIMIT: usize = 10_000;

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    kustomizations: AtomicUsize,
    resources: AtomicUsize,
}

// === impl Budget ===

impl Budget {
    /// Counts a kustomization that is about to be read.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn take_kustomization(&self) -> Step<()> {
        if self.kustomizations.fetch_add(1, Ordering::Relaxed) >= KUSTOMIZATION_LIMIT {
            let message = format!("more than {KUSTOMIZATION_LIMIT} kustomizations are read");
            return Err(Cause::invalid(message));
        }
        Ok(())
    }

    /// Counts resources that were read.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn take_resources(&self, count: usize) -> Step<()> {
        let before = self.resources.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > RESOURCE_LIMIT {
            let message = format!("more than {RESOURCE_LIMIT} resources; build them in parts");
            return Err(Cause::invalid(message));
        }
        Ok(())
    }

    /// How many kustomizations and resources were read.
    pub(crate) fn spent(&self) -> (usize, usize) {
        let now = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (now(&self.kustomizations), now(&self.resources))
    }

    /// Takes back what was read for nothing.
    pub(crate) fn reset(&self, (kustomizations, resources): (usize, usize)) {
        self.kustomizations.store(kustomizations, Ordering::Relaxed);
        self.resources.store(resources, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, KUSTOMIZATION_LIMIT, RESOURCE_LIMIT};

    #[test]
    fn a_budget_is_spent_by_whoever_takes_from_it_and_can_be_given_back() {
        let budget = Budget::default();
        let before = budget.spent();
        budget.take_resources(RESOURCE_LIMIT).unwrap();
        assert!(budget.take_resources(1).is_err());
        for _ in 0..KUSTOMIZATION_LIMIT {
            budget.take_kustomization().unwrap();
        }
        assert!(budget.take_kustomization().is_err());
        budget.reset(before);
        budget.take_resources(1).unwrap();
        budget.take_kustomization().unwrap();
    }
}
