//! What the loop knows at one moment, for Prometheus.

use jiff::Timestamp;
use windlass_api::meta::Condition as Stated;
use windlass_api::{conditions, names, reasons};

use super::Controller;
use super::fetched::{Fetched, Fetching};
use super::sources::SourceSlot;
use crate::metrics::{Condition, Node, ObjectState, Scraped, SourceState};
use crate::named::Named;
use crate::seen::{Seen, SeenGitRepository};

impl Controller {
    /// Looks around. It asks nobody.
    pub(super) fn scraped(&self) -> Scraped {
        let leads = self.may_write();
        Scraped {
            node: Node {
                version: env!("CARGO_PKG_VERSION"),
                roots: self.trust.digest.clone(),
                leads,
                paused: self.standing.pause.is_some(),
                free_disk: self.status.free_disk(),
            },
            objects: if leads {
                self.object_states()
            } else {
                Vec::new()
            },
            sources: self.sources.iter().map(source_state).collect(),
            held: self
                .kustomizations
                .iter()
                .map(|(name, slot)| (name.clone(), slot.held))
                .collect(),
        }
    }

    fn object_states(&self) -> Vec<ObjectState> {
        let mut states = Vec::new();
        for seen in self.sources.values().filter_map(|slot| slot.seen.as_ref()) {
            let conditions = &seen.status.conditions;
            states.push(state(
                names::GIT_REPOSITORY,
                seen,
                |spec| spec.suspend,
                conditions,
            ));
        }
        states.extend(fetched(
            &self.repositories,
            |spec| spec.suspend,
            |status| &status.conditions,
        ));
        states.extend(fetched(
            &self.oci,
            |spec| spec.suspend,
            |status| &status.conditions,
        ));
        states.extend(fetched(
            &self.buckets,
            |spec| spec.suspend,
            |status| &status.conditions,
        ));
        states.extend(fetched(
            &self.charts,
            |spec| spec.suspend,
            |status| &status.conditions,
        ));
        for seen in self.kustomizations.values().map(|slot| &slot.seen) {
            let conditions = &seen.status.conditions;
            states.push(state(
                names::KUSTOMIZATION,
                seen,
                |spec| spec.suspend,
                conditions,
            ));
        }
        for seen in self.releases.values().map(|slot| &slot.seen) {
            let conditions = &seen.status.conditions;
            states.push(state(
                names::HELM_RELEASE,
                seen,
                |spec| spec.suspend,
                conditions,
            ));
        }
        states
    }
}

fn fetched<K: Fetched>(
    fetching: &Fetching<K>,
    suspended: fn(&K::Spec) -> bool,
    conditions: fn(&K::Status) -> &[Stated],
) -> impl Iterator<Item = ObjectState> {
    let seen = fetching.slots.values().map(|slot| &slot.seen);
    seen.map(move |seen| state(K::KIND, seen, suspended, conditions(&seen.status)))
}

fn state<Spec, Status>(
    kind: &'static str,
    seen: &Seen<Spec, Status>,
    suspended: fn(&Spec) -> bool,
    conditions: &[Stated],
) -> ObjectState {
    let conditions = conditions.iter().map(|stated| Condition {
        type_: stated.type_.clone(),
        status: stated.status.to_string(),
        reason: stated.reason.clone(),
    });
    ObjectState {
        kind,
        name: seen.meta.name.clone(),
        suspended: seen.spec.as_ref().is_ok_and(suspended),
        conditions: conditions.collect(),
    }
}

fn source_state((name, slot): (&Named, &SourceSlot)) -> SourceState {
    let artifact = slot
        .seen
        .as_ref()
        .and_then(|seen| seen.status.artifact.as_ref());
    // What the status tells of another revision than the one in use is no time of it.
    let same = artifact.filter(|artifact| {
        let used = slot.snapshot.as_ref();
        used.is_some_and(|used| used.revision == artifact.revision)
    });
    let problem = slot.problem.as_ref().filter(|problem| !problem.is_fetch());
    SourceState {
        name: name.clone(),
        fetched_at: slot.fetched_at.map(seconds),
        accepted_at: same.map(|artifact| seconds(artifact.last_update_time.timestamp())),
        split: slot.seen.as_ref().is_some_and(is_split),
        refused: problem.map(|problem| problem.reason),
    }
}

/// Whether the nodes have been shown different histories; the leader says so of the root.
fn is_split(seen: &SeenGitRepository) -> bool {
    let stated = conditions::get(&seen.status.conditions, conditions::NODE_TRUST);
    stated.is_some_and(|stated| stated.reason == reasons::SPLIT_VIEW)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}
