//! What wakes a source but its interval and its object: a bundle that somebody brought, and another node that has more.

use windlass_cluster::WatchEvent;

use super::Controller;
use crate::named::Named;
use crate::source::delivery::Delivery;
use crate::source::status::Problem;

impl Controller {
    /// Takes what somebody brought for a source; one that is suspended takes it too, because a person asks for it.
    pub(super) fn delivered(&mut self, name: &Named, delivery: Delivery) {
        match self.sources.get_mut(name) {
            None => delivery.reply(Err(format!("this node follows no GitRepository {name}"))),
            Some(slot) if slot.delivery.is_some() => {
                let busy = "another bundle for it is being taken; bring it again";
                delivery.reply(Err(busy.to_owned()));
            }
            Some(slot) => {
                slot.delivery = Some(delivery);
                self.source_queue.wake(name);
            }
        }
    }

    /// Another node has a head that this one does not: it is asked for at once, by whoever follows the leader or has no server.
    pub(super) fn peer_seen(&mut self, event: WatchEvent) {
        let leads = self.standing.leads();
        for moved in self.context.peers.take(event) {
            let of = |name: &Named| name.to_string() == moved.line.source;
            let Some((name, slot)) = self.sources.iter().find(|(name, _)| of(name)) else {
                continue;
            };
            let ours = slot.snapshot.as_ref().map(|held| held.source.commit());
            let is_alone = slot.problem.as_ref().is_some_and(Problem::is_fetch);
            if ours != Some(moved.head) && (is_alone || moved.from_leader && !leads) {
                self.source_queue.wake(&name.clone());
            }
        }
    }
}
