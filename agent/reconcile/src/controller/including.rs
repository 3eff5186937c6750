//! Sources that include others: what they include now, and whom to wake when that changes.

use std::collections::BTreeSet;

use windlass_api::git_repository::GitRepositoryInclude;
use windlass_api::reasons;

use super::Controller;
use crate::named::Named;
use crate::source::include::Included;
use crate::source::spec::Unusable;

impl Controller {
    /// What a source includes, at the revisions that are in use.
    pub(super) fn included(&self, name: &Named) -> Result<Vec<Included>, Unusable> {
        let asked = self.includes_of(name);
        if !asked.is_empty() && self.includes_itself(name) {
            return Err(Unusable {
                reason: reasons::INCLUDE_CYCLE,
                message: format!(
                    "spec.include leads back to '{name}' itself; take one of the includes on the way out"
                ),
                stalled: true,
            });
        }
        let waits = |reason, message| Unusable {
            reason,
            message,
            stalled: false,
        };
        let included = |asked: &GitRepositoryInclude| {
            let other = &asked.repository.name;
            let Some(slot) = self.sources.get(&Named::new(&name.namespace, other)) else {
                let message = format!(
                    "could not get resource for include '{other}': there is no GitRepository '{other}' in namespace \
                     '{}'; make it or take the include out",
                    name.namespace
                );
                return Err(waits(reasons::NOT_FOUND, message));
            };
            let Some(snapshot) = &slot.snapshot else {
                let message = format!(
                    "no artifact available for include '{other}': it has no verified revision yet"
                );
                return Err(waits(reasons::NO_ARTIFACT, message));
            };
            Ok(Included::new(asked, snapshot))
        };
        asked.iter().map(included).collect()
    }

    /// Whether an included source still has to be loaded from the disk, which takes a moment after the start.
    pub(super) fn waits_for_an_include(&self, name: &Named) -> bool {
        let mut others = self.includes_of(name).iter();
        others.any(|asked| {
            let other = Named::new(&name.namespace, &asked.repository.name);
            let slot = self.sources.get(&other);
            slot.is_some_and(|slot| !slot.loaded && slot.problem.is_none())
                && self.includes_of(&other).is_empty()
        })
    }

    /// Wakes the sources that include this one.
    pub(super) fn wake_includers_of(&mut self, name: &Named) {
        let includes = |other: &&Named| {
            let mut asked = self.includes_of(other).iter();
            other.namespace == name.namespace
                && asked.any(|asked| asked.repository.name == name.name)
        };
        let includers: Vec<Named> = self.sources.keys().filter(includes).cloned().collect();
        includers
            .iter()
            .for_each(|name| self.source_queue.wake(name));
    }

    fn includes_of(&self, name: &Named) -> &[GitRepositoryInclude] {
        let seen = self.sources.get(name).and_then(|slot| slot.seen.as_ref());
        let spec = seen.and_then(|seen| seen.spec.as_ref().ok());
        // The node's config says what the root is.
        spec.filter(|_| *name != self.root.name)
            .map_or(&[], |spec| &spec.include)
    }

    fn includes_itself(&self, name: &Named) -> bool {
        let mut passed = BTreeSet::new();
        let mut pending = vec![name.clone()];
        while let Some(at) = pending.pop() {
            for asked in self.includes_of(&at) {
                let other = Named::new(&name.namespace, &asked.repository.name);
                if other == *name {
                    return true;
                }
                if passed.insert(other.clone()) {
                    pending.push(other);
                }
            }
        }
        false
    }
}
