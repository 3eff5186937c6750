//! The OCIRepositories as the loop knows them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use windlass_api::kustomization::SourceKind;
use windlass_api::names;
use windlass_cluster::WatchEvent;
use windlass_host::config::Unpinned;

use super::{Controller, with_jitter};
use crate::archive::ArchiveSnapshot;
use crate::event::Event;
use crate::named::Named;
use crate::oci::pass::{Outcome, Pass};
use crate::oci::{self, Basis, OciSnapshot};
use crate::seen::{Meta, SeenOciRepository};
use crate::source::listed::How;
use crate::source::spec::Unusable;

/// Annotations whose change asks for a pass.
const WATCHED: [&str; 2] = [names::REQUESTED_AT, names::SUSPEND_UNTIL];

/// How soon a pass that broke off, or the release of a finalizer, is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// One OCIRepository.
#[derive(Debug)]
pub(super) struct OciSlot {
    pub(super) seen: SeenOciRepository,
    /// The artifact in use.
    snapshot: Option<OciSnapshot>,
    /// What is kept on disk has been looked at.
    loaded: bool,
    /// What was wrong at the last pass.
    problem: Option<(&'static str, String)>,
    /// Seen in the list that is under way.
    listed: bool,
}

impl OciSlot {
    /// The archive in use.
    pub(super) fn archive(&self) -> Option<&ArchiveSnapshot> {
        self.snapshot.as_ref().map(|snapshot| &snapshot.archive)
    }
}

impl Controller {
    pub(super) fn oci_repository_seen(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Restarted => {
                self.oci.values_mut().for_each(|slot| slot.listed = false);
            }
            WatchEvent::Applied(object) => self.oci_repository_applied(&object),
            WatchEvent::Deleted(object) => {
                if let Some(meta) = Meta::parse(&object) {
                    self.oci_repository_gone(&meta.name);
                    self.forget_gone_artifacts();
                }
            }
            WatchEvent::Synced(_) => {
                let unlisted = self.oci.iter().filter(|(_, slot)| !slot.listed);
                let gone: Vec<Named> = unlisted.map(|(name, _)| name.clone()).collect();
                gone.iter().for_each(|name| self.oci_repository_gone(name));
                self.forget_gone_artifacts();
                self.standing.api_answered(Ok(()));
            }
            WatchEvent::Failed(error) => self.standing.api_answered(Err(&error)),
        }
    }

    fn oci_repository_applied(&mut self, object: &Value) {
        let Some(seen) = SeenOciRepository::parse(object) else {
            return;
        };
        let name = seen.meta.name.clone();
        let old = self.oci.get_mut(&name);
        let asks = old
            .as_ref()
            .is_none_or(|old| seen.meta.asks_for_a_pass(&old.seen.meta, &WATCHED));
        match old {
            Some(slot) => {
                slot.listed = true;
                if seen.meta.is_before(&slot.seen.meta) {
                    return;
                }
                slot.seen = seen;
            }
            None => {
                let slot = OciSlot {
                    seen,
                    snapshot: None,
                    loaded: false,
                    problem: None,
                    listed: true,
                };
                self.oci.insert(name.clone(), slot);
            }
        }
        if asks {
            self.oci_queue.wake(&name);
        }
    }

    fn oci_repository_gone(&mut self, name: &Named) {
        self.oci.remove(name);
        self.oci_queue.forget(name);
        self.wake_users_of(SourceKind::OciRepository, name);
        self.wake_releases_of_artifact(name);
    }

    fn forget_gone_artifacts(&mut self) {
        let names = self.oci.keys().map(ToString::to_string).collect();
        self.forget_gone("artifacts of objects", oci::PREFIX, names);
    }

    /// A build holds other objects, or holds them otherwise: they are looked at again.
    pub(super) fn oci_vouched_for(&mut self, names: &[Named]) {
        for name in names.iter().filter(|name| self.oci.contains_key(*name)) {
            self.oci_queue.wake(name);
        }
    }

    /// Why an artifact may be used, or why not.
    fn basis_of_artifact(&self, seen: &SeenOciRepository) -> Result<Basis, Unusable> {
        let made = self.context.vouchers.artifact(&seen.meta.name);
        let live = seen.spec.as_ref().ok();
        let url = live.map_or("", |spec| spec.url.as_str());
        let is_made = made.as_ref().zip(live).map(|(made, live)| made.is(live));
        if let Some(unusable) = self.not_vouched_for(&seen.meta, url, is_made) {
            return Err(unusable);
        }
        let made = made.filter(|_| is_made == Some(true));
        Ok(Basis {
            pin: made.as_ref().and_then(|made| made.pin),
            free: self.trust.list.find(url) == Some(&How::Unverified),
            made: made.is_some(),
            only_pinned: self.policy.remote.unpinned_artifacts == Unpinned::Refuse,
        })
    }

    pub(super) fn start_oci(&mut self, name: Named) {
        let Some(slot) = self.oci.get(&name) else {
            self.oci_queue.finish(&name);
            return;
        };
        if slot.seen.meta.deleting {
            self.release_oci(&name);
            return;
        }
        let suspended = slot.seen.spec.as_ref().is_ok_and(|spec| spec.suspend);
        if suspended && slot.loaded {
            self.oci_queue.finish(&name);
            return;
        }
        let leadership = self.standing.leadership.clone();
        let pass = Pass {
            basis: self.basis_of_artifact(&slot.seen),
            seen: slot.seen.clone(),
            loaded: slot.loaded,
            leadership: leadership.filter(|_| self.may_write() && !suspended),
            name: name.clone(),
        };
        let context = Arc::clone(&self.context);
        self.spawn(
            async move { oci::pass::run(&context, pass).await },
            {
                let name = name.clone();
                move |outcome| Event::OciFinished {
                    name,
                    outcome: Box::new(outcome),
                }
            },
            Event::OciBroke { name },
        );
    }

    pub(super) fn oci_finished(&mut self, name: &Named, outcome: Outcome) {
        self.oci_queue.finish(name);
        if let Some(object) = &outcome.object {
            self.oci_repository_applied(object.as_value());
        }
        let Some(slot) = self.oci.get_mut(name) else {
            self.oci_queue.forget(name);
            return;
        };
        if let Some((reason, message)) = outcome.problem.as_ref()
            && slot.problem != outcome.problem
        {
            tracing::warn!(kind = names::OCI_REPOSITORY, %name, reason, "{message}");
        }
        let first = !std::mem::replace(&mut slot.loaded, true);
        slot.problem = outcome.problem;
        let before = slot.archive().cloned();
        slot.snapshot = outcome.snapshot;
        let after = slot.archive().cloned();
        if first {
            self.oci_queue.wake(name);
        } else {
            let at = Instant::now() + with_jitter(outcome.again);
            self.oci_queue.schedule(name, at);
        }
        if before == after {
            return;
        }
        if let Some(ArchiveSnapshot { revision, .. }) = after {
            tracing::info!(kind = names::OCI_REPOSITORY, %name, revision, "in use");
        }
        self.wake_users_of(SourceKind::OciRepository, name);
        self.wake_releases_of_artifact(name);
    }

    pub(super) fn oci_broke(&mut self, name: &Named) {
        tracing::error!(kind = names::OCI_REPOSITORY, %name, "a pass broke off; it is tried again in a minute");
        self.oci_queue.finish(name);
        self.oci_queue.schedule(name, Instant::now() + AGAIN);
    }

    fn release_oci(&mut self, name: &Named) {
        self.oci_queue.finish(name);
        let meta = self.oci.get(name).map(|slot| slot.seen.meta.clone());
        if meta
            .is_some_and(|meta| self.release_flux_finalizer(&meta, |kinds| &kinds.oci_repository))
        {
            self.oci_queue.schedule(name, Instant::now() + AGAIN);
        }
    }
}
