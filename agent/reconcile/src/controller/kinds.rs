//! Kinds that come: what failed for lack of one, or of whoever converts its versions, is tried again when a definition
//! comes or changes, not at its interval.

use std::time::Duration;

use tokio::time::Instant;
use windlass_cluster::WatchEvent;

use super::Controller;
use super::standing::Standing;
use crate::named::Named;

/// After a definition moved, the API server takes a moment until it answers for the kind (it serves about a second
/// after `Established`), during which what waits for a kind looks often.
const SETTLES_WITHIN: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Controller {
    /// Takes news of any definition.
    pub(super) fn definition_seen(&mut self, event: &WatchEvent) {
        self.api_seen(event);
        if !matches!(event, WatchEvent::Applied(_)) {
            return;
        }
        self.standing.definitions_moved = Some(Instant::now());
        let waiting = self
            .kustomizations
            .iter()
            .filter(|(_, slot)| slot.awaits_kind || slot.awaits_webhook.is_some());
        let names: Vec<Named> = waiting.map(|(name, _)| name.clone()).collect();
        let releases = self.releases.iter().filter(|(_, slot)| slot.awaits_kind);
        let releases: Vec<Named> = releases.map(|(name, _)| name.clone()).collect();
        if names.is_empty() && releases.is_empty() {
            return;
        }
        releases
            .iter()
            .for_each(|name| self.release_queue.wake(name));
        self.context.cluster.forget_discovery();
        self.wake_in_turn(&names);
    }
}

impl Standing {
    /// How soon to look again for a kind that is not there; `None` when nothing suggests that it is about to come.
    pub(super) fn wait_for_kinds(&self) -> Option<Duration> {
        let moved = self.definitions_moved?;
        (moved.elapsed() < SETTLES_WITHIN).then_some(LOOK_AGAIN)
    }
}
