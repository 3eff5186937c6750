//! A configuration that was read again takes the place of the one before, under the passes that are under way.

use super::Controller;
use super::sources::SourceSlot;
use crate::named::Named;
use crate::reload::{Reloaded, loaded_again};

impl Controller {
    pub(super) fn reloaded(&mut self, new: Reloaded) {
        tracing::info!("the configuration and the trust files were read again");
        self.root = new.root;
        self.policy = new.policy;
        self.trust = new.trust;
        self.trust_problem = None;
        self.sources.values_mut().for_each(SourceSlot::look_again);
        self.wake_all_sources();
        self.establish_again();
        self.wake_all_kustomizations();
        loaded_again();
    }

    /// Wakes whatever is fetched.
    pub(super) fn wake_all_sources(&mut self) {
        let names: Vec<Named> = self.sources.keys().cloned().collect();
        names.iter().for_each(|name| self.source_queue.wake(name));
        self.repositories_vouched_for(&self.repositories.names());
        self.oci.wake(&self.oci.names());
        self.buckets.wake(&self.buckets.names());
    }
}
