//! What builds of Kustomizations took from other places goes when these are gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Controller;
use crate::kustomization::pinned;

impl Controller {
    /// Lets go of what only Kustomizations used that are not there any more. Before all of them are known nothing goes.
    pub(super) fn forget_remote_content(&mut self) {
        if !self.standing.kustomizations_listed {
            return;
        }
        let owners: BTreeSet<String> = self
            .kustomizations
            .keys()
            .map(ToString::to_string)
            .collect();
        let keep = Arc::clone(&self.context.keep);
        self.passes.spawn(async move {
            let forgotten = tokio::task::spawn_blocking(move || {
                pinned::forget_gone(&keep.store, &owners)
            });
            if let Ok(Err(error)) = forgotten.await {
                tracing::warn!(%error, "remote content that nothing uses could not be dropped; it is tried again");
            }
        });
    }
}
